"""The overall effect of several estimators."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from scale_impact import figures
from scale_impact.core.effect import Estimate
from scale_impact.figures.estimator_comparison import draw


def test_each_estimator_is_a_row_in_the_order_given(effects, ax, marks):
    draw(list(effects.values()), ax)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["callaway_santanna", "event_study", "twfe"]
    for row, (name, effect) in enumerate(effects.items()):
        assert marks(ax, name)[0].get_xydata().tolist() == [[effect.overall.value, row]]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]


def test_the_primary_estimator_is_emphasised(effects, ax, marks):
    draw(list(effects.values()), ax)
    first, second = marks(ax, "callaway_santanna")[0], marks(ax, "event_study")[0]
    assert first.get_markersize() > second.get_markersize()
    assert first.get_color() != second.get_color()
    assert [t.get_fontweight() for t in ax.get_yticklabels()] == ["bold", "normal", "normal"]


def test_numbers_stand_beside_the_rows_with_the_level(by_hand, ax, words):
    draw([by_hand(Estimate(-0.18, 0.089))], ax, level=0.9)
    assert "estimate [90% interval]" in words(ax)
    assert "−0.180  [−0.326, −0.034]" in words(ax)


def test_an_effect_without_a_standard_error_is_hollow_and_says_no_interval(by_hand, ax, words, marks):
    bare = by_hand(Estimate(-0.14, None, reason="one treated unit"))
    draw([by_hand(Estimate(-0.18, 0.089)), replace(bare, estimator="did_2x2")], ax)
    (hollow,) = marks(ax, "did_2x2")
    assert hollow.get_markerfacecolor() == "white"
    assert "−0.140  no interval" in words(ax)


def test_an_effect_without_a_value_says_why(by_hand, ax, words):
    nothing = by_hand(Estimate(None, None, reason="no control is left"))
    draw([by_hand(), nothing], ax)
    assert "no control is left" in words(ax)
    assert len(ax.get_yticklabels()) == 2


def test_no_effects_and_no_values_are_sentences(by_hand, ax, words):
    draw([], ax)
    assert "No estimator gave an effect to compare." in words(ax)
    assert not ax.axison
    draw([by_hand(Estimate(None, None, reason="no control"))], ax)
    assert any("no control" in text for text in words(ax))


def test_the_unit_is_on_the_x_axis_and_zero_is_marked(effects, ax, marks):
    draw(list(effects.values()), ax, unit="claims, log")
    assert ax.get_xlabel() == "claims, log"
    assert list(marks(ax, "_zero")[0].get_xdata()) == [0, 0]


def test_numbers_stay_on_the_page(effects, page):
    long = replace(effects["twfe"], overall=Estimate(None, None, reason="a reason of many words " * 9))
    fig = figures.figure("estimator_comparison", [*effects.values(), long], unit="u", source="s")
    boxes = [t.get_window_extent(page(fig)) for t in fig.axes[0].texts]
    assert all(b.x1 <= fig.bbox.width and b.y1 <= fig.bbox.height for b in boxes)
    assert not any(a.overlaps(b) for k, a in enumerate(boxes) for b in boxes[:k])


def test_bars_are_the_intervals_of_the_level_asked(effects, ax):
    draw([effects["twfe"]], ax, level=0.8)
    bar = ax.containers[0].lines[2][0].get_segments()[0]
    np.testing.assert_allclose(bar[:, 0], effects["twfe"].overall.interval(0.8))


def test_an_interval_without_an_end_is_drawn_as_none(by_hand, ax, words, marks):
    class Unbounded:
        words, p_value, std_error, df = "by a test", 0.2, None, None

        def interval(self, level):
            return -np.inf, np.inf

    draw(
        [by_hand(Estimate(-0.18, 0.089)), replace(by_hand(Estimate(-0.14).judge(Unbounded())), estimator="did_2x2")], ax
    )
    (hollow,) = marks(ax, "did_2x2")
    assert hollow.get_markerfacecolor() == "white"
    assert not any("inf" in w for w in words(ax))
