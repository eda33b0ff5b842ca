const MENTION = /(^|[^\p{L}\p{N}_])@assistant(?![\p{L}\p{N}_])/iu;

/** Whether a message asks the assistant where it answers mentions only; the worker has the last word on it. */
export function mentionsAssistant(text) {
  return MENTION.test(text);
}
