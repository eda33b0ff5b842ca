import { sessionIsLikely, unsupportedReason } from "./support.js";
import { Store } from "./store/store.js";
import "./views/app_view.js";

/** Mounts the page on a core. The core starts after the first paint: its download must not delay the form. */
export async function start(startCore) {
  const likely = await sessionIsLikely();
  const store = new Store({ sessionLikely: likely });
  mount(store);
  await afterPaint();
  const reason = await unsupportedReason();
  if (reason) store.refuseBrowser(reason);
  else store.connect(startCore());
}

function mount(store) {
  const view = document.createElement("balon-app");
  view.store = store;
  document.getElementById("balon").replaceChildren(view);
}

function afterPaint() {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, 100); // a hidden tab gets no animation frame
    requestAnimationFrame(() =>
      setTimeout(() => {
        clearTimeout(timer);
        resolve();
      }),
    );
  });
}
