"""Pretended dates: the same estimates as cutting the data off before treatment and moving the date."""

import numpy as np
import pytest
from scipy import stats

import scale_impact as si
from tests.panels import design_of, drawn, fitted, framed, jackknifed, panel_of

NEVER = np.inf


def checked(frame, estimator="callaway_santanna", *, options=None, **design):
    chosen = design_of(frame, **design)
    return si.check(
        "placebo_dates", chosen._panel, chosen, lambda p, d: si.estimate(estimator, p, d), **(options or {})
    )


@pytest.mark.parametrize("estimator", ["callaway_santanna", "twfe", "event_study", "did_2x2"])
def test_one_cohort_is_the_estimate_on_the_periods_before_with_the_date_moved(estimator):
    frame = drawn({4: 6, NEVER: 8}, 7, seed=1)
    rows = checked(frame, estimator).details["rows"]
    assert [r["earlier"] for r in rows] == [1, 2, 3]
    for row in rows:
        before = frame[frame["t"] < 4]
        moved = before.assign(g=np.where(np.isinf(before["g"]), NEVER, 4 - row["earlier"]))
        expected = fitted(estimator, moved).overall
        assert row["estimate"] == pytest.approx(expected.value, rel=1e-10)
        assert row["std_error"] == pytest.approx(expected.std_error, rel=1e-10)
        assert row["p_value"] == pytest.approx(expected.p_value, rel=1e-8)


def by_definition(y, start, weight, earlier, control):
    """Mean over cohorts, by units, of the placebo effects of each number of periods."""
    values, sizes = [], []
    for g in np.unique(start[start < y.shape[1]]):
        at = int(g) - earlier
        if at < 1:
            continue
        others = start == NEVER if control == "never" else (start >= g) & (start != g)
        means = [np.average(y[m], axis=0, weights=weight[m]) for m in (start == g, others)]
        change = [m[at : int(g)].mean() - m[at - 1] for m in means]
        values.append(change[0] - change[1])
        sizes.append((start == g).sum())
    return np.average(values, weights=sizes)


@pytest.mark.parametrize("control", ["never", "not_yet"])
def test_several_cohorts_are_averaged_by_units_and_share_their_controls(control):
    frame = drawn({2: 3, 4: 5, 5: 2, NEVER: 7}, 6, seed=2).sort_values(["id", "t"])
    y = frame["y"].to_numpy().reshape(-1, 6)
    start = frame["g"].to_numpy().reshape(-1, 6)[:, 0]
    rows = checked(frame, control=control).details["rows"]
    steps = [1, 2, 3, 4]
    assert [r["earlier"] for r in rows] == steps
    assert [r["cohorts"] for r in rows] == [3, 2, 2, 1]

    def all_steps(weight):
        return np.array([by_definition(y, start, weight, k, control) for k in steps])

    ones = np.ones(len(y))
    variance = np.diag(jackknifed(all_steps, ones, np.arange(len(y))))
    np.testing.assert_allclose([r["estimate"] for r in rows], all_steps(ones), atol=1e-12)
    np.testing.assert_allclose([r["std_error"] for r in rows], np.sqrt(variance), rtol=1e-6)


def test_clusters_stay_together():
    frame = drawn({2: 4, 4: 4, NEVER: 8}, 6, seed=3).sort_values(["id", "t"])
    frame["region"] = frame["id"] % 6
    y = frame["y"].to_numpy().reshape(-1, 6)
    start, region = (frame[c].to_numpy().reshape(-1, 6)[:, 0] for c in ("g", "region"))
    row = checked(frame, cluster="region").details["rows"][0]
    variance = jackknifed(lambda w: np.array([by_definition(y, start, w, 1, "never")]), np.ones(len(y)), region)
    assert row["std_error"] == pytest.approx(np.sqrt(variance[0, 0]), rel=1e-6)


def test_p_values_are_adjusted_after_holm():
    rows = checked(drawn({4: 6, NEVER: 8}, 7, seed=1)).details["rows"]
    ordered = sorted(rows, key=lambda r: r["p_value"])
    steps = [min(1.0, (3 - k) * r["p_value"]) for k, r in enumerate(ordered)]
    np.testing.assert_allclose([r["adjusted"] for r in ordered], np.maximum.accumulate(steps))
    for r in rows:
        assert r["p_value"] == pytest.approx(2 * stats.norm.sf(abs(r["estimate"] / r["std_error"])))


def test_diverging_trends_fail_and_the_date_is_named():
    rng = np.random.default_rng(1)
    slope = np.repeat([1.0, 0.0], [10, 10])
    y = slope[:, None] * np.arange(6) + 0.1 * rng.normal(size=(20, 6))
    found = checked(framed(y, np.repeat([4.0, NEVER], 10)))
    assert found.verdict == "fail"
    assert "gives an effect of" in found.reason
    assert "moved apart before the measure" in found.reason


def test_an_effect_of_the_measure_itself_is_not_seen():
    frame = drawn({4: 6, NEVER: 8}, 7, seed=1)
    raised = frame.assign(y=frame["y"] + 100 * ((frame["t"] >= frame["g"]) & np.isfinite(frame["g"])))
    assert checked(raised).details == checked(frame).details


def test_anticipated_periods_are_not_used():
    frame = drawn({5: 6, NEVER: 8}, 7, seed=1)
    rows = checked(frame, anticipation=1).details["rows"]
    moved = frame[frame["t"] < 4].assign(g=lambda f: np.where(np.isinf(f["g"]), NEVER, 3))
    assert rows[0]["estimate"] == pytest.approx(fitted("callaway_santanna", moved).overall.value)
    assert len(rows) == 3


def test_at_most_so_many_dates_the_nearest_ones():
    assert [
        r["earlier"] for r in checked(drawn({6: 6, NEVER: 8}, 8, seed=1), options={"dates": 2}).details["rows"]
    ] == [1, 2]


def test_with_one_period_before_treatment_it_does_not_apply():
    assert checked(drawn({1: 6, NEVER: 8}, 4, seed=1)).verdict == "inapplicable"


def test_one_treated_unit_is_inconclusive():
    found = checked(drawn({3: 1, NEVER: 8}, 5, seed=1))
    assert found.verdict == "inconclusive"
    assert "one treated" in found.reason


def test_counties_of_the_minimum_wage_study(mpdta):
    # 2004 has one period before it; 2006 and 2007 have three and four, 2003 to 2005 or 2006
    found = checked(mpdta)
    assert [(c["cohort"], c["earlier"], c["from"]) for c in found.details["cohorts"]] == [
        ("2006", 1, "2005"), ("2006", 2, "2004"), ("2007", 1, "2006"), ("2007", 2, "2005"), ("2007", 3, "2004"),
    ]  # fmt: skip


def test_periods_of_an_incomplete_panel_that_nobody_has_left_are_no_trouble(mpdta_unbalanced):
    panel = panel_of(mpdta_unbalanced)
    for balance in ("drop", "repeated_cross_sections"):
        design = si.Design.from_panel(panel, first_treated="g", balance=balance)
        found = si.check("placebo_dates", panel, design, lambda p, d: si.estimate("callaway_santanna", p, d))
        assert found.verdict == "pass"
        assert all(r["std_error"] > 0 for r in found.details["rows"])
