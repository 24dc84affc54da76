"""The gap among those of donors in the treated city's place."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from scale_impact.figures import figure
from scale_impact.figures.gap_path import draw
from tests.figures.twins import line, parts, placebos, twins


def test_the_gap_is_a_line_and_each_placebo_a_grey_one(ax):
    effect = twins(donors=9)
    draw(effect, placebos(effect), ax, unit="packets")
    np.testing.assert_allclose(line(ax, "treated: City 1").get_ydata(), effect.counterfactual.gaps[0])
    grey = [x for x in ax.get_lines() if "placebo" in str(x.get_label())]
    assert len(grey) == 9
    assert line(ax, "9 placebos").get_label() == "9 placebos"
    assert ax.get_ylabel() == "packets"


def test_placebos_that_do_not_follow_their_donors_before_are_left_out_and_counted(ax):
    effect = twins(donors=9)
    found = placebos(effect)
    values = found.drawn.values.copy()
    values[:2, :, :8] *= 1000
    draw(effect, replace(found, drawn=replace(found.drawn, values=values)), ax)
    label = line(ax, "7 placebos").get_label()
    assert label == "7 placebos; 2 left out, whose squared gap before is over 20 times the treated's"


def test_hundreds_of_placebos_are_bands(ax, words):
    effect = twins((8, 8), donors=40)
    draw(effect, placebos(effect, draws=300), ax)
    said = " ".join(words(ax))
    assert "95% of 300 placebos" in said
    assert "50% of 300 placebos" in said
    assert not [x for p in parts(ax) for x in p.get_lines() if "placebo" in str(x.get_label())]


def test_without_placebos_the_reason_stands_below(ax):
    draw(twins(), "two donors are too few.", ax)
    assert "No placebos: two donors are too few." in ax.get_xlabel()


def test_without_placebos_intervals_of_the_path_are_drawn_where_it_has_any(ax):
    effect = twins()
    n = len(effect.path)
    judged = replace(effect, path=replace(effect.path, variances=np.full(n, 4.0), reasons=(None,) * n))
    draw(judged, None, ax, level=0.9)
    (bars,) = [c for c in ax.collections if str(c.get_label()).startswith("interval")]
    ends = np.array([s[:, 1] for s in bars.get_segments()])
    np.testing.assert_allclose(ends, [e.interval(0.9) for e in judged.path])
    assert [s[0, 0] for s in bars.get_segments()] == list(range(2000, 2012))


def test_the_mean_of_many_staggered_units_is_the_path_by_event_time(ax):
    effect = twins((8, 8, 8, 8, 6, 6, 6), donors=12)
    draw(effect, None, ax)
    seen = line(ax, "treated: mean of 7 treated units")
    assert seen.get_xdata().tolist() == list(effect.path.event_times)
    np.testing.assert_allclose(seen.get_ydata(), effect.path.values)


def test_the_mean_counts_units_as_often_as_their_size_says(ax):
    effect = twins((8,) * 7)
    sizes = np.array([1.0, 1, 1, 1, 1, 1, 6])
    found = replace(effect.counterfactual, sizes=sizes)
    draw(replace(effect, counterfactual=found), None, ax)
    want = np.average(found.gaps, axis=0, weights=sizes)
    np.testing.assert_allclose(line(ax, "treated: mean of 12 treated units").get_ydata(), want)


def test_panels_and_legend_in_print_do_not_overlap(page):
    effect = twins((8, 6, 7, 8), donors=15)
    fig = figure("gap_path", effect, placebos(effect, draws=50), unit="packets", source="s")
    ax = fig.axes[0]
    legend = ax.get_legend().get_window_extent(page(fig))
    assert not [p for p in parts(ax) if p.get_tightbbox(page(fig)).overlaps(legend)]


def test_an_estimator_without_a_counterfactual_is_a_sentence(effects, ax, words):
    draw(effects["twfe"], None, ax)
    assert "does not say what would have been" in " ".join(words(ax)).replace("\n", " ")
