// Times as people say them. Intl formatters are made once: making one costs more than using it.

const DAY_MS = 86_400_000;
const clock = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const date = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const dateAndTime = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "short" });

export function clockTime(ms) {
  return clock.format(ms);
}

export function mediumDate(ms) {
  return date.format(ms);
}

export function mediumTime(ms) {
  return dateAndTime.format(ms);
}

export function fullTime(ms) {
  return full.format(ms);
}

export function isoTime(ms) {
  return new Date(ms).toISOString();
}

/** So many seconds, as people say it. */
export function duration(seconds) {
  if (seconds < 60) return seconds === 1 ? "1 second" : `${seconds} seconds`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return minutes === 1 ? "1 minute" : `${minutes} minutes`;
  const hours = Math.round(minutes / 60);
  return hours === 1 ? "1 hour" : `${hours} hours`;
}

/** The heading under which a conversation of that time is listed. */
export function period(ms, now = Date.now()) {
  const midnight = new Date(now).setHours(0, 0, 0, 0);
  if (ms >= midnight) return "Today";
  if (ms >= midnight - DAY_MS) return "Yesterday";
  if (ms >= midnight - 7 * DAY_MS) return "Previous 7 days";
  if (ms >= midnight - 30 * DAY_MS) return "Previous 30 days";
  return "Older";
}

/** A fingerprint in groups of four, so that two people can read it to each other. */
export function groups(text, size = 4) {
  return (
    (text ?? "")
      .replaceAll(" ", "")
      .match(new RegExp(`.{1,${size}}`, "g"))
      ?.join(" ") ?? ""
  );
}
