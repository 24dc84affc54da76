"""The funnel plot."""

from __future__ import annotations

import numpy as np
import pytest

from scale_impact.core.city_effects import CityEffects
from scale_impact.figures.funnel import draw
from scale_impact.synthesis.selection import examine


@pytest.fixture(scope="module")
def found():
    rng = np.random.default_rng(5)
    errors = np.linspace(0.05, 0.6, 14)
    return examine(CityEffects.of(0.2 + 1.2 * errors + 0.5 * errors * rng.standard_normal(14), errors))


def test_effects_lie_by_their_standard_errors_the_precise_ones_above(found, ax, marks):
    draw(found, ax, unit="EUR")
    line = marks(ax, "effect")[0]
    assert list(line.get_xdata()) == list(found.effects.effects)
    assert list(line.get_ydata()) == list(np.sqrt(found.effects.variances))
    low, high = ax.get_ylim()
    assert low > high == 0
    assert ax.get_xlabel() == "EUR"


def test_contours_are_those_of_significance(found, ax):
    draw(found, ax)
    inner = next(c for c in ax.collections if c.get_label() == "_not significant").get_paths()[0].vertices
    deep = inner[inner[:, 1] > 0.1]
    assert np.abs(deep[:, 0]).max() == pytest.approx(1.6448536 * deep[:, 1].max(), rel=1e-6)
    names = [c.get_label() for c in ax.collections]
    assert names[:3] == ["p < 0.01", "0.01 to 0.05", "0.05 to 0.10"]


def test_asymmetry_is_eggers_line_beside_the_mean(found, ax, marks):
    draw(found, ax)
    slanted = marks(ax, "Egger")[0]
    x, y = np.array(slanted.get_xdata()), np.array(slanted.get_ydata())
    assert (x[1] - x[0]) / (y[1] - y[0]) == pytest.approx(found.egger.slope)
    assert x[0] == pytest.approx(found.pet.estimate)
    assert set(marks(ax, "mean")[0].get_xdata()) == {found.pooled.mean}


def test_filled_effects_are_hollow_and_only_where_asked(found, ax, marks):
    draw(found, ax)
    assert not marks(ax, "filled")
    ax.clear()
    draw(found, ax, filled=True)
    assert len(marks(ax, "filled")[0].get_xdata()) == found.filled.missing > 0
    assert marks(ax, "filled")[0].get_markerfacecolor() == "white"


def test_without_a_line_the_funnel_stands(ax, marks):
    draw(examine(CityEffects.of([0.1, 0.4, 0.2], [0.2, 0.2, 0.2])), ax)
    assert not marks(ax, "Egger")
    assert len(marks(ax, "effect")[0].get_xdata()) == 3
