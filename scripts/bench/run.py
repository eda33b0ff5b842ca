"""`make bench`: runs the measurements and prints them as one table, each against its baseline and its target.

Run: ``python -m scripts.bench.run [crypto relay startup conversation rooms logins migration]``; without names, all.
"""

import argparse
import importlib
import sys
import time
from collections.abc import Sequence
from pathlib import Path

# `make bench` runs this file by its path.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from scripts.bench.rows import Row, format_table

PARTS = ("crypto", "logins", "relay", "startup", "conversation", "rooms", "migration")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the parts that the arguments name. Returns 1 when a target is missed."""
    parser = argparse.ArgumentParser(description="Measurements of Balon.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)} (all)")
    parts = parser.parse_args(arguments).parts or PARTS
    if unknown := set(parts) - set(PARTS):
        parser.error(f"There is no part {', '.join(sorted(unknown))}; the parts are {', '.join(PARTS)}.")
    rows = [row for part in parts for row in run_part(part)]
    print(f"\n{format_table(rows)}")
    return int(any(row.verdict == "MISSED" for row in rows))


def run_part(name: str) -> list[Row]:
    """Runs one part and says how long it took."""
    print(f"balon: Measuring {name} …", end=" ", flush=True)
    started = time.monotonic()
    rows: list[Row] = importlib.import_module(f"scripts.bench.{name}").measure()
    print(f"{time.monotonic() - started:.0f} s", flush=True)
    return rows


if __name__ == "__main__":
    sys.exit(main())
