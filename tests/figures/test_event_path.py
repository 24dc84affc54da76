"""Effects by time since treatment."""

from __future__ import annotations

import numpy as np

from scale_impact.figures.event_path import draw


def test_each_event_time_is_one_dot_before_or_after(effects, ax, marks):
    effect = effects["callaway_santanna"]
    draw(effect, ax)
    before, after = marks(ax, "before")[0], marks(ax, "after")[0]
    assert before.get_xdata().tolist() == [e for e in effect.path.event_times if e < 0]
    assert after.get_xdata().tolist() == [e for e in effect.path.event_times if e >= 0]
    np.testing.assert_allclose([*before.get_ydata(), *after.get_ydata()], effect.path.values)


def test_before_and_after_differ_by_colour_and_by_shape(effects, ax, marks):
    draw(effects["callaway_santanna"], ax)
    before, after = marks(ax, "before")[0], marks(ax, "after")[0]
    assert before.get_color() != after.get_color()
    assert before.get_marker() != after.get_marker()


def test_bars_are_the_intervals_of_the_level_asked(effects, ax):
    effect = effects["callaway_santanna"]
    draw(effect, ax, level=0.9)
    bars = next(c for c in ax.containers if c.get_label().startswith("after")).lines[2][0].get_segments()
    after = [e for e, t in zip(effect.path, effect.path.event_times, strict=True) if t >= 0]
    np.testing.assert_allclose([s[:, 1] for s in bars], [e.interval(0.9) for e in after])
    assert "after treatment (90% interval)" in [t.get_text() for t in ax.get_legend().get_texts()]


def test_the_reference_period_is_hollow_and_has_no_interval(effects, ax, marks):
    draw(effects["event_study"], ax)
    (reference,) = marks(ax, "reference period")
    assert reference.get_xydata().tolist() == [[-1.0, 0.0]]
    assert reference.get_markerfacecolor() == "white"
    assert -1.0 not in marks(ax, "before")[0].get_xdata()


def test_an_estimate_without_a_standard_error_is_hollow_too(by_hand, family, ax, marks):
    draw(by_hand(path=family("event_time", [(-1, 0.1, 0.2), (0, 1.0, None), (1, 2.0, 0.2)])), ax)
    hollow = next(m for m in ax.get_lines() if str(m.get_label()).endswith("no interval"))
    assert hollow.get_xydata().tolist() == [[0.0, 1.0]]
    assert hollow.get_markerfacecolor() == "white"
    assert marks(ax, "after treatment (95% interval)")[0].get_xdata().tolist() == [1.0]


def test_there_is_a_zero_line_and_a_border_between_minus_one_and_zero(effects, ax, marks):
    draw(effects["event_study"], ax)
    assert list(marks(ax, "_zero")[0].get_ydata()) == [0, 0]
    (border,) = marks(ax, "_border")
    assert list(border.get_xdata()) == [-0.5, -0.5]
    assert border.get_linestyle() == "--"


def test_the_border_lies_half_way_where_periods_are_far_apart(by_hand, family, ax, marks):
    draw(by_hand(path=family("event_time", [(-10, 0.0, 0.1), (-5, 0.1, 0.2), (0, 1.0, 0.3)])), ax)
    assert marks(ax, "_border")[0].get_xdata()[0] == -2.5


def test_a_path_without_a_period_before_still_shows_the_border(by_hand, family, ax, marks):
    draw(by_hand(path=family("event_time", [(0, 1.0, 0.3)])), ax)
    assert marks(ax, "_border")[0].get_xdata()[0] == -0.5
    assert ax.get_xlim()[0] < -0.5


def test_axes_say_time_since_treatment_and_unit(effects, ax):
    draw(effects["event_study"], ax, unit="claims, log")
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Periods since first treated", "claims, log")


def test_the_uniform_band_lies_behind_the_intervals_and_is_wider(effects, ax):
    effect = effects["callaway_santanna"]
    draw(effect, ax, level=0.9, band=True)
    bars = next(c for c in ax.containers if str(c.get_label()).startswith("whole path"))
    expected = [ends for ends in effect.path.band(0.9).intervals if ends is not None]
    found = [(b.get_y(), b.get_y() + b.get_height()) for b in bars]
    np.testing.assert_allclose(found, expected)
    for (low, high), estimate in zip(found, [e for e in effect.path if e.std_error is not None], strict=True):
        assert low < estimate.interval(0.9)[0] < estimate.interval(0.9)[1] < high
    assert "whole path (90% uniform band)" in [t.get_text() for t in ax.get_legend().get_texts()]


def test_no_band_is_drawn_unless_it_is_asked_for(effects, ax):
    draw(effects["callaway_santanna"], ax)
    assert not any(str(c.get_label()).startswith("whole path") for c in ax.containers)


def test_a_path_without_covariance_has_intervals_and_no_band(by_hand, family, ax):
    draw(by_hand(path=family("event_time", [(-1, 0.1, 0.2), (0, 1.0, 0.3)])), ax, band=True)
    assert not any(str(c.get_label()).startswith("whole path") for c in ax.containers)


def test_no_path_is_a_sentence_and_not_an_empty_box(effects, ax, words):
    draw(effects["twfe"], ax)
    assert "twfe gives no effects by time since treatment." in words(ax)
    assert not ax.axison
