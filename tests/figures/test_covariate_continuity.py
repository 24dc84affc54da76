"""Jumps of covariates in their standard deviations."""

from __future__ import annotations

from scale_impact.core.check import Check
from scale_impact.figures.covariate_continuity import draw, height


def row(name, estimate, spread, adjusted):
    return {
        "covariate": name, "estimate": estimate, "ci_low": estimate - spread, "ci_high": estimate + spread, "std_deviation": spread,
        "adjusted": adjusted,
    }  # fmt: skip


def check(rows):
    return Check(
        "covariate_continuity", "fail", "They differ.", details={"alpha": 0.05, "rows": rows, "column": "population"}
    )


def test_each_covariate_is_a_row_over_its_standard_deviation(ax):
    gone = {
        "covariate": "empty",
        "estimate": None,
        "ci_low": None,
        "ci_high": None,
        "std_deviation": 1.0,
        "adjusted": None,
    }
    draw(check([row("age", 4.0, 2.0, 0.01), gone, row("size", 50.0, 100.0, 0.8)]), ax)
    found = {c.get_label(): (list(c.lines[0].get_xdata()), list(c.lines[0].get_ydata())) for c in ax.containers}
    assert found == {"jump (95% interval)": ([0.5], [1]), "different from zero, for so many": ([2.0], [0])}
    assert [t.get_text() for t in ax.get_yticklabels()] == ["age", "size"]


def test_many_covariates_get_a_higher_page():
    assert height(check([row(str(k), 1.0, 1.0, 1.0) for k in range(20)])) > height(check([row("a", 1.0, 1.0, 1.0)]))


def test_a_check_that_does_not_apply_gives_its_reason(ax, words):
    draw(Check.inapplicable("covariate_continuity", "No covariates are named."), ax)
    assert "No covariates are named." in words(ax)
