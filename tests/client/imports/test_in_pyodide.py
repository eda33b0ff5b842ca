"""In WebAssembly, where the stack is small and an overflow ends the interpreter instead of raising an error."""

import json
import subprocess
from pathlib import Path

import pytest

from scripts import nodejs

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent


@pytest.mark.slow
def test_exports_are_read_however_deep_they_are_nested():
    command = [nodejs.node_folder() / "node", HERE / "run_in_pyodide.mjs", ROOT, HERE / "program_in_pyodide.py"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    damaged = "import-conversation-damaged"
    assert json.loads(done.stdout) == {
        "chatgpt": [2],
        "archive": [2],
        "open-webui": [2],
        "librechat": [2],
        "nested": [50_000],
        "brackets": [2, damaged, 2],
        "objects": [2, "import-conversation-empty", 2],
        "broken": [2, damaged, 2],
        "canvas": [2],
    }
