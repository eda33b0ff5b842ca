"""The inference gateway: sealed requests in, sealed frames out (docs/protocol.md section 9, docs/gateway.md).

A process of its own, without database, session or Django. It is the only place outside a browser where a prompt and a
reply exist in the clear, in memory, for as long as the reply takes.
"""
