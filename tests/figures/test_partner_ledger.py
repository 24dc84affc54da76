"""The ledger of partners as bars."""

from __future__ import annotations

import pytest

from scale_impact.figures.partner_ledger import draw, height
from tests.scaleups import BASE, effect, flow, outlook

FEE = flow("fee", "transfer", 100, paid_by="pupils", received_by="city")


def bars(ax):
    """Left end, right end and row of each bar."""
    return sorted(
        (round(p.get_x(), 6), round(p.get_x() + p.get_width(), 6), round(p.get_y() + p.get_height() / 2))
        for p in ax.patches
    )


def test_what_comes_in_is_right_of_zero_what_goes_out_left_and_transfers_stand_on_both_sides(ax, marks):
    draw(outlook(flows=[*BASE["flows"], FEE]), ax)
    assert bars(ax) == [(-500, 0, 0), (-500, 0, 1), (-100, 0, 2), (0, 100, 1), (0, 600, 0), (0, 600, 2)] or bars(
        ax
    ) == sorted([(0, -500, 0), (0, -500, 1), (0, -100, 2), (0, 100, 1), (0, 600, 0), (0, 600, 2)])
    (dots,) = marks(ax, "net present value")
    assert list(dots.get_xdata()) == pytest.approx([100, -400, 500])
    assert [t.get_text() for t in ax.get_yticklabels()] == ["all partners", "city", "pupils"]


def test_money_is_shown_in_millions_with_its_currency_and_year(ax, words):
    large = [{**f, "amount": f["amount"] * 1e6} for f in BASE["flows"]]
    draw(outlook(flows=large), ax)
    assert ax.get_xlabel() == "Present value, million EUR of 2024"
    assert "100 %" in words(ax)


def test_a_kind_has_one_entry_in_the_legend(ax):
    draw(outlook(effect(2.0, 0.5), flows=[*BASE["flows"], FEE]), ax)
    shown = [t.get_text() for t in ax.get_legend().get_texts()]
    assert shown == ["net present value", "95% interval", "benefits", "costs", "transfers"]


def test_more_partners_need_a_higher_figure():
    partners = [*BASE["partners"], *({"name": f"district {k}", "kind": "citizens"} for k in range(9))]
    lines = [*BASE["flows"], *(flow(f"fee {k}", "cost", 1, paid_by=f"district {k}") for k in range(9))]
    assert height(outlook(partners=partners, flows=lines)) > height(outlook())
