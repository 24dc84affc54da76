"""Reach: adoption curves, who is new, what is left of the effect, and what is learnt."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate

from scale_impact.scaleup.inputs import inputs_of
from scale_impact.scaleup.reach import adoption_curve, learnt, paths, reachable
from tests.scaleups import BASE, choices, effect, flow


def worlds(found, **values):
    means = {i.name: np.array([i.mean]) for i in inputs_of(found, effect(), 0.95)}
    return means | {k: np.asarray(v, dtype=float) for k, v in values.items()}


def curve(horizon=10, **adoption):
    found = choices(horizon=horizon, adoption=adoption)
    return adoption_curve(found.adoption, worlds(found), horizon)[0]


def test_all_at_once_begin_with_the_start():
    assert list(curve(4, curve="at_once", starts=3)) == [0, 0, 1, 1]


def test_a_straight_line_reaches_the_ceiling_after_its_years():
    assert curve(6, curve="linear", years=4, starts=2) == pytest.approx([0, 0.125, 0.375, 0.625, 0.875, 1])


def test_a_logistic_curve_has_half_at_its_midpoint_and_takes_its_years_from_a_tenth_to_nine():
    found = curve(9, curve="logistic", midpoint=4.5, years=6)
    assert found[4] == 0.5
    assert found[1] == pytest.approx(0.1)
    assert found[7] == pytest.approx(0.9)


def test_the_bass_curve_solves_its_equation():
    p, q = 0.03, 0.4
    found = curve(12, curve="bass", innovation=p, imitation=q)
    solved = integrate.solve_ivp(
        lambda t, f: (p + q * f) * (1 - f), (0, 12), [0.0], t_eval=np.arange(12) + 0.5, rtol=1e-10, atol=1e-12
    )
    assert found == pytest.approx(solved.y[0], abs=1e-8)


def test_a_table_is_taken_as_it_is_and_its_last_part_stays():
    assert list(curve(5, curve="table", shares=[0.2, 0.6, 0.5], starts=2)) == [0, 0.2, 0.6, 0.5, 0.5]


def test_worlds_have_curves_of_their_own():
    found = choices(horizon=3, adoption={"curve": "linear", "years": {"value": 2, "low": 1, "high": 3}})
    assert adoption_curve(found.adoption, worlds(found, **{"adoption.years": [1, 2]}), 3) == pytest.approx(
        np.array([[0.5, 1, 1], [0.25, 0.75, 1]])
    )


def test_participants_grow_with_the_city_and_who_is_new_adds_up():
    found = choices(
        horizon=5, reach={"grows": 0.1, "share": 0.5}, adoption={"curve": "linear", "years": 3, "ceiling": 0.8}
    )
    made = paths(found, worlds(found))
    assert made.active[0] == pytest.approx(curve(5, curve="linear", years=3) * 1.1 ** np.arange(5))
    assert made.joined.cumsum(axis=1) == pytest.approx(made.active)
    assert reachable(worlds(found)) == pytest.approx(100 * 0.5 * 0.8)


def test_who_leaves_is_not_new():
    found = choices(horizon=4, adoption={"curve": "table", "shares": [1, 0.5, 0.8, 0.0]})
    assert paths(found, worlds(found)).joined[0] == pytest.approx([1, 0, 0.3, 0])


def faded(active, half_life, floor):
    """Cohort by cohort: who joined in a year, thinned when people leave, weighted by what is left of the effect."""
    cohorts, found = [], []
    for t, now in enumerate(active):
        before = active[t - 1] if t else 0.0
        if now < before:
            cohorts = [(start, size * now / before) for start, size in cohorts]
        cohorts.append((t, max(now - before, 0.0)))
        left = [(floor + (1 - floor) * 0.5 ** ((t - start) / half_life)) * size for start, size in cohorts]
        found.append(sum(left))
    return found


@pytest.mark.parametrize("floor", [0.0, 0.3])
@pytest.mark.parametrize("shares", [[1], [0.1, 0.3, 0.7, 1], [0.5, 1, 0.4, 0.6, 0.2]])
def test_the_effect_fades_cohort_by_cohort(shares, floor):
    found = choices(horizon=8, adoption={"curve": "table", "shares": shares}, decay={"half_life": 2.5, "floor": floor})
    made = paths(found, worlds(found))
    assert made.exposed[0] == pytest.approx(faded(made.active[0], 2.5, floor))


def test_an_effect_that_lasts_holds_for_all_participants():
    found = choices(horizon=4, adoption={"curve": "linear", "years": 3})
    made = paths(found, worlds(found))
    assert (made.exposed == made.active).all()


# ---- learning -------------------------------------------------------------------------------------------


def learning(rate, **more):
    lines = [*BASE["flows"], flow("device", "cost", 10, per="new_unit", paid_by="city", learns=True)]
    rule = {"rate": rate, "before": 20, "reason": "x"}
    return choices(
        horizon=4, flows=lines, learning=rule, adoption={"curve": "table", "shares": [0.2, 0.2, 0.9, 1]}, **more
    )


@pytest.mark.parametrize("rate", [0.5, 0.8, 1.0])
def test_unit_costs_are_wrights_integrated_over_the_units_of_a_year(rate):
    found = learning(rate)
    at = worlds(found)
    made = learnt(found, at, paths(found, at).joined)
    b = np.log2(rate)
    ends = 20 + 100 * np.array([0.2, 0.2, 0.9, 1])
    starts = np.concatenate([[20], ends[:-1]])
    mean = [
        integrate.quad(lambda x: (x / 20) ** b, s, e)[0] / (e - s) if e > s else (s / 20) ** b
        for s, e in zip(starts, ends, strict=True)
    ]
    assert made.joining[0] == pytest.approx(mean)
    assert made.running[0] == pytest.approx((ends / 20) ** b)


def test_with_twice_the_units_the_cost_is_the_rate():
    found = learning(0.85)
    at = worlds(found, **{"reach.units": [100.0]})
    assert learnt(found, at, np.array([[0.2, 0, 0, 0]])).running[0, 0] == pytest.approx(0.85)


def test_nothing_is_learnt_where_nothing_is_said():
    found = choices()
    assert learnt(found, worlds(found), paths(found, worlds(found)).joined) is None
