"""Which cohorts and periods an estimate rests on."""

from __future__ import annotations

import numpy as np
import pandas as pd

from scale_impact.core.design import Design
from scale_impact.core.panel import Panel
from scale_impact.estimators import estimate
from scale_impact.figures.cohort_weights import draw


def test_each_cohort_and_period_is_a_cell_with_its_weight(effects, ax):
    weights = effects["twfe"].weights
    draw(effects["twfe"], ax)
    np.testing.assert_allclose(ax.collections[0].get_array(), weights.to_numpy())
    assert [t.get_text() for t in ax.get_yticklabels()] == ["2002", "2004", "never treated"]
    assert [t.get_text() for t in ax.get_xticklabels()] == [str(y) for y in range(2000, 2006)]


def test_zero_is_in_the_middle_of_a_diverging_scale(effects, ax):
    draw(effects["twfe"], ax)
    low, high = ax.collections[0].get_clim()
    assert low == -high
    assert high == np.abs(effects["twfe"].weights.to_numpy()).max()
    assert ax.collections[0].get_cmap().name == "PuOr_r"


def test_up_to_eighty_cells_have_numbers(by_hand, ax):
    small = pd.DataFrame(np.full((8, 10), -0.25), index=map(str, range(8)), columns=range(10))
    draw(by_hand(weights=small), ax)
    assert [t.get_text() for t in ax.texts] == ["−0.25"] * 80
    ax.clear()
    large = pd.DataFrame(np.full((9, 9), -0.25), index=map(str, range(9)), columns=range(9))
    draw(by_hand(weights=large), ax)
    assert not ax.texts


def test_a_weight_of_nothing_is_written_as_zero(by_hand, ax):
    draw(by_hand(weights=pd.DataFrame([[0.0, -1e-17, 0.4]], index=["2002"], columns=[2001, 2002, 2003])), ax)
    assert [t.get_text() for t in ax.texts] == ["0", "0", "0.40"]


def test_all_weights_zero_is_no_error(by_hand, ax):
    draw(by_hand(weights=pd.DataFrame([[0.0, 0.0]], index=["2002"], columns=[2001, 2002])), ax)
    assert ax.collections[0].get_clim() == (-1.0, 1.0)


def test_a_bar_marks_where_each_treatment_starts(effects, ax, marks):
    draw(effects["twfe"], ax)
    assert [bar.get_xdata()[0] for bar in marks(ax, "_start")] == [1.5, 3.5]


def test_cohorts_of_dates_are_named_and_marked_like_the_periods(staggered, ax, marks):
    panel, _ = staggered
    dated = panel.frame.assign(year=pd.to_datetime(panel.frame["year"].astype(str)).astype("datetime64[ns]"))
    panel = Panel.from_frame(dated, unit="city", period="year", outcome="y")
    draw(estimate("twfe", panel, Design.from_panel(panel, treated="zone")), ax)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["2002", "2004", "never treated"]
    assert len(marks(ax, "_start")) == 2


def test_no_weights_is_a_sentence_and_not_an_empty_box(by_hand, ax, words):
    draw(by_hand(), ax)
    assert any(text.startswith("by_hand has no weights to show") for text in words(ax))
    assert not ax.axison


def test_the_weights_are_not_changed(effects, ax):
    before = effects["twfe"].weights.copy(deep=True)
    draw(effects["twfe"], ax)
    assert effects["twfe"].weights.equals(before)
