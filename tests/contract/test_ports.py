"""Each port's contract, under CPython against the doubles and in Chromium against the adapters."""

import importlib
import pkgutil

import pytest

from tests.contract import checks
from tests.contract.cpython_world import CPythonWorld

BROWSER_ONLY = "browser_only"


def _checks():
    for module in pkgutil.iter_modules(checks.__path__):
        if module.name == BROWSER_ONLY:
            continue
        name = f"{checks.__name__}.{module.name}"
        for function in vars(importlib.import_module(name)):
            if function.startswith("check_"):
                yield pytest.param(f"{name}:{function}", id=f"{module.name}-{function.removeprefix('check_')}")


@pytest.mark.parametrize("check", _checks())
async def test_the_double_keeps_the_contract(check, contract_origin):
    module, _, function = check.partition(":")
    world = CPythonWorld(contract_origin)
    try:
        await getattr(importlib.import_module(module), function)(world)
    finally:
        await world.close()


@pytest.mark.browser
@pytest.mark.parametrize("check", _checks())
def test_chromium_keeps_the_contract(check, chromium):
    answer = chromium.run(check)
    assert "error" not in answer, answer["error"]
