"""What all figures share: names, numbers, places."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from scale_impact.figures import _style


def test_whole_numbers_are_written_without_decimals():
    assert _style.labels([1984.0, np.int64(1985), 1986.5]) == ["1984", "1985", "1986.5"]


@pytest.mark.parametrize("resolution", ["D", "us", "ns"])
def test_dates_are_written_as_dates_at_any_resolution(resolution):
    days = np.array(["2020-01-15", "2020-02-01"], dtype=f"datetime64[{resolution}]")
    assert _style.labels(days) == ["2020-01-15", "2020-02-01"]


def test_dates_that_all_start_a_month_are_months_and_a_year_years():
    assert _style.labels(np.array(["2020-01-01", "2020-02-01"], dtype="datetime64[ns]")) == ["2020-01", "2020-02"]
    assert _style.labels(list(pd.to_datetime(["2020-01-01", "2021-01-01"]))) == ["2020", "2021"]


def test_texts_stay_texts():
    assert _style.labels(["2020Q1", "2020Q2"]) == ["2020Q1", "2020Q2"]


@pytest.mark.parametrize(("scale", "digits"), [(0.012, 3), (0.5, 2), (1.0, 1), (37.0, 0), (52000.0, 0), (1e-9, 6)])
def test_decimals_show_two_digits_of_the_scale(scale, digits):
    assert _style.decimals(scale) == digits


def test_labels_that_lie_apart_stay_where_they_are():
    assert _style.spread([3.0, 1.0], 0.5, 0.0, 4.0).tolist() == [3.0, 1.0]


def test_labels_that_coincide_move_apart_around_their_middle():
    assert _style.spread([1.0, 1.0, 1.0], 0.5, 0.0, 4.0).tolist() == pytest.approx([0.5, 1.0, 1.5])


def test_labels_at_the_edge_stay_inside():
    assert _style.spread([4.0, 4.0], 0.5, 0.0, 4.0).tolist() == pytest.approx([3.5, 4.0])


def test_labels_keep_their_order_and_distance_whatever_the_values():
    rng = np.random.default_rng(5)
    for _ in range(50):
        values = rng.normal(size=6)
        placed = _style.spread(values, 0.3, -9.0, 9.0)
        assert np.argsort(placed).tolist() == np.argsort(values).tolist()
        assert np.diff(np.sort(placed)).min() >= 0.3 - 1e-12


def test_no_labels_need_no_places():
    assert _style.spread([], 0.5, 0.0, 1.0).tolist() == []


def test_text_is_white_on_dark_and_dark_on_light():
    assert _style.ink((0.18, 0.0, 0.3)) == "white"
    assert _style.ink((0.97, 0.97, 0.97)) == _style.DARK


def test_six_cohorts_have_the_palette_and_more_a_sequence():
    assert _style.cohort_colours(6) == list(_style.PALETTE)
    many = _style.cohort_colours(30)
    assert len({tuple(c) for c in many}) == 30


def test_large_values_are_written_in_full(ax):
    ax.plot([0, 1], [3_000_000, 3_070_000])
    _style.tidy(ax)
    ax.figure.draw_without_rendering()
    assert "3,060,000" in [t.get_text() for t in ax.get_yticklabels()]
    assert ax.yaxis.get_offset_text().get_text() == ""


def test_hollow_dots_have_no_interval_and_missing_estimates_no_dot(ax):
    from scale_impact.core.effect import Estimate

    given = [Estimate(1.0, 0.1), Estimate(2.0, None, reason="one unit"), Estimate(None, None, reason="none")]
    _style.dots(ax, [0, 1, 2], given, 0.95, name="effect")
    assert len(ax.containers) == 1
    hollow = [line for line in ax.get_lines() if line.get_label() == "effect, no interval"]
    assert hollow[0].get_xydata().tolist() == [[1.0, 2.0]]
    assert hollow[0].get_markerfacecolor() == "white"


@pytest.mark.parametrize(("letters", "rows"), [(10, 1), (30, 2), (70, 3)])
def test_a_legend_has_as_many_columns_as_fit_beside_what_is_left_of_the_axes(letters, rows):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with _style.theme():
        fig = Figure(figsize=(7, 4), layout="constrained")
        FigureCanvasAgg(fig)
        ax = fig.add_subplot()
        for k in range(3):
            ax.plot([0, 1], [k, k], label=f"{k} " + "x" * letters)
        ax.set_ylabel("so much")
        _style.legend_above(ax, columns=3)
        fig.draw_without_rendering()
    assert ax.get_legend().get_window_extent().x1 <= fig.bbox.x1
    assert ax.get_window_extent().x1 >= 0.97 * fig.bbox.x1  # a legend that is too wide would push the axes in
    lines = {round(text.get_window_extent().y0) for text in ax.get_legend().get_texts()}
    assert len(lines) == rows
