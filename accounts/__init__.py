"""Who someone is: sign-up, zero-knowledge sign-in, sessions (docs/protocol.md sections 2 to 6)."""
