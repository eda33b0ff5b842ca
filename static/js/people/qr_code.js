import { html, svg } from "lit";
import encodeQR from "qr";

/** A QR code as one path. Dark on light in both colour schemes, with the quiet zone that readers need. */
export function qrCode(text, label) {
  const rows = encodeQR(text, "raw", { ecc: "medium", border: 4 });
  const path = rows.map((row, y) => row.map((isDark, x) => (isDark ? `M${x} ${y}h1v1h-1z` : "")).join("")).join("");
  const box = `0 0 ${rows[0].length} ${rows.length}`;
  return html`<svg class="qr-code" viewBox=${box} role="img" aria-label=${label} shape-rendering="crispEdges">
    ${svg`<path d=${path} />`}
  </svg>`;
}
