"""The treated path within the range of its donors."""

from __future__ import annotations

from scale_impact.core.check import Check
from scale_impact.figures.convex_hull import draw


def check(values=(1.0, 2.0, 9.0)):
    path = {
        "treated": "Riverton", "periods": ["2001", "2002", "2003"], "values": list(values), "lowest": [0.0] * 3,
        "highest": [5.0] * 3, "expected": [1.0, 2.0, 5.0],
    }  # fmt: skip
    return Check("convex_hull", "fail", "It lies outside.", details={"path": path})


def test_path_mix_and_range_are_drawn(ax, marks):
    draw(check(), ax, unit="ug/m3")
    assert list(marks(ax, "Riverton")[0].get_ydata()) == [1.0, 2.0, 9.0]
    assert list(marks(ax, "its donors' mix")[0].get_ydata()) == [1.0, 2.0, 5.0]
    assert ax.collections[0].get_label() == "lowest to highest donor"
    assert ax.get_ylabel() == "ug/m3"


def test_periods_beyond_all_donors_are_marked(ax, marks):
    draw(check(), ax)
    mark = marks(ax, "beyond all donors")[0]
    assert (list(mark.get_xdata()), list(mark.get_ydata())) == ([2.0], [9.0])
    ax.clear()
    draw(check((1.0, 2.0, 3.0)), ax)
    assert not marks(ax, "beyond all donors")


def test_a_check_that_does_not_apply_gives_its_reason(ax, words):
    draw(Check.inapplicable("convex_hull", "There is no donor."), ax)
    assert "There is no donor." in words(ax)
