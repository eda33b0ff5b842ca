"""The server and the browsers of the contract tests, started once."""

import pytest

from tests.contract.browsers import Chromium
from tests.contract.server import running_server


@pytest.fixture(scope="package")
def contract_origin():
    with running_server() as origin:
        yield origin


@pytest.fixture(scope="package")
def chromium(contract_origin):
    browser = Chromium(contract_origin)
    yield browser
    browser.close()
