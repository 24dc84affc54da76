"""Size, power and detectable effect in placebo worlds: by the loop that they stand for."""

import math
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import pytest
from scipy import stats

import scale_impact as si
from scale_impact.checks._placebo import pool
from scale_impact.errors import UsageError
from scale_impact.session import open_session
from tests.panels import design_of, drawn, fitted, framed, panel_of

NEVER = np.inf


def checked(frame, estimator="callaway_santanna", *, options=None, unit="id", **design):
    panel = panel_of(frame, unit=unit)
    chosen = si.Design.from_panel(panel, **{"first_treated": "g", **design})
    return si.check("calibration", panel, chosen, lambda p, d: si.estimate(estimator, p, d), **(options or {}))


def every_world(frame, n_treated, start, estimator="callaway_santanna"):
    """Estimates with each set of never-treated units treated from `start` on."""
    controls = frame[np.isinf(frame["g"])]
    ids = np.sort(controls["id"].unique())
    for chosen in combinations(ids, n_treated):
        yield fitted(estimator, controls.assign(g=np.where(controls["id"].isin(chosen), start, NEVER))).overall


def test_where_assignments_are_few_each_is_a_world_and_the_numbers_are_those_of_the_loop():
    frame = drawn({1: 3, NEVER: 7}, 5, seed=1)
    found = checked(frame)
    worlds = list(every_world(frame, 3, 1))
    values, errors = np.array([(e.value, e.std_error) for e in worlds]).T
    details = found.details
    assert details["pool"]["assignments"] == len(worlds) == 35
    assert details["pool"]["cohorts"] == [{"from": "1", "study": 3, "placebo": 3}]
    assert found.statistic == np.mean([e.p_value <= 0.05 for e in worlds])
    assert details["bias"]["mean"] == pytest.approx(values.mean(), abs=1e-12)
    assert details["spread"] == pytest.approx(values.std(ddof=1))
    assert details["std_error_ratio"] == pytest.approx(errors.mean() / values.std(ddof=1))
    t = np.sort(np.abs(values / errors))
    assert details["critical"] == pytest.approx(t[-2])  # one of 35 lies above: two would be more than 5 %
    assert found.verdict == "inconclusive"
    assert "too few worlds" in found.reason


def test_the_interval_of_the_size_is_the_exact_binomial_one():
    size = checked(drawn({3: 10, NEVER: 40}, 6, seed=2), options={"worlds": 200}).details["size"]
    exact = stats.binomtest(size["rejected"], size["worlds"]).proportion_ci(0.95, "exact")
    assert (size["worlds"], size["share"]) == (200, size["rejected"] / 200)
    assert (size["low"], size["high"]) == pytest.approx((exact.low, exact.high))


@pytest.mark.parametrize("estimator", ["callaway_santanna", "twfe", "event_study"])
def test_power_is_that_of_estimating_again_with_an_effect_added(estimator):
    frame = drawn({2: 4, 4: 4, NEVER: 20}, 6, seed=3)
    found = checked(frame, estimator, options={"worlds": 60})
    real = fitted(estimator, frame).overall
    panel, design = panel_of(frame), design_of(frame)
    worlds = pool(panel, design)
    point = found.details["power"][12]
    effect = point["effect"] / found.details["scale"]
    shares = []
    for codes in worlds.codes(60, 20251122):
        y = worlds.panel.matrix.copy()
        first = worlds.design.starts[codes]
        treated = np.arange(6) >= first[:, None]
        g = np.where(first < 6, first, NEVER).astype(float)
        for d in (effect, -effect):
            shares.append(fitted(estimator, framed(y + d * treated, g)).overall.p_value <= 0.05)
    assert point["power"] == pytest.approx(np.mean(shares), abs=1e-12)
    assert found.details["scale"] > 0
    assert found.details["std_error"] == pytest.approx(real.std_error)


def test_effects_are_carried_to_the_study_in_standard_errors():
    frame = drawn({2: 4, NEVER: 20}, 5, seed=4)
    details = checked(frame, options={"worlds": 100}).details
    worlds = pool(panel_of(frame), design_of(frame))
    errors = [
        si.estimate("callaway_santanna", worlds.panel, worlds.world(c)).overall.std_error
        for c in worlds.codes(100, 20251122)
    ]
    assert details["scale"] == pytest.approx(fitted("callaway_santanna", frame).overall.std_error / np.mean(errors))
    normal = stats.norm.ppf(0.975) + stats.norm.ppf(0.8)
    assert details["mde"]["reported"] == pytest.approx(normal * details["std_error"])


def test_the_detectable_effect_is_where_the_curve_reaches_80_percent():
    details = checked(drawn({2: 8, NEVER: 40}, 5, seed=5), options={"worlds": 150}).details
    for key, column in (("interval", "power"), ("corrected", "corrected")):
        below = [r[column] for r in details["power"] if r["effect"] < details["mde"][key]]
        above = [r[column] for r in details["power"] if r["effect"] > details["mde"][key]]
        assert max(below) < 0.8 <= min(above)


def test_the_corrected_test_rejects_no_more_often_than_it_says():
    details = checked(drawn({2: 3, NEVER: 14}, 5, seed=6), options={"worlds": 200}).details
    assert details["power"][0]["corrected"] <= 0.05
    assert details["critical"] > stats.norm.ppf(0.975)
    assert details["mde"]["corrected"] > details["mde"]["interval"]


def test_with_many_units_the_size_is_right_and_the_detectable_effects_agree():
    found = checked(drawn({3: 40, NEVER: 160}, 6, seed=7), options={"worlds": 300})
    assert found.verdict == "pass"
    assert found.details["size"]["low"] < 0.05 < found.details["size"]["high"]
    assert found.details["std_error_ratio"] == pytest.approx(1, abs=0.1)
    assert found.details["mde"]["corrected"] == pytest.approx(found.details["mde"]["reported"], rel=0.1)


def test_intervals_that_are_too_narrow_fail():
    found = checked(drawn({3: 3, NEVER: 20}, 6, seed=8))
    assert found.verdict == "fail"
    assert found.details["size"]["low"] > 0.075
    assert "too narrow here" in found.reason
    assert "as large as the study's (units: 3)" in found.reason


def test_whole_clusters_are_treated_where_the_study_treats_whole_clusters():
    frame = drawn({2: 12, NEVER: 48}, 5, seed=9)
    order = frame.groupby("id")["g"].first().sort_values(kind="stable").index
    region = {u: k // 4 for k, u in enumerate(order)}  # 3 treated regions, 12 others
    frame["region"] = frame["id"].map(region)
    panel, design = panel_of(frame), design_of(frame, cluster="region")
    worlds = pool(panel, design)
    regions = worlds.panel.unit_column("region")
    for codes in worlds.codes(20, 1):
        treated = codes == 0
        assert treated.sum() == 12
        assert len(np.unique(regions[treated])) == 3
    assert worlds.assignments == math.comb(12, 3)
    assert "clusters (region)" in checked(frame, cluster="region").reason


def test_units_are_treated_one_by_one_where_a_cluster_holds_treated_and_others():
    frame = drawn({2: 6, NEVER: 24}, 5, seed=9)
    frame["region"] = frame["id"] % 5
    assert pool(panel_of(frame), design_of(frame, cluster="region")).things == "units"


def test_cohorts_are_scaled_in_the_studys_shares_where_untreated_units_are_too_few():
    worlds = pool(*(f(drawn({2: 12, 3: 6, NEVER: 18}, 5, seed=1)) for f in (panel_of, design_of)))
    assert worlds.sizes.tolist() == [[6, 3]]
    assert worlds.real.tolist() == [12, 6]
    assert not worlds.full_size


def test_of_very_many_units_some_make_the_worlds(monkeypatch):
    from scale_impact.checks import _placebo

    monkeypatch.setattr(_placebo, "MOST", 30)
    worlds = pool(*(f(drawn({2: 20, NEVER: 60}, 5, seed=1)) for f in (panel_of, design_of)))
    assert worlds.panel.n_units == 30
    assert worlds.sizes.tolist() == [[8]]  # a quarter are treated in the study
    assert worlds.words == "30 of the 60 never-treated units (id) over all 5 periods"


def test_without_enough_never_treated_units_the_periods_before_treatment_serve():
    frame = drawn({5: 4, 6: 4, 8: 8}, 10, seed=2)
    panel, design = panel_of(frame), design_of(frame, control="not_yet")
    worlds = pool(panel, design)
    assert worlds.panel.n_periods == 5  # nobody is treated before 5
    assert worlds.panel.n_units == 16
    assert [worlds.design.cohort_name(g) for g in range(3)] == ["2", "3", "never treated"]  # 5 and 6 of 10, moved
    assert worlds.sizes.tolist() == [[4, 4]]  # the last cohort of the study serves as control
    found = checked(frame, control="not_yet", options={"worlds": 100})
    assert "before anybody is treated" in found.reason
    assert found.verdict in ("pass", "fail")


def test_without_untreated_observations_it_does_not_apply():
    found = checked(drawn({1: 3, 2: 3}, 4, seed=1), control="not_yet")
    assert found.verdict == "inapplicable"


def test_one_treated_unit_has_no_interval_and_still_a_detectable_effect():
    found = checked(drawn({3: 1, NEVER: 120}, 6, seed=3), options={"worlds": 100})
    assert found.verdict == "inconclusive"
    assert found.details["size"]["share"] is None
    assert found.details["mde"]["reported"] is None
    assert found.details["mde"]["corrected"] > 0
    assert found.details["studentised"] is False
    assert "cannot be seen" in found.reason


def test_cross_sections_exchange_observations_within_a_period(kielmc):
    panel = si.Panel.from_frame(kielmc, unit=None, period="year", outcome="lrprice")
    design = si.Design.from_panel(panel, group="nearinc", starts=1981)
    worlds = pool(panel, design)
    near = kielmc.groupby("year")["nearinc"].sum()
    for codes in worlds.codes(5, 1):
        counts = [int((codes[worlds.panel.period_codes == t] == 0).sum()) for t in range(2)]
        assert counts == near.tolist()


def test_units_left_out_of_the_study_are_left_out_of_its_worlds(mpdta_unbalanced):
    panel = panel_of(mpdta_unbalanced)
    worlds = pool(panel, si.Design.from_panel(panel, first_treated="g", balance="drop"))
    assert worlds.panel.balanced
    complete = mpdta_unbalanced.groupby("id")["t"].transform("size") == 5
    never = mpdta_unbalanced["g"] == 0
    assert worlds.panel.n_units == mpdta_unbalanced[complete & never]["id"].nunique()


def test_the_seed_decides():
    frame = drawn({3: 10, NEVER: 40}, 6, seed=2)
    one, again, other = (checked(frame, options={"worlds": 100, "seed": s}) for s in (1, 1, 2))
    assert one == again
    assert one.details["spread"] != other.details["spread"]


def test_an_interval_of_another_kind_is_the_one_that_is_calibrated():
    frame = drawn({3: 3, NEVER: 20}, 6, seed=8)
    panel, design = panel_of(frame), design_of(frame)

    @dataclass(frozen=True)
    class Wide:
        """Three standard errors either side."""

        value: float
        error: float
        words: str = "three standard errors"

        def interval(self, level):
            return self.value - 3 * self.error, self.value + 3 * self.error

        @property
        def p_value(self):
            return 0.01 if abs(self.value) > 3 * self.error else 0.5

    def judged(panel, design):
        effect = si.estimate("twfe", panel, design)
        overall = effect.overall
        return replace(effect, overall=replace(overall, judged=Wide(overall.value, overall.std_error)))

    refit = lambda p, d: si.estimate("twfe", p, d)  # noqa: E731
    usual = si.check("calibration", panel, design, refit, worlds=150)
    wide = si.check("calibration", panel, design, refit, judged=judged, worlds=150)
    assert wide.details["interval"] == "three standard errors"
    assert "judged as in the study (three standard errors)" in wide.reason
    assert wide.statistic < usual.statistic
    assert wide.details["power"][0]["power"] == wide.statistic
    assert wide.details["mde"]["interval"] > usual.details["mde"]["interval"]
    assert wide.details["mde"]["corrected"] == usual.details["mde"]["corrected"]


def test_a_tolerance_below_the_level_is_refused():
    with pytest.raises(UsageError, match=r"tolerance 0\.04 lies below alpha 0\.05"):
        checked(drawn({3: 10, NEVER: 40}, 6, seed=2), options={"tolerance": 0.04})


def test_outcomes_that_do_not_vary_have_no_answer():
    frame = drawn({3: 10, NEVER: 40}, 6, seed=2).assign(y=1.0)
    found = checked(frame, options={"worlds": 20})
    assert found.verdict == "inconclusive"
    assert "do not vary" in found.reason


def test_a_study_calibrates_the_interval_that_it_reports(place):
    place.study(checks=[{"calibration": {"worlds": 30}}, {"placebo_units": {"draws": 30}}])
    session = open_session("towns")  # 12 towns, 6 of them treated
    words = session.estimate()[0].overall.judged.words
    found = {c.check: c for c in session.check()}
    assert found["calibration"].details["interval"].split(",")[0] == words.split(",")[0]
    assert found["placebo_units"].details["own_p_value"] == pytest.approx(
        session.estimate()[0].overall.p_value, abs=0.05
    )
    place.study(inference="analytic", checks=[{"calibration": {"worlds": 30}}])
    (analytic,) = (c for c in open_session("towns").check() if c.check == "calibration")
    assert analytic.details["interval"].startswith("analytic")
