"""Who received the measure, period by period."""

from __future__ import annotations

import numpy as np

from scale_impact.core.check import Check
from scale_impact.figures.compliance import draw

ROWS = [{"period": 2001, "assigned": None, "others": 0.2}, {"period": 2002, "assigned": 0.9, "others": 0.3}]


def test_both_sides_are_drawn_and_gaps_stay_gaps(ax, marks):
    draw(Check("compliance", "pass", "", details={"rows": ROWS}), ax)
    assert list(marks(ax, "not (yet) assigned")[0].get_ydata()) == [0.2, 0.3]
    assigned = marks(ax, "assigned to it")[0].get_ydata()
    assert np.isnan(assigned[0])
    assert assigned[1] == 0.9


def test_without_rows_the_reason_is_shown(ax, words):
    draw(Check("compliance", "fail", "All rows received the same."), ax)
    assert "All rows received the same." in words(ax)
