import { html, nothing } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { toProblem } from "../../problems.js";
import { define } from "../../ui/element.js";
import { mediumDate, mediumTime } from "../../ui/format.js";
import "../../ui/confirm.js";
import { Section } from "./section.js";

const END = {
  title: "End this session?",
  label: "End",
  text: (session) =>
    `${nameOf(session)} is signed out. Its keys are deleted there at its next request; nothing else is lost.`,
};
const END_OTHERS = {
  title: "End all other sessions?",
  label: "End all others",
  text: () =>
    "Every device but this one is signed out. Their keys are deleted there at their next request; nothing else is lost.",
};

const nameOf = ({ device }) => device || "Unknown device";

/** Where the account is signed in, and how to end it there. */
class DevicesSection extends Section {
  static properties = { ...Section.properties, sessions: { state: true }, asking: { state: true } };

  constructor() {
    super();
    this.sessions = this.asking = null;
  }

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
      this.sessions = sorted(await this.store.account.sessions());
    } catch (error) {
      this.problem = toProblem(error);
    }
  }

  /** The button that asked is gone with its session: the focus goes to the list. */
  async #ended(said) {
    await this.#load();
    this.said = said;
    await this.updateComplete;
    this.querySelector("h2").focus();
  }

  render() {
    return html`
      <section>
        <h2 tabindex="-1">Devices</h2>
        <p>Where you are signed in. If you do not know one of them, end it and change your password.</p>
        ${this.faultBeside()} ${this.sessions ? this.#list : this.#waiting} ${this.outcome} ${this.#dialog}
      </section>
    `;
  }

  get #waiting() {
    return this.problem ? nothing : html`<p class="quiet">Asking the server…</p>`;
  }

  get #list() {
    return html`
      <ul class="devices" aria-label="Devices">
        ${repeat(
          this.sessions,
          ({ id }) => id,
          (session) => this.#item(session),
        )}
      </ul>
      ${
        this.sessions.length > 1
          ? html`<button type="button" class="button" @click=${() => this.#ask(END_OTHERS)}>End all others</button>`
          : html`<p class="quiet">You are signed in nowhere else.</p>`
      }
    `;
  }

  #item(session) {
    return html`
      <li>
        <div class="device">
          <p class="device-name" id="device-${session.id}">
            ${nameOf(session)} ${session.current ? html`<span class="tag">This device</span>` : nothing}
          </p>
          <p class="quiet">Last used ${mediumTime(session.last_used_ms)}</p>
          <p class="quiet">Signed in since ${mediumDate(session.created_ms)}</p>
        </div>
        ${
          session.current
            ? nothing
            : html`<button
                type="button"
                class="button small"
                aria-describedby="device-${session.id}"
                @click=${() => this.#ask(END, session)}
              >
                End
              </button>`
        }
      </li>
    `;
  }

  #ask(question, session = null) {
    this.said = null;
    this.asking = { question, session };
  }

  get #dialog() {
    if (!this.asking) return nothing;
    const { question, session } = this.asking;
    const { account } = this.store;
    const end = session ? () => account.endSession(session.id) : () => account.endOtherSessions();
    return html`<balon-confirm
      .store=${this.store}
      .title=${question.title}
      .text=${question.text(session)}
      .label=${question.label}
      .action=${end}
      @confirmed=${() => this.#ended(session ? `${nameOf(session)} is signed out.` : "All other devices are signed out.")}
      @done=${() => (this.asking = null)}
    ></balon-confirm>`;
  }
}

/** This device first, then the one used last. */
function sorted(sessions) {
  return [...sessions].sort((a, b) => b.current - a.current || b.last_used_ms - a.last_used_ms);
}

define("balon-devices-section", DevicesSection);
