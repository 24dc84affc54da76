"""Weights behind two-way fixed effects equal TwoWayFEWeights', and those of the regression on cells' effects."""

import numpy as np
import pandas as pd
import pytest

import scale_impact as si
from scale_impact.errors import UsageError
from tests.panels import BEFORE, NEVER, design_of, drawn, dummy_regression, reference


def checked(frame, *, options=None, **design):
    chosen = design_of(frame, **design)

    def never_called(panel, other):
        raise AssertionError("the weights are those of two-way fixed effects, whatever the study's estimator is")

    return si.check("negative_weights", chosen._panel, chosen, never_called, **(options or {}))


# ---- the coefficient of treatment --------------------------------------------------------------------


def test_twowayfeweights_on_the_minimum_wage(mpdta):
    expected, found = reference("mpdta", "twowayfeweights"), checked(mpdta)
    details = found.details
    assert found.statistic == details["sum_negative"] == pytest.approx(expected["sum_minus"], rel=1e-8)
    assert details["sum_positive"] == pytest.approx(expected["sum_plus"], rel=1e-8)
    assert details["estimate"] == pytest.approx(expected["beta"], rel=1e-8)
    # R counts counties and years, each a cell of its own
    assert (details["observations"], details["observations_negative"]) == (expected["nr_weights"], expected["nr_minus"])
    assert (details["cells"], details["cells_negative"]) == (7, 1)
    assert details["least_spread"] == pytest.approx(expected["sensibility"], rel=1e-8)
    assert details["least_spread_of_sign"] == pytest.approx(expected["sensibility2"], rel=1e-8)
    assert found.of == "twfe"
    assert found.verdict == "pass"  # 1 % is below the usual tolerance


def test_the_verdict_follows_the_tolerance(mpdta):
    assert checked(mpdta, options={"tolerance": 0.01}).verdict == "fail"
    assert checked(mpdta, options={"tolerance": 0.02}).verdict == "pass"


def effects_by_cell(frame, seed=1):
    """A frame whose outcome is an effect of its own in each treated cell, and nothing else."""
    treated = frame[frame["t"] >= frame["g"]]
    cells = treated[["g", "t"]].drop_duplicates()
    cells = cells.assign(effect=np.random.default_rng(seed).normal(size=len(cells)))
    return frame.merge(cells, how="left").fillna({"effect": 0.0})


@pytest.mark.parametrize("sizes", [{1: 3, 2: 5, 4: 4, NEVER: 3}, {1: 6, 3: 2}, {2: 4, 3: 4, NEVER: 1}], ids=str)
def test_the_weighted_effects_are_the_coefficient(sizes):
    frame = effects_by_cell(drawn(sizes, 6, seed=3))
    coefficient = dummy_regression(frame.assign(y=frame["effect"]), [frame["t"] >= frame["g"]])[0][0]
    rows = pd.DataFrame(checked(frame, control="not_yet").details["weights"])
    known = {
        (str(int(g)), str(int(t))): e
        for g, t, e in zip(frame["g"].replace(NEVER, -1), frame["t"], frame["effect"], strict=True)
    }
    total = sum(w * known[g, t] for g, t, w in zip(rows["cohort"], rows["period"], rows["weight"], strict=True))
    assert total == pytest.approx(coefficient, rel=1e-9)  # the dummies' least squares has about 1e-13
    assert rows["weight"].sum() == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize("sizes", [{1: 3, 2: 5, 4: 4, NEVER: 3}, {1: 6, 3: 2}], ids=str)
def test_the_least_spreads_by_minimisation(sizes):
    """Corollary 1 says what the smallest standard deviation of effects is; a solver finds it too."""
    from scipy.optimize import minimize

    frame = drawn(sizes, 6, seed=3)
    found = checked(frame, control="not_yet").details
    rows = pd.DataFrame(found["weights"])
    n = rows["cohort"].map(lambda g: sizes[int(g)]).to_numpy(float)
    share, w, value = n / n.sum(), rows["weight"].to_numpy(), found["estimate"]

    def least(average_zero):
        """Variance of effects that give the estimate, of average zero or all of the other sign."""
        sign = np.sign(value)
        constraints = [{"type": "eq", "fun": lambda e: w @ e - 1}]
        if average_zero:
            constraints.append({"type": "eq", "fun": lambda e: share @ e})
        bounds = None if average_zero else [(None, 0)] * len(w)
        start = np.where(w < 0, -1.0, 0.0) if not average_zero else w
        best = minimize(
            lambda e: share @ (e - share @ e) ** 2, start, constraints=constraints, bounds=bounds, method="SLSQP",
            options={"ftol": 1e-14, "maxiter": 500},
        )  # fmt: skip
        assert best.success
        return np.sqrt(best.fun) * value * sign

    observations = found["observations"]
    assert found["least_spread"] * np.sqrt(observations / (observations - 1)) == pytest.approx(least(True), rel=1e-4)
    assert found["least_spread_of_sign"] == pytest.approx(least(False), rel=1e-4)  # what the solver reaches


def test_units_treated_from_the_start_are_kept_as_asked():
    frame = effects_by_cell(drawn({BEFORE: 4, 2: 5, 3: 6, NEVER: 9}, 6, seed=5))
    kept = checked(frame, options={"always_treated": True}).details
    assert kept["cells"] == checked(frame).details["cells"] + 6
    coefficient = dummy_regression(frame.assign(y=frame["y"]), [frame["t"] >= frame["g"]])[0][0]
    assert kept["estimate"] == pytest.approx(coefficient, rel=1e-10)


def test_with_unit_trends_the_weights_are_those_of_that_regression():
    frame = drawn({3: 5, NEVER: 6}, 7, seed=5)
    found = checked(frame, options={"trends": "unit"})
    chosen = design_of(frame)
    effect = si.estimate("twfe", chosen._panel, chosen, trends="unit")
    weights = [r["weight"] for r in found.details["weights"]]
    np.testing.assert_allclose(weights, effect.weights.loc["3"].to_numpy()[3:], rtol=1e-12)
    # one date, yet late effects count negatively: a growing effect looks like a trend
    assert found.verdict == "fail"


def test_without_a_negative_weight_it_passes():
    frame = drawn({4: 5, 5: 5, NEVER: 40}, 6, seed=5)
    found = checked(frame)
    assert (found.verdict, found.statistic, found.details["least_spread_of_sign"]) == ("pass", 0.0, None)
    assert found.reason.startswith("None of the 3 treated cohort x period cells has a negative weight")


# ---- the coefficients of an event study -----------------------------------------------------------------


def test_an_event_study_mixes_other_event_times_as_its_regression_does():
    sizes = {1: 3, 2: 5, 4: 4, NEVER: 6}
    frame = effects_by_cell(drawn(sizes, 6, seed=3))
    levels = [-4, -3, -2, 0, 1, 2, 3, 4]
    since = frame["t"] - frame["g"]
    found = {r["event_time"]: r for r in checked(frame, options={"estimator": "event_study"}).details["event_times"]}
    # the weight of a cell is what a unit effect there alone gives
    weights = dict.fromkeys(levels, 0.0)
    for g, t in {(g, t) for g, t in zip(frame["g"], frame["t"], strict=True) if t >= g}:
        alone = ((frame["g"] == g) & (frame["t"] == t)).astype(float)
        coefficients = dummy_regression(frame.assign(y=alone), [since == e for e in levels])[0]
        for e, c in zip(levels, coefficients, strict=True):
            weights[e] += abs(c) * (t - g != e)
    assert {e: r["elsewhere"] for e, r in found.items()} == {e: pytest.approx(w, abs=1e-10) for e, w in weights.items()}


def test_an_event_study_fails_by_its_worst_coefficient(mpdta):
    found = checked(mpdta, options={"estimator": "event_study"})
    assert (found.verdict, found.of) == ("fail", "event_study")
    assert found.statistic == max(r["elsewhere"] for r in found.details["event_times"] if r["event_time"] >= 0)


# ---- what cannot be asked -----------------------------------------------------------------------------------


@pytest.mark.parametrize("estimator", ["twfe", "event_study"])
def test_one_date_has_nothing_to_ask(estimator):
    found = checked(drawn({3: 5, NEVER: 6}, 5, seed=1), options={"estimator": estimator})
    assert (found.verdict, found.reason) == ("inapplicable", "There is one adoption date, so all weights are positive.")


def test_cross_sections_have_no_unit_effects():
    panel = si.Panel.from_frame(drawn({2: 5, 3: 5, NEVER: 6}, 5, seed=1), unit=None, period="t", outcome="y")
    found = si.check("negative_weights", panel, si.Design.from_panel(panel, first_treated="g"), None)
    assert found.verdict == "inapplicable"


def test_an_unknown_estimator_is_refused():
    with pytest.raises(UsageError, match="estimator is 'etwfe'; it has to be twfe or event_study"):
        checked(drawn({2: 5, 3: 5, NEVER: 6}, 5, seed=1), options={"estimator": "etwfe"})
