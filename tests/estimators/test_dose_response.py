"""Continuous doses: level and slope by definition, averages as without the dose, and what is refused."""

import numpy as np
import pandas as pd
import pytest

import scale_impact as si
from scale_impact.errors import DesignError, EstimationError, UsageError
from tests.panels import NEVER

PERIODS = 5


def drawn_doses(sizes, seed, *, effect=lambda d, k: 2 * d - d**2 + 0.3 * k):
    """Random walks with doses between 0.1 and 1; `sizes` says how many units each first treated period has."""
    rng = np.random.default_rng(seed)
    first = np.repeat(list(sizes), list(sizes.values())).astype(float)
    dose = np.where(np.isfinite(first), rng.uniform(0.1, 1, len(first)).round(3), 0.0)
    since = np.arange(1, PERIODS + 1) - first[:, None]
    y = rng.normal(size=(len(first), PERIODS)).cumsum(axis=1) + 5 * rng.normal(size=(len(first), 1))
    y += np.where(since >= 0, effect(dose[:, None], np.where(np.isfinite(since), since, 0)), 0.0)
    return pd.DataFrame(
        {
            "id": np.repeat(np.arange(len(first)), PERIODS),
            "t": np.tile(np.arange(1, PERIODS + 1), len(first)),
            "g": np.repeat(first, PERIODS),
            "dose": np.repeat(dose, PERIODS),
            "y": y.ravel(),
        }
    )


def fitted(frame, *, control="never", cluster=None, **options):
    panel = si.Panel.from_frame(frame, unit="id", period="t", outcome="y")
    design = si.Design.from_panel(panel, first_treated="g", control=control, cluster=cluster)
    return si.estimate("dose_response", panel, design, **{"dose": "dose", **options})


def wide(frame):
    y = frame.pivot(index="id", columns="t", values="y").to_numpy()
    firsts = frame.groupby("id")[["g", "dose"]].first()
    return y, firsts["g"].to_numpy(), firsts["dose"].to_numpy()


def by_definition(frame, degree, points, *, aggregation="simple", not_yet=False):
    """Level and slope at the points, with polynomials fitted cell by cell, and mean level and slope."""
    y, first, dose = wide(frame)
    found, weight = [], []
    for g in np.unique(first[np.isfinite(first)]):
        for t in range(int(g), PERIODS + 1):
            change = y[:, t - 1] - y[:, int(g) - 2]
            control = np.isinf(first) | (not_yet & (first > t) & (first != g))
            own = first == g
            curve = np.polynomial.Polynomial.fit(dose[own], change[own], degree)
            mu = change[control].mean()
            slope = curve.deriv()
            found.append([change[own].mean() - mu, slope(dose[own]).mean(), *(curve(points) - mu), *slope(points)])
            weight.append(own.sum() / (PERIODS + 1 - g if aggregation == "cohort" else 1))
    return np.average(found, axis=0, weights=weight)


def answers(effect):
    tops = [effect.overall.value, effect.summaries["slope"].value]
    return np.array([*tops, *effect.curves["level"].values, *effect.curves["slope"].values])


@pytest.mark.parametrize("aggregation", ["simple", "cohort"])
@pytest.mark.parametrize("control", ["never", "not_yet"])
@pytest.mark.parametrize("degree", [1, 2, 3])
def test_curves_are_polynomials_fitted_to_each_comparison(degree, control, aggregation):
    frame = drawn_doses({2: 8, 4: 10, NEVER: 12}, 1)
    points = np.array([0.3, 0.5, 0.8])
    effect = fitted(frame, control=control, degree=degree, points=points.tolist(), aggregation=aggregation)
    wanted = by_definition(frame, degree, points, aggregation=aggregation, not_yet=control == "not_yet")
    np.testing.assert_allclose(answers(effect), wanted, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("control", ["never", "not_yet"])
def test_the_mean_level_and_its_path_are_callaway_and_santannas(control):
    frame = drawn_doses({2: 9, 3: 7, 5: 6, NEVER: 12}, 2)
    effect = fitted(frame, control=control)
    panel = si.Panel.from_frame(frame, unit="id", period="t", outcome="y")
    other = si.estimate("callaway_santanna", panel, si.Design.from_panel(panel, first_treated="g", control=control))
    assert effect.overall.value == pytest.approx(other.overall.value, rel=1e-10)
    assert effect.overall.std_error == pytest.approx(other.overall.std_error, rel=1e-10)
    np.testing.assert_allclose(effect.path.values, other.path.values, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(effect.path.covariance, other.path.covariance, rtol=1e-8, atol=1e-13)


def test_with_one_date_the_level_has_the_robust_error_of_the_regression():
    frame = drawn_doses({3: 25, NEVER: 30}, 3)
    points = np.array([0.4, 0.7])
    y, first, dose = wide(frame)
    own, change = first == 3, y[:, 2] - y[:, 1]
    x = np.vander(dose[own], 4)
    inverse = np.linalg.inv(x.T @ x)
    residual = change[own] - x @ inverse @ x.T @ change[own]
    meat = inverse @ (x.T * residual**2) @ x @ inverse
    at = np.vander(points, 4)
    variance = np.einsum("pb,bc,pc->p", at, meat, at) + change[~own].var() / (~own).sum()
    short = frame[frame["t"] <= 3]
    effect = fitted(short, points=points.tolist())
    np.testing.assert_allclose(effect.curves["level"].std_errors, np.sqrt(variance), rtol=1e-8)


@pytest.mark.parametrize("control", ["never", "not_yet"])
def test_influence_is_the_change_that_leaving_a_unit_out_makes(control):
    once = drawn_doses({2: 9, 4: 11, NEVER: 14}, 4)
    # forty copies of each unit, so that leaving one out is a small step
    frame = pd.concat([once.assign(id=once["id"] + 100 * k) for k in range(40)])
    points = [0.4, 0.7]
    effect = fitted(frame, control=control, degree=2, points=points)
    parts = [effect.influence, effect.curves["level"].influence, effect.curves["slope"].influence]
    for unit in (3, 12, 22):
        rest = answers(fitted(frame[frame["id"] != unit], control=control, degree=2, points=points))
        change = (answers(effect) - rest)[[0, 2, 3, 4, 5]]
        influence = np.concatenate([part.values[unit] for part in parts])
        np.testing.assert_allclose(change, influence, rtol=0.05, atol=1e-5)


def test_clusters_add_up_the_influence_of_their_units():
    frame = drawn_doses({2: 20, 4: 20, NEVER: 20}, 5)
    frame["c"] = frame["id"] % 9
    alone, together = fitted(frame), fitted(frame, cluster="c")
    sums = pd.Series(alone.influence.values[:, 0]).groupby(np.arange(60) % 9).sum()
    assert together.overall.std_error == pytest.approx(np.sqrt((sums**2).sum()))
    assert together.sample.n_clusters == 9


def test_inner_knots_let_the_curve_bend_where_a_cubic_cannot():
    def kink(d, k):
        return 5 * np.maximum(d - 0.55, 0)

    frame = drawn_doses({3: 400, NEVER: 400}, 6, effect=kink)
    frame["y"] = frame["y"].where(frame["dose"] == 0, frame["dose"].map(lambda d: kink(d, 0)) * (frame["t"] >= 3))
    flat = fitted(frame, points=[0.3], knots=8).curves["slope"].values[0]
    assert abs(flat - fitted(frame, points=[0.8], knots=8).curves["slope"].values[0] + 5) < 0.5


def test_rows_name_the_dose_and_what_is_estimated():
    effect = fitted(drawn_doses({2: 9, NEVER: 9}, 7), points=[0.4, 0.6], degree=1)
    rows = effect.to_frame()
    labels = rows.loc[rows["kind"] == "subgroup", "label"].tolist()
    assert labels == ["dose 0.4", "dose 0.6", "slope at dose 0.4", "slope at dose 0.6"]
    assert effect.estimands()[-2:] == ["ACRT", "ACRT"]
    assert effect.estimands()[0] == "ATT"
    assert len(effect.estimands()) == len(rows)


def test_a_level_that_rests_on_one_control_has_no_standard_error():
    effect = fitted(drawn_doses({2: 9, NEVER: 1}, 8), degree=1)
    assert effect.overall.std_error is None
    assert "one control unit" in effect.overall.reason


@pytest.mark.parametrize(
    "change, error, words",
    [
        ({"dose": 0.0}, DesignError, "no positive dose"),
        ({"dose": np.nan}, DesignError, "no positive dose"),
        ({"dose": 0.5}, EstimationError, "All treated units have the dose 0.5"),
        ({"dose": "much"}, DesignError, "not numbers"),
    ],
)
def test_doses_that_say_nothing_are_refused(change, error, words):
    frame = drawn_doses({2: 6, NEVER: 6}, 9).assign(**change)
    with pytest.raises(error, match=words):
        fitted(frame)


def test_a_dose_that_varies_over_time_is_refused():
    frame = drawn_doses({2: 6, NEVER: 6}, 10)
    frame["dose"] *= frame["t"]
    with pytest.raises(si.errors.DataError, match="varies"):
        fitted(frame)


def test_a_cohort_with_too_few_doses_is_named():
    frame = drawn_doses({2: 9, 4: 3, NEVER: 6}, 11)
    with pytest.raises(EstimationError, match=r"4 coefficients.*: 4 \(3\)"):
        fitted(frame)


def test_cross_sections_points_outside_and_unknown_aggregations_are_refused():
    frame = drawn_doses({2: 9, NEVER: 6}, 12)
    with pytest.raises(UsageError, match="lie between"):
        fitted(frame, points=[3.0])
    with pytest.raises(UsageError, match="aggregation is 'mean'"):
        fitted(frame, aggregation="mean")
    panel = si.Panel.from_frame(frame, unit=None, period="t", outcome="y")
    design = si.Design.from_panel(panel, first_treated="g")
    with pytest.raises(DesignError, match="followed over time"):
        si.estimate("dose_response", panel, design, dose="dose")
