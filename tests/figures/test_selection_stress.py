"""What selection would leave of the mean."""

from __future__ import annotations

import numpy as np
import pytest

from scale_impact.core.city_effects import CityEffects
from scale_impact.figures.selection_stress import draw
from scale_impact.synthesis.selection import examine

EFFECTS = [-0.9, -1.6, -1.3, -1.4, -0.2, -0.8, -1.6, 0.0, -0.5, -1.4]
ERRORS = [0.57, 0.44, 0.64, 0.14, 0.23, 0.08, 0.47, 0.06, 0.24, 0.27]


@pytest.fixture(scope="module")
def found():
    return examine(CityEffects.of(EFFECTS, ERRORS), favoured="low", target=-0.3)


def test_the_mean_rises_with_what_pilots_are_better_by(found, ax, marks):
    draw(found, ax, unit="log points")
    line = marks(ax, "mean")[0]
    x, y = line.get_xdata(), line.get_ydata()
    assert y[0] == pytest.approx(found.pooled.mean)
    assert (y[1] - y[0]) / (x[1] - x[0]) == pytest.approx(1.0)
    assert ax.get_xlabel() == "Pilots are better than other cities by (log points)"


def test_where_the_conclusion_tips_is_marked(found, ax, marks, words):
    draw(found, ax)
    picked = found.picked
    at = sorted(float(np.ravel(m.get_xdata())[0]) for m in marks(ax, "_tip"))
    assert at == pytest.approx(sorted([picked.to_zero, picked.interval_to_zero, picked.to_target]))
    assert f"{picked.to_zero:.3g}" in words(ax)
    assert "0.5 sd\n78%" in words(ax)
    assert ax.get_xlim()[1] > picked.to_zero


def test_the_prediction_is_a_wider_band_than_the_means(found, ax):
    draw(found, ax)
    bands = {c.get_label(): c.get_paths()[0].vertices[:, 1] for c in ax.collections}
    mean, new = bands["mean's 95% interval"], bands["a new city, 95% prediction"]
    assert new.min() < mean.min() < mean.max() < new.max()


def test_publication_is_a_curve_towards_the_worst_case(found, ax, marks):
    draw(found, ax, by="published")
    line = marks(ax, "mean")[0]
    assert list(line.get_xdata()) == list(found.published.ratios)
    assert list(line.get_ydata()) == list(found.published.mean)
    assert set(marks(ax, "not significant ones alone")[0].get_ydata()) == {found.published.worst}
    assert ax.get_xscale() == "log"
    assert "as often as others" in ax.get_xlabel()


def test_no_answer_is_said(ax, words):
    draw(examine(CityEffects.of([0.1], [0.2])), ax)
    assert any("one" in w.lower() for w in words(ax))
    ax.clear()
    draw(examine(CityEffects.of([0.1, 0.2, 0.1], [0.3, 0.4, 0.5])), ax, by="published")
    assert any("No effect is favourable" in w.replace("\n", " ") for w in words(ax))
