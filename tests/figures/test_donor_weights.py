"""Of whom the synthetic city is made."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from scale_impact.figures import figure
from scale_impact.figures.donor_weights import draw, height
from tests.figures.twins import twins

MIX = [[0.0], [0.6], [0.3], [0.098], [0.002]]


def names(ax):
    return [t.get_text() for t in ax.get_yticklabels()]


def test_donors_are_bars_the_largest_on_top_and_the_rest_is_one(ax):
    draw(twins(donors=5, weights=MIX), ax)
    assert names(ax) == ["Donor 2", "Donor 3", "Donor 4", "2 others"]
    assert [b.get_width() for b in ax.patches] == pytest.approx([0.6, 0.3, 0.098, 0.002])
    assert [t.get_text() for t in ax.texts] == ["0.60", "0.30", "0.10", "0.002"]


def test_a_long_list_is_cut_and_the_bars_still_sum_to_one(ax):
    draw(twins(donors=40), ax)
    assert len(names(ax)) == 26
    assert names(ax)[-1] == "15 others"
    assert sum(b.get_width() for b in ax.patches) == pytest.approx(1.0)


def test_one_donor_too_many_is_no_reason_to_cut(ax):
    draw(twins(donors=26), ax)
    assert len(names(ax)) == 26
    assert "others" not in names(ax)[-1]


def test_weights_below_zero_lean_the_other_way(ax):
    draw(twins(donors=3, weights=[[1.2], [-0.3], [0.1]]), ax)
    assert ax.get_xlim()[0] < -0.3
    colours = {b.get_facecolor() for b in ax.patches}
    assert len(colours) == 2
    assert "\N{MINUS SIGN}0.30" in [t.get_text() for t in ax.texts]


def test_several_treated_units_are_columns_of_tiles(ax):
    draw(twins((8, 7), donors=3, weights=[[0.5, 0.0], [0.5, 0.2], [0.0, 0.8]]), ax)
    assert [t.get_text() for t in ax.get_xticklabels()] == ["City 1", "City 2"]
    assert names(ax) == ["Donor 3", "Donor 2", "Donor 1"]
    np.testing.assert_allclose(ax.collections[0].get_array(), [[0, 0.8], [0.5, 0.2], [0.5, 0]])


def test_weights_that_are_not_unique_are_said(ax):
    effect = twins(donors=5, weights=MIX)
    draw(replace(effect, counterfactual=replace(effect.counterfactual, unique=(False,))), ax)
    assert "Other weights fit as well: do not read single donors" in ax.get_xlabel().replace("\n", " ")


def test_more_donors_need_more_height():
    assert height(twins(donors=20)) > height(twins(donors=5, weights=MIX))


def test_an_estimator_that_mixes_no_donors_is_a_sentence(ax, words):
    draw(_without_donors(), ax)
    assert "it makes no mix of donors" in " ".join(words(ax)).replace("\n", " ")


def _without_donors():
    effect = twins()
    return replace(effect, counterfactual=replace(effect.counterfactual, donors=None))


def test_texts_stay_on_the_page(page):
    fig = figure("donor_weights", twins(donors=5, weights=MIX), unit="", source="s")
    inside = fig.bbox.padded(1)
    for text in fig.axes[0].texts:
        box = text.get_window_extent(page(fig))
        assert inside.contains(box.x0, box.y0)
        assert inside.contains(box.x1, box.y1)


def test_long_names_of_columns_do_not_run_into_each_other(page):
    effect = twins((8, 7, 8, 6, 8, 9), donors=5, periods=tuple(range(2000, 2014)))
    found = effect.counterfactual
    frame = pd.DataFrame(
        found.donors.to_numpy(), index=found.donors.index, columns=[f"84099999999{k}" for k in range(6)]
    )
    effect = replace(effect, counterfactual=replace(found, donors=frame))
    fig = figure("donor_weights", effect, unit="", source="s")
    boxes = [t.get_window_extent(page(fig)) for t in fig.axes[0].get_xticklabels()]
    assert len(boxes) == 6
    assert not [k for k in range(5) if boxes[k].overlaps(boxes[k + 1])]
