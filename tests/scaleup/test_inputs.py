"""Uncertain inputs: their distributions against scipy's, and streams that depend on names alone."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats

from scale_impact.core.scaleup_choices import Quantity
from scale_impact.scaleup.inputs import draw, inputs_of, mean_of, quantile_of, tied
from tests.scaleups import BASE, choices, effect, flow

U = np.linspace(0.001, 0.999, 101)
Z = 1.959963984540054

SHAPES = [
    (Quantity(value=3, low=2, high=7), stats.triang(0.2, 2, 5)),
    (Quantity(value=2, low=2, high=7), stats.triang(0.0, 2, 5)),
    (Quantity(value=7, low=2, high=7), stats.triang(1.0, 2, 5)),
    (Quantity(value=3, low=2, high=7, shape="pert"), stats.beta(1.8, 4.2, 2, 5)),
    (Quantity(low=-1, high=4, shape="uniform"), stats.uniform(-1, 5)),
    (Quantity(low=-1, high=4, shape="normal"), stats.norm(1.5, 2.5 / Z)),
    (Quantity(low=1, high=9, shape="lognormal"), stats.lognorm(np.log(3) / Z, scale=3)),
]


@pytest.mark.parametrize(("quantity", "told"), SHAPES)
def test_shapes_are_those_of_scipy(quantity, told):
    assert quantile_of(quantity, U) == pytest.approx(told.ppf(U), rel=1e-9)
    assert mean_of(quantity) == pytest.approx(told.mean(), rel=1e-12)


@pytest.mark.parametrize(("quantity", "told"), SHAPES)
def test_the_mean_is_that_of_the_quantiles(quantity, told):
    found, _ = integrate.quad(lambda u: quantile_of(quantity, np.array([u]))[0], 0, 1, limit=200)
    assert found == pytest.approx(mean_of(quantity), rel=1e-6)


def test_a_number_without_a_range_is_itself():
    assert list(quantile_of(Quantity(value=4), U[:3])) == [4, 4, 4]
    assert mean_of(Quantity(value=4)) == 4


RANGE = {"value": 2, "low": 1, "high": 4}
LINES = [*BASE["flows"], flow("a", "cost", RANGE, paid_by="city"), flow("b", "cost", RANGE, paid_by="city")]


def drawn(found, seed=1, block=0, n=20_000):
    return draw(inputs_of(found, effect(std_error=0.5), 0.95), found, seed, block, n)


def test_inputs_without_a_range_are_not_drawn():
    worlds = drawn(choices(flows=LINES))
    assert {k for k, v in worlds.items() if len(v) > 1} == {"effect", "a", "b"}
    assert worlds["building"] == 500


@pytest.mark.parametrize("rho", [-0.7, 0.0, 0.5, 1.0])
def test_ranks_correlate_as_asked_and_each_input_keeps_its_own_distribution(rho):
    pair = [{"between": ["a", "effect"], "rho": rho, "reason": "x"}]
    found = choices(flows=LINES, correlations=pair)
    worlds = drawn(found)
    assert stats.spearmanr(worlds["a"], worlds["effect"])[0] == pytest.approx(rho, abs=0.02)
    assert stats.kstest(worlds["a"], stats.triang(1 / 3, 1, 3).cdf).pvalue > 0.001
    assert stats.kstest(worlds["effect"], stats.norm(2, 0.5).cdf).pvalue > 0.001
    assert tied(found) == ({"a", "effect"} if rho else set())


def test_a_line_more_or_another_order_changes_no_other_draw():
    one, other = drawn(choices(flows=LINES)), drawn(choices(flows=LINES[::-1]))
    fewer = drawn(choices(flows=LINES[:3]))
    assert all((one[k] == other[k]).all() for k in one)
    assert (one["a"] == fewer["a"]).all()


def test_seeds_and_blocks_have_draws_of_their_own():
    a, b, c = (drawn(choices(flows=LINES), *at)["a"] for at in ((1, 0), (2, 0), (1, 1)))
    assert abs(np.corrcoef([a, b, c])[np.triu_indices(3, 1)]).max() < 0.03
    assert (a == drawn(choices(flows=LINES))["a"]).all()


def test_which_inputs_are_linear():
    fades = choices(flows=LINES, decay={"half_life": RANGE}, dose={"elasticity": 0.5})
    linear = {i.name for i in inputs_of(fades, effect(), 0.95) if i.linear}
    assert {"a", "reach.units", "adoption.ceiling", "voltage.cost"} <= linear
    assert not linear & {"decay.half_life", "dose"}
    learning = {"rate": 0.9, "before": 10, "reason": "x"}
    teaches = choices(flows=[*LINES, flow("c", "cost", 1, per="unit", paid_by="city", learns=True)], learning=learning)
    assert "reach.units" not in {i.name for i in inputs_of(teaches, effect(), 0.95) if i.linear}
