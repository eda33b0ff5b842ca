#!/usr/bin/env python
"""Django's command line for Balon."""

import os
import sys

from django.core.management import execute_from_command_line


def main() -> None:
    """Runs one management command under Balon's settings."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "balon.settings")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
