"""docs/threats.md names tests that exist, and a row for each attack."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROWS = re.findall(r"^\| (A\d+) \|(.+)\|$", (ROOT / "docs" / "threats.md").read_text(), re.MULTILINE)


def _functions(path: Path) -> set[str]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, kinds)}


def test_every_attack_has_its_row() -> None:
    assert [number for number, _ in ROWS] == [f"A{number}" for number in range(1, 55)]


@pytest.mark.parametrize("number", [number for number, _ in ROWS])
def test_the_tests_that_a_row_names_exist(number: str) -> None:
    row = dict(ROWS)[number]
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", row)
    assert named or "later: " in row, "a row names its tests, or the work that brings them"
    for path, name in named:
        assert name in _functions(ROOT / "tests" / path), f"{path}::{name}"


def test_every_test_of_a_hostile_server_is_named() -> None:
    named = {name for _, row in ROWS for name in re.findall(r"::(\w+)`", row)}
    honest = {"test_the_honest_conversation_is_whole_and_captured"}
    found = {name for path in (ROOT / "tests" / "security").glob("test_*.py") for name in _functions(path)}
    assert {name for name in found if name.startswith("test_")} - named - honest == set()
