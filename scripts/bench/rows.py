"""What a benchmark finds: rows of one table, each with its baseline and its target where it has them."""

from collections.abc import Iterable
from dataclasses import dataclass

_HEADINGS = ("what", "value", "unit", "baseline", "ratio", "target", "")


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    name: str
    value: float
    unit: str
    baseline: float | None = None
    """The same quantity of what this is compared with, measured in the same run."""
    ratio: float | None = None
    """Value to baseline."""
    target: float | None = None
    """The most that the ratio may be, or the value where there is no ratio."""

    @classmethod
    def against(cls, name: str, value: float, unit: str, baseline: float, target: float | None = None) -> "Row":
        """A row with the ratio to its baseline."""
        return cls(name, value, unit, baseline, value / baseline if baseline else None, target)

    @property
    def verdict(self) -> str:
        """Whether the target is met; nothing where there is none."""
        if self.target is None:
            return ""
        judged = self.value if self.ratio is None else self.ratio
        return "met" if judged <= self.target else "MISSED"


def format_table(rows: Iterable[Row]) -> str:
    """Lays rows out as a table in plain text."""
    lines = [_HEADINGS, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEADINGS))]
    return "\n".join(_format_line(line, widths) for line in lines)


def _cells(row: Row) -> tuple[str, ...]:
    target = "" if row.target is None else f"<= {_number(row.target)}"
    return (row.name, _number(row.value), row.unit, _number(row.baseline), _number(row.ratio), target, row.verdict)


def _number(value: float | None) -> str:
    """Three significant digits, and whole numbers from a hundred on."""
    if value is None:
        return ""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _format_line(cells: tuple[str, ...], widths: list[int]) -> str:
    name, *others = cells
    aligned = [f"{cell:>{width}}" for cell, width in zip(others, widths[1:], strict=True)]
    return "  ".join([f"{name:<{widths[0]}}", *aligned]).rstrip()
