// Files that a person chose on the page: only their pieces are ever held.
import { Refusal } from "./primitives.mjs";

/** The size in bytes; -1 of anything but a file. */
export function sizeOf(file) {
  return file instanceof Blob ? file.size : -1;
}

/** The bytes from `start` up to `end`. */
export function readPiece(file, start, end) {
  try {
    return new Uint8Array(new FileReaderSync().readAsArrayBuffer(file.slice(start, end)));
  } catch {
    throw new Refusal("file-gone");
  }
}
