"""The measure's dates given to untreated units: the place of the estimate among the placebo ones."""

from itertools import combinations

import numpy as np
import pytest

import scale_impact as si
from scale_impact.checks._placebo import pool
from tests.panels import design_of, drawn, fitted, framed, panel_of

NEVER = np.inf


def checked(frame, estimator="callaway_santanna", *, options=None, **design):
    chosen = design_of(frame, **design)
    return si.check(
        "placebo_units", chosen._panel, chosen, lambda p, d: si.estimate(estimator, p, d), **(options or {})
    )


@pytest.mark.parametrize("estimator", ["callaway_santanna", "twfe", "event_study", "did_2x2"])
def test_all_assignments_are_those_of_the_loop(estimator):
    frame = drawn({3: 2, NEVER: 9}, 6, seed=1)
    found = checked(frame, estimator)
    controls = frame[np.isinf(frame["g"])]
    ids = np.sort(controls["id"].unique())
    expected = [
        fitted(estimator, controls.assign(g=np.where(controls["id"].isin(chosen), 3, NEVER))).overall.value
        for chosen in combinations(ids, 2)
    ]
    real = fitted(estimator, frame).overall.value
    assert len(expected) == found.details["assignments"] == 36
    np.testing.assert_allclose(np.sort(found.details["estimates"]), np.sort(expected), atol=1e-12)
    assert found.p_value == pytest.approx((1 + sum(abs(e) >= abs(real) for e in expected)) / 37)
    assert found.statistic == pytest.approx(real)


@pytest.mark.parametrize("control", ["never", "not_yet"])
def test_gathered_estimates_of_several_cohorts_are_those_of_estimating_again(control):
    frame = drawn({2: 2, 4: 3, NEVER: 14}, 6, seed=2)
    found = checked(frame, options={"draws": 12}, control=control)
    worlds = pool(panel_of(frame), design_of(frame, control=control))
    again = [
        si.estimate("callaway_santanna", worlds.panel, worlds.world(codes)).overall.value
        for codes in worlds.codes(12, 20251122)
    ]
    np.testing.assert_allclose(found.details["estimates"], again, atol=1e-12)


def test_large_levels_cost_no_digits():
    frame = drawn({3: 2, NEVER: 9}, 6, seed=1)
    raised = frame.assign(y=frame["y"] + 1e9 * frame["id"])
    one, other = (checked(f).details["estimates"] for f in (frame, raised))
    np.testing.assert_allclose(one, other, atol=1e-5)  # outcomes of 1e9 have seven decimals


def test_where_untreated_units_are_few_placebo_estimates_are_scaled_by_standard_errors():
    found = checked(drawn({3: 12, NEVER: 16}, 6, seed=4))
    assert 0 < found.details["scale"] < 1
    assert "multiplied by" in found.reason
    assert checked(drawn({3: 4, NEVER: 16}, 6, seed=4)).details["scale"] == 1


def test_an_effect_that_nothing_else_shows_passes():
    frame = drawn({3: 4, NEVER: 20}, 6, seed=5)
    frame["y"] += 20 * ((frame["g"] <= frame["t"]) & np.isfinite(frame["g"]))
    found = checked(frame)
    assert found.verdict == "pass"
    assert found.p_value == pytest.approx(1 / 1000)
    assert "unusual where nothing happened" in found.reason


def test_a_significant_estimate_that_is_usual_elsewhere_fails():
    # trends of their own: untreated units drift apart as much as the treated ones did, who drift alike
    rng = np.random.default_rng(0)
    slope = np.concatenate([[1.0, 1.02, 0.98], rng.choice([-1.5, 1.5], 20) + 0.01 * rng.normal(size=20)])
    y = slope[:, None] * np.arange(6) + 0.01 * rng.normal(size=(23, 6))
    found = checked(framed(y, np.repeat([3.0, NEVER], [3, 20])), "did_2x2")
    own = found.details["own_p_value"]
    assert (found.verdict == "fail") == (own <= 0.05 < found.p_value)
    assert found.p_value > 0.05


def test_an_estimate_not_told_apart_from_zero_agrees():
    found = checked(drawn({3: 4, NEVER: 20}, 6, seed=6))
    assert found.details["own_p_value"] > 0.05
    assert found.verdict == "pass"
    assert "agrees" in found.reason


def test_too_few_assignments_are_inconclusive():
    found = checked(drawn({1: 1, NEVER: 5}, 4, seed=1))
    assert found.verdict == "inconclusive"
    assert "With so few assignments" in found.reason


def test_one_treated_unit_has_a_p_value_here_and_none_of_its_own():
    frame = drawn({3: 1, NEVER: 40}, 6, seed=3)
    frame["y"] += 50 * ((frame["g"] <= frame["t"]) & np.isfinite(frame["g"]))
    found = checked(frame)
    assert found.details["own_p_value"] is None
    assert (found.verdict, found.p_value) == ("pass", pytest.approx(1 / 41))


def test_whole_clusters_are_estimated_again():
    frame = drawn({2: 12, NEVER: 48}, 5, seed=9)
    order = frame.groupby("id")["g"].first().sort_values(kind="stable").index
    frame["region"] = frame["id"].map({u: k // 4 for k, u in enumerate(order)})
    found = checked(frame, cluster="region", options={"draws": 50})
    assert len(found.details["estimates"]) == 50


def test_cross_sections_are_estimated_again(kielmc):
    panel = si.Panel.from_frame(kielmc, unit=None, period="year", outcome="lrprice")
    design = si.Design.from_panel(panel, group="nearinc", starts=1981)
    found = si.check("placebo_units", panel, design, lambda p, d: si.estimate("did_2x2", p, d), draws=30)
    assert len(found.details["estimates"]) == 30


def test_without_untreated_observations_it_does_not_apply():
    assert checked(drawn({1: 3, 2: 3}, 4, seed=1), control="not_yet").verdict == "inapplicable"
