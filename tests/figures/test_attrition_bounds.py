"""Bounds beside the difference of what was observed."""

from __future__ import annotations

from scale_impact.core.check import Check
from scale_impact.figures.attrition_bounds import draw

DETAILS = {
    "lower": -1.0,
    "upper": 2.0,
    "interval": [-1.5, 2.5],
    "naive": 0.5,
    "naive_interval": [0.1, 0.9],
    "level": 0.9,
}


def test_bounds_interval_and_plain_difference_are_drawn(ax):
    draw(Check("attrition_bounds", "fail", "", details=DETAILS), ax, unit="jobs")
    drawn = [list(map(float, line.get_xdata())) for line in ax.lines]
    assert drawn[1:] == [[0.1, 0.9], [0.5], [-1.5, 2.5], [-1.0, 2.0]]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["as observed", "bounds"]
    assert "jobs" in ax.get_xlabel()
    assert "90%" in ax.get_xlabel()


def test_without_anything_missing_the_reason_is_shown(ax, words):
    draw(Check("attrition_bounds", "pass", "No outcome is missing.", details={"missing": 0}), ax)
    assert "No outcome is missing." in words(ax)
