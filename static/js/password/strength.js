// Loaded when the sign-up form opens, never before: the dictionaries are half a megabyte.
import { ZxcvbnFactory } from "@zxcvbn-ts/core";
import { adjacencyGraphs, dictionary as common } from "@zxcvbn-ts/language-common";
import { dictionary as english, translations } from "@zxcvbn-ts/language-en";
import { PASSWORD_MAX_BYTES, passwordBytes } from "./bytes.js";
import { joinWords } from "./passphrase.js";

/** docs/protocol.md, section 2: a password that is likely guessed in fewer tries is refused. */
export const REQUIRED_BITS = 60;

const ESTIMATED_LENGTH = 128; // characters beyond these only make it stronger, and the estimate slow

const estimator = new ZxcvbnFactory({ dictionary: { ...common, ...english }, graphs: adjacencyGraphs, translations });
const words = common["diceware-common"];

/** {bits, acceptable, advice}; `login` counts as something that a guesser knows. */
export function estimate(password, login = "") {
  if (!password) return { bits: 0, acceptable: false, advice: "" };
  const userInputs = ["balon", ...(login ? [login, ...login.split(/[^a-z0-9]+/i)] : [])].filter(Boolean);
  const { guesses, feedback } = estimator.check(password.slice(0, ESTIMATED_LENGTH), userInputs);
  const bits = Math.log2(guesses);
  const tooLong = passwordBytes(password).length > PASSWORD_MAX_BYTES;
  return { bits, acceptable: bits >= REQUIRED_BITS && !tooLong, advice: advice(bits, feedback, tooLong) };
}

function advice(bits, { warning }, tooLong) {
  if (tooLong) return "This is longer than 1024 bytes. Use a shorter one.";
  if (bits >= REQUIRED_BITS) return "Strong enough to protect your keys.";
  return [warning, "Make it longer: a few random words work best."].filter(Boolean).join(" ");
}

/** Six words of the diceware list, drawn by the browser's own generator; 77 bits. */
export function suggestPassphrase() {
  return joinWords(words);
}
