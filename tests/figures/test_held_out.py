"""The held-out test as a figure."""

from __future__ import annotations

import numpy as np
import pytest

from scale_impact.core.city_effects import CityEffects
from scale_impact.figures.held_out import draw, height
from scale_impact.synthesis.held_out import hold_out


def held_out(values, error=0.1):
    labels = [f"city {k}" for k in range(len(values))]
    return hold_out(CityEffects.of(values, np.full(len(values), error), labels=labels))


OUTLIER = [0.0, 0.1, -0.1, 0.05, 0.0, -0.05, 0.1, 0.02, 0.0, 0.04, 5.0]


def test_cities_stand_in_order_of_their_effect(ax, marks):
    draw(held_out([0.5, 2.0, 1.0, 1.4]), ax, unit="points")
    assert [t.get_text() for t in ax.get_yticklabels()] == ["city 1", "city 3", "city 2", "city 0"]
    assert list(marks(ax, "measured, with")[0].get_xdata()) == [2.0, 1.4, 1.0, 0.5]
    assert ax.get_xlabel() == "points (95% intervals)"


def test_a_miss_has_a_form_and_a_colour_of_its_own(ax, marks, words):
    draw(held_out(OUTLIER), ax)
    (missed,), (held,) = marks(ax, "measured, outside"), marks(ax, "measured, with")
    assert list(missed.get_xdata()) == [5.0]
    assert missed.get_marker() != held.get_marker()
    assert missed.get_color() != held.get_color()
    assert "measured, outside the prediction" in words(ax)


def test_without_a_miss_the_legend_names_none(ax, words):
    draw(held_out([0.5, 2.0, 1.0, 1.4]), ax)
    assert "measured, outside the prediction" not in words(ax)


def test_predictions_are_those_made_without_the_city(ax):
    found = held_out([0.5, 2.0, 1.0, 1.4])
    draw(found, ax)
    bars = next(c for c in ax.collections if c.get_label() == "_bar").get_segments()
    best = int(np.argmax(found.effects.effects))
    ends = found.without.predicted_low[best], found.without.predicted_high[best]
    assert bars[0][:, 0] == pytest.approx(ends)


def test_many_cities_keep_a_height_and_long_names_are_cut(ax):
    many = held_out(np.linspace(-1, 1, 60))
    assert height(held_out([1.0, 2.0, 3.0])) < height(many) <= 11
    labels = ["x" * 60, "b", "c"]
    draw(hold_out(CityEffects.of([1.0, 2.0, 3.0], [0.1] * 3, labels=labels)), ax)
    assert max(len(t.get_text()) for t in ax.get_yticklabels()) <= 28


def test_two_cities_give_the_reason_in_place_of_a_figure(ax, words):
    draw(held_out([1.0, 2.0]), ax)
    assert any("two at the least" in text.replace("\n", " ") for text in words(ax))
