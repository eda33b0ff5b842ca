import js from "@eslint/js";
import globals from "globals";

export default [
  { ignores: ["static/dist/**", "var/**", "node_modules/**", ".venv/**", "test-results/**"] },
  js.configs.recommended,
  { rules: { "no-unused-private-class-members": "off" } }, // it does not count ||= as a use
  {
    files: ["static/js/**/*.js"],
    languageOptions: { globals: globals.browser },
    rules: {
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-new-func": "error",
      eqeqeq: "error",
      "prefer-const": "error",
    },
  },
  {
    files: ["static/py/**/*.mjs"],
    languageOptions: { globals: globals.worker },
    rules: { eqeqeq: "error", "prefer-const": "error" },
  },
  { files: ["scripts/**/*.mjs"], languageOptions: { globals: { ...globals.node, ...globals.worker } } },
  {
    files: ["tests/**/*.{js,mjs}"],
    languageOptions: { globals: { ...globals.browser, ...globals.worker, ...globals.node } },
  },
];
