"""The effect that is scaled: its distribution, its direction, its logarithms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from scale_impact.errors import DesignError
from scale_impact.scaleup.effect import OUTERMOST, EffectToScale

U = np.array([0.001, 0.2, 0.5, 0.9, 0.9999])


@pytest.mark.parametrize("df", [None, 3, 27.5, np.inf])
def test_quantiles_are_those_of_the_t_distribution(df):
    found = EffectToScale(1.5, 0.4, df).quantile(U)
    told = stats.norm if df is None or np.isinf(df) else stats.t(df)
    assert found == pytest.approx(1.5 + 0.4 * told.ppf(U), rel=1e-9)


def test_draws_stand_for_the_distribution_where_they_are_given():
    drawn = np.random.default_rng(1).gamma(2, size=500)
    found = EffectToScale(drawn.mean(), drawn.std(), drawn=drawn).quantile(U)
    assert found == pytest.approx(np.quantile(drawn, U))


@pytest.mark.parametrize("more", [{"df": 2}, {"df": 8, "scale": "log"}])
def test_where_a_mean_would_not_exist_the_ends_are_moved_in(more):
    effect = EffectToScale(0.0, 1.0, **more)
    assert effect.is_bounded
    assert effect.quantile(np.array([0.0, 1.0])) == pytest.approx(stats.t(more["df"]).ppf([OUTERMOST, 1 - OUTERMOST]))
    assert not EffectToScale(0.0, 1.0, scale="log").is_bounded


def test_an_effect_known_exactly_is_the_same_in_all_worlds():
    assert list(EffectToScale(-0.3, 0.0, 4).quantile(U)) == [-0.3] * 5


def test_less_of_what_is_bad_is_an_improvement():
    assert EffectToScale(-2.0, 1, direction="-").improvement(-2.0) == 2
    assert EffectToScale(-2.0, 1, direction="+").improvement(-2.0) == -2


@pytest.mark.parametrize("direction", ["+", "-"])
@pytest.mark.parametrize("scale", ["level", "log"])
def test_an_improvement_leads_back_to_its_effect(direction, scale):
    effect = EffectToScale(0.1, 0.1, direction=direction, scale=scale)
    assert effect.effect_of(float(effect.improvement(0.4))) == pytest.approx(0.4)


def test_ten_log_points_less_are_nine_and_a_half_per_cent_less():
    assert EffectToScale(-0.1, 0.1, direction="-", scale="log").improvement(-0.1) == pytest.approx(0.0951626)


def test_nothing_falls_by_more_than_all_of_it():
    assert EffectToScale(-0.1, 0.1, direction="-", scale="log").effect_of(1.0) is None


def test_all_that_is_wrong_is_told_at_once():
    with pytest.raises(DesignError) as told:
        EffectToScale(np.nan, -1, 0, direction="context", drawn=np.array([1.0, np.nan]))
    assert len(told.value.problems) == 5
    assert "of shape (2,), 1 of them no numbers" in str(told.value)
