"""Estimates by each instrument."""

from __future__ import annotations

from scale_impact.core.check import Check
from scale_impact.figures.overidentification import draw, height


def check(far=2.0):
    rows = [
        {"name": "distance", "estimate": 1.0, "std_error": 0.5, "low": 0.0, "high": 2.0},
        {"name": "lottery", "estimate": 1.5, "std_error": 0.5, "low": 0.5, "high": 2.5},
        {"name": "rain", "estimate": far, "std_error": 1.0, "low": far - 1, "high": far + 1},
    ]
    return Check("overidentification", "pass", "They agree.", 1.2, 0.27, {"estimate": 1.2, "rows": rows})


def test_each_instrument_has_a_row_beside_the_joint_estimate(ax, marks):
    draw(check(), ax, unit="claims")
    assert list(marks(ax, "one instrument")[0].get_xdata()) == [1.0, 1.5, 2.0]
    assert list(marks(ax, "all instruments")[0].get_xdata()) == [1.2, 1.2]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["distance", "lottery", "rain"]
    assert ax.get_xlabel() == "Effect (claims); p of agreement = 0.270"
    assert height(check()) >= 4.0


def test_an_instrument_that_says_nothing_does_not_squeeze_the_others(ax):
    draw(check(far=5_000.0), ax)
    assert ax.get_xlim()[1] < 30


def test_a_check_that_does_not_apply_gives_its_reason(ax, words):
    draw(Check.inapplicable("overidentification", "One instrument."), ax)
    assert "One instrument." in words(ax)
