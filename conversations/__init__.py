"""Ciphertext messages, their order, and streams of sealed frames (docs/protocol.md sections 7 to 9)."""
