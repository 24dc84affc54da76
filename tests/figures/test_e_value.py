"""Which confounders could explain the effect away."""

import numpy as np
import pytest

from scale_impact.core.check import Check
from scale_impact.figures import figure
from scale_impact.figures.e_value import draw
from tests.refuters import asked, checked, city_rows


@pytest.fixture(scope="module")
def check():
    return checked("e_value", asked(city_rows(n=600)))


def test_pairs_on_the_curve_have_the_ratio_as_their_bounding_factor(ax, check):
    draw(check, ax)
    x, y = ax.get_lines()[0].get_data()
    assert np.allclose(x * y / (x + y - 1), check.details["ratio"])


def test_the_curve_goes_through_the_e_value(ax, check, marks):
    draw(check, ax)
    point = marks(ax, "_e_value")[0]
    assert (point.get_xdata()[0], point.get_ydata()[0]) == (check.statistic, check.statistic)
    assert f"explains the estimate away (E-value {check.statistic:.2f})" in [x.get_label() for x in ax.get_lines()]


def test_covariates_lie_on_the_diagonal(ax, check, words):
    draw(check, ax)
    drawn = [(x.get_xdata()[0], x.get_ydata()[0]) for x in ax.get_lines() if x.get_marker() == "D"]
    assert drawn == [(c["e_value"], c["e_value"]) for c in check.details["rows"]]
    assert "income" in words(ax)


def test_the_legend_of_two_curves_stays_on_the_page(check):
    legend = figure("e_value", check, unit="Effect on jobs", source="nowhere").axes[0].get_legend()
    assert len(legend.get_texts()) == 3
    assert legend.get_window_extent().x1 <= 7 * 150


def test_a_check_without_a_value_gives_its_reason(ax, words):
    draw(Check.inapplicable("e_value", "It names no rows."), ax)
    assert "It names no rows." in words(ax)
