import { html } from "lit";
import { lock } from "../ui/icons.js";

// The start of a real envelope: "BLN", version, suite and kind, then what nobody can tell from noise (docs/protocol.md, section 3).
const ENVELOPE = `QkxOAQEEAAAxpV7nq0vS3k9dWm2ZtYc4
uR8aLFh1eJ6oGgTzXyBNPi5wMKEQ7rVs
0jCOfH_4tD9lUb3IvA2xnZkq-8eWpTmY
Lc6RgSd1uJhXo5yFQwzPGi7BEaKrN3V0`;

/** What the product does, at one glance: the same message, here and there. */
export const figure = html`
  <aside class="entry-figure" aria-label="What the server sees">
    <div class="figure-column">
      <p class="figure-caption">What you see</p>
      <div class="figure-chat">
        <p class="figure-you">What did the cardiologist mean by “benign”?</p>
        <p>That what was found is not dangerous, and is not expected to become so.</p>
      </div>
      <p class="figure-line">${lock}</p>
      <p class="figure-caption">What the server keeps</p>
      <pre class="figure-cipher" aria-label="Ciphertext">${ENVELOPE}</pre>
      <p class="figure-note">
        The keys are made in your browser and stay there. Whoever runs the server, or takes its disks, finds this, and
        who wrote when.
      </p>
    </div>
  </aside>
`;
