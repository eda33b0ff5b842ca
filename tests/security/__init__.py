"""The hostile server of docs/threats.md against the real page in a real browser."""
