"""The estimate among placebo estimates."""

from __future__ import annotations

import numpy as np

from scale_impact.core.check import Check
from scale_impact.figures.placebo_units import draw


def check(estimates=(-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0), real=1.5):
    details = {"estimate": real, "estimates": list(estimates)}
    return Check("placebo_units", "pass", "So large an effect is unusual.", real, 3 / 8, details=details)


def heights(ax, colour):
    from matplotlib.colors import to_rgba

    return sum(p.get_height() for p in ax.patches if p.get_facecolor() == to_rgba(colour))


def test_bars_count_the_placebo_estimates_and_those_as_large_as_the_studys(ax, words):
    from scale_impact.figures import _style

    draw(check(), ax)
    assert (heights(ax, _style.LIGHT), heights(ax, _style.SKY)) == (5, 2)
    assert "as large as the study's: 2 (p = 0.375)" in words(ax)
    assert "7 placebo estimates" in words(ax)


def test_the_estimate_and_its_mirror_image_are_lines(ax, marks):
    draw(check(), ax)
    assert list(marks(ax, "the study's estimate")[0].get_xdata()) == [1.5, 1.5]
    assert list(marks(ax, "_mirror")[0].get_xdata()) == [-1.5, -1.5]


def test_an_estimate_beyond_all_placebo_ones_is_in_sight(ax):
    draw(check(real=50.0), ax)
    low, high = ax.get_xlim()
    assert low < -50 < 50 < high


def test_equal_estimates_of_zero_can_be_drawn(ax):
    draw(check(estimates=np.zeros(5), real=0.0), ax)
    assert ax.patches


def test_a_check_that_does_not_apply_gives_its_reason(ax, words):
    draw(Check.inapplicable("placebo_units", "There are no untreated observations."), ax)
    assert "There are no untreated observations." in words(ax)
