"""The jump by bandwidth."""

from __future__ import annotations

from scale_impact.core.check import Check
from scale_impact.figures.bandwidth_sensitivity import draw


def row(factor, estimate, reason=None):
    ends = (None, None) if reason else (estimate - 1, estimate + 1)
    return {
        "factor": factor,
        "bandwidth": 400 * factor,
        "estimate": None if reason else estimate,
        "ci_low": ends[0],
        "ci_high": ends[1],
    }


def check(rows):
    return Check(
        "bandwidth_sensitivity", "pass", "It holds.", details={"alpha": 0.1, "rows": rows, "column": "population"}
    )


def test_estimates_and_the_study_s_own_are_drawn_by_bandwidth(ax, marks):
    draw(check([row(0.5, 2.0), row(1.0, 3.0), row(2.0, 4.0), row(0.1, 0, "too few")]), ax, unit="points")
    labels = [t.get_text() for t in ax.get_xticklabels()]
    assert labels == ["200\n0.5x", "400\n1x", "800\n2x"]
    assert [c.get_label() for c in ax.containers] == ["other bandwidths (90% interval)", "the study's"]
    assert list(ax.containers[0].lines[0].get_xdata()) == [200.0, 800.0]
    assert marks(ax, "_own")[0].get_ydata()[0] == 3.0
    assert (ax.get_ylabel(), ax.get_xlabel()) == ("points", "Bandwidth (population), and as a multiple of the study's")


def test_a_check_that_does_not_apply_gives_its_reason(ax, words):
    draw(Check.inapplicable("bandwidth_sensitivity", "There is no threshold."), ax)
    assert "There is no threshold." in words(ax)
