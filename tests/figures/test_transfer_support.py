"""The city among the pilots, drawn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from scale_impact.figures.transfer_support import draw, height
from tests.synthesis.test_for_city import OWN, PILOTS, expected

FAR = {"size": 5e8, "rent": 40.0, "region": "Q"}


@pytest.fixture(scope="module")
def found():
    return expected(bandwidth=1.0)


def test_each_variable_has_a_row_with_the_pilots_between_zero_and_one(ax, marks, found):
    draw(found, ax, unit="")
    at = [np.ravel(m.get_xdata()) for m in [*marks(ax, "a pilot"), *marks(ax, "_a pilot")]]
    assert len(at) == 2
    assert all((a.min(), a.max()) == (pytest.approx(0), pytest.approx(1)) for a in at)
    names = " ".join(t.get_text() for t in ax.get_yticklabels())
    assert "rent" in names
    assert "size" in names
    assert "region: " in names


def test_logarithms_lie_on_their_own_scale(ax, marks, found):
    draw(found, ax)
    row = [t.get_text().split(":")[0] for t in ax.get_yticklabels()].index("size")
    size = np.log(PILOTS.context["size"])
    own = next(m for m in ax.lines if m.get_marker() == "D" and m.get_ydata()[0] == row)
    assert own.get_xdata()[0] == pytest.approx((np.log(OWN["size"]) - size.min()) / np.ptp(size))


def test_outside_is_another_mark_at_the_top_with_an_arrow_where_it_is_far(ax, marks, words):
    found = expected(city=FAR)
    draw(found, ax)
    crosses = [m for m in ax.lines if m.get_marker() == "X"]
    assert len(crosses) == 3
    assert len([t for t in ax.texts if getattr(t, "arrow_patch", None) is not None]) == 2
    assert "0 of 10 pilots are in the same group" in words(ax)


def test_what_is_not_compared_is_said(ax):
    draw(expected(city=OWN.to_dict() | {"rent": None}), ax)
    assert "Not compared: rent." in ax.get_xlabel()


def test_distances_of_pilots_stand_beside_what_is_near_and_too_far(ax, marks, found):
    draw(found, ax, show="distances")
    drawn = marks(ax, "pilot")[0].get_xdata()
    np.testing.assert_allclose(drawn, np.sort(found.compared.to_city))
    assert ax.get_yticklabels()[0].get_text() == found.nearest
    lines = sorted(float(np.ravel(m.get_xdata())[0]) for m in ax.lines if m.get_label()[:4] in ("near", "too "))
    assert lines == [pytest.approx(found.support.limit), pytest.approx(2 * found.support.limit)]


def test_nothing_compared_gives_the_reason(ax, words):
    draw(expected(replace(PILOTS, context=None)), ax)
    assert any("cannot be told" in w for w in words(ax))


def test_more_rows_need_a_higher_figure(found):
    assert height(expected(PILOTS.take(range(3))), "distances") <= height(found, "distances")
