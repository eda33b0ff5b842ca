// Invented conversations for the fake worker: short, long, formatted, broken.

const TITLES = [
  "Leaving notice for the flat",
  "Sourdough that keeps failing",
  "SQL window functions",
  "What did the cardiologist mean by “benign”?",
  "Names for a small grey cat",
  null,
  "Regex for German postcodes",
  "Reading list on the history of cryptography and of those who broke it",
  "Tax classes after the wedding",
  "Three days in Lisbon with a toddler",
  "Apology to my sister",
  "Why is the sky dark at night?",
];

export function uuid(number) {
  return `01890000-0000-7000-8000-${number.toString(16).padStart(12, "0")}`;
}

export function conversationItems(count, { before = Date.now(), offset = 0 } = {}) {
  return Array.from({ length: count }, (_, index) => ({
    id: uuid(1000 + offset + index),
    title: TITLES[(offset + index) % TITLES.length],
    updated_ms: before - index * index * 7e6,
    streaming: index === 1 && offset === 0,
    alarm: null,
    unread: 0,
    people: 1,
    invitation: null,
  }));
}

const ANSWER = `A **window function** computes over rows that are *related* to the current one, without folding them into one.

## The shape of it

\`\`\`sql
SELECT name, city, salary,
       rank() OVER (PARTITION BY city ORDER BY salary DESC) AS place
FROM people
WHERE hired >= DATE '2024-01-01'; -- only the newer ones
\`\`\`

1. \`PARTITION BY\` says which rows belong together
2. \`ORDER BY\` says in which order
   - ties get the same \`rank()\`
   - use \`row_number()\` if you need them apart

| Function | Ties | Gaps |
|:---------|:----:|-----:|
| \`rank\` | same | yes |
| \`dense_rank\` | same | no |
| \`row_number\` | none | no |

> Frames default to *range*, not *rows*. That surprises people.

See the [PostgreSQL manual](https://www.postgresql.org/docs/current/tutorial-window.html) for the whole story.`;

const PYTHON = `Here is a version that reads the file once:

\`\`\`python
from collections import Counter
from pathlib import Path


def most_common(path: Path, count: int = 10) -> list[tuple[str, int]]:
    """The words that occur most often, with how often."""
    words = path.read_text(encoding="utf-8").lower().split()
    return Counter(words).most_common(count)  # sorted by frequency
\`\`\`

It keeps the whole text in memory, which is fine below a few hundred megabytes.`;

let clock = Date.now() - 3_600_000;
let number = 5000;

export function message(kind, text, rest = {}) {
  clock += 42_000;
  return {
    id: uuid((number += 1)),
    author: {
      user_id: kind === "assistant" ? null : uuid(1),
      name: kind === "you" ? "alice" : kind === "person" ? "bob" : "Assistant",
      kind,
    },
    text,
    created_ms: clock,
    model: kind === "assistant" ? "smollm2-135m" : null,
    state: "saved",
    finish: kind === "assistant" ? "stop" : null,
    mark: null,
    sealed_for_model: true,
    ...rest,
  };
}

export function sampleMessages() {
  return [
    message("you", "Can you explain window functions in SQL? I know GROUP BY but this always confuses me."),
    message("assistant", ANSWER),
    message("you", "And in Python, how would I count the most common words in a file?\n\nIt is about 200 MB."),
    message("assistant", PYTHON),
    message("you", "Thanks!"),
    message(
      "assistant",
      "You are welcome. If the file grows, read it line by line and update one `Counter`: then memory depends on the number of distinct words only.",
      {},
    ),
  ];
}

export function longHistory(count) {
  const filler = "Nobody reads this twice, but it has to be there so that the page has something to lay out. ";
  return Array.from({ length: count }, (_, index) =>
    message(
      index % 2 ? "assistant" : "you",
      index % 2
        ? `**Answer ${index}.** ${filler.repeat(1 + (index % 9))}\n\n- one\n- two\n\n${index % 10 === 1 ? "```js\nconst answer = 42; // yes\n```" : "Done."}`
        : `Question ${index}? ${filler.repeat(index % 3)}`,
    ),
  );
}
