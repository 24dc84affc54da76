"""The estimate with each unit left out in turn."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from scale_impact import figures
from scale_impact.core.check import Check
from scale_impact.figures.leave_one_out import draw


def check(estimates, std_error=0.1, width=0.2, full=0.5):
    rows = [
        {
            "left_out": f"City {k}",
            "estimate": e,
            "ci_low": None if width is None else e - width,
            "ci_high": None if width is None else e + width,
        }
        for k, e in enumerate(estimates)
    ]
    details = {"full": full, "level": 0.95, "std_error": std_error, "rows": rows}
    return Check("leave_one_out", "pass", "No city moves the estimate.", details=details)


def dots(ax):
    return next(line for line in ax.get_lines() if line.get_label() == "one unit left out")


def test_rows_are_sorted_by_estimate_and_named(ax):
    draw(check([0.6, 0.4, 0.5]), ax)
    assert dots(ax).get_xdata().tolist() == [0.4, 0.5, 0.6]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["City 1", "City 2", "City 0"]
    assert ax.get_ylabel() == "Left out"


def test_the_full_estimate_is_a_line_with_its_interval_shaded(ax, marks, words):
    draw(check([0.6, 0.4]), ax)
    assert list(marks(ax, "all units")[0].get_xdata()) == [0.5, 0.5]
    (band,) = ax.patches
    assert (band.get_x(), band.get_x() + band.get_width()) == pytest.approx((0.5 - 0.195996, 0.5 + 0.195996), abs=1e-5)
    assert "their 95% interval" in words(ax)


def test_without_a_standard_error_nothing_is_shaded(ax):
    draw(check([0.6, 0.4], std_error=None), ax)
    assert not ax.patches


def test_each_row_has_its_interval_where_there_is_one(ax):
    draw(check([0.6, 0.4]), ax)
    np.testing.assert_allclose([s[:, 0] for s in ax.collections[0].get_segments()], [[0.2, 0.6], [0.4, 0.8]])
    ax.clear()
    draw(check([0.6, 0.4], width=None), ax)
    assert not ax.collections


def test_forty_rows_are_all_shown_and_of_more_the_ends(ax):
    draw(check(np.linspace(0, 1, 40)), ax)
    assert len(dots(ax).get_xdata()) == 40
    ax.clear()
    estimates = np.linspace(0, 1, 101)
    draw(check(estimates), ax)
    np.testing.assert_allclose(dots(ax).get_xdata(), [*estimates[:20], *estimates[-20:]])
    assert ax.get_ylabel() == "Left out: the 20 lowest and 20 highest of 101 estimates"


def test_zero_is_marked_only_where_it_is_in_sight(ax, marks):
    draw(check([0.6, 0.5], full=0.55), ax)
    assert not marks(ax, "_zero")
    ax.clear()
    draw(check([0.1, -0.1], full=0.0), ax)
    assert marks(ax, "_zero")


def test_the_unit_is_on_the_x_axis(ax):
    draw(check([0.6, 0.4]), ax, unit="claims, log")
    assert ax.get_xlabel() == "claims, log"


def test_a_check_that_does_not_apply_gives_its_reason(ax, words):
    draw(Check.inapplicable("leave_one_out", "There is one treated city."), ax)
    assert "There is one treated city." in words(ax)
    assert not ax.axison


def test_a_page_with_forty_rows_is_high_enough_for_their_names(page):
    fig = figures.figure("leave_one_out", check(np.linspace(0, 1, 40)), unit="u", source="s")
    boxes = [t.get_window_extent(page(fig)) for t in fig.axes[0].get_yticklabels()]
    assert all(below.y1 <= above.y0 for above, below in pairwise(boxes))


def test_the_check_is_not_changed(ax):
    given = check([0.6, 0.4])
    before = [dict(r) for r in given.details["rows"]]
    draw(given, ax)
    assert given.details["rows"] == before
