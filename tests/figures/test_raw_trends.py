"""Mean outcomes of each cohort over time."""

from __future__ import annotations

import numpy as np
import pytest

from scale_impact import figures
from scale_impact.figures import _style
from scale_impact.figures.raw_trends import draw


def lines(ax):
    return {line.get_label(): line for line in ax.get_lines() if not line.get_label().startswith("_")}


def starts(ax):
    return [line for line in ax.get_lines() if line.get_label() == "_start"]


def test_there_is_one_line_a_cohort_at_its_means(staggered, ax):
    panel, design = staggered
    draw(panel, design, ax)
    assert set(lines(ax)) == {"treated 2002", "treated 2004", "never treated"}
    by_hand = panel.frame[panel.frame["city"].isin(["City 03", "City 04"])].groupby("year")["y"].mean()
    np.testing.assert_allclose(lines(ax)["treated 2004"].get_ydata(), by_hand, rtol=1e-12)
    assert lines(ax)["treated 2004"].get_xdata().tolist() == list(range(2000, 2006))


def test_the_never_treated_are_dark_grey_and_cohorts_have_colours_of_their_own(staggered, ax):
    draw(*staggered, ax)
    colours = {name: line.get_color() for name, line in lines(ax).items()}
    assert colours["never treated"] == _style.DARK
    assert len(set(colours.values())) == 3


def test_a_dashed_line_marks_each_first_treated_period_in_its_cohorts_colour(staggered, ax):
    draw(*staggered, ax)
    found = {line.get_xdata()[0]: line.get_color() for line in starts(ax)}
    assert found == {2002: lines(ax)["treated 2002"].get_color(), 2004: lines(ax)["treated 2004"].get_color()}
    assert all(line.get_linestyle() == "--" for line in starts(ax))


def test_lines_are_named_at_their_ends_without_overlap(build, page):
    panel, design = build([2001, 2002, 2003, 2004, 2005, None, None])
    flat = panel.frame.assign(y=panel.frame["y"] % 1 / 1000)
    near = type(panel).from_frame(flat, unit="city", period="year", outcome="y")
    fig = figures.figure("raw_trends", near, type(design).from_panel(near, treated="zone"), unit="u", source="s")
    boxes = [t.get_window_extent(page(fig)) for t in fig.axes[0].texts]
    assert len(boxes) == 6
    assert not any(a.overlaps(b) for k, a in enumerate(boxes) for b in boxes[:k])
    assert all(b.x0 >= 0 and b.x1 <= fig.bbox.width for b in boxes)


def test_many_cohorts_get_a_colour_bar_instead_of_names(build, ax):
    panel, design = build([*range(2001, 2011), None, None], periods=range(2000, 2012))
    draw(panel, design, ax)
    assert len(ax.figure.axes) == 2
    assert ax.figure.axes[1].get_ylabel() == "First treated"
    assert ax.figure.axes[1].get_yticklabels()[0].get_text() == "2001"
    assert not ax.texts
    assert "never treated" in [t.get_text() for t in ax.get_legend().get_texts()]


def test_units_treated_from_the_start_have_a_line_but_no_date(build, ax):
    draw(*build([2000, 2000, 2003, 2003, None, None]), ax)
    assert "treated from the start" in lines(ax)
    assert [line.get_xdata()[0] for line in starts(ax)] == [2003]


def test_repeated_cross_sections_show_the_means_of_each_cell(cross_sections, ax):
    draw(*cross_sections, ax)
    np.testing.assert_allclose(lines(ax)["treated 1981"].get_ydata(), [11.0, 12.0])
    np.testing.assert_allclose(lines(ax)["never treated"].get_ydata(), [22.0, 32.0])
    assert [t.get_text() for t in ax.get_xticklabels()] == ["1978", "1981"]


def test_a_cell_without_an_observation_is_a_gap(ax):
    import pandas as pd

    from scale_impact.core.design import Design
    from scale_impact.core.panel import Panel

    frame = pd.DataFrame({"t": [1, 2, 3, 1, 3, 3], "g": [0, 0, 0, 1, 1, 1], "y": [1.0, 2, 3, 4, 5, 7]})
    panel = Panel.from_frame(frame, unit=None, period="t", outcome="y")
    draw(panel, Design.from_panel(panel, group="g", starts=3), ax)
    np.testing.assert_allclose(lines(ax)["treated 3"].get_ydata(), [4.0, np.nan, 6.0])


def test_axes_say_period_and_unit(staggered, ax):
    draw(*staggered, ax, unit="claims, log")
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Period (year)", "claims, log")


@pytest.mark.parametrize("kind", ["panel", "cross_sections"])
def test_nothing_given_is_changed(staggered, cross_sections, ax, kind):
    panel, design = staggered if kind == "panel" else cross_sections
    before = panel.frame.copy(deep=True), design.cohort_codes.copy()
    draw(panel, design, ax)
    assert panel.frame.equals(before[0])
    assert np.array_equal(design.cohort_codes, before[1])
