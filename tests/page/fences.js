// Parts of the page alone, for tests.
import decodeQR from "qr/decode.js";

import { sanitize } from "../../static/js/markdown/sanitize.js";

/** What the second fence lets through of HTML that the first one would never have written. */
export function passed(html) {
  const root = document.createElement("div");
  root.append(sanitize(html));
  return root.innerHTML;
}

/** What a QR code reader makes of rows of dark and light modules. */
export function readQr(rows) {
  const scale = 4;
  const [height, width] = [rows.length * scale, rows[0].length * scale];
  const pixels = new Uint8ClampedArray(width * height * 4).fill(255);
  for (let y = 0; y < height; y += 1)
    for (let x = 0; x < width; x += 1)
      if (rows[Math.floor(y / scale)][Math.floor(x / scale)])
        pixels.fill(0, 4 * (y * width + x), 4 * (y * width + x) + 3);
  return decodeQR({ width, height, data: pixels });
}
