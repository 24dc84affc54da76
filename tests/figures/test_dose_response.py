"""Effects by dose."""

from __future__ import annotations

import numpy as np

from scale_impact.figures.dose_response import draw
from tests.estimators.test_dose_response import drawn_doses, fitted
from tests.panels import NEVER


def curve_of(**options):
    return fitted(drawn_doses({2: 30, 4: 30, NEVER: 40}, 1), degree=2, **options)


def test_the_curve_passes_through_the_estimates_and_the_mean_is_dashed(ax, marks):
    effect = curve_of()
    draw(effect, ax, dose="Kilometres of lane")
    (line,) = marks(ax, "effect at a dose")
    np.testing.assert_allclose(line.get_xdata(), effect.curves["level"].points)
    np.testing.assert_allclose(line.get_ydata(), effect.curves["level"].values)
    (mean,) = marks(ax, "mean over the doses")
    assert list(mean.get_ydata()) == [effect.overall.value] * 2
    assert ax.get_xlabel() == "Kilometres of lane"


def test_the_slope_has_its_own_unit_and_mean(ax, marks):
    effect = curve_of()
    draw(effect, ax, curve="slope", unit="per cent")
    assert marks(ax, "mean over the doses")[0].get_ydata()[0] == effect.summaries["slope"].value
    assert "per cent per unit of dose" in ax.get_ylabel()


def test_the_band_is_the_interval_of_the_level_asked(ax):
    effect = curve_of()
    draw(effect, ax, level=0.9)
    band = ax.collections[0].get_paths()[0].vertices
    ends = np.array([e.interval(0.9) for e in effect.curves["level"]])
    assert np.isclose(band[:, 1].min(), ends[:, 0].min())
    assert np.isclose(band[:, 1].max(), ends[:, 1].max())


def test_an_effect_without_doses_says_so(effects, ax):
    draw(effects["callaway_santanna"], ax)
    assert "no effects by dose" in ax.texts[0].get_text()
