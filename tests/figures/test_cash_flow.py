"""Gains and costs by year, and their sum so far."""

from __future__ import annotations

import pytest

from scale_impact.figures.cash_flow import SUM, draw
from tests.scaleups import effect, outlook


def test_bars_are_of_each_year_and_the_line_ends_at_the_net_present_value(ax, marks):
    found = outlook(effect(2.0, 0.5), horizon=2, discount={"rate": 0.05})
    draw(found, ax)
    assert [p.get_height() for p in ax.patches] == pytest.approx([*found.years["benefits"], *(-found.years["costs"])])
    (line,) = marks(ax, SUM)
    assert line.get_ydata()[-1] == pytest.approx(found.partners["npv"].iloc[0])
    assert ax.get_ylabel() == "EUR of 2024"


def test_large_amounts_are_in_millions_and_the_currency_keeps_its_capitals(ax):
    found = outlook(effect(2.0, 0.5), reach={"units": 10_000_000})
    draw(found, ax)
    assert ax.get_ylabel() == "Million EUR of 2024"
