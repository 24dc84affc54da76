"""Synthetic control with a level of its own, against its definition."""

import numpy as np
import pytest
from scipy.optimize import minimize

import scale_impact as si
from tests.panels import california
from tests.pilots import cities, two_factors


def test_weights_solve_the_problem_with_an_intercept():
    paths = two_factors(8, 24, seed=4)
    effect = si.estimate("demeaned_synthetic_control", *cities(paths, {"city 02": 2017}))
    before = np.array([p[:16] for p in paths.values()])
    target, donors = before[2], np.delete(before, 2, axis=0)

    def loss(p):
        return ((target - p[0] - p[1:] @ donors) ** 2).sum()

    found = minimize(
        loss, np.append(0.0, np.full(7, 1 / 7)), method="SLSQP", bounds=[(None, None)] + [(0, 1)] * 7,
        constraints={"type": "eq", "fun": lambda p: p[1:].sum() - 1}, options={"ftol": 1e-14, "maxiter": 500},
    )  # fmt: skip
    mine = (effect.counterfactual.gaps[0, :16] ** 2).sum()
    assert mine <= found.fun * (1 + 1e-8)
    assert effect.counterfactual.gaps[0, :16].mean() == pytest.approx(0, abs=1e-10)


def test_a_shift_of_the_treated_city_alone_changes_no_effect():
    paths = two_factors()
    once = si.estimate("demeaned_synthetic_control", *cities(paths, {"city 03": 2014})).overall.value
    moved = si.estimate(
        "demeaned_synthetic_control", *cities(paths | {"city 03": paths["city 03"] + 77}, {"city 03": 2014})
    ).overall.value
    assert moved == pytest.approx(once, abs=1e-9)


def test_asking_again_gives_its_gaps():
    found = si.estimate(
        "demeaned_synthetic_control", *cities(two_factors(), {"city 03": 2014, "city 05": 2011})
    ).counterfactual  # fmt: skip
    np.testing.assert_allclose(found.again(found.worlds), found.gaps, atol=1e-10)


def test_california_is_the_published_number():
    """Arkhangelsky et al. (2021), table 1, column DIFP: -11.1."""
    effect = si.estimate("demeaned_synthetic_control", *california())
    assert effect.overall.value == pytest.approx(-11.1, abs=0.05)


def test_whether_weights_are_unique_is_said_in_plain_words_and_values():
    paths = two_factors()
    unique = si.estimate("demeaned_synthetic_control", *cities(paths, {"city 03": 2014})).counterfactual.unique
    assert [type(u) for u in unique] == [bool]
