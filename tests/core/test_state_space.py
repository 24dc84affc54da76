"""Structural time series: forecasts against the filter, coverage, and what cannot be learnt."""

import numpy as np
import pytest

from scale_impact.core.state_space import Structure, foretell
from scale_impact.errors import EstimationError

NONE = np.zeros((80, 0))


def wandering(seed, n=80, level=0.3, noise=1.0):
    rng = np.random.default_rng(seed)
    return level * rng.normal(size=n).cumsum() + noise * rng.normal(size=n)


def cut(y, after=60):
    return np.where(np.arange(len(y)) < after, y, np.nan)


def test_what_lies_behind_the_last_observation_is_not_looked_at():
    y = wandering(1)
    one, other = (
        foretell(cut(v), NONE, Structure("drift"), draws=300) for v in (y, np.where(np.arange(80) < 60, y, 9e9))
    )
    assert np.array_equal(one.draws, other.draws)


def test_the_same_seed_gives_the_same_draws():
    y = cut(wandering(2))
    one, other = (foretell(y, NONE, Structure("level"), draws=300, seed=4) for _ in range(2))
    assert np.array_equal(one.draws, other.draws)
    assert not np.array_equal(one.draws, foretell(y, NONE, Structure("level"), draws=300, seed=5).draws)


@pytest.mark.parametrize("structure", [Structure("level"), Structure("drift", 12), Structure("linear", 20, 2, True)])
def test_forecasts_do_not_depend_on_the_scale_or_zero_of_the_series(structure):
    y = cut(wandering(3))
    one, other = foretell(y, NONE, structure, draws=400), foretell(1000 * y - 5, NONE, structure, draws=400)
    assert other.expected[:60] == pytest.approx(1000 * one.expected[:60] - 5, rel=1e-3, abs=5)
    spread = one.draws.std(axis=0)
    assert (other.expected[60:] + 5) / 1000 == pytest.approx(one.expected[60:], abs=0.5 * spread.min())
    assert other.draws.std(axis=0) / 1000 == pytest.approx(spread, rel=0.3)  # 400 draws from some 300 points


def test_draws_scatter_around_the_expected_path_and_get_wider():
    found = foretell(cut(wandering(4)), NONE, Structure("level"), draws=4000)
    spread = found.draws.std(axis=0)
    assert found.draws.mean(axis=0) == pytest.approx(found.expected[60:], abs=4 * spread.max() / np.sqrt(4000))
    assert spread[-1] > spread[0]


def test_at_known_deviations_the_forecast_is_that_of_statsmodels():
    from statsmodels.tsa.statespace.structural import UnobservedComponents

    y = wandering(5)
    found = foretell(cut(y), NONE, Structure("level"))
    model = UnobservedComponents(y[:60], level="local level", use_exact_diffuse=True)
    fit = model.smooth([found.deviations["irregular"] ** 2, found.deviations["level"] ** 2])
    ahead = fit.get_forecast(20)
    assert found.expected[60:] == pytest.approx(ahead.predicted_mean, rel=1e-6)
    assert found.variance[60:] == pytest.approx(ahead.se_mean**2, rel=1e-6)
    assert found.expected[1:60] == pytest.approx(fit.fittedvalues[1:], rel=1e-6)


def test_a_line_without_wandering_is_gone_on_with():
    t = np.arange(80)
    y = 3 + 0.5 * t + 0.01 * np.random.default_rng(6).normal(size=80)
    found = foretell(cut(y), NONE, Structure("drift"), draws=300)
    assert found.expected[60:] == pytest.approx(3 + 0.5 * t[60:], abs=0.1)


def test_a_season_and_a_regressor_are_learnt():
    t = np.arange(80)
    x = np.random.default_rng(7).normal(size=(80, 1))
    y = np.sin(2 * np.pi * t / 4) + 2 * x[:, 0] + 0.01 * np.random.default_rng(8).normal(size=80)
    found = foretell(cut(y), x, Structure("level", 4))
    assert found.expected[60:] == pytest.approx(y[60:], abs=0.1)


def test_periods_missing_before_are_bridged():
    y = wandering(9, level=0.1)
    holes = cut(y)
    holes[[20, 21, 40]] = np.nan
    found = foretell(holes, NONE, Structure("level"), draws=300)
    whole = foretell(cut(y), NONE, Structure("level"), draws=300)
    assert found.expected[60:] == pytest.approx(whole.expected[60:], abs=0.5)
    assert np.isfinite(found.expected).all()


def test_steps_met_for_the_first_time_are_not_foretold():
    known = foretell(cut(wandering(10)), NONE, Structure("level", 12)).known
    assert not known[:12].any()
    assert known[12:].all()


def test_intervals_of_the_mean_hold_about_as_often_as_they_say():
    hits = 0
    for seed in range(16):
        y = wandering(100 + seed, n=32)
        found = foretell(cut(y, 24), NONE[:32], Structure("level"), draws=200, seed=seed)
        low, high = np.quantile((y[24:] - found.draws).mean(axis=1), [0.1, 0.9])
        hits += low < 0 < high
    assert 9 <= hits <= 16  # 80 % of 16 is 13; 2.5 standard deviations to either side


def test_too_few_periods_for_the_states_are_refused():
    with pytest.raises(EstimationError, match="13 periods before the measure for a model with 13 states"):
        foretell(cut(wandering(11), 13), NONE, Structure("drift", 12))


def test_a_series_that_does_not_vary_is_refused():
    with pytest.raises(EstimationError, match="does not vary"):
        foretell(cut(np.full(80, 7.0)), NONE, Structure("level"))
