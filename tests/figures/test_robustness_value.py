"""Contours of what confounders leave of the effect."""

from dataclasses import replace

import pytest

from scale_impact.core.check import Check
from scale_impact.figures import figure
from scale_impact.figures.robustness_value import draw
from tests.refuters import asked, checked, city_rows


@pytest.fixture(scope="module")
def check():
    return checked("robustness_value", asked(city_rows()), benchmarks=["age", "dense"])


def test_bounds_lie_at_their_shares(ax, check):
    draw(check, ax, unit="jobs")
    drawn = [(x.get_xdata()[0], x.get_ydata()[0]) for x in ax.get_lines() if x.get_marker() == "D"]
    expected = [(r["r2_exposure"], r["r2_outcome"]) for r in check.details["rows"] if r["estimate"] is not None]
    assert drawn == expected


def test_the_line_of_no_effect_crosses_the_diagonal_at_the_robustness_value(ax, check):
    draw(check, ax)
    paths = ax.collections[1].get_paths()
    points = [v for p in paths for v in p.vertices]
    nearest = min(points, key=lambda v: abs(v[0] - v[1]))
    assert nearest[0] == pytest.approx(check.statistic, abs=0.01)


def test_contours_of_t_say_where_the_interval_ends_at_zero(ax, check, words):
    draw(check, ax, of="t")
    assert "the interval ends at zero" in words(ax)
    assert "what is left (t statistic)" in words(ax)


def test_covariates_are_named_with_what_they_leave(ax, check, words):
    draw(check, ax)
    assert any(w.startswith("1 x age (") for w in words(ax))
    assert "nothing is left" in words(ax)


def test_the_unit_is_said_once_and_the_legend_stays_on_the_page(check):
    page = figure(
        "robustness_value", check, unit="Effect on residual waste per inhabitant, kg per inhabitant", source="s"
    )
    legend = page.axes[0].get_legend()
    assert "what is left (effect on residual waste per inhabitant, kg per inhabitant)" in [
        t.get_text() for t in legend.get_texts()
    ]
    assert legend.get_window_extent().x1 <= page.bbox.x1


def test_a_check_that_does_not_apply_gives_its_reason(ax, words):
    draw(Check.inapplicable("robustness_value", "It is no regression."), ax)
    assert "It is no regression." in words(ax)


def test_names_of_bounds_that_lie_together_are_one_name_within_the_axes(ax, check):
    rows = [{"benchmark": b, "times": t, "r2_exposure": 1e-5 * t, "r2_outcome": 2e-5 * t, "estimate": 1.0 - 1e-4 * t, "t": 5.0}
            for b in ("age", "size", "rent", "trees") for t in (1.0, 2.0, 3.0)]  # fmt: skip
    draw(replace(check, details={**check.details, "rows": rows}), ax)
    names = [t.get_text() for t in ax.texts if " x " in t.get_text()]
    assert len(names) == 1
    assert names[0].startswith("1 to 3 x ")
