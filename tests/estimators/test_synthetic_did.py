"""Synthetic difference-in-differences against R's synthdid, the definition, and cases that must collapse."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import scale_impact as si
from scale_impact.core.simplex import simplex_fit
from scale_impact.core.synthetic.placebos import in_space
from scale_impact.errors import DesignError, EstimationError
from tests.panels import NEVER, california, design_of, drawn, fitted, framed, panel_of, reference

KEY = "synthetic_did"


@pytest.fixture(scope="module", name="california")
def _california():
    return california()


def small(seed=3, treated=1, donors=9, periods=12, start=8):
    return drawn({start: treated, NEVER: donors}, periods, seed)


# ---- R's synthdid ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weights", ["sdid", "sc", "did"])
def test_california_is_synthdids_in_estimate_weights_and_effect_curve(california, weights):
    published = reference("synthdid_prop99", weights)
    effect = si.estimate(KEY, *california, weights=weights)
    assert effect.overall.value == pytest.approx(published["estimate"], abs=1e-9)
    donors = effect.counterfactual.donors["California"]
    assert donors[published["control_units"]].to_numpy() == pytest.approx(published["omega"], abs=1e-9)
    curve = [effect.path.at(e).value for e in range(12)]
    assert curve == pytest.approx(published["effect_curve"], abs=1e-8)
    periods = effect.counterfactual.periods_weights
    before = np.zeros(19) if periods is None else periods["California"].to_numpy()[:19]
    assert before == pytest.approx(published["lambda"], abs=1e-9)


def test_the_optimum_is_at_least_as_good_as_synthdids_run_to_tight_convergence(california):
    tight = reference("synthdid_prop99", "sdid_tight")
    effect = si.estimate(KEY, *california, solver="exact")
    assert effect.overall.value == pytest.approx(tight["estimate"], abs=3e-5)  # theirs still has 2e-5 to go
    outcomes, ridge = effect.counterfactual.worlds.outcomes, tight["zeta_omega"] ** 2 * 19
    apart = outcomes[1:, :19].T - outcomes[0, :19, None]
    apart = apart - apart.mean(axis=0)

    def objective(w):
        return ((apart @ w) ** 2).sum() + ridge * (w @ w)

    mine = effect.counterfactual.donors["California"].to_numpy()
    theirs = pd.Series(tight["omega"], tight["control_units"])[effect.counterfactual.donors.index].to_numpy()
    assert objective(mine) <= objective(theirs)


def test_a_note_says_where_the_optimum_is_another_number(california):
    said = si.estimate(KEY, *california).notes[-1]
    assert "at the optimum the effect is -15.61 (`solver: exact`)" in said
    assert "optimum" not in " ".join(si.estimate(KEY, *california, solver="exact").notes)


@pytest.mark.parametrize(("solver", "error"), [("auto", 9.3684161), ("frank_wolfe", 9.3688281)])
def test_the_38_placebos_have_the_standard_error_that_diff_diff_and_synthdid_find(california, solver, error):
    # 9.368828092774335: the standard deviation of diff-diff 3.13's estimates for each of the 38 states
    found = si.estimate(KEY, *california, solver=solver, inference="placebo").overall
    assert found.std_error == pytest.approx(error, abs=1e-6)
    assert "all 38 donors" in found.judged.words


@pytest.mark.parametrize("weights", ["sdid", "sc", "did"])
def test_all_placebos_vary_as_much_as_those_that_synthdid_draws_at_random(california, weights):
    """Theirs is of 500 states drawn with repetition: it is off by 3 % or so (one standard error, were the gaps normal)."""
    drawn_at_random = reference("synthdid_prop99", f"{weights}_se_placebo")["se"]
    found = in_space(si.estimate(KEY, *california, weights=weights), *california, None)
    assert found.drawn.effect.std() == pytest.approx(drawn_at_random, rel=0.06)


# ---- the definition ----------------------------------------------------------------------------------------------------


def test_the_effect_is_a_weighted_difference_in_differences():
    effect = fitted(KEY, small(), options={"solver": "exact"})
    found = effect.counterfactual
    y, w, v = found.worlds.outcomes, found.donors.to_numpy()[:, 0], found.periods_weights.to_numpy()[:, 0]
    after = np.r_[np.zeros(8), np.full(4, 1 / 4)]
    by_hand = np.r_[1, -w] @ y @ (after - v)
    assert effect.overall.value == pytest.approx(by_hand, rel=1e-12)
    assert w.sum() == pytest.approx(1)
    assert v[:8].sum() == pytest.approx(1)
    assert not v[8:].any()


def test_weights_are_the_optimum_of_the_papers_problem():
    effect = fitted(KEY, small(treated=3), options={"solver": "exact"})
    found = effect.counterfactual
    y = found.worlds.outcomes
    noise = np.diff(y[3:, :8], axis=1).std(ddof=1)
    zeta = (3 * 4) ** 0.25 * noise
    solved = simplex_fit(y[3:, :8].T, y[:3, :8].mean(axis=0), ridge=zeta**2 * 8, intercept=True)
    assert found.donors.to_numpy()[:, 0] == pytest.approx(solved.weights[0], abs=1e-9)
    times = simplex_fit(y[3:, :8], y[3:, 8:].mean(axis=1), ridge=(1e-6 * noise) ** 2 * 9, intercept=True)
    assert found.periods_weights.to_numpy()[:8, 0] == pytest.approx(times.weights[0], abs=1e-7)


def test_alike_weights_are_difference_in_differences():
    frame = small(treated=2)
    effect = fitted(KEY, frame, options={"weights": "did"})
    assert effect.overall.value == pytest.approx(fitted("did_2x2", frame).overall.value, rel=1e-10)


def test_a_huge_penalty_leaves_all_donors_alike_and_none_is_demeaned_synthetic_control():
    frame = small()
    alike = fitted(KEY, frame, options={"zeta": 1e6, "solver": "exact"}).counterfactual.donors.to_numpy()
    assert alike == pytest.approx(np.full((9, 1), 1 / 9), abs=1e-6)
    free = fitted(KEY, frame, options={"zeta": 0.0, "solver": "exact"}).counterfactual.donors
    demeaned = fitted("demeaned_synthetic_control", frame).counterfactual.donors
    assert free.to_numpy() == pytest.approx(demeaned.to_numpy(), abs=1e-7)


def test_several_dates_are_blocks_weighted_by_treated_cells():
    frame = drawn({5: 2, 7: 1, NEVER: 8}, 10, seed=5)
    effect = fitted(KEY, frame)
    blocks = [fitted(KEY, frame[(frame["g"] == g) | (frame["g"] == NEVER)]) for g in (5, 7)]
    values = [b.overall.value for b in blocks]
    assert effect.by_cohort.values == pytest.approx(values, rel=1e-12)
    assert effect.by_cohort.cohorts == (5, 7)
    assert effect.overall.value == pytest.approx(np.average(values, weights=[2 * 5, 1 * 3]), rel=1e-12)
    first, second = (b.path.at(2).value for b in blocks)
    assert effect.path.at(2).value == pytest.approx((2 * first + second) / 3, rel=1e-12)
    assert effect.path.at(4).value == pytest.approx(blocks[0].path.at(4).value, rel=1e-12)
    assert effect.counterfactual.names[0] == "2 units from 5"


def test_anticipated_periods_are_neither_fitted_on_nor_part_of_the_effect():
    frame = small()
    effect = fitted(KEY, frame, anticipation=2)
    assert not effect.counterfactual.periods_weights.to_numpy()[6:].any()
    moved = frame.assign(y=frame["y"] + 50 * ((frame["g"] == 8) & frame["t"].isin([6, 7])))
    assert fitted(KEY, moved, anticipation=2).overall.value == pytest.approx(effect.overall.value, rel=1e-9)


# ---- invariance --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("solver", ["auto", "exact"])
def test_levels_of_units_and_common_shocks_change_nothing_and_scale_scales(solver):
    frame = small()
    options = {"options": {"solver": solver}}
    plain = fitted(KEY, frame, **options).overall.value
    level = frame.assign(y=frame["y"] + 100 * frame["id"])
    shocks = frame.assign(y=frame["y"] + np.sin(frame["t"]) * 20)
    assert fitted(KEY, level, **options).overall.value == pytest.approx(plain, rel=1e-7)
    assert fitted(KEY, frame.assign(y=frame["y"] * 1e3), **options).overall.value == pytest.approx(
        1e3 * plain, rel=1e-7
    )
    # a common shock moves what is noise, and with it the penalty: with a penalty that stays it changes nothing
    fixed = {"options": {"solver": "exact", "zeta": 1.5}}
    same = fitted(KEY, frame, **fixed).overall.value
    assert fitted(KEY, shocks, **fixed).overall.value == pytest.approx(same, rel=1e-6)


def test_neither_order_of_rows_nor_names_matter_and_the_frame_stays_as_it_is():
    frame = small()
    before = frame.copy()
    plain = fitted(KEY, frame).overall.value
    mixed = frame.sample(frac=1, random_state=1).assign(id=lambda f: "c" + (99 - f["id"]).astype(str))
    assert fitted(KEY, mixed).overall.value == pytest.approx(plain, rel=1e-9)
    pd.testing.assert_frame_equal(frame, before)


# ---- other worlds ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options", [{}, {"solver": "exact"}, {"solver": "frank_wolfe"}, {"weights": "sc"}, {"weights": "did"}]
)
def test_the_studys_own_question_asked_again_has_the_effects_gaps(options):
    found = fitted(KEY, drawn({5: 2, 7: 1, NEVER: 8}, 10, seed=5), options=options).counterfactual
    assert found.again(found.worlds) == pytest.approx(found.gaps, abs=1e-9)


def test_a_world_of_others_is_what_estimating_them_finds():
    frame = small()
    found = fitted(KEY, frame).counterfactual
    n = len(found.worlds.outcomes)
    worlds = replace(
        found.worlds.take([0, 0, 0]), treated=np.eye(n)[[0, 2, 3]],
        donors=np.array([found.worlds.donors[0]] + [[k > 0 and k != j for k in range(n)] for j in (2, 3)]),
    )  # fmt: skip
    gaps = found.again(worlds)
    assert gaps[0] == pytest.approx(found.gaps[0], abs=1e-9)
    order = sorted(frame.loc[frame["g"] == NEVER, "id"].unique())
    others = frame[frame["g"] == NEVER].assign(g=lambda f: np.where(f["id"] == order[1], 8, NEVER))
    alone = fitted(KEY, others, options={"solver": "exact"})
    assert gaps[1] == pytest.approx(alone.counterfactual.gaps[0], abs=1e-8)


def test_a_null_value_taken_away_after_the_start_moves_the_gaps_by_it():
    found = fitted(KEY, small()).counterfactual
    shift = 3.0 * found.worlds.after
    assert found.again(replace(found.worlds, shift=shift)) == pytest.approx(found.gaps - shift, abs=1e-9)


# ---- covariates --------------------------------------------------------------------------------------------------------


def with_covariate(frame, seed=1):
    return frame.assign(x=np.random.default_rng(seed).normal(size=len(frame)).cumsum())


def estimated(frame, **options):
    panel = panel_of(frame, covariates=["x"])
    return si.estimate(KEY, panel, si.Design.from_panel(panel, first_treated="g"), **options)


def test_covariates_are_taken_out_by_their_slopes_among_the_donors():
    frame = with_covariate(small())
    donors = frame[frame["g"] == NEVER]
    dummies = [pd.get_dummies(donors[c]).to_numpy(float) for c in ("id", "t")]
    slope = np.linalg.lstsq(np.column_stack([donors["x"], *dummies]), donors["y"], rcond=None)[0][0]
    by_hand = estimated(frame.assign(y=frame["y"] - slope * frame["x"]))
    effect = estimated(frame, covariates=["x"])
    assert effect.overall.value == pytest.approx(by_hand.overall.value, rel=1e-8)
    found = effect.counterfactual
    assert found.observed[0] == pytest.approx(frame[frame["g"] == 8].sort_values("t")["y"].to_numpy())
    assert found.again(found.worlds) == pytest.approx(found.gaps, abs=1e-9)


def test_what_a_covariate_explains_is_no_effect():
    frame = with_covariate(small())
    pushed = frame.assign(y=frame["y"] + 5 * frame["x"])
    fixed = {"solver": "exact", "covariates": ["x"]}
    assert estimated(pushed, **fixed).overall.value == pytest.approx(estimated(frame, **fixed).overall.value, rel=1e-6)


def test_a_covariate_that_is_missing_or_does_not_vary_within_units_is_refused():
    frame = with_covariate(small())
    level = frame.assign(x=frame["id"] * 1.0)
    with pytest.raises(
        EstimationError, match="covariates x cannot be told apart from each other or from effects of unit"
    ):
        estimated(level, covariates=["x"])
    frame.loc[(frame["id"] == 3) & (frame["t"] == 5), "x"] = np.nan
    with pytest.raises(DesignError, match=r"covariate 'x' is missing or infinite in 1 row \(3/5\)"):
        estimated(frame, covariates=["x"])


# ---- bad input ---------------------------------------------------------------------------------------------------------


def test_two_periods_before_are_too_few():
    with pytest.raises(DesignError, match="synthetic_did needs 3 periods before the measure"):
        fitted(KEY, drawn({2: 1, NEVER: 6}, 6, seed=1))


def test_without_a_donor_it_says_what_would_do():
    frame = small()
    everyone = sorted(frame.loc[frame["g"] == NEVER, "id"].unique())
    with pytest.raises(DesignError, match="has no donor"):
        fitted(KEY, frame, options={"without": [str(u) for u in everyone]})


def test_one_donor_is_difference_in_differences_with_it():
    frame = drawn({4: 1, NEVER: 1}, 7, seed=2)
    effect = fitted(KEY, frame)
    assert effect.counterfactual.donors.to_numpy().ravel().tolist() == [1.0]
    assert effect.overall.value == pytest.approx(fitted("did_2x2", frame).overall.value, rel=1e-9)


def test_an_outcome_that_never_varies_is_refused():
    with pytest.raises(EstimationError, match="there is nothing to compare"):
        fitted(KEY, small().assign(y=4.0))


def test_donors_alike_share_a_weight_and_a_donor_like_the_treated_takes_more_of_it():
    rng = np.random.default_rng(8)
    y = rng.normal(size=(7, 12)).cumsum(axis=1)
    y[1] = y[0]  # the first donor is the treated one again
    y[3] = y[2]
    frame = framed(y, np.r_[8.0, np.full(6, NEVER)])
    weights = fitted(KEY, frame, options={"solver": "exact"}).counterfactual.donors.to_numpy()[:, 0]
    assert weights[1] == pytest.approx(weights[2], abs=1e-9)
    assert weights.argmax() == 0


def test_donors_that_do_not_move_leave_a_change_of_the_treated():
    y = np.vstack([np.r_[np.arange(8.0), 20, 20, 20, 20], np.tile([[1.0], [2.0], [3.0]], 12)])
    effect = fitted(KEY, framed(y, np.r_[8.0, np.full(3, NEVER)]))
    assert effect.overall.value == pytest.approx(20 - 3.5)  # no noise, no penalty that matters: periods before alike


def test_numbers_of_huge_and_tiny_size_are_the_same_answer():
    frame = small()
    plain = fitted(KEY, frame).overall.value
    for scale in (1e-8, 1e8):
        assert fitted(KEY, frame.assign(y=frame["y"] * scale)).overall.value == pytest.approx(plain * scale, rel=1e-6)


def test_it_is_judged_by_placebo_cities_unless_told_otherwise():
    frame = small(donors=25)
    effect = si.estimate(KEY, panel_of(frame), design_of(frame), inference="auto")
    assert effect.overall.std_error is not None
    assert "placebo cities" in effect.overall.judged.words
