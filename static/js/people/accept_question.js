import { html } from "lit";
import "../ui/confirm.js";

/** Asks once more before a changed key is trusted. */
export function acceptQuestion(store, person, { confirmed, done }) {
  const { name } = person;
  return html`<balon-confirm
    .store=${store}
    .title=${"Accept the new key?"}
    .text=${
      `Accept it only if ${name} told you of it, or the digits are the same. If somebody stands between you, they can read ` +
      `what is written together from now on. ${name} counts as not verified until you compare.`
    }
    .label=${"Accept new key"}
    .action=${() => store.people.acceptKey(person)}
    @confirmed=${confirmed}
    @done=${done}
  ></balon-confirm>`;
}
