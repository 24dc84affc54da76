"""Who is treated when."""

from __future__ import annotations

import numpy as np

from scale_impact import figures
from scale_impact.core.design import Design
from scale_impact.core.panel import Panel
from scale_impact.figures.treatment_timing import draw


def tiles(ax):
    return ax.collections[0].get_array()


def row_names(ax):
    return [t.get_text() for t in ax.get_yticklabels()]


def test_units_are_rows_sorted_by_cohort_with_their_names(build, ax):
    draw(*build([None, 2004, 2002, None]), ax)
    assert row_names(ax) == ["City 02", "City 01", "City 00", "City 03"]


def test_cells_are_coloured_from_the_first_treated_period_on(build, ax):
    draw(*build([None, 2004, 2002, None]), ax)
    assert tiles(ax).tolist() == [[0, 0, 1, 1, 1, 1], [0, 0, 0, 0, 1, 1], [0] * 6, [0] * 6]


def test_the_first_row_is_on_top(staggered, ax):
    draw(*staggered, ax)
    bottom, top = ax.get_ylim()
    assert bottom > top


def test_sixty_units_have_names_and_sixty_one_are_shown_by_cohort(build, ax):
    sixty = [2002] * 20 + [None] * 40
    draw(*build(sixty), ax)
    assert len(row_names(ax)) == 60
    ax.clear()
    draw(*build([*sixty, None]), ax)
    assert row_names(ax) == ["2002 (20 units)", "never treated (41 units)"]


def test_cross_sections_show_cohorts_with_the_observations_of_each_cell(cross_sections, ax):
    draw(*cross_sections, ax)
    assert row_names(ax) == ["1981 (5 observations)", "never treated (6 observations)"]
    assert [t.get_text() for t in ax.texts] == ["2", "3", "3", "3"]
    assert tiles(ax).tolist() == [[0, 1], [0, 0]]


def test_units_left_out_are_counted_below(build, ax):
    panel, _ = build([2002, 2002, None, None])
    short = Panel.from_frame(panel.frame.drop(index=[3]), unit="city", period="year", outcome="y")
    draw(short, Design.from_panel(short, treated="zone", balance="drop"), ax)
    assert row_names(ax) == ["City 01", "City 02", "City 03"]
    assert ax.get_xlabel() == "Period (year)\n1 unit left out of the design"


def test_an_unbalanced_panel_used_as_cross_sections_counts_observations(build, ax):
    panel, _ = build([2002, 2002, None, None])
    short = Panel.from_frame(panel.frame.drop(index=[3]), unit="city", period="year", outcome="y")
    draw(short, Design.from_panel(short, treated="zone", balance="repeated_cross_sections"), ax)
    assert row_names(ax) == ["2002 (11 observations)", "never treated (12 observations)"]


def test_row_names_do_not_overlap_on_a_page_with_sixty_units(build, page):
    fig = figures.figure("treatment_timing", *build([2002] * 20 + [None] * 40), unit="u", source="s")
    boxes = [t.get_window_extent(page(fig)) for t in fig.axes[0].get_yticklabels()]
    tops, bottoms = np.array([b.y1 for b in boxes[1:]]), np.array([b.y0 for b in boxes[:-1]])
    assert (tops <= bottoms).all()


def test_columns_are_named_by_the_periods(staggered, ax):
    draw(*staggered, ax)
    assert [t.get_text() for t in ax.get_xticklabels()] == [str(y) for y in range(2000, 2006)]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Period (year)", "city")


def test_treatment_that_switches_off_is_shown_where_it_is(ax):
    import pandas as pd

    on = {"A": [0, 0, 1, 0], "B": [1, 1, 0, 0], "C": [0, 0, 0, 0]}
    rows = [{"id": u, "t": t, "d": v, "y": 0.0} for u, d in on.items() for t, v in enumerate(d)]
    panel = Panel.from_frame(pd.DataFrame(rows), unit="id", period="t", outcome="y")
    draw(panel, Design.from_panel(panel, treated="d"), ax)
    assert row_names(ax) == ["A", "B", "C"]
    assert tiles(ax).tolist() == list(on.values())
