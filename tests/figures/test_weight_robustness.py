"""The heat map of rank acceptability."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.collections import QuadMesh

from scale_impact.benchmark.robustness import examine
from scale_impact.errors import UsageError
from scale_impact.figures import figure
from scale_impact.figures.weight_robustness import draw, height
from tests.benchmark.trying.made import drawn_values, scores


def examined(n, k=3):
    return examine(scores(drawn_values(n, k)), draws=500, choices=[], leavers=0)


def tiles(ax):
    """Shares as drawn [rows, columns], 0 where a tile is left empty."""
    mesh = next(c for c in ax.collections if isinstance(c, QuadMesh))
    return np.ma.filled(mesh.get_array(), 0.0)


def test_each_row_is_a_city_by_expected_rank_and_its_tiles_are_its_shares(ax):
    found = examined(12)
    draw(found, ax)
    order = np.argsort(found.expected, kind="stable")
    assert [t.get_text() for t in ax.get_yticklabels()] == [found.labels[k] for k in order]
    assert np.allclose(tiles(ax), 100 * found.acceptability.shares()[order])


def test_marks_are_the_given_rank_and_the_ends_of_the_band(ax, marks):
    found = examined(12)
    draw(found, ax)
    order = np.argsort(found.expected, kind="stable")
    assert list(marks(ax, "rank by the given weights")[0].get_xdata()) == found.rank[order].tolist()
    ends = [c for c in ax.collections if c.get_label() == "_end"]
    drawn = [[segment[0, 0] for segment in c.get_segments()] for c in ends]
    assert drawn == [found.low[order].tolist(), found.high[order].tolist()]


def test_many_ranks_share_columns_that_still_hold_all_of_the_draws(ax, words):
    found = examined(150)
    draw(found, ax, city="c77")
    assert tiles(ax).shape[1] == 60
    held = tiles(ax).sum(axis=1)
    assert np.allclose(held[held > 0], 100)
    names = [t.get_text() for t in ax.get_yticklabels()]
    assert "c77" in names
    assert len(names) <= 42
    assert "(40 of 150 cities)" in ax.get_xlabel()
    assert any("not shown" in w for w in words(ax))


def test_the_chosen_city_stands_out_and_has_to_be_there(ax):
    found = examined(8)
    draw(found, ax, city="c03")
    bold = [t.get_text() for t in ax.get_yticklabels() if t.get_fontweight() == "bold"]
    assert bold == ["c03"]
    with pytest.raises(UsageError, match="There is no city 'c99'"):
        draw(found, ax, city="c99")


def test_more_cities_need_a_higher_figure_up_to_a_page():
    assert height(examined(30)) > height(examined(8))
    assert height(examined(150)) <= 11


def test_names_do_not_lie_on_each_other(page):
    found = examined(150)
    drawn = figure("weight_robustness", found, unit="", source="made up", city="c77")
    renderer = page(drawn)
    boxes = [t.get_window_extent(renderer) for t in drawn.axes[0].get_yticklabels()]
    assert not any(a.overlaps(b) for k, a in enumerate(boxes) for b in boxes[k + 1 :])
