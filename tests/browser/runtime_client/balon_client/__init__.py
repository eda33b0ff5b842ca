"""A client that does nothing but show how the page and the worker talk; for tests of the runtime."""
