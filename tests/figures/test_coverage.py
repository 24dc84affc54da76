"""Which units are observed when."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from scale_impact import figures
from scale_impact.core.building.coverage import coverage
from scale_impact.figures.coverage import draw


def made(n, t=10, columns=("x", "y"), seed=1):
    """Units that begin one after the other, and a few holes."""
    rng = np.random.default_rng(seed)
    start = rng.permutation(np.arange(n) % t)
    table = {"u": np.repeat([f"City {k:04d}" for k in range(n)], t), "t": np.tile(np.arange(2000, 2000 + t), n)}
    late = np.tile(np.arange(t), n) < np.repeat(start, t)
    for k, c in enumerate(columns):
        table[c] = np.where(late | (rng.random(n * t) < 0.05 * k), np.nan, 1.0)
    return coverage(pd.DataFrame(table), "u", "t")


def test_each_unit_has_its_row_and_name_up_to_sixty(ax):
    found = made(60)
    draw(found, ax)
    assert [t.get_text() for t in ax.get_yticklabels()] == list(found.units)
    assert np.array_equal(ax.images[0].get_array(), found.share)
    bottom, top = ax.get_ylim()
    assert bottom > top


@pytest.mark.parametrize(("n", "rows"), [(61, 61), (200, 200), (2000, 200)])
def test_more_units_are_sorted_by_when_they_begin_and_share_rows(ax, n, rows):
    draw(made(n), ax)
    tiles = np.asarray(ax.images[0].get_array())
    assert tiles.shape == (rows, 10)
    assert (np.diff((tiles > 0).argmax(axis=1)) >= 0).all()
    assert tiles.mean() == pytest.approx(made(n).share.mean(), abs=0.005)
    assert ax.get_ylabel() == f"{n:,} units (u), first observed on top"
    assert len(ax.get_yticklabels()) <= 6
    assert ax.get_ylim() == (n - 0.5, -0.5)
    assert ax.images[0].get_extent() == [-0.5, 9.5, n - 0.5, -0.5]


def test_thousands_of_days_share_columns_and_few_have_a_label(ax):
    draw(made(5, t=2000), ax)
    assert np.asarray(ax.images[0].get_array()).shape == (5, 300)
    assert len(ax.get_xticklabels()) <= 11
    assert ax.get_xlim() == (-0.5, 1999.5)


@pytest.mark.parametrize("n", [5, 60, 2000])
def test_labels_do_not_overlap_on_a_page(page, n):
    fig = figures.figure("coverage", made(n), unit="", source="s")
    for texts, low, high in ((fig.axes[0].get_yticklabels(), "y0", "y1"), (fig.axes[0].get_xticklabels(), "x0", "x1")):
        boxes = sorted((getattr(b, low), getattr(b, high)) for b in (t.get_window_extent(page(fig)) for t in texts))
        assert all(after[0] >= before[1] - 0.5 for before, after in pairwise(boxes))


def test_the_page_has_a_source_and_the_same_bytes_each_time(tmp_path):
    one, other = (figures.figure("coverage", made(100), unit="", source="a test") for _ in range(2))
    assert one.get_supxlabel() == "Source: a test"
    for kind in ("png", "svg"):
        assert figures.render(one, kind) == figures.render(other, kind)


def test_one_column_is_named_and_no_column_is_said(ax):
    draw(made(3, columns=("x",)), ax)
    assert ax.figure.axes[1].get_ylabel() == "x observed"
    ax.clear()
    draw(coverage(pd.DataFrame({"u": ["A"], "t": [1]}), "u", "t"), ax)
    assert "nothing to show" in ax.texts[0].get_text()
