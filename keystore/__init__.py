"""Opaque key records: bundles, keyrings, signed rosters, grants. The bottom layer of the web tier."""
