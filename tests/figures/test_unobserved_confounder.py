"""Estimates over the strengths of a simulated confounder."""

import numpy as np

from scale_impact.core.check import Check
from scale_impact.figures.unobserved_confounder import draw


def check(exposure=(0.0, 0.1, 0.2), outcome=(-0.5, 0.0, 0.5), on_outcome="linear"):
    rows = [{"on_exposure": e, "on_outcome": o, "estimate": 1.0 - 20 * e * o} for e in exposure for o in outcome]
    details = {
        "rows": rows, "estimate": 1.0, "on_exposure": "linear", "on_outcome": on_outcome,
        "covariates": [{"covariate": "income", "on_exposure": 0.15, "on_outcome": 0.3}],
    }  # fmt: skip
    return Check("unobserved_confounder", "fail", "The sign changes.", details=details)


def test_tiles_lie_where_the_confounder_moves_exposure_and_outcome(ax):
    draw(check(), ax, unit="jobs")
    tiles = ax.collections[0].get_array().reshape(3, 3)
    # a linear confounder's part is taken from the outcome: on the right it raises both
    assert np.allclose(tiles[2], [1 - 20 * 0.2 * 0.5, 1.0, 1 + 20 * 0.2 * 0.5])


def test_zero_is_a_line_where_the_sign_changes(ax, words):
    draw(check(), ax)
    assert {"no effect", "observed covariates, on either side", "income"} <= set(words(ax))
    ax.clear()
    draw(check(exposure=(0.0, 0.01)), ax)
    assert "no effect" not in words(ax)


def test_one_strength_alone_is_a_line(ax):
    draw(check(exposure=(0.1,)), ax, unit="jobs")
    assert list(ax.get_lines()[0].get_xdata()) == [-0.5, 0.0, 0.5]
    assert list(ax.get_lines()[0].get_ydata()) == [0.0, 1.0, 2.0]
    assert ax.get_ylabel() == "jobs"


def test_a_check_that_does_not_apply_gives_its_reason(ax, words):
    draw(Check.inapplicable("unobserved_confounder", "There is no covariate."), ax)
    assert "There is no covariate." in words(ax)


def test_colours_span_the_estimates_and_turn_at_zero_only_where_the_sign_does(ax):
    draw(check(exposure=(0.0, 0.01)), ax)
    tiles = ax.collections[0]
    assert np.allclose(tiles.get_clim(), (0.9, 1.1))
    ax.clear()
    draw(check(), ax)
    low, high = ax.collections[0].get_clim()
    assert low == -high


def test_names_stay_on_the_axes(ax):
    found = check()
    found.details["covariates"] = [{"covariate": "wealth", "on_exposure": 0.2, "on_outcome": 0.5}]
    draw(found, ax)
    (name,) = [t for t in ax.texts if t.get_text() == "wealth"]
    assert name.get_window_extent().x1 <= ax.get_window_extent().x1


def test_the_legend_says_why_a_covariate_has_two_marks(ax, words):
    draw(check(outcome=(0.0, 0.5), on_outcome="flip"), ax)
    assert "observed covariates" in words(ax)
    ax.clear()
    draw(check(), ax)
    assert "observed covariates, on either side" in words(ax)
