"""What every implementation of a port must do, as plain coroutines `check_…(world)`.

They run under CPython against the doubles and inside Pyodide in a real browser against the adapters, so they use the
standard library, `balon.protocol` and `balon_client` only.
"""
