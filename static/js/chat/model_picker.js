import { html, nothing } from "lit";
import { toProblem } from "../problems.js";
import { Dialog } from "../ui/dialog.js";
import { Element, define } from "../ui/element.js";
import { chevron, info } from "../ui/icons.js";

class ModelPicker extends Element {
  static topics = ["preferences"];
  static properties = { explaining: { state: true } };

  #choose({ target }) {
    this.store.updateSettings({ model: target.value }).catch((error) => this.store.alarm(toProblem(error), null));
  }

  render() {
    const { models, model, modelsProblem } = this.store;
    return html`
      <div class="model">
        <span class="select">
          <select aria-label="Model" ?disabled=${!models?.length} @change=${this.#choose}>
            ${
              models?.length
                ? models.map(({ id, name }) => html`<option value=${id} ?selected=${id === model?.id}>${name}</option>`)
                : html`<option>${modelsProblem ? "No model" : "Model"}</option>`
            }
          </select>
          ${chevron}
        </span>
        ${
          model?.demonstration
            ? html`<button
                type="button"
                class="model-note"
                title="Demonstration model"
                aria-haspopup="dialog"
                @click=${() => (this.explaining = true)}
              >
                ${info}<span>Demo<span class="wide-only">nstration model</span></span>
              </button>`
            : nothing
        }
      </div>
      ${this.explaining ? html`<balon-model-dialog .store=${this.store} @done=${() => (this.explaining = false)}></balon-model-dialog>` : nothing}
    `;
  }
}

class ModelDialog extends Dialog {
  render() {
    const body = html`
      <p>
        <strong>${this.store.model?.name}</strong> comes with Balon so that everything works from the first minute. It
        is very small: its answers show that the machinery works, and are often wrong.
      </p>
      <h3>Connect a real model</h3>
      <p>
        Whoever runs this installation sets these variables for the inference gateway and restarts it. Any server with
        an OpenAI-compatible interface will do.
      </p>
      <pre class="example" tabindex="0" role="region" aria-label="Example settings">
BALON_UPSTREAM_URL=http://127.0.0.1:11434/v1
BALON_UPSTREAM_API_KEY=…
BALON_UPSTREAM_MODELS=llama3.3,qwen3</pre>
      <p class="quiet">
        Prompts are sealed to the gateway either way. What the model's server does with them is its operator's promise,
        not Balon's.
      </p>
    `;
    return this.frame({ title: "A demonstration model", body });
  }
}

define("balon-model", ModelPicker);
define("balon-model-dialog", ModelDialog);
