"""The slope chart of raw and adjusted places."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import same_color

from scale_impact.benchmark.adjustment import adjust
from scale_impact.benchmark.cities import Context, ContextColumn
from scale_impact.errors import UsageError
from scale_impact.figures import _style
from scale_impact.figures.raw_versus_adjusted import draw, height


def adjustment(n=40, seed=1, **more):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    context = Context(tuple(f"City {k:03d}" for k in range(n)), (ContextColumn("x"),), pd.DataFrame({"x": x}))
    return adjust(context, 50 + 10 * x + 5 * rng.normal(size=n), repeats=1, **more)


def named(ax):
    return [line for line in ax.get_lines() if line.get_label() == "_named"]


def test_lines_lead_from_raw_to_adjusted_ranks_the_best_on_top(ax):
    found = adjustment()
    draw(found, ax)
    ends = {(float(s[0][1]), float(s[1][1])) for s in ax.collections[0].get_segments()}
    assert ends == set(zip(found.raw_ranks, found.adjusted_ranks, strict=True))
    low, high = ax.get_ylim()
    assert low > high
    assert [t.get_text() for t in ax.get_xticklabels()] == ["as it is", "for its context"]


def test_the_cities_that_gain_and_lose_most_are_named_on_both_sides(ax, words):
    found = adjustment()
    draw(found, ax, named=6)
    order = np.argsort(-found.moves)
    for k in [*order[:3], *order[-3:]]:
        assert f"{found.labels[k]}  {found.raw_ranks[k]:.0f}" in words(ax)
        assert f"{found.adjusted_ranks[k]:.0f}  {found.labels[k]}" in words(ax)
    rising = [line for line in named(ax) if line.get_ydata()[0] > line.get_ydata()[1]]
    assert len(rising) == 3
    assert all(same_color(line.get_color(), _style.BLUE) for line in rising)


def test_the_city_asked_for_stands_out(ax, words):
    found = adjustment()
    draw(found, ax, city="City 007", named=2)
    bold = [line for line in named(ax) if same_color(line.get_color(), _style.DARK)]
    assert [list(line.get_ydata()) for line in bold] == [[found.raw_ranks[7], found.adjusted_ranks[7]]]
    assert "City 007" in words(ax)
    with pytest.raises(UsageError, match="no city 'City 7'"):
        draw(found, ax, city="City 7")


def test_scores_have_their_unit_and_more_is_on_top(ax):
    found = adjustment()
    draw(found, ax, by="score", unit="points")
    low, high = ax.get_ylim()
    assert low < high
    assert ax.get_ylabel() == "points"
    assert len(ax.collections[0].get_segments()) == 40


def test_names_of_many_cities_do_not_overlap(ax, page):
    found = adjustment(300)
    draw(found, ax, city="City 100", named=14)
    ax.figure.canvas.draw()
    boxes = [t.get_window_extent(page(ax.figure)) for t in ax.texts]
    assert len(boxes) == 30
    for k, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[k + 1 :])
        assert box.x0 >= ax.bbox.x0 - 1
        assert box.x1 <= ax.bbox.x1 + 1


def test_a_city_outside_of_support_is_dashed(ax):
    found = adjustment()
    frame = found.context.frame.copy()
    frame.loc[4, "x"] = 30.0
    outside = adjust(replace(found.context, frame=frame), found.outcome, repeats=1)
    draw(outside, ax, city="City 004", named=0)
    assert named(ax)[0].get_linestyle() == "--"
    assert any("no other city has its context" in t.get_text() for t in ax.get_legend().get_texts())


def test_a_city_without_an_expected_value_is_said_to_have_none(ax):
    found = adjustment()
    outcome = found.outcome.copy()
    outcome[3] = np.nan
    draw(adjust(found.context, outcome, repeats=1), ax, city="City 003")
    assert "has no expected value" in ax.get_title(loc="right")
    assert len(ax.collections[0].get_segments()) == 39


def test_without_any_expected_value_the_figure_says_so(ax, words):
    found = adjustment()
    nothing = np.full(40, np.nan)
    draw(replace(found, expected=nothing, adjusted=nothing), ax)
    assert any("No city has an expected value" in text for text in words(ax))


def test_more_cities_need_a_higher_figure():
    assert height(adjustment(300)) > height(adjustment(20))
