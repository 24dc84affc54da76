"""Choosing a pilot: past windows, smallest effects that the test notices, the best set and what it is worth."""

import json
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import scale_impact as si
from scale_impact.core.assemble import _refuse_sample
from scale_impact.core.pilot.blind import before_start
from scale_impact.core.pilot.making import plan_of
from scale_impact.core.pilot.plan import in_window, make_plan, promise
from scale_impact.core.pilot.question import Question, question_of
from scale_impact.core.pilot.screening import MOST, Past, Screen, others, sets_of
from scale_impact.core.pilot.thresholds import OnLogScale, Sizes, Trial, allowed, power_at, smallest, standard_error
from scale_impact.core.pilot.windows import Window, fewest_windows, windows
from scale_impact.core.pilot.words import as_check, sentences
from scale_impact.core.registration import _sample, _treatment
from scale_impact.core.settings import Settings
from scale_impact.errors import DesignError, EstimationError, StudyError, UsageError
from scale_impact.estimators import estimate
from scale_impact.estimators.demeaned_synthetic_control import again as demeaned
from scale_impact.evidence.reading import in_words
from scale_impact.session import open_session
from scale_impact.workflow.preflight import preflight
from scale_impact.workflow.runs import expand
from tests.pilots import mean_of_donors
from tests.projects import command

KEYS = {
    "title": "Where to try zones?",
    "question": "Where?",
    "measure": "enterprise_zone",
    "template": "pilot_design",
    "source": "towns",
    "unit": "town",
    "period": "year",
    "outcomes": [{"column": "jobs", "indicator": "jobs"}],
    "treatment": {"planned": 2025},
    "estimators": ["demeaned_synthetic_control"],
}


def settings(**changes):
    return Settings.model_validate({**KEYS, **changes})


def paths(n=12, t=30, seed=1):
    """Cities that share two factors, each with noise of its own size."""
    rng = np.random.default_rng(seed)
    factors = rng.normal(size=(2, t)).cumsum(axis=1) / 2
    noise = rng.normal(size=(n, t)) * rng.uniform(0.3, 1.5, size=(n, 1))
    return 50 + 5 * rng.normal(size=(n, 1)) + rng.normal(size=(n, 2)) @ factors + noise


def question(y, **changes):
    n, t = y.shape
    every = np.ones(n, dtype=bool)
    usual = Question(
        units=np.arange(n), names=tuple(f"City {k}" for k in range(n)), periods=tuple(range(t)), candidates=every, donors=every,
        durations=(1, 3), pilots=1, wanted=2.0, per_cent=False, direction="up", log=False, power=0.8, trial=Trial(alpha=0.1),
        before=math.ceil(0.4 * t), anticipation=0, seed=1, level=0.95,
    )  # fmt: skip
    return replace(usual, **changes)


def past(y, again=demeaned):
    return Past(y, np.arange(len(y)), again)


def long(y, start=2001):
    n, t = y.shape
    town = [f"T{u:02d}" for u in range(n)]
    return pd.DataFrame(
        {"town": np.repeat(town, t), "year": np.tile(np.arange(start, start + t), n), "jobs": y.ravel()}
    )


def panel_of(y):
    return si.Panel.from_frame(long(y), unit="town", period="year", outcome="jobs")


def planned(y, *, log=False, parameters=None, **changes):
    """The plan of a study on these paths."""
    chosen, panel = settings(**changes), panel_of(y)
    design = si.Design.from_panel(panel, cohorts={"T00": panel.periods[-1]})

    def fit(p, d, options):
        return estimate(chosen.estimators[0].name, p, d, **options)

    return plan_of(panel, design, chosen, parameters or {}, fit, log=log)


# ---- windows --------------------------------------------------------------------------------------------


def test_windows_that_choose_and_those_held_out_share_no_period():
    found = windows(31, 13, 4)
    chosen = {t for w in found.choosing for t in range(w.start, w.end)}
    held = {t for w in found.held_out for t in range(w.start, w.end)}
    assert not chosen & held
    assert min(chosen) == 13
    assert (len(found.choosing), len(found.held_out)) == (6, 6)
    assert found.held_out[-1] == Window(27, 31)


def test_a_power_needs_windows():
    assert [fewest_windows(p) for p in (0.5, 0.8, 0.9)] == [1, 4, 9]


# ---- the smallest effect that is noticed -----------------------------------------------------------------


@pytest.mark.parametrize(
    "trial",
    [Trial(s) for s in ("rmspe_ratio", "effect", "effect_over_fit", "spread")] + [Trial("effect_over_fit", "upper")],
    ids=lambda t: f"{t.statistic}, {t.side}",
)
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_test_notices_just_above_the_threshold_and_not_just_below(trial, sign):
    rng = np.random.default_rng(3)
    gaps, before = rng.normal(size=4), rng.normal(size=12)
    others_before, others_after = rng.normal(size=(19, 12)), rng.normal(size=(19, 4))

    def sizes(b, a):
        return Sizes(np.sqrt((b**2).mean(axis=-1)), np.sqrt((a**2).mean(axis=-1)), a.mean(axis=-1))

    placebos = sizes(others_before, others_after)
    limit = trial.limit(placebos)
    own = sizes(before[None], gaps[None])
    direction = "up" if sign > 0 else "down"
    threshold = trial.noticed(own, np.array([limit]), direction)[0, 0]
    if trial.side == "upper" and sign < 0:
        assert threshold == math.inf
        return

    def is_noticed(effect):
        shifted = trial.of(sizes(before, gaps + sign * effect))
        if trial.statistic == "spread":
            return shifted > 1.7340636066175354 * np.std(placebos.effect)  # t(18)
        return (1 + (trial.of(placebos) >= shifted).sum()) / 20 <= trial.alpha + 1e-12

    assert threshold > 0
    assert is_noticed(threshold * 1.0001)
    assert not is_noticed(threshold * 0.9999)


def test_it_is_the_test_that_inference_makes_afterwards():
    y, start = paths(n=14, t=20), 16
    frame = question(y)
    found, limit, placebos = in_window(frame, past(y), (2,), Window(start, 20))
    threshold = frame.trial.noticed(found, np.array([limit]), "up")[0, 0]
    assert placebos == 13
    for times, noticed in ((1.001, True), (0.999, False)):
        treated = y.copy()
        treated[2, start:] += times * threshold
        panel = panel_of(treated)
        design = si.Design.from_panel(panel, cohorts={"T02": 2001 + start})
        effect = estimate("demeaned_synthetic_control", panel, design, inference="placebo")
        assert bool(effect.overall.p_value <= 0.1 + 1e-9) is noticed


def test_with_few_placebos_no_effect_is_ever_noticed():
    assert [allowed(m, 0.1) for m in (8, 9, 19, 38)] == [-1, 0, 1, 2]
    few = Sizes(np.ones((1, 8)), np.ones((1, 8)), np.ones((1, 8)))
    assert Trial(alpha=0.1).limit(few) == math.inf


def test_an_exact_fit_before_notices_everything_that_is_not_exact_elsewhere():
    own = Sizes(np.zeros(1), np.zeros(1), np.zeros(1))
    assert Trial().noticed(own, np.array([3.0]), "up")[0, 0] == 0.0
    assert Trial().noticed(own, np.array([np.inf]), "up")[0, 0] == np.inf


def test_the_minimum_detectable_effect_holds_for_one_more_window():
    thresholds = np.arange(1.0, 10.0)[:, None]
    assert smallest(thresholds, 0.8) == 8.0  # the 0.8 x 10-th of 9
    assert smallest(thresholds[:3], 0.8) is None
    assert smallest(np.array([[1.0, 5.0], [2.0, 4.0], [3.0, 3.0], [1.0, 9.0]]), 0.8) == 9.0  # both signs: 8-th of 8
    assert smallest(np.array([[1.0], [2.0], [3.0], [np.inf]]), 0.8) is None


def test_the_order_statistic_covers_a_further_window_as_often_as_it_says():
    rng = np.random.default_rng(5)
    drawn = rng.exponential(size=(4000, 10))
    hit = np.mean([row[-1] <= smallest(row[:-1, None], 0.8) for row in drawn])
    assert hit == pytest.approx(0.8, abs=3 * math.sqrt(0.16 / 4000))


def test_the_standard_error_is_that_of_a_median_in_large_samples():
    x = np.random.default_rng(2).normal(size=(4001, 1))
    assert standard_error(x, 0.5, 4001) == pytest.approx(math.sqrt(math.pi / 2 / 4001), rel=0.15)


def test_the_interval_of_a_smallest_effect_is_positive_and_wider_at_a_higher_level():
    found = OnLogScale(2.0, 1.5, "words")
    (low, high), (lower, higher) = found.interval(0.9), found.interval(0.95)
    assert 0 < lower < low < 2 < high < higher
    assert math.sqrt(low * high) == pytest.approx(2.0)


def test_a_city_in_which_the_test_finds_too_much_needs_more():
    own = Sizes(np.full(10, 0.1), np.full(10, 1.0), np.full(10, 0.2))
    limit = np.full(10, 5.0)
    assert Trial().readiness(own, limit) == pytest.approx(2.0)
    assert Trial().readiness(own, limit * 4) == 1.0


def test_a_city_that_the_estimator_cannot_explain_promises_nothing():
    def again(worlds):
        gaps = mean_of_donors(worlds)
        gaps[worlds.treated[:, 3] > 0] = np.nan
        return gaps

    y = paths(n=14, t=40)
    plan = make_plan(question(y), past(y, again))
    assert {o.names[0] for o in plan.options if o.mde is None} == {"City 3"}
    assert plan.options[-1].names == ("City 3",)
    assert "no effect of any size" in plan.options[-1].reason


# ---- blind ----------------------------------------------------------------------------------------------


def test_nothing_after_the_end_of_a_window_is_looked_at():
    seen = []

    def again(worlds):
        last = np.flatnonzero(worlds.after[0])[-1]
        seen.append(worlds.outcomes.shape[1] - 1 == last)
        assert not (worlds.fit & worlds.after).any()
        return mean_of_donors(worlds)

    y = paths()
    make_plan(question(y), past(y, again))
    assert len(seen) > 30
    assert all(seen)


def test_anticipated_periods_are_not_fitted_on():
    def again(worlds):
        start = np.flatnonzero(worlds.after[0])[0]
        assert worlds.fit[:, : start - 2].all()
        assert not worlds.fit[:, start - 2 :].any()
        return mean_of_donors(worlds)

    y = paths()
    assert make_plan(question(y, anticipation=2), past(y, again)).best


def frame_of(labels):
    return pd.DataFrame({"town": "a", "year": labels, "jobs": 1.0})


def planned_in(start):
    return settings(treatment={"planned": start})


@pytest.mark.parametrize(
    ("labels", "start", "kept"),
    [
        ([2001, 2002, 2003], 2002, 1),
        ([2001, 2002, 2003], 2004, 3),
        ([2001, 2002, 2003], "2003", 2),
        (["2019Q1", "2019Q2", "2019Q3"], "2019Q3", 2),
        (["2019Q1", "2019Q2", "2019Q3"], "2020Q1", 3),
        (list(pd.to_datetime(["2019-01-01", "2019-02-01", "2019-03-01"])), "2019-02-01", 1),
        (list(pd.to_datetime(["2019-01-01", "2019-02-01", "2019-03-01"])), "2019-04-01", 3),
    ],
)
def test_rows_from_the_planned_start_on_are_cut_off(labels, start, kept):
    assert len(before_start(frame_of(labels), planned_in(start))) == kept


@pytest.mark.parametrize(
    ("labels", "start"),
    [
        ([2001, 2003], 2002),
        ([2001, 2002], 1990),
        ([2001, 2002], "soon"),
        (["2019Q1", "2019Q2"], "2019-12"),
        (["2019Q1", "2019Q2"], "next year"),
        (list(pd.to_datetime(["2019-01-01", "2019-02-01"])), "2018-01-01"),
    ],
)
def test_a_start_that_is_no_period_and_not_later_is_refused(labels, start):
    with pytest.raises(DesignError, match=r"is no period of the data .* and none after them"):
        before_start(frame_of(labels), planned_in(start))


def test_a_start_in_the_first_period_is_refused():
    with pytest.raises(DesignError, match="first period of the data"):
        before_start(frame_of([2001, 2002]), planned_in(2001))


# ---- sets of cities ---------------------------------------------------------------------------------------


def test_all_sets_are_tried_where_they_are_few():
    assert len(list(sets_of(np.arange(8), 2, []))) == 28


def test_many_sets_are_built_up_from_the_best_smaller_ones():
    best = [(7,), (3,), *((k,) for k in range(60) if k not in (3, 7))]
    found = list(sets_of(np.arange(60), 2, best))
    assert len(found) == len(set(found)) == MOST
    assert all(7 in members or 3 in members for members in found[:100])


def test_placebo_sets_hold_no_pilot():
    y = paths(n=40)
    drawn = others(question(y), (3, 5))
    assert drawn.shape == (199, 2)
    assert not np.isin(drawn, (3, 5)).any()
    assert (drawn[:, 0] < drawn[:, 1]).all()
    assert others(question(y), (3,)).shape == (39, 1)


def test_pilots_are_no_donors_of_each_other():
    y, seen = paths(n=8), []

    def again(worlds):
        treated = worlds.treated > 0
        seen.append(not (treated & worlds.donors).any())
        pair = len(worlds) == 2
        if pair:
            seen.append(not worlds.donors[:, treated.any(axis=0)].any())
        return mean_of_donors(worlds)

    screen = Screen.of(question(y), past(y, again), [Window(20, 22)])
    screen.sizes((1, 4))
    assert len(seen) == 3
    assert all(seen)


def test_two_pilots_notice_less_than_one_where_noise_is_their_own():
    rng = np.random.default_rng(8)
    y = 50 + rng.normal(size=(16, 60))
    plan = make_plan(question(y, pilots=2, trial=Trial("effect"), durations=(1,)), past(y, mean_of_donors))
    single = np.median([o.mde for o in plan.options if len(o.members) == 1])
    double = np.median([o.mde for o in plan.options if len(o.members) == 2])
    assert double == pytest.approx(single / math.sqrt(2), rel=0.2)


# ---- the plan -----------------------------------------------------------------------------------------------


def test_the_quiet_city_is_chosen():
    rng = np.random.default_rng(4)
    loud = np.ones(15)
    loud[6] = 0.2
    y = 50 + rng.normal(size=40).cumsum() + loud[:, None] * rng.normal(size=(15, 40))
    plan = make_plan(question(y), past(y, mean_of_donors))
    assert plan.best[0].names == ("City 6",)


def test_what_the_best_of_many_noticed_is_too_small_and_what_is_promised_is_not():
    chosen, later, sure = [], [], []
    for seed in range(12):
        y = 50 + np.random.default_rng(seed).normal(size=(20, 40))
        plan = make_plan(question(y, durations=(2,), trial=Trial("effect")), past(y, mean_of_donors))
        (best,) = plan.best
        chosen.append(best.mde)
        later.append(smallest(best.held_out.thresholds, 0.8))
        sure.append(promise(plan.question, best).value)
    assert np.mean(chosen) < 0.85 * np.mean(later)  # chosen among 20 for being small
    assert np.mean(sure) >= np.mean(later)
    assert all(s == max(c, x) for s, c, x in zip(sure, chosen, later, strict=True))


def test_the_promised_power_is_that_of_windows_that_did_not_choose():
    y = paths(n=20, t=60)
    plan = make_plan(question(y, durations=(2,)), past(y))
    (best,) = plan.best
    assert power_at(best.held_out.thresholds, promise(plan.question, best).value) >= 0.8
    assert len(best.held_out.thresholds) == len(best.chosen_by) == 17
    curve = plan.power_curve(best)
    assert curve["power"].is_monotonic_increasing
    assert curve["power"].iloc[-1] >= 0.8


def test_the_shortest_duration_that_reaches_the_effect_is_recommended():
    rng = np.random.default_rng(9)
    y = 50 + rng.normal(size=(20, 80))
    asked = question(y, durations=(1, 4, 8), trial=Trial("effect"), wanted=100.0)
    plan = make_plan(asked, past(y, mean_of_donors))
    assert (plan.reached, plan.found.duration) == (True, 1)
    values = [plan.promised(o).value for o in plan.best]
    between = make_plan(replace(asked, wanted=(values[0] + values[1]) / 2), past(y, mean_of_donors))
    assert values[0] > values[1]
    assert (between.reached, between.found.duration) == (True, 4)


def test_an_effect_out_of_reach_is_answered_by_the_smallest_that_is_not():
    y = paths()
    plan = make_plan(question(y, wanted=1e-6), past(y))
    least = min(plan.promised(o).value for o in plan.best)
    assert not plan.reached
    assert plan.promised(plan.found).value == least
    said = " ".join(sentences(plan, "jobs"))
    assert "out of reach" in said
    assert f"{least:.4g} jobs" in said
    assert as_check(plan, "jobs").verdict == "fail"


def test_a_duration_that_is_too_long_says_why():
    y = paths()
    plan = make_plan(question(y, durations=(2, 9)), past(y))
    assert list(plan.left_out) == [9]
    assert "9 periods: 18 periods that pretended pilots may cover hold 1 of this length" in plan.left_out[9]
    assert any("Not planned: 9 periods" in s for s in sentences(plan, "jobs"))


def test_per_cent_are_of_the_pilots_own_outcome():
    y = paths()
    plan = make_plan(question(y, per_cent=True, wanted=10.0), past(y))
    best = plan.best[0]
    level = y[best.members[0], 12:].mean()
    assert best.wanted == pytest.approx(0.1 * level)
    assert plan.per_cent(best, 3.0) == pytest.approx(300 / level)


@pytest.mark.parametrize(("direction", "wanted"), [("up", math.log(1.1)), ("down", -math.log(0.9))])
def test_per_cent_of_a_logarithm(direction, wanted):
    y = paths() / 100
    plan = make_plan(question(y, per_cent=True, wanted=10.0, log=True, direction=direction), past(y))
    best = plan.best[0]
    assert best.wanted == pytest.approx(wanted)
    assert plan.per_cent(best, wanted) == pytest.approx(10.0)


def test_per_cent_of_an_outcome_that_is_not_positive_say_nothing():
    y = paths() - 100
    plan = make_plan(question(y, per_cent=True), past(y))
    assert not plan.reached
    assert "per cent of it say nothing" in plan.best[0].reason
    assert plan.per_cent(plan.best[0], 1.0) is None
    assert sentences(plan, "jobs")


def test_the_scale_of_the_outcome_is_that_of_the_answer():
    y = paths()
    one, other = (make_plan(question(k * y, wanted=2.0 * k), past(k * y)) for k in (1.0, 1000.0))
    assert one.best[0].names == other.best[0].names
    assert other.promised(other.best[0]).value == pytest.approx(1000 * one.promised(one.best[0]).value, rel=1e-6)


def test_the_order_of_units_does_not_matter():
    y = paths()
    turned = question(y[::-1])
    turned = replace(turned, names=tuple(question(y).names[::-1]))
    one, other = make_plan(question(y), past(y)), make_plan(turned, past(y[::-1].copy()))
    assert one.best[0].names == other.best[0].names
    assert other.promised(other.best[0]).value == pytest.approx(one.promised(one.best[0]).value, rel=1e-6)


ASKED_AGAIN = (
    "demeaned_synthetic_control", "synthetic_control", "synthetic_did", "augmented_synthetic_control", "matrix_completion",
)  # fmt: skip


@pytest.mark.parametrize("name", ASKED_AGAIN)
@pytest.mark.parametrize("level", [0.0, 1e6])
def test_copies_of_one_city_promise_nothing(name, level):
    plan = planned(
        np.tile(paths(n=1) + level, (12, 1)), estimators=[name], parameters={"durations": [1], "wanted_effect": 5.0}
    )
    assert plan.found is None
    assert "compares rounding errors" in sentences(plan, "jobs")[1]
    assert as_check(plan, "jobs").verdict == "inconclusive"


def test_a_city_that_another_one_copies_is_not_chosen():
    y = paths()
    y[1] = y[0]
    plan = planned(y, parameters={"durations": [1], "wanted_effect": 50.0})
    reasons = dict(plan.to_frame()[["pilots", "why not"]].itertuples(index=False))
    assert [n for n, why in reasons.items() if "rounding errors" in why] == ["T00", "T01"]
    assert plan.promised(plan.found).value > 0.1


# ---- from a study ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["demeaned_synthetic_control", "synthetic_control", "synthetic_did", "augmented_synthetic_control"]
)
def test_each_estimator_that_can_be_asked_again_plans_a_pilot(name):
    y = paths(n=11, t=20)
    plan = planned(y, estimators=[name], parameters={"durations": [1], "wanted_effect": 50.0})
    assert plan.question.trial.statistic == ("spread" if name == "synthetic_did" else "rmspe_ratio")
    assert plan.shown is not None
    assert 0 < plan.promised(plan.found).value <= 50


def test_an_estimator_without_a_counterfactual_names_those_that_have_one():
    with pytest.raises(EstimationError, match="Plan the pilot with synthetic_control"):
        planned(paths(n=11, t=20), estimators=["did_2x2"], parameters={"durations": [1]})


def test_an_estimator_that_needs_more_than_one_period_after_says_so():
    y = paths(n=11, t=20)
    with pytest.raises(
        EstimationError, match=r"cannot be asked about pilots of one period.*`change: level`.*Plan the pilot"
    ):
        planned(y, estimators=["interrupted_time_series"], parameters={"durations": [1]})
    by_level = [{"interrupted_time_series": {"change": "level"}}]
    assert planned(y, estimators=by_level, parameters={"durations": [1]}).options


def test_what_is_wrong_at_any_date_is_said_as_it_is():
    with pytest.raises(EstimationError, match="is 3 in each unit and period") as caught:
        planned(np.full((11, 20), 3.0), parameters={"durations": [1]})
    assert "Plan the pilot" not in str(caught.value)


def test_candidates_and_donors_are_those_named():
    y = paths(n=14, t=20)
    chosen = [{"demeaned_synthetic_control": {"without": ["T13"]}}]
    plan = planned(y, estimators=chosen, parameters={"durations": [1], "candidates": ["T02", "T13"]})
    assert {o.names for o in plan.options} == {("T02",), ("T13",)}
    assert "T13" not in plan.shown.donors.index or plan.best[0].names == ("T13",)
    assert dict(plan.to_frame()[["pilots", "donors"]].itertuples(index=False)) == {"T02": 12, "T13": 13}


def test_another_first_candidate_gives_the_same_numbers():
    y = paths(n=12, t=20)
    both = [planned(y, parameters={"durations": [1], "candidates": c}) for c in (["T03", "T05"], ["T05", "T03"])]
    every = planned(y, parameters={"durations": [1]})
    known = {o.names: o.mde for o in every.options}
    for plan in both:
        assert {o.names: o.mde for o in plan.options} == pytest.approx({n: known[n] for n in (("T03",), ("T05",))})


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"wanted_effect": -1.0}, "wanted_effect is -1.0; it has to be a positive number"),
        ({"durations": []}, "durations is []"),
        ({"durations": [0]}, "durations is [0]"),
        ({"pilots": 0}, "pilots is 0"),
        ({"power": 1.0}, "power is 1.0"),
        ({"alpha": 0.0}, "alpha is 0.0"),
        ({"candidates": ["T1"]}, "'T1' is no town in the data. Did you mean"),
        ({"durations": [30]}, "are too few to plan 30 periods of a pilot"),
        ({"power": 0.95}, "are too few to plan"),
        (
            {"alpha": 0.01},
            "With 12 of town, the pilot and 11 to compare with, the smallest p-value of the placebo test is 0.08333: at alpha 0.01 no effect of any size",
        ),
    ],
)
def test_what_cannot_be_asked_is_refused(parameters, said):
    with pytest.raises(DesignError) as caught:
        question_of(panel_of(paths(n=12, t=24)), settings(), parameters, log=False)
    assert said in str(caught.value)


def test_all_that_is_wrong_is_said_at_once():
    with pytest.raises(DesignError) as caught:
        question_of(panel_of(paths()), settings(), {"power": 2.0, "pilots": 0, "candidates": ["X"]}, log=False)
    assert len(caught.value.problems) == 3


@pytest.mark.parametrize(
    ("inference", "said"),
    [
        ("conformal", "write `inference: placebo`"),
        ({"placebo": {"worst_fit": 5}}, "cannot be planned with `worst_fit`"),
        ({"placebo": {"side": "lower"}}, "`statistic: effect_over_fit`"),
    ],
)
def test_a_test_that_cannot_be_planned_for_is_refused(inference, said):
    with pytest.raises(DesignError, match=said):
        question_of(panel_of(paths()), settings(inference=inference), {}, log=False)


def test_nothing_falls_by_more_than_everything():
    with pytest.raises(DesignError, match="100 % or more"):
        question_of(panel_of(paths()), settings(), {"direction": "down", "wanted_effect": 120.0}, log=True)


# ---- on disk ------------------------------------------------------------------------------------------------------


def write(place, later, **changes):
    """The study `towns`, planned for 2025; outcomes from then on are multiplied by ``later``."""
    y = paths(n=12, t=26)
    y[:, 24:] *= later
    frame = long(y)
    place.data(frame, columns={
        "town": {"unit": "none", "meaning": "Code", "type": "text"},
        "year": {"unit": "year", "meaning": "Year"},
        "jobs": {"unit": "jobs", "meaning": "Jobs"},
    })  # fmt: skip
    usual = {"durations": [1, 2], "wanted_effect": 20.0}
    place.study(**{
        "template": "pilot_design", "treatment": {"planned": 2025}, "estimators": ["demeaned_synthetic_control"], "checks": [],
        "parameters": usual, **changes,
    })  # fmt: skip


def saved(place, folder):
    session = open_session("towns", out=str(folder))
    session.figure("pilot_design", session.pilot_design())
    session.save()
    kept = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    return kept, session.pilot_in_words().data + session.data().to_csv()


def test_outcomes_from_the_planned_start_on_change_no_byte(place):
    write(place, 1.0)
    one = saved(place, place.root / "one")
    write(place, 100.0)
    other = saved(place, place.root / "other")
    assert {"estimates.jsonl", "checks.jsonl", "figures/pilot_design.svg"} <= set(one[0])
    assert one == other


def test_the_rows_of_a_plan(place):
    write(place, 1.0)
    saved(place, place.root / "out")
    rows = [json.loads(line) for line in (place.root / "out/estimates.jsonl").read_text().splitlines()]
    first = rows[0]
    assert (first["role"], first["kind"], first["estimand"], first["p_value"]) == ("primary", "overall", "MDE", None)
    assert first["ci_low"] < first["estimate"] < first["ci_high"]
    assert (first["n_periods"], first["n_treated"], first["n_units"]) == (24, 1, 12)
    assert {r["estimand"] for r in rows} == {"MDE"}
    assert sum(r["role"] == "primary" for r in rows) == 1
    assert len({(r["kind"], r["label"]) for r in rows}) == len(rows) == 1 + 2 + 24
    assert "held out" in rows[1]["label"]
    assert in_words(first, "Jobs").startswith(f"{first['label']}: smallest change of jobs that would be noticed: ")
    (check,) = [json.loads(line) for line in (place.root / "out/checks.jsonl").read_text().splitlines()]
    assert (check["check"], check["verdict"]) == ("pilot_design", "pass")
    assert check["details"]["curve"][0]["effect"] == 0.0


def test_a_planned_study_has_no_effect_and_another_no_plan(place):
    write(place, 1.0)
    session = open_session("towns")
    with pytest.raises(UsageError, match="Nobody is treated yet"):
        session.estimate()
    with pytest.raises(UsageError, match="Nobody is treated yet"):
        session.answer()
    write(place, 1.0, treatment={"cohorts": {"T01": 2020}})
    with pytest.raises(UsageError, match=r"treatment: \{planned: PERIOD\}"):
        open_session("towns").pilot_design()


def test_checks_of_an_effect_are_refused_where_nobody_is_treated(place):
    write(place, 1.0, checks=["pre_trends"])
    with pytest.raises(StudyError, match=r"checks\.0: nobody is treated yet"):
        open_session("towns")


def test_the_planned_start_can_be_set_from_outside(place):
    write(place, 1.0)
    session = open_session("towns", overrides={"planned": 2023})
    assert session.data()["year"].max() == 2022
    assert session.panel().n_periods == 22
    assert "The measure may start in 2023" in session.pilot_in_words().data


def preflights(place, **parameters):
    write(place, 1.0, parameters={"durations": [1], **parameters})
    (run,), _ = expand(["towns"], {})
    return preflight(run)


def test_before_a_run_all_that_cannot_be_asked_is_said(place):
    assert not preflights(place).errors
    (error,) = preflights(place, candidates=["T99"], power=1.5).errors
    assert error.exit_code == 12
    assert len(error.problems) == 2
    assert any("The measure may start in 2025" in note for note in preflights(place).notes)


def test_donors_may_name_the_candidates(place):
    write(place, 1.0, estimators=[{"demeaned_synthetic_control": {"donors": [f"T{k:02d}" for k in range(11)]}}])
    (run,), _ = expand(["towns"], {})
    assert not preflight(run).errors
    plan = open_session("towns").pilot_design()
    assert plan.question.donors.sum() == 11
    assert plan.shown is not None


def test_a_planned_study_cannot_be_streamed(place):
    with pytest.raises(DesignError, match=r"treatment\.planned cuts rows off"):
        _refuse_sample(settings())


def test_planned_is_one_of_the_ways_to_say_who_is_treated():
    with pytest.raises(ValueError, match=r"exactly one way.*given: treated, planned"):
        settings(treatment={"treated": "zone", "planned": 2025})


def test_a_frozen_plan_says_that_nobody_is_treated_yet():
    treatment = {
        "treated": None,
        "first_treated": None,
        "group": None,
        "starts": None,
        "cohorts": None,
        "planned": 2025,
    }
    assert _treatment(treatment) == "nobody yet; a pilot may start in 2025"
    found = {"units": 12, "periods": 24, "first": 2001, "last": 2024, "observations": 288, "treated": 1, "notes": []}
    said = _sample({"settings": {"treatment": treatment}, "found": {**found, "cohorts": {"2024": 1}}})
    assert "0 units treated" in said
    assert "first treated" not in said


def test_the_evidence_says_that_it_is_no_effect(place):
    write(place, 1.0)
    out = place.root / "studies/towns/results"
    saved(place, out)
    shown = command("evidence", "--where", "kind = 'overall'", cwd=place.root)
    assert shown.code == 0, shown.err
    assert "MDE" in shown.out
    assert "period" in shown.out
