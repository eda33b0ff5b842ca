const RANGE = 2 ** 32;

/** A uniform number below `limit`: draws that would favour the low numbers are thrown away. */
export function uniformBelow(limit, draw = drawUint32) {
  const fair = RANGE - (RANGE % limit);
  let value = draw();
  while (value >= fair) value = draw();
  return value % limit;
}

export function joinWords(words, count = 6, draw = drawUint32) {
  return Array.from({ length: count }, () => words[uniformBelow(words.length, draw)]).join(" ");
}

function drawUint32() {
  return crypto.getRandomValues(new Uint32Array(1))[0];
}
