"""The effect by the span fitted on."""

from __future__ import annotations

from scale_impact.core.check import Check
from scale_impact.figures.pre_period_length import draw


def check(*estimates):
    rows = [{"dropped": k, "from": str(2000 + k), "periods": 10 - k, "estimate": e} for k, e in enumerate(estimates)]
    return Check("pre_period_length", "pass", "The span does not decide.", details={"allowed": 2.0, "rows": rows})


def test_the_effect_is_drawn_by_its_first_period(ax, marks):
    draw(check(4.0, 4.5, None, 3.0), ax, unit="ug/m3")
    line = marks(ax, "fitted from")[0]
    assert (list(line.get_xdata()), list(line.get_ydata())) == ([0, 1, 3], [4.0, 4.5, 3.0])
    assert [t.get_text() for t in ax.get_xticklabels()] == ["2000\n10", "2001\n9", "2003\n7"]
    assert ax.get_ylabel() == "ug/m3"


def test_the_band_is_what_the_check_allows(ax, marks):
    draw(check(-4.0, -3.0), ax)
    (band,) = ax.patches
    assert sorted((band.get_y(), band.get_y() + band.get_height())) == [-6.0, -2.0]
    assert list(marks(ax, "all periods before")[0].get_ydata()) == [-4.0, -4.0]


def test_a_check_that_does_not_apply_gives_its_reason(ax, words):
    draw(Check.inapplicable("pre_period_length", "There are three periods."), ax)
    assert "There are three periods." in words(ax)
