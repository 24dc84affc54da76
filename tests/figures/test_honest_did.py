"""Robust intervals against how far trends may differ."""

from __future__ import annotations

import numpy as np
import pytest

from scale_impact import figures
from scale_impact.core.check import Check
from scale_impact.figures.honest_did import draw


def check(bounds=(0.5, 1.0, 1.5, 2.0), breakdown=1.7, **more):
    rows = [{"bound": b, "ci_low": 1.7 - b, "ci_high": 3.0 + b, "reason": None} for b in bounds]
    details = {
        "restriction": "relative_magnitudes",
        "level": 0.95,
        "target": "the mean effect over event times 0 to 3",
        "estimate": 2.35,
        "original": {"ci_low": 1.8, "ci_high": 2.9},
        "rows": rows,
        "breakdown": breakdown,
        **more,
    }
    return Check("honest_did", "pass", "It holds.", details=details)


def intervals(ax, name):
    """Place and ends of the intervals whose name begins so."""
    found = next(c for c in ax.containers if str(c.get_label()).startswith(name))
    return [s.tolist() for s in found.lines[2][0].get_segments()]


def test_each_bound_has_its_robust_interval_and_the_original_stands_left_of_them(ax, words):
    draw(check(), ax)
    expected = [[[b, 1.7 - b], [b, 3.0 + b]] for b in (0.5, 1.0, 1.5, 2.0)]
    np.testing.assert_allclose(intervals(ax, "robust"), expected)
    np.testing.assert_allclose(intervals(ax, "parallel trends"), [[[0.0, 1.8], [0.0, 2.9]]])
    assert [t.get_text() for t in ax.get_xticklabels()] == ["parallel\ntrends", "0.5", "1", "1.5", "2"]
    assert "robust (95% interval)" in words(ax)


def test_the_breakdown_value_is_a_named_line(ax, marks, words):
    draw(check(), ax)
    assert "zero enters at 1.7" in words(ax)
    assert list(marks(ax, "zero enters")[0].get_xdata()) == [1.7, 1.7]


@pytest.mark.parametrize("value", [None, 2.4])
def test_a_breakdown_value_out_of_sight_is_not_drawn(ax, marks, value):
    draw(check(breakdown=value), ax)
    assert not marks(ax, "zero enters")


def test_an_empty_interval_leaves_its_place_free(ax):
    rows = [*check().details["rows"], {"bound": 2.5, "ci_low": None, "ci_high": None, "reason": "none"}]
    draw(check(rows=rows), ax)
    assert len(intervals(ax, "robust")) == 4


def test_one_bound_alone_is_drawn(ax):
    draw(check(bounds=(0.0,)), ax)
    np.testing.assert_allclose(intervals(ax, "parallel trends")[0][0][0], -1.0)


def test_the_target_and_the_unit_are_on_the_axis(ax):
    draw(check(restriction="smoothness"), ax, unit="claims, log")
    assert ax.get_ylabel().replace("\n", " ") == "Mean effect over event times 0 to 3: claims, log"
    assert ax.get_xlabel().endswith("(M)")


def test_a_check_that_does_not_apply_gives_its_reason(ax, words):
    draw(Check.inapplicable("honest_did", "The estimator gives no path."), ax)
    assert "The estimator gives no path." in words(ax)


def test_a_page_of_it_has_its_source():
    fig = figures.figure("honest_did", check(), unit="u", source="s")
    assert fig.get_supxlabel() == "Source: s"
