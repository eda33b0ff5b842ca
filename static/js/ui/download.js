const KEPT_MS = 10_000; // a browser starts its download within that time

/** Hands a file to the browser's downloads; nothing of it stays in the page. */
export function download(content, { type, filename }) {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = Object.assign(document.createElement("a"), { href: url, download: filename });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), KEPT_MS);
}
