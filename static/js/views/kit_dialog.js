import { html, nothing } from "lit";
import { download } from "../ui/download.js";
import { Element, define } from "../ui/element.js";

const NEW_HERE = new Set(["sign-up", "sign-in"]);

/** Shown once, and only Continue closes it: there is no second chance to save the kit. */
class KitDialog extends Element {
  static properties = { saved: { state: true }, copied: { state: true } };

  #warn = (event) => event.preventDefault();

  constructor() {
    super();
    this.saved = false;
    this.copied = null;
  }

  connectedCallback() {
    super.connectedCallback();
    addEventListener("beforeunload", this.#warn);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    removeEventListener("beforeunload", this.#warn);
  }

  firstUpdated() {
    this.#open();
  }

  /** Browsers close a modal dialog at the second Escape, whatever its cancel event is told. */
  #open() {
    const dialog = this.querySelector("dialog");
    if (!dialog.open) dialog.showModal();
  }

  #download() {
    const { text, filename } = this.store.kit;
    download(text, { type: "text/plain", filename });
  }

  async #copy() {
    try {
      await navigator.clipboard.writeText(this.store.kit.text);
      this.copied = "Copied. Paste it somewhere safe, then copy something else.";
    } catch {
      this.copied = "This browser did not allow copying. Download or print it.";
    }
  }

  render() {
    const { kit, entering } = this.store;
    return html`
      <dialog
        class="dialog kit"
        aria-labelledby="kit-title"
        closedby="none"
        @cancel=${(event) => event.preventDefault()}
        @close=${() => this.isConnected && this.store.kit && this.#open()}
      >
        <h2 id="kit-title" tabindex="-1" autofocus>Save your recovery kit</h2>
        <p class="lead">
          It is the only way back into your account if you forget your password. It is shown this one
          time.${NEW_HERE.has(entering) ? nothing : " The kit that you had before no longer works."}
        </p>
        <div class="kit-card">
          <dl>
            <dt>Login name</dt>
            <dd>${kit.login}</dd>
            <dt>Recovery code</dt>
            <dd class="code">${kit.recovery_code}</dd>
            <dt>Recovery credential</dt>
            <dd>
              <div class="code small" tabindex="0" role="group" aria-label="Recovery credential">${kit.credential}</div>
            </dd>
          </dl>
        </div>
        <div class="button-row">
          <button type="button" class="button" @click=${this.#download}>Download</button>
          <button type="button" class="button" @click=${this.#copy}>Copy</button>
          <button type="button" class="button" @click=${() => print()}>Print</button>
        </div>
        <p class="hint" aria-live="polite">${this.copied ?? nothing}</p>
        <ul class="plain-words">
          <li>
            <strong>Whoever has this file has your account</strong> and can read everything in it. Keep it offline, like
            a passport.
          </li>
          <li>
            <strong>Lose both your password and this kit, and everything you wrote is lost.</strong> Nobody can restore
            it: the server has no copy of your keys.
          </li>
          ${
            entering === "sign-in"
              ? html`<li>
                  <strong>Choose a new password soon, in the settings.</strong> Until today the server had a hash of
                  this one, and its old backups still do.
                </li>`
              : nothing
          }
        </ul>
        <form
          class="kit-foot"
          @submit=${(event) => {
            event.preventDefault();
            if (this.saved) this.store.kitSaved();
          }}
        >
          <label class="check"
            ><input type="checkbox" .checked=${this.saved} @change=${({ target }) => (this.saved = target.checked)} /> I
            have saved my recovery kit</label
          >
          <button class="button primary" ?disabled=${!this.saved}>Continue</button>
        </form>
      </dialog>
      <pre class="kit-print" aria-hidden="true">${kit.text}</pre>
    `;
  }
}

define("balon-kit", KitDialog);
