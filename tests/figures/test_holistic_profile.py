"""The figure of a profile: rows by dimension, sides, what is filled, what is missing."""

from dataclasses import replace

import numpy as np
import pytest

from scale_impact.core.catalogue.indicator import DIMENSIONS, Indicator
from scale_impact.core.effect import Estimate
from scale_impact.core.profile.common_scale import PerCent, Spread
from scale_impact.core.profile.multiple_testing import Adjusted
from scale_impact.core.profile.profile import IndexLine, Line, Profile
from scale_impact.figures import figure, render
from scale_impact.figures.holistic_profile import draw, height

GOOD, BAD, OPEN = (
    Adjusted(0.001, 0.004, 0.002, 0.002),
    Adjusted(0.0001, 0.0005, 0.0002, 0.0002),
    Adjusted(0.3, 0.6, 0.4, 0.4),
)


def line(name, dimension, value=0.4, adjusted=GOOD, direction="+", reason=None, per_cent=2.0):
    indicator = Indicator(name, name, dimension, "What it is", "points", direction, target=1.0)
    size = Estimate(None, reason=reason) if reason else Estimate(value, 0.1)
    return Line(
        name, indicator, "points", size, size, size, Spread(1.0, 0.0, "9 units"), PerCent(per_cent), None,
        None if reason else adjusted, reason,
    )  # fmt: skip


def index(dimension, value=0.2, adjusted=GOOD, members=("a", "b")):
    weights = dict.fromkeys(members, 1 / len(members))
    return IndexLine("anderson", dimension, weights, Estimate(value, 0.05), None, adjusted)


def profile(lines, indices=()):
    return Profile(tuple(lines), tuple(indices), 0.95, 0.05, "a stepdown", {})


SOME = profile(
    [
        line("Fibre", "technology"), line("Noise", "environment", -0.5, BAD, "-", per_cent=7.0), line("Air", "environment", -0.1, OPEN, "-"),
        line("Trips", "mobility", 0.3, GOOD, "0"), line("Ratio", "economy", 0.2, OPEN, "target"),
        line("Crime", "safety", reason="the outcome is observed once"),
    ],
    [index("technology", members=("Fibre",)), index("environment", -0.3, BAD, ("Noise", "Air"))],
)  # fmt: skip


@pytest.fixture
def drawn(ax):
    draw(SOME, ax)
    return ax


def rows(ax):
    return {t.get_text().strip(): k for k, t in enumerate(ax.get_yticklabels())}


def dot(ax, name):
    """The dot of a row: its place, marker and whether it is filled."""
    at = rows(ax)[name]
    (found,) = [x for x in ax.get_lines() if len(x.get_xdata()) == 1 and x.get_ydata()[0] == at]
    return found.get_xdata()[0], found.get_marker(), found.get_markerfacecolor() != "white"


def test_dimensions_stand_in_their_order_with_their_outcomes_below(drawn):
    names = [t.get_text().strip() for t in drawn.get_yticklabels()]
    assert names[:6] == ["technology", "Fibre", "sustainability (environment)", "Noise", "Air", "together (2 outcomes)"]
    assert names.index("economy") < names.index("mobility") < names.index("safety")


def test_dimensions_without_an_outcome_are_named_as_missing(drawn):
    texts = [t.get_text() for t in drawn.texts]
    assert texts.count("no outcome in this study") == 5
    names = list(rows(drawn))
    assert names[-5:] == ["organisation", "participation", "health", "education", "scale-up"]


def test_what_stays_among_all_outcomes_is_filled_and_what_is_open_is_hollow(drawn):
    assert dot(drawn, "Fibre") == (0.4, "o", True)
    assert dot(drawn, "Noise") == (-0.5, "o", True)
    assert dot(drawn, "Air") == (-0.1, "o", False)


def test_an_index_is_a_diamond_and_stands_only_where_it_puts_several_together(drawn):
    assert dot(drawn, "together (2 outcomes)") == (-0.3, "D", True)
    assert sum(name.startswith("together") for name in rows(drawn)) == 1


def test_what_has_no_better_side_is_a_square_and_a_target_is_named(drawn):
    assert dot(drawn, "Trips")[1] == "s"
    assert dot(drawn, "Ratio (to target)")[1] == "o"


def test_context_is_a_hollow_square_without_an_adjusted_p_value(ax):
    draw(profile([line("Fibre", "technology"), line("Age", "context", 0.3, None, "context")]), ax)
    assert dot(ax, "Age")[1:] == ("s", False)
    assert "context (not judged, not counted)" in rows(ax)
    assert sum(t.get_text() == "0.004" for t in ax.texts) == 1


def test_an_outcome_without_a_number_says_why(drawn):
    assert "no size: the outcome is observed once" in [t.get_text() for t in drawn.texts]


def test_both_sides_are_named_and_numbers_stand_beside(drawn):
    texts = [t.get_text() for t in drawn.texts]
    assert "better \N{RIGHTWARDS ARROW}" in texts
    assert "\N{LEFTWARDS ARROW} worse" in texts
    assert {"+7.0 %", "0.004", "<0.001", "0.600"} <= set(texts)


def test_the_axis_says_the_unit_and_the_level(ax):
    draw(SOME, ax, unit="Effect, standard deviations of untreated units")
    assert ax.get_xlabel() == "Effect, standard deviations of untreated units (95% interval)"


def test_a_very_wide_interval_does_not_hide_the_others(ax):
    wide = line("Vague", "health", 0.2, OPEN)
    lines = [line("Fibre", "technology"), Line(**{**vars(wide), "size": Estimate(0.2, 50.0)})]
    draw(profile(lines), ax)
    low, high = ax.get_xlim()
    assert -2 < low < high < 2


@pytest.mark.parametrize("n", [1, 25])
def test_one_or_many_outcomes_fit_on_the_page(n, page):
    lines = [line(f"A rather long name of an outcome, number {k}", DIMENSIONS[k % 10], 0.1 * (k - 9)) for k in range(n)]
    fig = figure("holistic_profile", profile(lines), unit="Effect", source="a test")
    assert fig.get_size_inches()[1] == pytest.approx(height(profile(lines)))
    (ax,) = fig.axes
    width, tall = fig.get_size_inches() * fig.dpi
    for text in [*ax.texts, *ax.get_yticklabels(), *ax.get_legend().get_texts()]:
        box = text.get_window_extent(page(fig))
        assert -1 <= box.x0 <= box.x1 <= width + 1, text.get_text()
        assert -1 <= box.y0 <= box.y1 <= tall + 1, text.get_text()
    tops = np.sort([t.get_window_extent(page(fig)).y0 for t in ax.get_yticklabels()])
    assert np.diff(tops).min() > 15  # pixels at 150 to the inch: lines of text do not touch


def test_the_figure_is_the_same_bytes_twice():
    def made():
        return render(figure("holistic_profile", SOME, unit="Effect", source="a test"))

    assert made() == made()


def test_outcomes_of_one_indicator_are_told_apart_by_their_columns(ax):
    crime = line("Crime", "safety")
    draw(profile([replace(crime, outcome="robbery"), replace(crime, outcome="murder"), line("Jobs", "economy")]), ax)
    assert {"Crime (robbery)", "Crime (murder)", "Jobs"} <= set(rows(ax))


def test_an_interval_that_goes_on_beyond_the_axis_has_an_arrow(ax):
    wide = replace(line("Crime", "safety"), size=Estimate(0.1, 3.0))
    draw(profile([wide]), ax)
    assert [mark.get_marker() for mark in ax.lines if mark.get_label() == "_cut"] == ["<", ">"]
