"""Prediction intervals: against scpi's published software, a general optimiser, and by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

import scale_impact as si
from scale_impact.core.targets import targets_of
from scale_impact.errors import DesignError, EstimationError
from scale_impact.inference import prediction_interval
from tests.inference import overall
from tests.panels import california, reference
from tests.pilots import effect_by, mean_of_donors, world

SOME_YEARS = (1989, 1993, 1997, 2000)


def by_scpi(kind, order=1):
    """Ends of 90 % intervals by year."""
    values = reference("scpi_prop99", f"order_{order}")
    return dict(zip(values["year"], values[kind], strict=True))


@pytest.fixture(scope="module", name="california")
def _california():
    panel, design = california()
    return panel, design, si.estimate("synthetic_control", panel, design)


def years(california, chosen, **options):
    """Judgements of single years."""
    panel, design, effect = california
    targets = targets_of(effect, panel, design, None)
    picked = [t for t in targets if t.place == "path" and 1989 + effect.path.event_times[t.k] in chosen]
    return prediction_interval.judge(panel, design, None, effect, picked, **options)


def test_shocks_after_the_start_are_bounded_as_by_scpi(california):
    for order, near in ((1, 0.005), (0, 0.001)):
        expected = by_scpi("shocks", order)
        for ends, found in zip(expected.values(), years(california, expected, order=order), strict=True):
            (part,) = found.parts
            mine = prediction_interval._shocks(part.model, part.drivers, "sub_gaussian", 0.05)
            assert mine == pytest.approx(ends, abs=near)


def test_weights_move_the_counterfactual_as_far_as_in_scpi(california):
    expected = by_scpi("in_sample")
    for year, found in zip(SOME_YEARS, years(california, SOME_YEARS), strict=True):
        down, up = found._in_sample(0)  # both simulate: theirs 1,000, here 200
        assert (-np.quantile(down, 0.975), np.quantile(up, 0.975)) == pytest.approx(tuple(expected[year]), rel=0.15)


def test_location_scale_quantiles_are_those_of_scpi(california):
    expected = by_scpi("location_scale")
    options = {"shocks": "location_scale", "draws": 100}
    for year, found in zip((1989, 2000), years(california, (1989, 2000), **options), strict=True):
        low, high = expected[year]
        assert found.interval(0.9) == pytest.approx((low, high), abs=0.05 * (high - low))


def test_the_largest_move_is_the_one_that_a_general_optimiser_finds():
    panel, design = world([14], 6, 18, seed=3)
    effect = si.estimate("synthetic_control", panel, design)
    found = overall(prediction_interval, panel, design, None, effect, draws=10)
    (part,) = found.parts
    m, p = part.model, part.direction
    noise = np.random.default_rng([20251122, 0]).standard_normal((10, 14)) * m.noise
    for g, mine in zip(noise, found._in_sample(0)[1], strict=True):
        best = max(
            -minimize(
                lambda w: -p @ (w - m.weights),
                start,
                bounds=[(low, 1) for low in m.floor],
                constraints=[
                    {"type": "eq", "fun": lambda w: w.sum() - 1},
                    {"type": "ineq", "fun": lambda w, g=g: g @ g - ((m.donors @ (w - m.weights) - g) ** 2).sum()},
                ],
                options={"maxiter": 1000, "ftol": 1e-12},
            ).fun
            for start in (m.weights, 0.9 * m.weights + 0.1 / 6)
        )
        assert mine == pytest.approx(best, rel=2e-3, abs=1e-4)


def test_moves_are_never_backwards_and_grow_with_the_noise():
    panel, design = world([14], 6, 18, seed=3)
    effect = si.estimate("synthetic_control", panel, design)
    (part,) = overall(prediction_interval, panel, design, None, effect).parts
    noise = np.random.default_rng(1).standard_normal((20, 14))
    small, large = (prediction_interval._moved(part.model, part.direction, s * noise) for s in (0.1, 10.0))
    assert (small >= 0).all()
    assert (large >= small - 1e-9).all()
    free = part.model.floor + (1 - part.model.floor.sum()) * np.eye(6)
    assert large.max() <= (free @ part.direction).max() - part.model.weights @ part.direction + 1e-9


def test_the_interval_takes_both_errors_from_the_estimate_and_halves_the_probability():
    panel, design = world([14], 6, 18, seed=3)
    found = overall(prediction_interval, panel, design, None, si.estimate("synthetic_control", panel, design))
    down, up = found._in_sample(0)
    low, high = prediction_interval._shocks(found.parts[0].model, found.parts[0].drivers, "sub_gaussian", 0.05)
    expected = (found.value - high - np.quantile(down, 0.975), found.value - low + np.quantile(up, 0.975))
    assert found.interval(0.9) == pytest.approx(expected)
    assert (
        found.interval(0.95)[0]
        < found.interval(0.9)[0]
        < found.value
        < found.interval(0.9)[1]
        < found.interval(0.95)[1]
    )
    assert found.p_value is None


def test_constant_shocks_by_hand():
    panel, design = world([14], 6, 18, seed=3)
    found = overall(prediction_interval, panel, design, None, si.estimate("synthetic_control", panel, design), order=0)
    e = found.parts[0].model.errors
    left = e - e.mean()
    size = min(np.exp(np.log(left**2).mean() / 2), np.ptp(np.quantile(left, [0.25, 0.75])) / 1.34)
    ends = prediction_interval._shocks(found.parts[0].model, found.parts[0].drivers, "sub_gaussian", 0.1)
    half = np.sqrt(-2 * np.log(0.05)) * size
    assert ends == pytest.approx((e.mean() - half, e.mean() + half))


def test_draws_repeat_with_their_seed():
    panel, design = world([14], 6, 18, seed=3)
    effect = si.estimate("synthetic_control", panel, design)
    one, two, other = (
        overall(prediction_interval, panel, design, None, effect, seed=s).interval(0.9) for s in (1, 1, 2)
    )
    assert one == two != other


def test_several_treated_units_share_the_error_probability():
    panel, design = world([14, 15], 6, 18, seed=3)
    effect = si.estimate("synthetic_control", panel, design)
    found = overall(prediction_interval, panel, design, None, effect)
    alone = [
        prediction_interval.judge(panel, design, None, effect, [t])[0]
        for t in targets_of(effect, panel, design, None)
        if t.place == "units"
    ]
    assert [p.share for p in found.parts] == pytest.approx([4 / 7, 3 / 7])
    lows = [a.interval(0.95)[0] for a in alone]  # half of the 10 % each
    first = found.parts[0].share * lows[0] + found.parts[1].share * lows[1]
    assert found.interval(0.9)[0] == pytest.approx(first, rel=0.1)
    assert "shared among u000, u001" in found.words


def test_weights_that_do_not_sum_to_one_or_have_a_constant_are_refused_with_what_would_do():
    panel, design = world([14], 6, 18, seed=3)
    for effect in (
        si.estimate("demeaned_synthetic_control", panel, design),
        effect_by(mean_of_donors, panel, design),
        replace(effect_by(mean_of_donors, panel, design), estimator="other"),
    ):
        with pytest.raises(DesignError, match=r"Use `inference: placebo`, or synthetic_control without predictors"):
            overall(prediction_interval, panel, design, None, effect)
    plain = si.estimate("synthetic_control", panel, design)
    predicted = replace(plain, counterfactual=replace(plain.counterfactual, predictors=pd.DataFrame()))
    with pytest.raises(DesignError, match="on outcomes"):
        overall(prediction_interval, panel, design, None, predicted)
    with pytest.raises(EstimationError, match="did_2x2 has none"):
        prediction_interval.judge(panel, design, None, si.estimate("did_2x2", panel, design), [])


@pytest.mark.parametrize("level", [0.0, 1e5])
@pytest.mark.parametrize("mix", [(0.5, 0.5), (1.0, 0.0)])
def test_after_an_exact_fit_there_is_no_interval_and_the_words_say_why(mix, level):
    y = np.random.default_rng(2).normal(size=(7, 18)) + level
    y[0] = mix[0] * y[1] + mix[1] * y[2]
    check_exact(y)


def test_units_that_are_all_alike_have_no_interval():
    check_exact(np.tile(np.random.default_rng(2).normal(size=18), (7, 1)))


def check_exact(y):
    panel, design = world([14], 6, 18, y=y)
    effect = si.estimate("synthetic_control", panel, design, inference="prediction_interval")
    assert effect.overall.interval(0.9) is None
    row = effect.rows(0.9)[0]
    assert row["ci_low"] is None
    assert "no prediction interval: the fit before the measure is exact (u000)" in row["inference"]


def test_a_unit_with_an_exact_fit_takes_the_interval_of_the_whole_away_but_not_of_others():
    y = np.random.default_rng(2).normal(size=(8, 18)).cumsum(axis=1)
    y[0] = y[3]
    panel, design = world([14, 15], 6, 18, y=y)
    effect = si.estimate("synthetic_control", panel, design, inference="prediction_interval")
    whole, first, second = (e.interval(0.9) for e in (effect.overall, *effect.curves["units"]))
    assert whole is None
    assert first is None
    assert np.isfinite(second).all()


def test_the_weight_of_a_single_donor_is_known_so_that_only_shocks_are_left():
    panel, design = world([14], 1, 18, seed=3)
    found = overall(prediction_interval, panel, design, None, si.estimate("synthetic_control", panel, design))
    assert not np.any(found._in_sample(0))
    low, high = prediction_interval._shocks(found.parts[0].model, found.parts[0].drivers, "sub_gaussian", 0.05)
    assert found.interval(0.9) == pytest.approx((found.value - high, found.value - low))
    assert "with a single donor its weight is known" in found.words
    assert "simulations" not in found.words


def test_several_treated_units_can_share_a_single_donor():
    panel, design = world([14, 14, 15], 1, 18, seed=3)
    found = overall(prediction_interval, panel, design, None, si.estimate("synthetic_control", panel, design))
    low, high = found.interval(0.9)
    assert np.isfinite([low, high]).all()
    assert low < high
    assert len(found.parts) == 3


def test_donors_without_variation_move_nothing_and_explain_no_errors():
    y = np.random.default_rng(3).normal(size=(5, 22)).cumsum(axis=1)
    y[1:] = 2.0
    panel, design = world([16], 4, 22, y=y)
    found = overall(prediction_interval, panel, design, None, si.estimate("synthetic_control", panel, design))
    assert not np.any(found._in_sample(0))
    assert found.parts[0].model.drivers.shape == (22, 1)
    assert np.isfinite(found.interval(0.9)).all()


def test_the_level_of_the_outcome_does_not_matter():
    y = np.random.default_rng(3).normal(size=(7, 18)).cumsum(axis=1)
    ends = []
    for level in (0.0, 1e5):
        panel, design = world([14], 6, 18, y=y + level)
        effect = si.estimate("synthetic_control", panel, design)
        ends.append(overall(prediction_interval, panel, design, None, effect).interval(0.9))
    assert ends[0] == pytest.approx(ends[1], rel=1e-5)


OTHERS = ("demeaned_synthetic_control", "augmented_synthetic_control", "synthetic_did")


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize(("level", "copied"), [(0.0, False), (1e5, False), (0.0, True)])
def test_other_estimators_are_refused_however_large_the_level_or_good_the_fit(name, level, copied):
    y = np.random.default_rng(3).normal(size=(7, 18)).cumsum(axis=1) + level
    if copied:
        y[3] = y[0]
    panel, design = world([14], 6, 18, y=y)
    with pytest.raises(DesignError, match=f"those of {name} are others"):
        overall(prediction_interval, panel, design, None, si.estimate(name, panel, design, inference="analytic"))


def test_options_that_bind_the_weights_are_refused_and_those_that_do_not_are_taken():
    panel, design = world([14], 6, 18, seed=3)
    before = [panel.periods[0], panel.periods[13]]
    for options in ({"largest": 0.9}, {"fitted_on": [panel.periods[1], panel.periods[13]]}):
        with pytest.raises(DesignError, match="`fitted_on` and `largest`"):
            overall(
                prediction_interval, panel, design, None, si.estimate("synthetic_control", panel, design, **options)
            )
    same = si.estimate("synthetic_control", panel, design, fitted_on=before)
    assert same.counterfactual.plain
    assert overall(prediction_interval, panel, design, None, same).interval(0.9) is not None


def test_words_say_that_it_is_no_confidence_interval():
    panel, design = world([14], 6, 18, seed=3)
    effect = si.estimate("synthetic_control", panel, design, inference="prediction_interval")
    row = effect.rows(0.9)[0]
    assert "prediction interval (no confidence interval" in row["inference"]
    assert row["p_value"] is None
    assert row["ci_low"] < row["estimate"] < row["ci_high"]
