"""A whole installation for tests: real processes on loopback, and a wire tap between browser and web tier."""
