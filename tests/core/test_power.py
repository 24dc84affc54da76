"""Trials before they start: simulated as they will be run, against formulas and against trials with an effect."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from scale_impact.core.experiment.power.noise import Drawn, FromData, FromModel, gls_variance
from scale_impact.core.experiment.power.plan import make_plan
from scale_impact.core.experiment.power.question import Question, Trial, question_of
from scale_impact.core.experiment.power.simulate import _ends, deal, design_of, panel_of, strata_of, try_out
from scale_impact.core.experiment.power.words import as_check, sentences, verdict
from scale_impact.core.panel import Panel
from scale_impact.core.settings import Choice, Settings
from scale_impact.errors import DesignError, EstimationError
from scale_impact.estimators import estimate

SETTINGS = Settings.model_validate(
    {
        "title": "t", "question": "q", "measure": "m", "template": "power_analysis", "source": "s", "unit": "city", "period": "year",
        "outcomes": [{"column": "y", "indicator": "i"}], "treatment": {"planned": 9}, "design": {"control": "not_yet"},
        "estimators": ["twfe"],
    }
)  # fmt: skip


def twfe(panel, design, **options):
    return estimate("twfe", panel, design, **options)


def past(units=30, periods=8, seed=3):
    rng = np.random.default_rng(seed)
    y = 50 + rng.normal(size=(units, 1)) + rng.normal(size=(units, periods))
    rows = {
        "city": np.repeat(np.arange(units), periods),
        "year": np.tile(np.arange(1, periods + 1), units),
        "y": y.ravel(),
    }
    return Panel.from_frame(pd.DataFrame(rows), unit="city", period="year", outcome="y")


def asked(**given):
    usual = {"clusters": [12], "periods": [5], "steps": [4], "wanted_in": "unit", "wanted_effect": 1.0, "draws": 40}
    return question_of(past(), SETTINGS, usual | given, log=False)


# ---- the model against formulas ---------------------------------------------------------------------------


def test_the_variance_of_a_parallel_trial_is_that_of_two_means_of_cities():
    noise, treated = FromModel(0.0, 2.0, 0.1, 1.0), np.repeat([[1.0], [0.0]], 10, axis=0)
    of_a_mean = 4.0 * (0.1 + 0.9 / 25)
    assert gls_variance(treated, noise, 25) == pytest.approx(of_a_mean * 2 / 10, rel=1e-12)


def test_the_variance_of_a_wedge_is_that_of_hussey_and_hughes():
    """Equation 8 of Hussey and Hughes (2007), with its sums U, V and W written out."""
    starts = np.repeat([1, 2, 3, 4], 3)
    x = (np.arange(5) >= starts[:, None]).astype(float)
    n, t = x.shape
    noise, size = FromModel(0.0, 1.0, 0.05, 1.0), 40
    tau2, sigma2 = 0.05, 0.95 / 40
    u, v, w = x.sum(), (x.sum(axis=1) ** 2).sum(), (x.sum(axis=0) ** 2).sum()
    top = n * sigma2 * (sigma2 + t * tau2)
    bottom = (n * u - w) * sigma2 + (u**2 + n * t * u - t * w - n * v) * tau2
    assert gls_variance(x, noise, size) == pytest.approx(top / bottom, rel=1e-10)


def test_parts_of_the_variance_add_up_and_decay_takes_from_what_stays():
    noise = FromModel(0.0, 3.0, 0.2, 0.6)
    assert sum(noise.parts(1)) == pytest.approx(9.0)
    assert noise.parts(1)[:2] == pytest.approx((9 * 0.2 * 0.6, 9 * 0.2 * 0.4))


def test_drawn_city_means_have_the_model_s_covariance():
    noise = FromModel(10.0, 2.0, 0.3, 0.5)
    y = noise.draw(60_000, 2, 8, np.random.default_rng(1)).outcomes
    stays, passes, people = noise.parts(8)
    found = np.cov(y.T)
    assert found[0, 1] == pytest.approx(stays, rel=0.05)
    assert found[0, 0] == pytest.approx(stays + passes + people, rel=0.05)
    assert y.mean() == pytest.approx(10.0, abs=0.02)


def test_simulated_power_is_near_the_formula_where_the_estimator_is_near_the_best():
    """With all variance between cities that stays, fixed effects lose next to nothing against known variances."""
    question = asked(noise="model", sd=1.0, icc=0.9, cluster_size=[20], clusters=[60], draws=300, wanted_effect=0.05)
    plan = make_plan(question, SETTINGS, twfe, "y")
    (prospect,) = plan.prospects
    assert prospect.mde.value == pytest.approx(prospect.formula, rel=0.1)
    assert abs(prospect.false_alarms - 0.05) < 0.045


# ---- one simulation answers for all effects --------------------------------------------------------------


def test_an_effect_is_noticed_exactly_where_the_interval_of_the_trial_with_it_leaves_zero():
    question = asked(direction="up", draws=25)
    (prospect,) = make_plan(question, SETTINGS, twfe, "y").prospects
    trial, effect, hits = question.trials[0], 0.8, 0
    for k in range(25):
        rng = np.random.default_rng([question.seed, 1, k])
        drawn = question.noise.draw(trial.clusters, trial.periods, None, rng)
        starts = deal(trial, rng)
        on = np.arange(trial.periods) >= starts[:, None]
        with_it = Drawn(drawn.outcomes + effect * on)
        low, _ = _ends(panel_of(with_it, starts, SETTINGS, "y"), question.alpha, SETTINGS, twfe)
        hits += low > 0
    assert 0 < hits < 25
    assert (prospect.thresholds <= effect).mean() == hits / 25


def test_up_and_down_count_alike_where_either_is_asked():
    both = make_plan(asked(direction="either"), SETTINGS, twfe, "y").prospects[0].thresholds
    up = make_plan(asked(direction="up"), SETTINGS, twfe, "y").prospects[0].thresholds
    down = make_plan(asked(direction="down"), SETTINGS, twfe, "y").prospects[0].thresholds
    assert np.array_equal(both, np.hstack([up, down]))


def test_the_same_seed_gives_the_same_plan():
    one, other = (make_plan(asked(draws=10), SETTINGS, twfe, "y").prospects[0].thresholds for _ in range(2))
    assert np.array_equal(one, other)


# ---- who starts when ---------------------------------------------------------------------------------------


def test_dates_of_a_wedge_are_dealt_in_equal_numbers():
    trial = Trial("stepped_wedge", 12, None, 5, 1, 4, 0.5)
    dealt = {tuple(deal(trial, np.random.default_rng(k))) for k in range(20)}
    assert len(dealt) > 15
    for starts in dealt:
        assert sorted(starts) == [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4]


def test_leftover_cities_of_a_wedge_go_to_any_date():
    trial = Trial("stepped_wedge", 9, None, 5, 1, 4, 0.5)
    counts = [np.unique(deal(trial, np.random.default_rng(k)), return_counts=True)[1] for k in range(40)]
    assert {tuple(sorted(c)) for c in counts} == {(2, 2, 2, 3)}
    assert len({int(np.argmax(c)) for c in counts}) == 4


def test_a_parallel_trial_has_one_date_and_cities_that_never_start():
    starts = deal(Trial("parallel", 10, None, 4, 2, 1, 0.3), np.random.default_rng(0))
    assert sorted(starts) == [2.0] * 3 + [math.inf] * 7


def test_the_panel_of_a_trial_has_the_study_s_names():
    panel = panel_of(Drawn(np.arange(8.0).reshape(2, 4)), np.array([2.0, math.inf]), SETTINGS, "y")
    design = design_of(panel, SETTINGS)
    assert (panel.unit, panel.period, panel.outcome) == ("city", "year", "y")
    assert design.first_treated[0] == 3


def test_paths_of_the_past_keep_their_order_and_cities_come_once():
    table = np.arange(60.0).reshape(6, 10)
    y = FromData(table).draw(6, 4, None, np.random.default_rng(2)).outcomes
    assert set(np.diff(y, axis=1).ravel()) == {1.0}
    assert sorted(y[:, 0] // 10) == [0, 1, 2, 3, 4, 5]
    assert FromData(table).draw(20, 4, None, np.random.default_rng(2)).outcomes.shape == (20, 4)


def with_sides(units=30, periods=8):
    panel = past(units, periods)
    frame = panel.frame.assign(
        side=lambda f: np.where(f["city"] % 3 == 0, "west", "east"), people=lambda f: 10.0 + f["city"]
    )
    return Panel.from_frame(frame, unit="city", period="year", outcome="y")


def test_dates_are_dealt_within_strata_of_the_cities_drawn():
    panel = with_sides()
    usual = {"clusters": [16], "periods": [5], "steps": [4], "wanted_in": "unit", "strata": ["side"], "draws": 5}
    question = question_of(panel, SETTINGS, usual, log=False)
    counts = []
    for k in range(10):
        rng = np.random.default_rng(k)
        drawn = question.noise.draw(16, 5, None, rng)
        strata = strata_of(drawn, question.strata)
        assert set(drawn.columns["side"][:, 0]) == {"east", "west"}
        starts = deal(question.trials[0], rng, strata)
        spread = [np.unique(starts[strata == s], return_counts=True)[1] for s in (0, 1)]
        counts += [c.max() - c.min() <= 1 for c in spread]
    assert all(counts)


def test_columns_that_the_estimator_names_go_with_the_cities():
    settings = SETTINGS.model_copy(
        update={
            "estimators": [
                Choice(name="randomised_rollout", options={"weights": "people", "strata": ["side"], "draws": 99})
            ]
        }
    )
    given = {
        "clusters": [12],
        "periods": [5],
        "steps": [4],
        "wanted_in": "unit",
        "wanted_effect": 1.0,
        "strata": ["side"],
        "draws": 4,
    }
    question = question_of(with_sides(), settings, given, log=False)
    assert set(question.noise.columns) == {"side", "people"}
    fit = lambda p, d: estimate("randomised_rollout", p, d, weights="people", strata=["side"], draws=99)  # noqa: E731
    (prospect,) = make_plan(question, settings, fit, "y").prospects
    assert np.isfinite(prospect.thresholds).all()


def test_columns_that_are_not_there_and_clusters_above_are_refused_in_their_own_words():
    settings = SETTINGS.model_copy(update={"design": SETTINGS.design.model_copy(update={"cluster": "side"})})
    with pytest.raises(DesignError) as error:
        question_of(with_sides(), settings, {"clusters": [12], "strata": ["west"]}, log=False)
    said = " ".join(error.value.problems)
    assert "There is no column 'west' in the data" in said
    assert "design.cluster: side is above city" in said
    with pytest.raises(DesignError, match="noise: model simulates outcomes and nothing else"):
        question_of(
            with_sides(),
            SETTINGS,
            {"strata": ["side"], "noise": "model", "sd": 1.0, "icc": 0.1, "cluster_size": [9]},
            log=False,
        )


# ---- what is refused -----------------------------------------------------------------------------------------


def test_all_that_is_wrong_with_the_question_is_said_at_once():
    with pytest.raises(DesignError) as error:
        asked(clusters=[2], power=1.5, wanted_effect=-1.0, draws=0, steps=[])
    said = " ".join(error.value.problems)
    for part in ("clusters has 2", "power is 1.5", "wanted_effect is -1", "draws is 0", "steps is empty"):
        assert part in said


@pytest.mark.parametrize(
    "given, said",
    [
        ({"steps": [5]}, "5 steps do not fit"),
        ({"clusters": [6], "steps": [4]}, "fewer than two clusters a step"),
        ({"kind": "parallel", "share": 0.05}, "both groups need two"),
        ({"periods": [9]}, "the data before the start have 8"),
        ({"noise": "model", "cluster_size": [5]}, "sd is missing"),
        ({"noise": "model", "cluster_size": [5], "sd": 1.0, "icc": 1.2}, "icc is 1.2"),
        ({"clusters": list(range(12, 60))}, "more than 40"),
    ],
)
def test_trials_that_cannot_be_run_are_refused(given, said):
    with pytest.raises(DesignError, match=said):
        asked(**given)


def test_covariates_that_the_data_do_not_have_are_refused():
    settings = SETTINGS.model_copy(update={"covariates": ["size"]})
    with pytest.raises(DesignError, match="no column 'size'"):
        question_of(past(), settings, {"clusters": [12]}, log=False)


def test_an_estimator_whose_interval_does_not_move_by_the_effect_is_refused():
    with pytest.raises(EstimationError, match="does not move by an effect"):
        try_out(asked(), SETTINGS, _halved, "y")


def _halved(panel, design):
    found = twfe(panel, design)
    return replace(found, overall=replace(found.overall, value=found.overall.value / 2))


def test_per_cent_of_a_mean_that_is_not_positive_are_refused():
    question = asked(wanted_in="per cent")
    lower = Question(**{**vars(question), "level": -1.0})
    with pytest.raises(DesignError, match="not positive"):
        try_out(lower, SETTINGS, twfe, "y")


# ---- in words ----------------------------------------------------------------------------------------------


def test_the_smallest_trial_that_suffices_is_recommended():
    plan = make_plan(asked(clusters=[8, 16, 30], wanted_effect=1.2, draws=60), SETTINGS, twfe, "y")
    enough = [p for p in plan.prospects if p.power >= 0.8]
    assert plan.found is enough[0]
    assert verdict(plan, "jobs").startswith(enough[0].trial.label)
    assert as_check(plan, "jobs").verdict == "pass"


def test_a_wish_out_of_reach_says_what_the_best_trial_would_notice():
    plan = make_plan(asked(wanted_effect=0.05, draws=30), SETTINGS, twfe, "y")
    check = as_check(plan, "jobs")
    assert (plan.found, check.verdict) == (None, "fail")
    assert "No trial that was considered notices" in check.reason
    assert f"{plan.best.mde.value:.3g}" in check.reason
    assert any("level 0.05" in s for s in sentences(plan, "jobs"))
