"""The client's ports under CPython: pyca cryptography, memory, and real HTTP and sockets over loopback."""
