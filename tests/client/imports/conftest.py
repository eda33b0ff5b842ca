"""Properties take as long as the machine is busy: no deadline for one example."""

from hypothesis import settings

settings.register_profile("imports", deadline=None)
settings.load_profile("imports")
