// A problem is what the worker rejects with: {code, title, detail, action}. See docs/worker.md.

const UNKNOWN = {
  code: "unexpected",
  title: "Something went wrong",
  detail: "Balon could not finish this. Nothing was sent that should not have been. Try again, or reload the page.",
  action: "retry",
};

/** Makes a problem of whatever was thrown, so that every failure can be shown. */
export function toProblem(error) {
  const isProblem = error && typeof error.title === "string" && typeof error.detail === "string";
  if (isProblem) return { code: "unexpected", action: null, ...pick(error) };
  console.error(error);
  return UNKNOWN;
}

function pick({ code, title, detail, action }) {
  return { code: code ?? "unexpected", title, detail, action: action ?? null };
}
