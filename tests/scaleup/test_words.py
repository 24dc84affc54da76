"""Money and probabilities as people read them."""

from __future__ import annotations

import pytest

from scale_impact.core.scaleup_problems import INPUTS
from scale_impact.scaleup.words import NAMES, money, name_of, percent, short
from tests.scaleups import choices


@pytest.mark.parametrize(
    ("amount", "told"),
    [(0, "0"), (12.3456, "12.35"), (-4567.8, "-4,568"), (1_234_567, "1.23 million"), (999_900, "1 million"), (-2.5e9, "-2.5 billion"), (3e12, "3 trillion")],
)  # fmt: skip
def test_large_numbers_are_short(amount, told):
    assert short(amount) == told
    assert money(amount, choices()) == f"EUR {told}"


@pytest.mark.parametrize(
    ("share", "told"),
    [(0, "0 %"), (0.0004, "under 0.1 %"), (0.0312, "3.12 %"), (0.5, "50 %"), (0.9996, "over 99.9 %"), (1, "100 %")],
)
def test_probabilities_are_never_certain_where_they_are_not(share, told):
    assert percent(share) == told


def test_each_input_has_a_name_and_flows_have_their_own():
    assert set(NAMES) == {*INPUTS, "effect"}
    assert name_of("voltage.cost") == "voltage: cost at scale"
    assert name_of("a building") == "a building"
