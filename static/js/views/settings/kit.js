import { html } from "lit";
import { define } from "../../ui/element.js";
import { concernsKit } from "../../ui/kit_input.js";
import { Section } from "./section.js";

const GOOD = "Your kit is good: code and credential fit this account. It was not used up. Put it back where it was.";

/** "Can you still recover?": the kit is opened here and thrown away again. */
class KitSection extends Section {
  /** Whoever came from the reminder finds the form open. */
  firstUpdated() {
    const { account } = this.store;
    if (account.wantsKitCheck) this.show();
    account.wantsKitCheck = false;
  }

  async #check() {
    const kit = this.querySelector("balon-kit-input");
    if (!kit.check()) return false;
    await this.store.account.checkKit(kit.value);
    return true;
  }

  render() {
    return html`
      <section>
        <h2>Recovery kit</h2>
        <p>Can you still recover? If you lose your password, your kit is the only way back.</p>
        <p class="quiet">
          Look now and then whether you still have it, and whether it still works. Checking does not use it up.
        </p>
        ${this.open ? this.#form : this.opener("Check your kit")} ${this.outcome}
      </section>
    `;
  }

  get #form() {
    const problem = this.problem && concernsKit(this.problem) ? this.problem : null;
    const body = html`
      ${this.faultBeside(concernsKit)}
      <balon-kit-input .problem=${problem} @typed=${() => (this.problem = null)}></balon-kit-input>
    `;
    return this.form(body, { label: "Check your kit", submit: () => this.run(() => this.#check(), GOOD) });
  }
}

define("balon-kit-section", KitSection);
