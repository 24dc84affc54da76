"""Several estimators' gaps, one line each."""

from __future__ import annotations

import numpy as np

from scale_impact.figures.gap_comparison import MOST, draw, height
from tests.figures.twins import line, twins


def test_each_estimator_is_a_line_over_the_time_since_the_start(ax):
    one, other = twins((8,)), twins((6,))
    draw([one, other], ax, unit="packets", labels=["first", "second"])
    np.testing.assert_allclose(line(ax, "first").get_ydata(), one.path.values)
    assert line(ax, "second").get_xdata().tolist() == list(other.path.event_times)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Periods since first treated", "packets")


def test_the_first_is_bold_and_the_legend_keeps_the_order(ax):
    draw([twins()] * 3, ax, labels=["b", "a", "c"])
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["b", "a", "c"]
    assert line(ax, "b").get_linewidth() > line(ax, "a").get_linewidth()


def test_lines_can_be_told_apart_and_no_more_are_drawn(ax):
    draw([twins()] * (MOST + 3), ax, labels=[f"estimator {k:02d}" for k in range(MOST + 3)])
    lines = [x for x in ax.get_lines() if str(x.get_label()).startswith("estimator")]
    assert len({(x.get_color(), x.get_linestyle()) for x in lines}) == len(lines) == MOST


def test_more_names_need_more_height():
    assert height([twins()] * 8) > height([twins()] * 2)


def test_no_path_is_a_sentence(by_hand, ax, words):
    draw([by_hand()], ax)
    assert words(ax)[-1].startswith("No estimator gives effects")
