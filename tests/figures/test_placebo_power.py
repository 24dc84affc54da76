"""Power of the placebo test."""

from __future__ import annotations

from scale_impact.core.check import Check
from scale_impact.figures.placebo_power import draw


def check(estimate=-2.5, top=8.0):
    power = [
        {"effect": e, "up": u, "down": d}
        for e, u, d in ((0.0, 0.05, 0.0), (2.0, 0.5, 0.4), (4.0, 0.8, 0.7), (top, 1.0, 1.0))
    ]
    rows = [{"periods": 5, "up": 4.0, "down": 5.0, "mde": 5.0}]
    details = {"power": power, "rows": rows, "asked_power": 0.8, "estimate": estimate}
    return Check("placebo_power", "inconclusive", "Smaller effects go unnoticed.", 5.0, details=details)


def test_both_directions_are_curves_with_what_is_detectable(ax, marks, words):
    draw(check(), ax, unit="Claims")
    assert list(marks(ax, "an increase")[0].get_ydata()) == [5.0, 50.0, 80.0, 100.0]
    assert {"an increase: 4", "a decrease: 5"} <= set(words(ax))
    assert ax.get_xlabel() == "True effect, constant: claims"


def test_the_estimate_is_marked_with_its_direction(ax, marks):
    draw(check(), ax)
    assert list(marks(ax, "the study's estimate (down)")[0].get_xdata()) == [2.5, 2.5]


def test_an_estimate_beyond_the_curve_is_not(ax, marks):
    draw(check(estimate=50.0), ax)
    assert not marks(ax, "the study's estimate")
    assert marks(ax, "an increase")[0].get_xdata().max() == 8.0


def test_a_check_without_a_curve_gives_its_reason(ax, words):
    draw(Check("placebo_power", "inconclusive", "Nine donors notice nothing.", details={"placebos": 9}), ax)
    assert "Nine donors notice nothing." in words(ax)
