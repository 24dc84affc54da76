"""The outcome around the threshold: binned means as rdplot's, and the fits that make the estimate."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import scale_impact as si
from scale_impact.core.causal.discontinuity.bins import bins
from scale_impact.figures.discontinuity import REACH, draw
from tests.discontinuities import design_of, drawn, elections, jump, transfers


def fitted(frame, **design):
    return si.estimate("regression_discontinuity", *design_of(frame, **design))


# rdrobust 2.1.1 (Python): rdplot(y, x, c, binselect="esmv" or "qsmv").J
@pytest.mark.parametrize(
    ("frame", "design", "spacing", "number"),
    [
        (drawn("plain"), {}, "even", [28, 23]),
        (drawn("plain"), {}, "quantile", [25, 24]),
        (drawn("wide"), {}, "even", [42, 26]),
        (drawn("ties"), {}, "even", [29, 25]),
        (drawn("ties"), {}, "quantile", [27, 26]),
        (drawn("population"), {"threshold": 5000}, "even", [38, 39]),
        (transfers(), {}, "even", [34, 35]),
        (transfers(), {}, "quantile", [34, 34]),
        (elections(), {"threshold": 0.5}, "even", [184, 158]),
    ],
)
def test_there_are_as_many_bins_as_rdplot_takes(frame, design, spacing, number):
    found = fitted(frame, **design).discontinuity
    tied = any(s.heaped for s in found.sides)
    made = [bins(s, len(frame), tied, spacing) for s in found.sides]
    assert [m.asked for m in made] == number
    assert [m.n.sum() for m in made] == [s.n for s in found.sides]
    inside = (frame["x"] - design.get("threshold", 0)).to_numpy() < 0
    assert np.average(made[0].mean, weights=made[0].n) == pytest.approx(frame["y"].to_numpy()[inside].mean())


def test_an_outcome_that_does_not_vary_is_one_bin():
    found = fitted(jump()).discontinuity
    side = found.sides[0]
    side.columns[:, 0] = 1.0
    assert bins(side, 100, False).asked == 1


def test_fits_meet_the_threshold_at_the_levels_of_the_estimate(ax):
    effect = fitted(drawn("population"), threshold=5000)
    draw(effect, ax, unit="points")
    below, above = [x for x in ax.get_lines() if x.get_label() == "_fit"]
    assert below.get_xdata()[0] == above.get_xdata()[0] == 5000
    assert below.get_ydata()[0] == pytest.approx(effect.summaries["level_without"].value)
    assert above.get_ydata()[0] == pytest.approx(effect.summaries["level_with"].value)
    h = effect.discontinuity.jump.bandwidths.h
    assert above.get_xdata()[-1] == pytest.approx(5000 + h[1])
    assert ax.get_ylabel() == "points"
    assert ax.get_xlabel() == "x (threshold 5,000)"


def test_the_treated_lie_on_their_own_side(ax):
    frame = drawn("population")
    draw(fitted(frame, threshold=5000, side="below"), ax)
    names = {c.get_label(): c.get_offsets()[:, 0] for c in ax.collections}
    assert names["treated (means of bins)"].max() < 5000 < names["untreated (means of bins)"].min()
    assert ax.get_lines()[1].get_xdata()[-1] < 5000


def test_all_data_can_be_shown_and_fuzzy_sides_are_eligible(ax):
    frame = drawn("population")
    effect = fitted(frame, threshold=5000, exposure="t")
    draw(effect, ax, whole=True, spacing="quantile")
    names = {c.get_label(): c.get_offsets()[:, 0] for c in ax.collections}
    assert set(names) == {"eligible (means of bins)", "not eligible (means of bins)"}
    far = names["eligible (means of bins)"].max()
    ax.clear()
    draw(effect, ax)
    assert ax.collections[1].get_offsets()[:, 0].max() < far


def test_an_effect_without_a_threshold_says_so(ax, words):
    from dataclasses import replace

    draw(replace(fitted(jump()), discontinuity=None), ax)
    assert "regression_discontinuity has no threshold to show." in words(ax)


def skewed(n=600):
    """Populations with a long tail, and a jump at 5,000."""
    rng = np.random.default_rng(2)
    x = np.exp(rng.normal(8.5, 0.8, n))
    return pd.DataFrame({"x": x, "y": 2.0 * (x >= 5000) + rng.normal(size=n), "all": 1})


def test_bins_are_made_of_those_near_the_threshold_and_fill_the_axis(ax):
    effect = fitted(skewed(), threshold=5000)
    draw(effect, ax)
    reach = REACH * max(effect.discontinuity.jump.bandwidths.h)
    low, high = ax.get_xlim()
    assert 5000 - 1.1 * reach < low < 5000 < high < 5000 + 1.1 * reach
    names = {c.get_label(): c.get_offsets()[:, 0] for c in ax.collections}
    assert all(len(x) > 5 for x in names.values())


def test_a_threshold_that_may_be_a_year_has_no_mark_at_thousands(ax):
    frame = skewed().assign(x=lambda f: 2005 + (f["x"] - 5000) / 500)
    draw(fitted(frame, threshold=2005), ax)
    assert ax.get_xlabel() == "x (threshold 2005)"
