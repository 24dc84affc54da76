"""How much effects differ by each test, and what would have been missed."""

from __future__ import annotations

from scale_impact.core.check import Check
from scale_impact.figures.heterogeneity import draw, height
from tests.causal import asked, simulated


def test_bars_end_at_what_would_have_been_noticed_and_dots_lie_at_the_estimates(ax, marks):
    found = asked("heterogeneity", simulated(1, slope=0.8))
    draw(found, ax, unit="Effect on claims")
    rows = found.details["rows"]
    assert [p.get_width() for p in ax.patches] == [
        found.details["detectable"]
    ]  # the projection's; of rankings nobody knows
    assert list(marks(ax, "found")[0].get_xdata()) == [r["spread"] for r in rows]
    assert ax.get_xlabel() == "Standard deviation between contexts. Effect on claims"


def test_what_was_not_found_is_hollow(ax, marks):
    draw(asked("heterogeneity", simulated(4)), ax)
    assert marks(ax, "not told from none")[0].get_markerfacecolor() == "white"
    assert not marks(ax, "found")


def test_a_check_that_does_not_apply_gives_its_reason(ax, words):
    none = Check.inapplicable("heterogeneity", "No context varies.")
    draw(none, ax)
    assert "No context varies." in words(ax)
    assert height(none) == 2.6
