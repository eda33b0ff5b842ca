import { html } from "lit";
import { Element, define } from "../ui/element.js";
import { entry } from "./entry.js";

/** Recovery itself comes with the next release; until then this says what a kit is for, and what not. */
class Recovery extends Element {
  render() {
    return entry({
      title: "Use your recovery kit",
      lead: "This version of Balon cannot recover an account yet.",
      body: html`
        <p>
          The kit you saved when you created your account is the one way back after a lost password. It stays valid:
          keep it where you would keep a passport. A later version of this page will take it and let you set a new
          password.
        </p>
        <p>Nobody else can do it for you. The server has neither your password nor your kit.</p>
      `,
      foot: html`<nav class="entry-links" aria-label="Other ways in"><a href="/" data-route>Back to sign-in</a></nav>`,
    });
  }
}

define("balon-recovery", Recovery);
