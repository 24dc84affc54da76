"""The study's estimators held against each other, with the standard errors of their differences."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import scale_impact as si
from scale_impact.errors import UsageError
from scale_impact.session import open_session
from tests.panels import averages, design_of, drawn, dummy_regression, fitted, framed, group_time, jackknifed

NEVER = np.inf


def refit(name, **options):
    return lambda panel, design: si.estimate(name, panel, design, **options)


def checked(frame, *names, options=None, **design):
    chosen = design_of(frame, **design)
    refits = {n: refit(n) for n in names} if names and isinstance(names[0], str) else names[0]
    return si.check("agreement", chosen._panel, chosen, next(iter(refits.values())), refits=refits, **(options or {}))


AGGREGATIONS = {
    f"cs {a}": refit("callaway_santanna", aggregation=a) for a in ("simple", "event_time", "cohort", "period")
}


def matrix_of(frame, periods):
    frame = frame.sort_values(["id", "t"])
    start = frame["g"].to_numpy().reshape(-1, periods)[:, 0]
    return frame["y"].to_numpy().reshape(-1, periods), np.where(np.isinf(start), periods, start).astype(int)


def test_differences_have_the_standard_errors_of_the_jackknife_and_a_joint_test():
    frame = drawn({2: 4, 3: 6, 5: 3, NEVER: 9}, 7, seed=1)
    y, start = matrix_of(frame, 7)
    found = checked(frame, AGGREGATIONS)

    def differences(weight):
        w = np.repeat(weight[:, None], 7, axis=1)
        a = averages(group_time(y, start, w), start, w)
        return np.array([a[k] - a["simple"] for k in ("event_time", "cohort", "period")])

    ones = np.ones(len(y))
    d, v = differences(ones), jackknifed(differences, ones, np.arange(len(y)))
    rows = found.details["rows"]
    np.testing.assert_allclose([r["difference"] for r in rows], d, atol=1e-12)
    np.testing.assert_allclose([r["difference_std_error"] for r in rows], np.sqrt(np.diag(v)), rtol=1e-5)
    assert found.statistic == pytest.approx(d @ np.linalg.inv(v) @ d, rel=1e-4)
    assert found.p_value == pytest.approx(stats.f.sf(found.statistic / 3, 3, len(y) - 1))
    t = rows[0]["difference"] / rows[0]["difference_std_error"]
    assert rows[0]["p_value"] == pytest.approx(2 * stats.t.sf(abs(t), len(y) - 1))
    assert found.details["rank"] == 3


@pytest.mark.parametrize("cluster", [None, "region"])
def test_two_regressions_differ_with_the_covariance_of_their_stacked_scores(cluster):
    frame = drawn({2: 4, 4: 6, NEVER: 9}, 6, seed=2)
    frame["region"] = frame["id"] % 7
    row = checked(frame, "twfe", "event_study", cluster=cluster).details["rows"][0]
    one, path = (fitted(n, frame, cluster=cluster) for n in ("twfe", "event_study"))
    both = np.column_stack([one.influence.by_cluster[:, 0], path.influence.by_cluster[:, 0]])
    v = both.T @ both
    assert row["difference_std_error"] == pytest.approx(np.sqrt(v[0, 0] + v[1, 1] - 2 * v[0, 1]))
    dummy = (frame["t"] >= frame["g"]).astype(float)
    alone = dummy_regression(frame, [dummy], cluster or "id")
    assert one.overall.value == pytest.approx(alone[0][0])
    assert v[0, 0] == pytest.approx(alone[1][0, 0], rel=1e-8)


def test_estimators_that_give_the_same_number_agree_without_a_test():
    found = checked(drawn({3: 6, NEVER: 8}, 6, seed=3), "twfe", "did_2x2")
    (row,) = found.details["rows"]
    assert row["reason"] == "the two are the same number"
    assert (found.verdict, found.p_value) == ("pass", None)


def test_a_linear_copy_adds_nothing_to_the_joint_test():
    frame = drawn({2: 4, 4: 6, NEVER: 9}, 6, seed=2)
    refits = {"cs": refit("callaway_santanna"), "twfe": refit("twfe"), "again": refit("twfe", K_adj=False)}
    found, alone = checked(frame, refits), checked(frame, "callaway_santanna", "twfe")
    assert found.details["rank"] in (1, 2)  # the correction scales the copy's error a little
    assert alone.details["rank"] == 1
    assert alone.statistic == pytest.approx(
        (alone.details["rows"][0]["difference"] / alone.details["rows"][0]["difference_std_error"]) ** 2
    )


def growing(seed=1):
    """Effects that grow by one each period: two-way fixed effects take them for trends of the controls."""
    rng = np.random.default_rng(seed)
    g = np.repeat([2.0, 6.0, NEVER], [12, 12, 12])
    since = np.maximum(np.arange(10) - np.where(np.isinf(g), 99, g)[:, None] + 1, 0)
    return framed(since + 0.2 * rng.normal(size=(36, 10)), g)


def test_estimators_that_differ_fail_and_are_named():
    found = checked(growing(), "callaway_santanna", "twfe")
    assert found.verdict == "fail"
    assert "twfe is" in found.reason
    assert "below callaway_santanna" in found.reason
    assert "weight cohorts and periods differently" in found.reason


def test_noise_alone_passes():
    rng = np.random.default_rng(2)
    frame = framed(rng.normal(size=(60, 6)), np.repeat([2.0, 4.0, NEVER], 20))
    assert checked(frame, "callaway_santanna", "twfe", "event_study").verdict == "pass"


def test_the_other_sign_is_named():
    effects = {"up": _fixed(1.0), "down": _fixed(-1.0)}
    found = checked(drawn({3: 6, NEVER: 8}, 6, seed=3), effects)
    assert "down has the other sign than up" in found.reason
    effects = {"up": _fixed(1.0), "down": _fixed(-1.0), "below": _fixed(-1.1)}
    assert "down, below have the other sign than up" in checked(drawn({3: 6, NEVER: 8}, 6, seed=3), effects).reason


def _fixed(sign):
    """An estimator that reports the sign times what twfe finds."""
    from dataclasses import replace

    def fit(panel, design):
        effect = si.estimate("twfe", panel, design)
        overall = replace(effect.overall, value=sign * abs(effect.overall.value))
        return replace(effect, overall=overall, influence=effect.influence.map(np.array([[sign]])))

    return fit


def test_an_estimator_that_is_not_linear_is_compared_by_clusters():
    from dataclasses import replace

    def by_unit(panel, design):
        effect = si.estimate("twfe", panel, design)
        values = effect.influence.values
        return replace(effect, influence=replace(effect.influence, scores=None, made=lambda: values, scale=1.0))

    frame = drawn({2: 4, 4: 6, NEVER: 9}, 6, seed=2)
    linear = checked(frame, "callaway_santanna", "twfe").details["rows"][0]
    other = checked(frame, {"cs": refit("callaway_santanna"), "by unit": by_unit}).details["rows"][0]
    assert other["difference_std_error"] == pytest.approx(linear["difference_std_error"], rel=1e-9)


def test_estimators_that_say_nothing_of_single_units_are_named():
    from dataclasses import replace

    def silent(panel, design):
        return replace(si.estimate("event_study", panel, design), influence=None)

    frame = drawn({2: 4, 4: 6, NEVER: 9}, 6, seed=2)
    found = checked(frame, {"cs": refit("callaway_santanna"), "twfe": refit("twfe"), "silent": silent})
    assert "Without a test: silent (event_study does not say what each unit adds to its error)." in found.reason
    assert checked(frame, {"cs": refit("callaway_santanna"), "silent": silent}).verdict == "inconclusive"


def test_one_treated_unit_leaves_no_standard_error():
    found = checked(drawn({3: 1, NEVER: 8}, 6, seed=3), "callaway_santanna", "event_study")
    assert found.verdict == "inconclusive"
    assert "one treated" in found.reason


def test_one_estimator_does_not_apply():
    assert checked(drawn({3: 6, NEVER: 8}, 6, seed=3), "twfe").verdict == "inapplicable"


def test_without_estimators_to_compare_it_says_what_to_give():
    chosen = design_of(drawn({3: 6, NEVER: 8}, 6, seed=3))
    with pytest.raises(UsageError, match="give `refits`"):
        si.check("agreement", chosen._panel, chosen, refit("twfe"))


def test_refits_is_no_option_of_a_study(place):
    from scale_impact.errors import StudyError

    place.study(checks=[{"agreement": {"refits": "twfe"}}])
    with pytest.raises(StudyError, match="agreement takes no option 'refits'"):
        open_session("towns")


def test_a_study_compares_all_its_estimators(place):
    place.study(
        estimators=["callaway_santanna", {"callaway_santanna": {"aggregation": "cohort"}}, "twfe"], checks=["agreement"]
    )
    session = open_session("towns")
    found = next(c for c in session.check() if c.check == "agreement")
    assert [r["estimator"] for r in found.details["rows"]] == ["callaway_santanna (aggregation cohort)", "twfe"]
    assert found.details["estimate"] == session.estimate()[0].overall.value


def test_counties_of_the_minimum_wage_study(mpdta):
    found = checked(mpdta, "callaway_santanna", "twfe", "event_study")
    assert found.details["estimate"] == pytest.approx(-0.0399512751551768)
    assert all(r["difference_std_error"] < r["std_error"] for r in found.details["rows"])


def test_intention_to_treat_is_compared_with_the_effect_of_being_exposed():
    rng = np.random.default_rng(3)
    d = rng.permutation(np.repeat([0, 1], 60))
    frame = pd.DataFrame({"year": 1, "d": d, "y": d + rng.normal(size=120)})
    panel = si.Panel.from_frame(frame, unit=None, period="year", outcome="y")
    design = si.Design.from_panel(panel, exposure="d")
    refits = {
        "regression": lambda p, d: si.estimate("backdoor_regression", p, d),
        "lottery": lambda p, d: si.estimate("randomised_rollout", p, d, draws=99),
    }
    found = si.check("agreement", panel, design, refits["regression"], refits=refits)
    assert [r["estimator"] for r in found.details["rows"]] == ["lottery"]
    assert found.details["other_estimands"] == []
