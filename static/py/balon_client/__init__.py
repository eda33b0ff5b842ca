"""The browser's half of Balon: keys, cryptography, synchronisation and session, in Python on Pyodide.

Every line but `adapters/` also runs under CPython: it reaches the browser only through `ports`.
"""
