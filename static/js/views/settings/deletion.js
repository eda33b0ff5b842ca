import { html, nothing } from "lit";
import { toProblem } from "../../problems.js";
import { define, rendered } from "../../ui/element.js";
import { mediumDate } from "../../ui/format.js";
import { usernameFor } from "../../ui/username.js";
import { Confirm } from "../../ui/confirm.js";
import "./current_password.js";
import { Section, concernsPassword } from "./section.js";

/** Leaving for good, with a while to think better of it. */
class DeletionSection extends Section {
  static topics = ["session", "account"];

  connectedCallback() {
    super.connectedCallback();
    this.#load();
  }

  get actions() {
    return { ...super.actions, retry: () => this.#load() };
  }

  async #load() {
    this.problem = null;
    try {
      await this.store.account.load();
    } catch (error) {
      this.problem = toProblem(error);
    }
  }

  #keep() {
    return this.run(async () => {
      await this.store.account.cancelDeletion();
      return true;
    }, "Your account stays. Nothing was deleted.");
  }

  render() {
    return html`
      <section>
        <h2>Delete account</h2>
        ${this.faultBeside()} ${this.store.account.deleteAfter ? this.#pending : this.#offer} ${this.outcome}
        ${this.open ? this.#dialog : nothing}
      </section>
    `;
  }

  get #offer() {
    return html`
      <p>
        Your conversations, your keys and your name are deleted for good after a waiting period, in which you can still
        change your mind. Nobody can bring them back after that, so export first what you want to keep.
      </p>
      <button
        type="button"
        class="button opener danger-outline"
        @click=${() => ((this.open = true), (this.said = null))}
      >
        Delete account
      </button>
    `;
  }

  get #pending() {
    return html`
      <p>
        Your account is deleted for good on <strong>${mediumDate(this.store.account.deleteAfter)}</strong>. Until then
        everything works as before.
      </p>
      <button type="button" class="button primary opener" aria-disabled=${this.busy} @click=${() => this.#keep()}>
        Keep my account
      </button>
    `;
  }

  get #dialog() {
    return html`<balon-delete-account
      .store=${this.store}
      @confirmed=${() => this.hide("The waiting period has begun.")}
      @done=${() => (this.open = false)}
    ></balon-delete-account>`;
  }
}

class DeleteAccount extends Confirm {
  get #password() {
    return this.querySelector("balon-current-password");
  }

  async #submit(event) {
    event.preventDefault();
    if (!this.#password.check()) return this.#focus();
    await this.run(() => this.store.account.requestDeletion(this.#password.value));
    if (this.problem) await this.#focus();
  }

  async #focus() {
    await rendered(this);
    this.querySelector("input[aria-invalid=true]")?.focus();
  }

  render() {
    const wrong = this.problem && concernsPassword(this.problem) ? this.problem : null;
    const body = html`
      <form class="form" novalidate @submit=${this.#submit} aria-busy=${this.busy}>
        ${this.problem && !wrong ? this.alarm : nothing}
        <p id="confirm-text">
          After the waiting period <strong>everything in this account is gone for good</strong>: conversations, keys,
          the login name. Until then you can sign in and keep it.
        </p>
        ${usernameFor(this.store.session?.login)}
        <balon-current-password class="field" field-id="delete-password" label="Password" .problem=${wrong}>
        </balon-current-password>
        <div class="button-row end">
          <button type="button" class="button" @click=${() => this.close()}>Cancel</button>
          <button class="button danger" aria-disabled=${this.busy}>Delete account</button>
        </div>
      </form>
    `;
    return this.frame({ title: "Delete your account?", body, role: "alertdialog", describedBy: "confirm-text" });
  }
}

define("balon-deletion-section", DeletionSection);
define("balon-delete-account", DeleteAccount);
