"""Effects by groups of predicted effect."""

from __future__ import annotations

from scale_impact.core.check import Check
from scale_impact.figures.gates import draw
from tests.causal import asked, simulated


def test_groups_predictions_and_the_mean_are_drawn(ax, marks):
    found = asked("gates", simulated(1, slope=0.8))
    draw(found, ax, unit="Effect on claims")
    rows = found.details["rows"]
    assert list(ax.containers[0].lines[0].get_ydata()) == [r["effect"] for r in rows]
    assert list(marks(ax, "predicted")[0].get_ydata()) == [r["predicted"] for r in rows]
    assert marks(ax, "mean effect")[0].get_ydata()[0] == found.details["average"]


def test_the_ends_are_named(ax):
    draw(asked("gates", simulated(1), groups=3), ax)
    assert [t.get_text() for t in ax.get_xticklabels()] == ["1\nlowest", "2", "3\nhighest"]


def test_the_ends_say_who_gains_where_less_is_better(ax):
    draw(asked("gates", simulated(1), groups=2, better="less"), ax)
    assert [t.get_text() for t in ax.get_xticklabels()] == ["1\nlowest,\ngain most", "2\nhighest,\ngain least"]


def test_a_check_that_does_not_apply_gives_its_reason(ax, words):
    draw(Check.inapplicable("gates", "Fold 1 is too small."), ax)
    assert "Fold 1 is too small." in words(ax)
