import { html, nothing } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { toProblem } from "../problems.js";
import { conversationPath } from "../router.js";
import { Element, define } from "../ui/element.js";
import { period } from "../ui/format.js";
import { chevron, close, mark, people, person, plus, warning } from "../ui/icons.js";
import "../ui/menu.js";
import "./older_list.js";

const UNREAD_SHOWN_MAX = 99;

class Sidebar extends Element {
  static topics = ["library", "route", "thread", "session"];
  static properties = { loadingMore: { state: true } };

  #items = [
    { label: "Settings", run: () => this.store.router.go("#settings") },
    { label: "Lock", run: () => this.store.lock().catch((error) => this.store.alarm(toProblem(error), null)) },
    { label: "Sign out", run: () => this.store.signOut() },
  ];

  #new() {
    this.store.newConversation();
    this.dispatchEvent(new Event("settled"));
    document.querySelector("balon-composer textarea")?.focus();
  }

  async #older() {
    this.loadingMore = true;
    try {
      await this.store.library.older();
    } catch (error) {
      this.store.alarm(toProblem(error), null);
    }
    this.loadingMore = false;
  }

  render() {
    return html`
      <div class="sidebar-head">
        <div class="brand">${mark}<span class="brand-name">Balon</span></div>
        <button
          type="button"
          class="icon-button drawer-close"
          aria-label="Close the list"
          title="Close the list"
          @click=${() => this.dispatchEvent(new Event("close-drawer"))}
        >
          ${close}
        </button>
      </div>
      <button type="button" class="button new-conversation" @click=${this.#new}>${plus}New conversation</button>
      <nav class="conversations" aria-label="Conversations">
        ${this.#list} ${this.#more}
        <balon-older-list
          .store=${this.store}
          @settled=${() => this.dispatchEvent(new Event("settled"))}
        ></balon-older-list>
      </nav>
      <div class="sidebar-foot">
        <balon-menu
          class="account up"
          label="Account"
          .items=${this.#items}
          .buttonClass=${"account-button"}
          .face=${this.#account}
        ></balon-menu>
        <p class="account-login">${this.store.session?.login ?? ""}</p>
      </div>
    `;
  }

  /** What the button shows is its name; who is signed in stands over it, and is no part of it. */
  get #account() {
    return html`<span class="avatar">${person}</span><span class="account-name">Account</span>${chevron}`;
  }

  get #list() {
    const { items } = this.store.library;
    if (!items) return html`<div class="skeleton" aria-hidden="true"><i></i><i></i><i></i><i></i></div>`;
    if (items.length === 0) return html`<p class="empty-list">Your conversations will be listed here.</p>`;
    return groups(items).map(
      ([heading, group]) => html`
        <h2 class="list-heading">${heading}</h2>
        <ul class="list">
          ${repeat(
            group,
            ({ id }) => id,
            (item) => this.#item(item),
          )}
        </ul>
      `,
    );
  }

  #item({ id, title, streaming, alarm, unread, people: count, invitation }) {
    const current = this.store.thread?.id === id;
    const hasUnread = unread > 0 && !current; // what is open is being read
    return html`
      <li>
        <a
          class=${hasUnread ? "list-link has-unread" : "list-link"}
          href=${conversationPath(id)}
          data-route
          aria-current=${current ? "page" : nothing}
          @click=${() => this.dispatchEvent(new Event("settled"))}
        >
          <span class="list-name">
            <span class=${title ? "list-title" : "list-title untitled"}>${title ?? "Untitled conversation"}</span>
            ${invitation ? html`<span class="list-from">from ${invitation.by.name}</span>` : nothing}
          </span>
          ${streaming ? html`<span class="live-dot"><span class="sr-only">Reply in progress</span></span>` : nothing}
          ${alarm ? html`<span class="list-alarm">${warning}<span class="sr-only">${alarm.title}</span></span>` : nothing}
          ${count > 1 && !invitation ? peopleIn(count) : nothing} ${hasUnread ? unreadOf(unread) : nothing}
        </a>
      </li>
    `;
  }

  get #more() {
    if (!this.store.library.more) return nothing;
    return html`<button type="button" class="link list-more" ?disabled=${this.loadingMore} @click=${this.#older}>
      ${this.loadingMore ? "Loading…" : "Show older conversations"}
    </button>`;
  }
}

/** Invitations first, then by time. */
function groups(items) {
  const found = new Map();
  const add = (heading, item) => found.set(heading, [...(found.get(heading) ?? []), item]);
  for (const item of items) if (item.invitation) add("Invitations", item);
  for (const item of items) if (!item.invitation) add(period(item.updated_ms), item);
  return [...found];
}

function peopleIn(count) {
  return html`<span class="list-people"
    >${people}<span aria-hidden="true">${count}</span><span class="sr-only">${count} people</span></span
  >`;
}

function unreadOf(count) {
  const shown = count > UNREAD_SHOWN_MAX ? `${UNREAD_SHOWN_MAX}+` : count;
  return html`<span class="unread"
    ><span aria-hidden="true">${shown}</span><span class="sr-only">${shown} unread</span></span
  >`;
}

define("balon-sidebar", Sidebar);
