"""One browser for all tests of pages, and reports that are written once."""

import pytest

from tests.browsing import a_browser


@pytest.fixture(scope="session")
def browser():
    with a_browser() as found:
        yield found
