"""What whoever builds the page decides (scripts/build_assets.py). It is in the archive that the page's hash covers."""

LEGACY_SIGNIN = False
"""Whether accounts from before encryption may sign in (docs/protocol.md section 12)."""
