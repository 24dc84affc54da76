"""Participants by year."""

from __future__ import annotations

import pytest

from scale_impact.figures.adoption_curve import PARTICIPANTS, REACHABLE, draw
from tests.scaleups import outlook


def test_participants_rise_to_what_can_take_part(ax, marks):
    found = outlook(
        horizon=6,
        adoption={"curve": "linear", "years": 3, "ceiling": {"value": 0.5, "low": 0.3, "high": 0.7}},
        reach={"grows": 0.1},
    )
    draw(found, ax)
    (line,), (ceiling,) = marks(ax, PARTICIPANTS), marks(ax, REACHABLE)
    assert list(line.get_ydata()) == pytest.approx(list(found.years["participants"]))
    assert line.get_ydata()[-1] == pytest.approx(ceiling.get_ydata()[-1], rel=0.01)
    assert ax.get_ylabel() == "Pupils"
    assert ax.get_ylim()[0] == 0


def test_another_unit_may_be_given(ax):
    draw(outlook(), ax, unit="households")
    assert ax.get_ylabel() == "Households"
