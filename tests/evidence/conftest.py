"""A small project of published rows."""

import pytest

from tests.evidence.places import place as made


@pytest.fixture
def place(tmp_path):
    return made(tmp_path)
