"""The Balon protocol, version 1: the bytes that browser, web tier and gateway agree on.

Pure standard library. Nothing here encrypts, signs or draws randomness: these modules lay out what is sealed, signed
and derived from (docs/protocol.md), so that the same lines run in Django, in the gateway and in the browser.
"""
