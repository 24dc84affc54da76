"""Differences between estimators."""

from __future__ import annotations

import pytest

from scale_impact import figures
from scale_impact.core.check import Check
from scale_impact.figures.agreement import draw


def row(name, difference, error=0.1, adjusted=0.9, reason=None):
    p = None if error is None else 0.5
    return {
        "estimator": name, "estimate": 1 + difference, "difference": difference, "difference_std_error": error, "p_value": p,
        "adjusted": adjusted, "reason": reason,
    }  # fmt: skip


def check(*rows):
    details = {"alpha": 0.05, "primary": "first", "estimate": 1.0, "std_error": 0.2, "rows": list(rows)}
    return Check("agreement", "pass", "They agree.", details=details)


def test_each_row_is_a_difference_with_its_interval(ax, marks):
    draw(check(row("a", 0.2), row("b", -0.1)), ax)
    assert marks(ax, "a")[0].get_xdata() == pytest.approx([0.2])
    (segment,) = next(c for c in ax.containers if c.get_label() == "b").lines[2][0].get_segments()
    assert segment[:, 0] == pytest.approx([-0.1 - 0.195996, -0.1 + 0.195996], abs=1e-5)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["a", "b"]


def test_the_level_widens_the_intervals(ax):
    draw(check(row("a", 0.2)), ax, level=0.99)
    (segment,) = ax.containers[0].lines[2][0].get_segments()
    assert segment[:, 0] == pytest.approx([0.2 - 0.257583, 0.2 + 0.257583], abs=1e-5)


def test_estimators_that_differ_stand_out(ax, marks):
    from scale_impact.figures import _style

    draw(check(row("a", 0.2), row("b", 0.9, adjusted=0.01)), ax)
    assert [marks(ax, n)[0].get_color() for n in "ab"] == [_style.BLUE, _style.VERMILLION]


def test_each_estimate_is_given_in_figures(ax, words):
    draw(check(row("a", 0.2), row("b", 0.0, error=None, adjusted=None, reason="the two are the same number")), ax)
    assert "1.20   p = 0.500" in words(ax)
    assert "1.00   same number" in words(ax)
    assert "estimate (primary 1.00)" in words(ax)


def test_the_axis_says_from_what_the_difference_is(ax):
    draw(check(row("a", 0.2)), ax, unit="Effect on jobs, log(jobs)")
    assert "Difference from first (95% interval): effect on jobs" in ax.get_xlabel().replace("\n", " ")


def test_a_page_grows_with_the_estimators():
    pages = [
        figures.figure("agreement", check(*(row(f"e{k}", 0.1) for k in range(n))), unit="u", source="s")
        for n in (2, 12)
    ]
    assert pages[0].get_figheight() < pages[1].get_figheight()


def test_a_check_that_does_not_apply_gives_its_reason(ax, words):
    draw(Check.inapplicable("agreement", "There is one estimator."), ax)
    assert "There is one estimator." in words(ax)


def test_without_any_interval_the_axis_says_why_and_who_is_left_out(ax):
    found = check(row("a", 0.2, error=None, adjusted=None, reason="a does not say what each unit adds to its error"))
    found.details["other_estimands"] = ["iv"]
    draw(found, ax, unit="Effect on jobs")
    lines = ax.get_xlabel().split("\n")
    assert lines[0] == "Difference from first: effect on jobs"
    assert "No difference has an interval: a does not say what each unit adds to its error." in " ".join(lines)
    assert lines[-1] == "Not shown, as they estimate another effect: iv."
