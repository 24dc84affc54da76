"""The density on both sides of the threshold."""

from __future__ import annotations

import pytest

import scale_impact as si
from scale_impact.core.check import Check
from scale_impact.figures.density_jump import draw
from tests.discontinuities import design_of, drawn


def check(**design):
    return si.check("density_jump", *design_of(drawn("population"), threshold=5000, **design), None)


def test_bars_curves_and_bands_are_drawn(ax, marks):
    found = check()
    draw(found, ax)
    above = marks(ax, "eligible")[0]
    assert above.get_xdata()[0] == 5000
    assert above.get_ydata()[0] == pytest.approx(found.details["with"], rel=0.35)
    assert len(ax.patches) == len(found.details["histogram"])
    assert ax.get_ylim()[0] == 0
    assert ax.get_xlabel() == "x (threshold 5000)"


def test_the_eligible_lie_below_where_treatment_is(ax, marks):
    draw(check(side="below"), ax)
    assert marks(ax, "eligible")[0].get_xdata().max() == 5000
    assert marks(ax, "not eligible")[0].get_xdata().min() == 5000


def test_a_check_that_does_not_apply_gives_its_reason(ax, words):
    draw(Check.inapplicable("density_jump", "There is no threshold."), ax)
    assert "There is no threshold." in words(ax)
