"""Effects of groups against predicted effects."""

from __future__ import annotations

import numpy as np

from scale_impact.core.check import Check
from scale_impact.figures.cate_calibration import draw
from tests.causal import asked, simulated


def test_groups_lie_at_prediction_and_effect_and_lines_say_right_and_fitted(ax, marks):
    found = asked("cate_calibration", simulated(1, slope=0.8))
    draw(found, ax, unit="Effect on claims")
    rows = found.details["rows"]
    dots = ax.containers[0].lines[0]
    assert list(dots.get_xdata()) == [r["predicted"] for r in rows]
    assert list(dots.get_ydata()) == [r["effect"] for r in rows]
    right, fitted = marks(ax, "as predicted")[0], marks(ax, "fitted line")[0]
    assert np.allclose(right.get_xdata(), right.get_ydata())
    slope = np.diff(fitted.get_ydata())[0] / np.diff(fitted.get_xdata())[0]
    assert np.isclose(slope, found.details["slope"])
    assert ax.get_ylabel() == "Effect on claims"


def test_a_check_that_does_not_apply_gives_its_reason(ax, words):
    draw(Check.inapplicable("cate_calibration", "The same effect for everybody."), ax)
    assert "The same effect for everybody." in words(ax)
