"""The forest plot."""

from __future__ import annotations

import numpy as np
import pytest

from scale_impact.core.city_effects import CityEffects
from scale_impact.figures.forest import MOST, axis_title, draw, height
from scale_impact.synthesis.pooling import pool


def pooled(k=6, seed=1, *, direction="-", unit="EUR"):
    rng = np.random.default_rng(seed)
    errors = rng.uniform(0.1, 0.6, k)
    names = tuple(f"City {n}" for n in range(k))
    return pool(CityEffects(names, rng.normal(-0.5, np.hypot(errors, 0.3)), np.diag(errors**2), unit, direction))


def of(ax, label):
    """Collections and patches whose name begins so."""
    return [a for a in (*ax.collections, *ax.patches) if str(a.get_label()).startswith(label)]


def row_names(ax):
    return [t.get_text() for t in ax.get_yticklabels()]


def test_each_city_has_a_row_with_its_interval_and_its_numbers(ax, words):
    value = pooled()
    draw(value, ax)
    assert row_names(ax) == [*value.effects.labels, "Mean of 6 effects", "A new city"]
    points = of(ax, "city, 95% interval")[0].get_offsets()
    assert np.allclose(points[:, 0], value.effects.effects)
    ends = np.array([[a[0], b[0]] for a, b in of(ax, "_interval")[0].get_segments()])
    half = 1.959964 * np.sqrt(value.effects.variances)
    assert np.allclose(ends[:, 1] - ends[:, 0], 2 * half, rtol=1e-5)
    assert f"{100 * value.weights[0]:.1f}%" in words(ax)
    assert any("(95% interval)" in w for w in words(ax))


def test_squares_grow_with_weight(ax):
    value = pooled()
    draw(value, ax)
    sizes = of(ax, "city, 95% interval")[0].get_sizes()
    assert list(np.argsort(sizes)) == list(np.argsort(value.weights))


def test_the_prediction_is_another_mark_than_the_mean_and_wider(ax):
    value = pooled(20, 2)
    assert value.tau2 > 0
    draw(value, ax)
    diamond = of(ax, "mean, 95% interval")[0].get_path().vertices[:4, 0]
    bar = of(ax, "a new city, 95% prediction interval")[0]
    assert (diamond.min(), diamond.max()) == pytest.approx((value.low, value.high))
    assert (bar.get_x(), bar.get_x() + bar.get_width()) == pytest.approx((value.predicted_low, value.predicted_high))
    assert bar.get_width() > diamond.max() - diamond.min()
    assert bar.get_facecolor() != of(ax, "mean, 95% interval")[0].get_facecolor()


def test_the_direction_is_said(ax):
    draw(pooled(), ax, unit="claims")
    assert ax.get_xlabel() == "claims (\N{LEFTWARDS ARROW} lower is better)"
    assert axis_title("", "+") == "Effect (higher is better \N{RIGHTWARDS ARROW})"
    assert axis_title("EUR", "context") == "EUR"


def test_rows_go_by_effect_or_weight(ax):
    value = pooled()
    draw(value, ax, order="effect")
    order = np.argsort(-value.effects.effects)
    assert row_names(ax)[:6] == [value.effects.labels[i] for i in order]
    ax.clear()
    draw(value, ax, order="weight")
    assert row_names(ax)[0] == value.effects.labels[int(np.argmax(value.weights))]


def test_effects_drawn_to_the_mean_are_shown_where_asked(ax, marks):
    value = pooled()
    draw(value, ax, shrunken=True)
    assert list(marks(ax, "drawn to the mean")[0].get_xdata()) == list(value.shrunken)


def test_a_very_wide_interval_is_cut_with_an_arrow(ax, marks):
    errors = np.array([0.1, 0.1, 0.1, 0.12, 30.0])
    value = pool(CityEffects.of([0.1, 0.5, 0.2, 0.4, 0.3], errors))
    draw(value, ax)
    left, right = ax.get_xlim()
    assert right - left < 10
    assert len(marks(ax, "_beyond")) == 2


def test_above_sixty_effects_a_few_are_named_and_the_figure_stays_on_a_page(ax, words):
    value = pooled(200)
    draw(value, ax)
    assert len(row_names(ax)) < 15
    assert row_names(ax)[-2:] == ["Mean of 200 effects", "A new city"]
    assert row_names(ax)[0] == value.effects.labels[int(np.argmax(value.effects.effects))]
    assert not any("%" in w and "interval" not in w for w in words(ax))
    assert height(pooled(3)) < height(pooled(MOST)) <= 11
    assert height(value) <= 11


def test_one_effect_has_no_prediction_and_long_names_keep_both_ends(ax):
    effects = CityEffects(("The metropolitan association of the northern lakes",), np.array([1.0]), np.array([[0.04]]))
    draw(pool(effects), ax)
    assert not of(ax, "a new city")
    assert row_names(ax)[0].startswith("The metropolitan")
    assert row_names(ax)[0].endswith("lakes")
