"""Value of information against closed forms (the unit normal loss), against nested integrals, and against the package voiage."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats

from scale_impact.scaleup.information import curve, fitted, gain, preposterior
from tests.panels import reference
from tests.scaleups import effect, flow, outlook, row

DRAWS = 100_000


def loss(mean, sd):
    """Expected value of information for a normal net benefit (Raiffa and Schlaifer 1961): sd times the unit normal loss of |mean| / sd."""
    d = abs(mean) / sd
    return sd * (stats.norm.pdf(d) - d * stats.norm.sf(d))


def normal(mean, sd, *, measure=None, draws=DRAWS, df=None, **changes):
    """A scale-up whose net present value is normal: 100 pupils x 3 EUR x effect less 600 EUR, moved to the mean and sd."""
    changes = {"measurements": [] if measure is None else [measure], "flows": lines(), "draws": draws, **changes}
    return outlook(effect((mean + 600) / 300, sd / 300, df=df), **changes)


def lines(cost=600):
    return [
        flow("building", "cost", cost, paid_by="city"),
        flow("learning more", "benefit", 3, per="effect", received_by="pupils"),
    ]


def measurement(std_error, **more):
    price = {"currency": "EUR", "year": 2024, "source": "x"}
    return {"name": "second pilot", "of": "effect", "std_error": std_error, "cost": 10, **price, **more}


@pytest.mark.parametrize(("mean", "sd"), [(100.0, 300.0), (-150.0, 300.0), (0.0, 50.0)])
def test_perfect_information_is_worth_the_unit_normal_loss(mean, sd):
    found = normal(mean, sd).information
    assert found.evpi == pytest.approx(loss(mean, sd), abs=4 * found.std_error)
    # nothing else is uncertain, so that the effect is all there is to know
    assert row(found.by_input, "effect")["evppi"] == pytest.approx(found.evpi, rel=1e-9)


@pytest.mark.parametrize("std_error", [0.25, 1.0, 4.0])
@pytest.mark.parametrize("mean", [60.0, -60.0])
def test_a_measurement_of_a_normal_effect_is_worth_its_preposterior_loss(mean, std_error):
    sd = 300.0
    found = row(normal(mean, sd, measure=measurement(std_error)).information.measurements, "second pilot")
    kept = sd * (sd / 300) / np.sqrt((sd / 300) ** 2 + std_error**2)
    told = loss(mean, kept)
    assert found["evsi"] == pytest.approx(told, abs=4 * kept / np.sqrt(DRAWS))
    assert found["flips"] == pytest.approx(stats.norm.sf(abs(mean) / kept), abs=0.015)
    assert found["net"] == pytest.approx(found["evsi"] - 10, rel=1e-6)


def test_a_measurement_of_an_effect_with_few_degrees_of_freedom_is_worth_what_nested_integrals_say():
    df, s, m = 4, 0.8, 0.3
    prior = stats.t(df, loc=m)
    grid = np.linspace(m - 40, m + 40, 8_001)
    weight = prior.pdf(grid)

    def posterior_mean(y):
        w = weight * stats.norm.pdf(y, grid, s)
        return (w * grid).sum() / w.sum()

    def density(y):
        return (weight * stats.norm.pdf(y, grid, s)).sum() * (grid[1] - grid[0])

    told = integrate.quad(lambda y: max(posterior_mean(y), 0) * density(y), -20, 20, limit=100, epsabs=1e-5)[0] - m
    found = outlook(effect(m, 1.0, df=df), flows=lines(0), draws=DRAWS, measurements=[measurement(s)])
    evsi = row(found.information.measurements, "second pilot")["evsi"] / 300
    assert evsi == pytest.approx(told, abs=0.01)


def test_a_delay_costs_what_is_gained_meanwhile():
    given = {"horizon": 3, "discount": {"rate": 0.1}}
    at_once, late = (
        row(normal(60.0, 300.0, measure=measurement(1.0, delay=d), **given).information.measurements, "second pilot")
        for d in (0, 2)
    )
    mean = normal(60.0, 300.0, **given).simulated.npv.mean()
    assert at_once["after_delay"] == pytest.approx(at_once["evsi"])
    assert late["after_delay"] == pytest.approx((at_once["evsi"] + mean) / 1.21 - mean)
    assert late["net"] == pytest.approx(late["after_delay"] - 10)


@pytest.fixture
def product():
    """Net benefit 100 a b - 600 with independent a and b: an effect and its worth."""
    lines_ = [flow("building", "cost", 600, paid_by="city"),
              flow("learning more", "benefit", {"low": 1, "high": 5, "shape": "normal"}, per="effect", received_by="pupils")]  # fmt: skip
    return lambda **more: outlook(effect(2.0, 0.8), flows=lines_, draws=DRAWS, **more)


def test_one_input_of_a_product_is_worth_the_loss_of_its_line(product):
    found = product().information
    a, b = 0.8 * 300, 2 * 100 * 4 / (2 * 1.959963984540054)
    assert row(found.by_input, "effect")["evppi"] == pytest.approx(loss(0, a), abs=1.0)
    assert row(found.by_input, "learning more")["evppi"] == pytest.approx(loss(0, b), abs=1.0)
    assert list(found.by_input["how"]) == ["line", "line"]
    assert found.evpi > found.by_input["evppi"].max()


def test_the_worth_of_an_input_that_moves_with_another_is_that_of_its_parabola(product):
    rho = 0.6
    found = product(correlations=[{"between": ["effect", "learning more"], "rho": rho, "reason": "x"}]).information
    sb, r = 4 / (2 * 1.959963984540054), 2 * np.sin(np.pi * rho / 6)
    # E[b | a] is a line in a, so that E[100 a b - 600 | a] is a parabola
    told = lambda z: 100 * (2 + 0.8 * z) * (3 + r * sb * z) - 600  # noqa: E731
    z = np.linspace(-9, 9, 200_001)
    worth, density = told(z), stats.norm.pdf(z)
    evppi = np.trapezoid(np.maximum(worth, 0) * density, z) - max(np.trapezoid(worth * density, z), 0)
    assert row(found.by_input, "effect")["evppi"] == pytest.approx(evppi, rel=0.02)
    assert set(found.by_input["how"]) == {"curve"}


RHO = 2 * np.sin(np.pi * 0.7 / 6)
"""Of the normal scores of two costs with a rank correlation of 0.7."""


def tied_costs(seed, draws):
    """Net benefit 300 x effect - running - building: running uniform on 0 to 400, building normal (154, sd 46), which move together."""
    half = 46 * 1.959963984540054
    lines_ = [
        flow(
            "building", "cost", {"value": 154, "low": 154 - half, "high": 154 + half, "shape": "normal"}, paid_by="city"
        ),
        flow("running", "cost", {"low": 0, "high": 400, "shape": "uniform"}, per="year", paid_by="city"),
        lines()[1],
    ]
    return outlook(
        effect(1.78, 0.89), flows=lines_, draws=draws, seed=seed, measurements=[measurement(67, of="running")],
        correlations=[{"between": ["building", "running"], "rho": 0.7, "reason": "x"}],
    ).information  # fmt: skip


def integrated():
    """EVPPI of both costs and EVSI of a measurement of running, on a grid of normal scores; the mean net benefit is 180."""
    z = np.linspace(-8, 8, 4001)
    weight = stats.norm.pdf(z) / stats.norm.pdf(z).sum()
    running = 400 * stats.norm.cdf(z)
    known = 534 - running - (154 + 46 * RHO * z)
    building = 534 - (154 + 46 * z) - 400 * stats.norm.cdf(RHO * z / np.sqrt(2 - RHO**2))
    y = np.linspace(-400, 800, 1201)
    likely = stats.norm.pdf(y[:, None], running, 67) * weight
    # the expectation at y times the density of y: no division, and none by 0
    told = np.maximum(likely @ known, 0).sum() * (y[1] - y[0])
    return {
        "running": (np.maximum(known, 0) * weight).sum() - 180,
        "building": (np.maximum(building, 0) * weight).sum() - 180,
        "second pilot": told - 180,
    }


def test_the_worth_of_tied_inputs_and_of_measuring_one_is_that_of_numerical_integration():
    found = [tied_costs(seed, 100_000) for seed in range(4)]
    true = integrated()
    for name in ("running", "building"):
        rows_ = [row(f.by_input, name) for f in found]
        error = np.sqrt(sum(r["std_error"] ** 2 for r in rows_)) / 4
        assert np.mean([r["evppi"] for r in rows_]) == pytest.approx(true[name], abs=3 * error)
        assert error < 0.04 * true[name]
    rows_ = [row(f.measurements, "second pilot") for f in found]
    error = np.sqrt(sum(r["evsi_error"] ** 2 for r in rows_)) / 4
    assert np.mean([r["evsi"] for r in rows_]) == pytest.approx(true["second pilot"], abs=3 * error)


def test_standard_errors_are_how_far_seeds_lie_apart():
    found = [tied_costs(seed, 10_000) for seed in range(60)]
    for name in ("effect", "running", "building"):
        rows_ = [row(f.by_input, name) for f in found]
        apart = np.std([r["evppi"] for r in rows_], ddof=1)
        assert np.mean([r["std_error"] for r in rows_]) == pytest.approx(apart, rel=0.3)
    rows_ = [row(f.measurements, "second pilot") for f in found]
    assert np.mean([r["evsi_error"] for r in rows_]) == pytest.approx(
        np.std([r["evsi"] for r in rows_], ddof=1), rel=0.3
    )


def test_the_standard_error_of_a_line_is_that_of_its_slope_and_mean():
    worth = [row(normal(100.0, 300.0, draws=2_000, seed=s).information.by_input, "effect") for s in range(2)]
    alone = normal(100.0, 300.0, draws=2_000, seed=0).information
    # the effect is all there is to know, so that the line leaves no residual and the error is that of perfect information
    assert worth[0]["std_error"] == pytest.approx(alone.std_error, rel=1e-6)


def test_what_does_not_matter_is_worth_nothing():
    tiny = {"value": 600, "low": 599.9, "high": 600.1}
    found = outlook(
        effect(4.0, 0.1), flows=[flow("building", "cost", tiny, paid_by="city"), lines()[1]], draws=20_000
    ).information
    assert found.evpi == 0
    assert (found.by_input["evppi"] == 0).all()


def test_where_nothing_is_uncertain_there_is_nothing_to_know():
    found = outlook().information
    assert found.evpi == 0
    assert found.std_error == 0
    assert found.by_input.empty
    assert found.measurements.empty
    assert found.worth_it.empty


def test_a_harm_bends_the_line_where_optimism_is_taken_off_gains_alone():
    found = outlook(effect(0.5, 2.0), flows=lines(0), draws=DRAWS, optimism={"benefits": 0.5}).information
    x = stats.norm(0.5, 2.0)
    gains, harms = (integrate.quad(lambda v: 300 * v * x.pdf(v), *ends)[0] for ends in ((0, 20), (-20, 0)))
    told = 0.5 * gains - max(0.5 * gains + harms, 0)
    assert row(found.by_input, "effect")["evppi"] == pytest.approx(told, rel=0.02)


def test_expectations_agree_with_the_package_voiage():
    rng, told = np.random.default_rng(20251122), reference("scaleup", "evppi")
    x, p, c = rng.normal(2, 1, 4000), rng.lognormal(0, 0.4, 4000), rng.normal(2.2, 0.3, 4000)
    npv = x * p - c
    assert gain(npv)[0] == pytest.approx(told["evpi"], rel=1e-12)
    for name, values in (("x", x), ("p", p), ("c", c)):
        assert gain(fitted(values[:, None], npv).values)[0] == pytest.approx(told[f"evppi_{name}"], rel=1e-12)
        # a curve in place of the line finds the same here, but for what 4,000 draws leave open
        assert gain(curve(values, npv).values)[0] == pytest.approx(told[f"evppi_{name}"], abs=0.01)


def test_the_smooth_regression_finds_a_curve_that_is_no_line():
    rng = np.random.default_rng(5)
    x = rng.normal(size=50_000)
    found = curve(x, np.sin(2 * x) + rng.normal(size=50_000)).values
    line = curve(x, 3 * x + rng.normal(size=50_000)).values
    assert np.sqrt(np.mean((line - 3 * x) ** 2)) < 0.05
    assert np.sqrt(np.mean((found - np.sin(2 * x)) ** 2)) < 0.05


def test_columns_that_do_not_vary_are_left_out():
    values = np.arange(5.0)
    twice = np.column_stack([np.ones(5), values, 2 * values])
    assert fitted(twice, values).values == pytest.approx(values)
    assert fitted(twice, values).basis.shape == (5, 1)
    assert fitted(np.ones((5, 1)), values).values == pytest.approx([2] * 5)


def test_a_perfect_measurement_tells_all_and_a_useless_one_nothing():
    rng = np.random.default_rng(3)
    x, scores = rng.normal(size=20_000), rng.normal(size=20_000)
    known = 5 * x - 1
    assert preposterior(x, known, 1e-9, scores).values == pytest.approx(known, abs=1e-6)
    assert np.std(preposterior(x, known, 1e6, scores).values) < 0.2
    assert (preposterior(x, np.ones(20_000), 1.0, scores).values == 1).all()
