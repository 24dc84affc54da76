"""The treated city beside what would have been."""

from __future__ import annotations

import numpy as np

from scale_impact.core.words import counted
from scale_impact.figures import figure
from scale_impact.figures.synthetic_path import draw
from tests.figures.twins import line, parts, twins


def test_observed_expected_and_the_donors_mean_are_lines_over_the_calendar(ax):
    effect = twins()
    draw(effect, ax, unit="sales, packets")
    found = effect.counterfactual
    np.testing.assert_allclose(line(ax, "observed").get_ydata(), found.observed[0])
    np.testing.assert_allclose(line(ax, "without the measure").get_ydata(), found.expected[0])
    np.testing.assert_allclose(line(ax, "mean of all donors").get_ydata(), found.worlds.outcomes[1:].mean(axis=0))
    assert line(ax, "observed").get_xdata().tolist() == list(range(2000, 2012))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Period", "sales, packets")


def test_the_start_is_marked_before_the_first_treated_period(ax):
    draw(twins((8,)), ax)
    assert set(line(ax, "_start").get_xdata()) == {2007.5}


def test_anticipated_periods_are_a_strip_before_the_start(ax):
    draw(twins((8,), anticipation=2), ax)
    strip = next(p for p in ax.patches if p.get_label() == "_anticipated")
    assert (strip.get_x(), strip.get_x() + strip.get_width()) == (2005.5, 2007.5)


def test_a_few_treated_units_have_a_named_panel_each_with_their_own_start(ax):
    draw(twins((8, 6, 7)), ax)
    assert [p.get_title(loc="left") for p in parts(ax)] == ["City 1", "City 2", "City 3"]
    assert [line(p, "_start").get_xdata()[0] for p in parts(ax)] == [2007.5, 2005.5, 2006.5]


def test_more_than_six_that_start_at_once_are_drawn_as_their_mean_over_the_calendar(ax):
    effect = twins((8,) * 7)
    draw(effect, ax)
    seen = line(ax, "observed (mean of 7 treated units)")
    np.testing.assert_allclose(seen.get_ydata(), effect.counterfactual.observed.mean(axis=0))
    assert counted(7, "treated unit") in seen.get_label()
    assert not ax.child_axes


def test_the_mean_of_staggered_units_shows_only_periods_that_all_of_them_have(ax):
    effect = twins((8, 8, 8, 8, 6, 6, 6))
    draw(effect, ax)
    seen = line(ax, "observed")
    known = seen.get_xdata()[np.isfinite(seen.get_ydata())]
    assert (known.min(), known.max()) == (-6, 3)
    found = effect.counterfactual
    at_start = np.mean([found.observed[k, s] for k, s in enumerate(found.starts)])
    assert seen.get_ydata()[seen.get_xdata() == 0] == at_start
    assert "(those that all have)" in ax.get_xlabel()


def test_periods_that_are_texts_keep_their_names(ax):
    months = tuple(f"2024-{m:02d}" for m in range(1, 13))
    draw(twins((8,), periods=months), ax)
    names = [t.get_text() for t in ax.get_xticklabels()]
    assert names
    assert set(names) <= set(months)


def test_panels_in_print_do_not_overlap(page):
    fig = figure("synthetic_path", twins((8, 6, 7, 8, 9, 8)), unit="sales, packets", source="s")
    boxes = [p.get_tightbbox(page(fig)) for p in parts(fig.axes[0])]
    assert len(boxes) == 6
    for k, one in enumerate(boxes):
        assert not [j for j, other in enumerate(boxes) if j > k and one.overlaps(other)]


def test_an_estimator_that_does_not_say_what_would_have_been_is_a_sentence(effects, ax, words):
    draw(effects["twfe"], ax)
    assert "does not say what would have been" in " ".join(words(ax)).replace("\n", " ")
