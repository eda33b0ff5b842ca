import { html, nothing } from "lit";
import { toProblem } from "../problems.js";
import { alarm } from "../ui/alarm.js";
import { Dialog } from "../ui/dialog.js";
import { define } from "../ui/element.js";
import { groups } from "../ui/format.js";

/** Where a conversation can be read; the list of it is asked for when this opens. */
class Plaintext extends Dialog {
  static properties = { thread: { attribute: false }, safety: { state: true }, problem: { state: true } };

  connectedCallback() {
    super.connectedCallback();
    this.#load();
  }

  async #load() {
    this.problem = null;
    try {
      this.safety = await this.store.call("safety", this.thread.id);
    } catch (error) {
      this.problem = toProblem(error);
    }
  }

  render() {
    return this.frame({ title: "Where is plaintext", body: this.#content });
  }

  get #content() {
    if (this.problem) return alarm(this.problem, { actions: { retry: () => this.#load() } });
    return this.safety ? this.#known(this.safety) : html`<p class="quiet">Checking the signed list…</p>`;
  }

  #known({ plaintext_places: places, gateway, members }) {
    return html`
      <p>This conversation can be read in these places, and nowhere else:</p>
      <ol class="places">
        ${places.map((place) => html`<li>${place}</li>`)}
      </ol>
      <p>The server that stores it has ciphertext only. It can see who talks when, and how much.</p>
      <dl class="facts">
        ${
          members.length > 1
            ? html`<dt>Who has the key</dt>
                <dd class="wrap">${namesOf(members)}</dd>`
            : nothing
        }
        <dt>Fingerprint of the inference gateway</dt>
        <dd class="code">${groups(gateway?.fingerprint)}</dd>
      </dl>
      <p class="quiet">
        This browser seals prompts to that gateway only. If its identity changes, sending stops and you are told.
      </p>
    `;
  }
}

function namesOf(members) {
  return members.map(({ name, you: isYou }) => (isYou ? `${name} (you)` : name)).join(", ");
}

class ActionDialog extends Dialog {
  static properties = {
    thread: { attribute: false },
    title: { attribute: false },
    busy: { state: true },
    problem: { state: true },
  };

  async run(action) {
    if (this.busy) return;
    this.busy = true;
    this.problem = null;
    try {
      await action();
      if (this.isConnected) this.close();
    } catch (error) {
      this.problem = toProblem(error);
    }
    this.busy = false;
  }

  get alarm() {
    return this.problem ? alarm(this.problem) : nothing;
  }
}

class Rename extends ActionDialog {
  firstUpdated() {
    super.firstUpdated();
    this.querySelector("input").select();
  }

  #submit(event) {
    event.preventDefault();
    const title = this.querySelector("input").value.trim();
    if (title) this.run(() => this.store.library.rename(this.thread.id, title));
  }

  render() {
    const body = html`
      <form class="form" @submit=${this.#submit}>
        ${this.alarm}
        <div class="field">
          <label class="label" for="title">Title</label>
          <input
            class="input"
            id="title"
            type="text"
            maxlength="200"
            autocomplete="off"
            required
            autofocus
            .value=${this.title}
          />
          <p class="hint">Titles are encrypted like messages.</p>
        </div>
        <div class="button-row end">
          <button type="button" class="button" @click=${() => this.close()}>Cancel</button>
          <button class="button primary" aria-disabled=${Boolean(this.busy)}>Rename</button>
        </div>
      </form>
    `;
    return this.frame({ title: "Rename", body });
  }
}

class Delete extends ActionDialog {
  get #forWhom() {
    const { people } = this.thread;
    return people > 1 ? `, for all ${people} people in it` : nothing;
  }

  render() {
    const body = html`
      ${this.alarm}
      <p id="delete-text">
        <strong class="wrap">${this.title}</strong> and all its messages will be deleted for good${this.#forWhom}. This
        cannot be undone.
      </p>
      <div class="button-row end">
        <button type="button" class="button" autofocus @click=${() => this.close()}>Cancel</button>
        <button
          type="button"
          class="button danger"
          aria-disabled=${Boolean(this.busy)}
          @click=${() => this.run(() => this.store.library.delete(this.thread.id))}
        >
          Delete
        </button>
      </div>
    `;
    return this.frame({ title: "Delete this conversation?", body, role: "alertdialog", describedBy: "delete-text" });
  }
}

define("balon-plaintext-dialog", Plaintext);
define("balon-rename-dialog", Rename);
define("balon-delete-dialog", Delete);
