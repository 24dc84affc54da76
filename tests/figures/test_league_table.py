"""The league table of bands."""

from __future__ import annotations

import numpy as np
import pytest

from scale_impact import figures
from scale_impact.benchmark.rank_bands import bands
from scale_impact.errors import UsageError
from scale_impact.figures.league_table import draw, height


def league(n=6, *, spread=3.0, seed=1, **options):
    rng = np.random.default_rng(seed)
    return bands(
        [f"City {k}" for k in range(n)],
        spread * rng.standard_normal(n),
        rng.uniform(0.2, 2, n),
        resamples=199,
        **options,
    )


def segments(ax, label):
    """Ends of the lines of one label, from top to bottom."""
    found = [c for c in ax.collections if c.get_label() == label]
    return [(float(a), float(b)) for c in found for (a, _), (b, _) in c.get_segments()]


def test_each_city_has_its_rank_and_both_bands_in_the_leagues_order(ax, marks):
    value = league()
    draw(value, ax, unit="points")
    names = [t.get_text() for t in ax.get_yticklabels()]
    at = [value.labels.index(name) for name in names]
    assert sorted(names) == sorted(value.labels)
    assert (np.diff((value.low_all + value.high_all)[at]) >= 0).all()
    assert list(marks(ax, "rank")[0].get_xdata()) == list(value.rank[at])
    assert segments(ax, "all cities at once") == [(value.low_all[k], value.high_all[k]) for k in at]
    alone = segments(ax, "95% band of the city by itself")
    assert np.allclose(alone, [(value.low[k] - 0.12, value.high[k] + 0.12) for k in at])


def test_values_stand_at_the_right_below_their_unit(ax, words):
    value = bands(["a", "b"], [12.5, -3.25], [1.0, 1.0])
    draw(value, ax, unit="points")
    texts = words(ax)
    assert "12.5" in texts
    assert "points" in texts
    assert "\N{MINUS SIGN}3.2" in texts


def test_ranks_are_whole_numbers_from_one_on(ax):
    for n in (2, 3, 7, 37, 250):
        ax.clear()
        draw(league(n), ax)
        ticks = list(ax.get_xticks())
        assert ticks[0] == 1
        assert all(t == int(t) and 1 <= t <= n for t in ticks)
        assert ax.get_xlim()[0] < 1 < n < ax.get_xlim()[1]


def test_a_chosen_city_is_coloured_and_shown_with_its_neighbours(ax, marks, words):
    value = league(200, spread=10)
    draw(value, ax, city="City 77", most=20)
    names = [t.get_text() for t in ax.get_yticklabels()]
    assert "City 77" in names
    assert len(names) in (20, 21)
    assert len(marks(ax, "_chosen rank")[0].get_xdata()) == 1
    assert any("cities not shown" in text for text in words(ax))
    assert "20 of 200 cities" in ax.get_xlabel() or "21 of 200 cities" in ax.get_xlabel()
    ys = np.array(ax.get_yticks())
    assert (np.diff(ys) >= 1).all()
    assert (np.diff(ys) == 2).sum() >= 1


def test_a_line_marks_where_all_above_are_told_from_all_below(ax, marks):
    draw(bands(list("abcd"), [9.0, 8.9, 1.0, 0.9], [0.1] * 4), ax)
    assert [float(np.ravel(m.get_ydata())[0]) for m in marks(ax, "_tier")] == [1.5]


def test_cities_without_a_value_are_counted_not_drawn(ax):
    draw(bands(list("abc"), [1.0, np.nan, 2.0], [0.1, 0.1, 0.1]), ax)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["c", "a"]
    assert "1 city without a value not ranked" in ax.get_xlabel()


def test_long_names_keep_their_ends(ax):
    draw(bands([f"Verbandsgemeinde mit sehr langem Namen {k}" for k in "12"], [1.0, 2.0]), ax)
    assert [t.get_text()[-1] for t in ax.get_yticklabels()] == ["2", "1"]
    assert all(len(t.get_text()) <= 30 for t in ax.get_yticklabels())


def test_a_city_that_is_not_there_is_refused(ax):
    with pytest.raises(UsageError, match="no city 'Citty 3'"):
        draw(league(), ax, city="Citty 3")


def test_more_cities_need_a_higher_figure_up_to_a_page():
    assert height(league(6)) < height(league(30)) < height(league(60)) == height(league(300))


@pytest.mark.parametrize("n", [20, 60, 300])
def test_names_and_values_do_not_overlap(page, n):
    value = league(n, spread=4e6)
    fig = figures.figure("league_table", value, unit="EUR a head and year", source="drawn")
    ax, renderer = fig.axes[0], page(fig)
    boxes = [t.get_window_extent(renderer) for t in ax.get_yticklabels()]
    assert not any(a.overlaps(b) for k, a in enumerate(boxes) for b in boxes[k + 1 :])
    values = [t.get_window_extent(renderer) for t in ax.texts if t.get_text()[-1:].isdigit()]
    assert len(values) == len(boxes)
    assert not any(a.overlaps(b) for k, a in enumerate(values) for b in values[k + 1 :])
    assert min(v.x0 for v in values) > ax.bbox.x1
    assert max(v.x1 for v in values) <= fig.bbox.x1
