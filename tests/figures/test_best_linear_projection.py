"""What each context adds to the effect."""

from __future__ import annotations

from scale_impact.core.check import Check
from scale_impact.figures.best_linear_projection import CLEAR, OPEN, draw, height
from tests.causal import asked, simulated


def test_each_context_has_a_row_and_those_that_stay_are_told_apart(ax, words):
    found = asked("best_linear_projection", simulated(1, slope=0.8))
    draw(found, ax, unit="Effect on claims")
    assert [t.get_text() for t in ax.get_yticklabels()] == ["x1", "x2", "x3"]
    assert set(ax.get_legend_handles_labels()[1]) == {CLEAR, OPEN}
    assert ax.get_xlabel() == "Effect on claims, for each standard deviation of the context"


def test_dots_lie_at_the_slopes_per_standard_deviation(ax):
    found = asked("best_linear_projection", simulated(1, slope=0.8))
    draw(found, ax)
    drawn = {float(x) for c in ax.containers for x in c.lines[0].get_xdata()}
    assert drawn == {r["per_sd"] for r in found.details["rows"]}


def test_a_wider_level_has_wider_intervals(ax):
    found = asked("best_linear_projection", simulated(1))
    spans = []
    for level in (0.8, 0.99):
        ax.clear()
        draw(found, ax, level=level)
        spans.append(ax.dataLim.width)
    assert spans[1] > spans[0]


def test_a_check_that_does_not_apply_gives_its_reason(ax, words):
    none = Check.inapplicable("best_linear_projection", "No context varies.")
    draw(none, ax)
    assert "No context varies." in words(ax)
    assert height(none) == 2.6
