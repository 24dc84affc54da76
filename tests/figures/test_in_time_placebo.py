"""Gaps after pretended dates."""

from __future__ import annotations

import numpy as np

from scale_impact.core.check import Check
from scale_impact.figures.in_time_placebo import draw


def row(earlier, estimate, low=-1.0, high=1.0):
    return {
        "earlier": earlier,
        "from": str(2010 - earlier),
        "estimate": estimate,
        "placebo_low": low,
        "placebo_high": high,
    }


def check(*rows, full=5.0):
    return Check("in_time_placebo", "pass", "Nothing is found.", details={"full": full, "rows": list(rows)})


def test_dates_run_from_the_earliest_to_the_latest(ax, marks):
    draw(check(row(2, 0.5), row(5, -0.25)), ax, unit="ug/m3")
    assert [t.get_text() for t in ax.get_xticklabels()] == ["2005", "2008"]
    assert list(marks(ax, "pretended date")[0].get_ydata()) == [-0.25, 0.5]
    assert ax.get_ylabel() == "ug/m3"


def test_the_effect_is_a_line_and_donors_are_bars(ax, marks):
    draw(check(row(2, 0.5), row(5, -0.25, low=-3.0)), ax)
    assert list(marks(ax, "the study's effect")[0].get_ydata()) == [5.0, 5.0]
    np.testing.assert_allclose([s[:, 1] for s in ax.collections[0].get_segments()], [[-3.0, 1.0], [-1.0, 1.0]])


def test_without_placebos_there_are_no_bars(ax, marks):
    draw(check(row(2, 0.5, None, None)), ax)
    assert not ax.collections
    assert list(marks(ax, "pretended date")[0].get_ydata()) == [0.5]


def test_a_date_without_an_estimate_is_left_out(ax, marks):
    draw(check(row(2, None), row(5, 1.0)), ax)
    assert list(marks(ax, "pretended date")[0].get_ydata()) == [1.0]


def test_a_check_that_does_not_apply_gives_its_reason(ax, words):
    draw(Check.inapplicable("in_time_placebo", "There are three periods."), ax)
    assert "There are three periods." in words(ax)
