"""Jumps at pretended thresholds beside the real one."""

from __future__ import annotations

from scale_impact.core.check import Check
from scale_impact.figures.placebo_cutoffs import draw


def row(cutoff, estimate, adjusted):
    return {
        "cutoff": cutoff,
        "estimate": estimate,
        "ci_low": estimate - 1,
        "ci_high": estimate + 1,
        "adjusted": adjusted,
    }


def check(real):
    rows = [
        row(4000, 0.1, 1.0),
        row(6000, 3.0, 0.01),
        {"cutoff": 9000, "estimate": None, "ci_low": None, "ci_high": None, "adjusted": None},
    ]
    return Check(
        "placebo_cutoffs",
        "fail",
        "It jumps.",
        details={"alpha": 0.05, "rows": rows, "threshold": 5000.0, "column": "population", "real": real},
    )


def test_pretended_thresholds_those_found_and_the_real_one_are_told_apart(ax):
    draw(check(row(5000, 2.0, None)), ax, unit="points")
    found = {c.get_label(): list(c.lines[0].get_xdata()) for c in ax.containers}
    assert found == {
        "pretended (95% interval)": [4000.0],
        "pretended, different from zero for so many": [6000.0],
        "the threshold": [5000.0],
    }
    assert (ax.get_ylabel(), ax.get_xlabel()) == ("points", "Threshold (population)")


def test_a_real_threshold_without_an_interval_is_left_out(ax):
    draw(check({"estimate": 1.0, "ci_low": None, "ci_high": None}), ax)
    assert "the threshold" not in [c.get_label() for c in ax.containers]


def test_a_check_that_does_not_apply_gives_its_reason(ax, words):
    draw(Check.inapplicable("placebo_cutoffs", "There is no threshold."), ax)
    assert "There is no threshold." in words(ax)
