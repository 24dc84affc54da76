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
from tests.panels import reference, shared
from tests.pilots import effect_by, mean_of_donors, world

SOME_YEARS = (1989, 1993, 1997, 2000)


def by_scpi(kind, order=1):
    """Ends of 90 % intervals by year."""
    values = reference("scpi_prop99", f"order_{order}")
    return dict(zip(values["year"], values[kind], strict=True))


@pytest.fixture(scope="module")
def california():
    frame = pd.read_csv(shared("reference/data/california_prop99.csv"), sep=None, engine="python")
    panel = si.Panel.from_frame(frame, unit="State", period="Year", outcome="PacksPerCapita")
    design = si.Design.from_panel(panel, treated="treated")
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
        with pytest.raises(DesignError, match=r"conformal.*without predictors"):
            overall(prediction_interval, panel, design, None, effect)
    plain = si.estimate("synthetic_control", panel, design)
    predicted = replace(plain, counterfactual=replace(plain.counterfactual, predictors=pd.DataFrame()))
    with pytest.raises(DesignError, match="on outcomes"):
        overall(prediction_interval, panel, design, None, predicted)
    with pytest.raises(EstimationError, match="did_2x2 has none"):
        prediction_interval.judge(panel, design, None, si.estimate("did_2x2", panel, design), [])


def test_an_exact_fit_has_finite_ends():
    y = np.random.default_rng(2).normal(size=(7, 18))
    y[0] = 0.5 * y[1] + 0.5 * y[2]
    panel, design = world([14], 6, 18, y=y)
    low, high = overall(
        prediction_interval, panel, design, None, si.estimate("synthetic_control", panel, design)
    ).interval(0.9)
    assert np.isfinite([low, high]).all()
    assert low <= 1e-9
    assert high >= -1e-9


def test_words_say_that_it_is_no_confidence_interval():
    panel, design = world([14], 6, 18, seed=3)
    effect = si.estimate("synthetic_control", panel, design, inference="prediction_interval")
    row = effect.rows(0.9)[0]
    assert "prediction interval (no confidence interval" in row["inference"]
    assert row["p_value"] is None
    assert row["ci_low"] < row["estimate"] < row["ci_high"]
