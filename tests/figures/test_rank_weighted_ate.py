"""The curve of effects among those ranked first."""

from __future__ import annotations

import pytest

from scale_impact.core.check import Check
from scale_impact.figures.rank_weighted_ate import draw
from tests.causal import asked, simulated


def test_the_curve_and_its_band_are_drawn(ax, marks):
    found = asked("rank_weighted_ate", simulated(1, slope=0.8))
    draw(found, ax, unit="Effect on claims")
    line = marks(ax, "ranked first")[0]
    assert list(line.get_ydata()) == [r["toc"] for r in found.details["curve"]]
    assert line.get_xdata()[-1] == pytest.approx(100)
    assert ax.collections[0].get_label() == "95% for each share"
    assert ax.get_ylabel() == "Effect on claims, above the mean"


def test_where_less_is_better_the_curve_says_how_far_below(ax, marks):
    draw(asked("rank_weighted_ate", simulated(1, slope=0.8), better="less"), ax, unit="Effect on claims")
    assert ax.get_ylabel() == "Effect on claims, below the mean"
    assert marks(ax, "ranked first")[0].get_label().startswith("ranked first, gain over mean of all")


def test_a_check_that_does_not_apply_gives_its_reason(ax, words):
    draw(Check.inapplicable("rank_weighted_ate", "There is no ranking."), ax)
    assert "There is no ranking." in words(ax)
