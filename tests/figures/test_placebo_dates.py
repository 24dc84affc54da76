"""Effects at pretended dates."""

from __future__ import annotations

import numpy as np
import pytest

from scale_impact.core.check import Check
from scale_impact.figures.placebo_dates import draw


def row(earlier, estimate, half=0.5, adjusted=0.9):
    low, high = (None, None) if half is None else (estimate - half, estimate + half)
    return {"earlier": earlier, "estimate": estimate, "ci_low": low, "ci_high": high, "adjusted": adjusted}


def check(*rows):
    return Check("placebo_dates", "pass", "Nothing is found.", details={"alpha": 0.05, "rows": list(rows)})


def test_the_earliest_date_is_at_the_left(ax, marks):
    draw(check(row(1, 0.1), row(2, 0.3)), ax)
    dots = marks(ax, "pretended date")[0]
    assert dict(zip(dots.get_xdata(), dots.get_ydata(), strict=True)) == {-1: 0.1, -2: 0.3}
    assert [t.get_text() for t in ax.get_xticklabels()] == ["1", "2"]
    assert list(ax.get_xticks()) == [-1, -2]


def test_dates_at_which_something_is_found_stand_out(ax, words):
    draw(check(row(1, 0.9, adjusted=0.01), row(2, 0.3)), ax)
    assert "different from zero, for so many dates" in words(ax)
    assert "pretended date (95% interval)" in words(ax)


def test_intervals_are_those_of_the_rows(ax):
    draw(check(row(1, 0.1)), ax)
    (segment,) = ax.containers[0].lines[2][0].get_segments()
    assert segment[:, 1] == pytest.approx([-0.4, 0.6])


def test_a_date_without_an_interval_is_hollow(ax, marks):
    draw(check(row(1, 0.1, half=None, adjusted=None)), ax)
    (dot,) = marks(ax, "no interval")
    assert dot.get_markerfacecolor() == "white"


def test_many_dates_have_some_of_their_names(ax):
    draw(check(*(row(k, 0.1) for k in range(1, 41))), ax)
    assert len(ax.get_xticks()) <= 16
    assert np.ptp(ax.get_xlim()) == pytest.approx(40.2)


def test_a_check_that_does_not_apply_gives_its_reason(ax, words):
    draw(Check.inapplicable("placebo_dates", "No cohort has two periods before treatment."), ax)
    assert "No cohort has two periods before treatment." in words(ax)
