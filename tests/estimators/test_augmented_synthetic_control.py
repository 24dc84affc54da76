"""Ridge augmented synthetic control against augsynth, the definition, and cases that must collapse."""

from dataclasses import replace

import numpy as np
import pytest

import scale_impact as si
from scale_impact.core.simplex import simplex_fit
from scale_impact.errors import DesignError, EstimationError
from tests.panels import NEVER, california, drawn, fitted, framed, panel_of, reference

KEY = "augmented_synthetic_control"
RAW = 1e-4  # what augsynth-py's quadratic programme leaves where units are not demeaned (its weights are 3e-6 off)


@pytest.fixture(scope="module", name="california")
def _california():
    return california()


def small(seed=3, treated=1, donors=9, periods=12, start=8):
    return drawn({start: treated, NEVER: donors}, periods, seed)


def with_covariates(frame, seed=1):
    rng = np.random.default_rng(seed)
    level = dict(zip(sorted(frame["id"].unique()), rng.normal(size=frame["id"].nunique()), strict=True))
    return frame.assign(x=frame["id"].map(level), z=rng.normal(size=len(frame)) + 0.3 * frame["y"])


def matrices(frame, start=8):
    """Outcomes before of the treated [T0] and the donors [T0, J]."""
    wide = frame.pivot(index="t", columns="id", values="y")
    one = frame.loc[frame["g"] != NEVER, "id"].iloc[0]
    return wide.loc[: start - 1, one].to_numpy(), wide.loc[: start - 1].drop(columns=one).to_numpy()


def augmented(target, donors, penalty):
    """Weights of synthetic control, mended by the formula of the paper with whole matrices."""
    target, donors = target - donors.mean(axis=1), donors - donors.mean(axis=1, keepdims=True)
    plain = simplex_fit(donors, target).weights[0]
    rest = target - donors @ plain
    return plain + donors.T @ np.linalg.solve(donors @ donors.T + penalty * np.eye(len(target)), rest)


# ---- augsynth ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("fixed_effects", "near"), [(True, 2e-6), (False, RAW)])
@pytest.mark.parametrize("penalty", [1.0, 50.0, 1000.0])
def test_california_is_augsynths_at_a_fixed_penalty(california, fixed_effects, near, penalty):
    theirs = reference("augsynth_prop99", f"{'fixed_effects' if fixed_effects else 'plain'}_{penalty:g}")
    effect = si.estimate(KEY, *california, penalty=penalty, fixed_effects=fixed_effects)
    assert effect.counterfactual.gaps[0] == pytest.approx(theirs["gap"], abs=near)
    assert effect.overall.value == pytest.approx(theirs["att"], abs=near)
    before = effect.counterfactual.gaps[0, :19]
    assert np.sqrt((before**2).sum()) == pytest.approx(theirs["l2_imbalance"], abs=near)


@pytest.mark.parametrize("one_se", [True, False])
@pytest.mark.parametrize("folds", ["augsynth", "all"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_penalty_is_that_of_leaving_out_each_period_in_turn(seed, folds, one_se):
    frame = small(seed, donors=14, periods=16, start=12)
    target, donors = matrices(frame, 12)
    target, donors = target - donors.mean(axis=1), donors - donors.mean(axis=1, keepdims=True)
    penalties = np.linalg.svd(donors)[1][0] ** 2 * 1e-8 ** (np.arange(21) / 20)
    squares = []
    for i in range(12 if folds == "all" else 11):  # augsynth's loop never leaves out the last one
        kept = np.arange(12) != i
        x, y = donors[kept], target[kept]
        plain = simplex_fit(x, y).weights[0]
        mended = [plain + (y - x @ plain) @ np.linalg.solve(x @ x.T + p * np.eye(11), x) for p in penalties]
        squares.append([(target[i] - donors[i] @ w) ** 2 for w in mended])
    errors = np.mean(squares, axis=0)
    least = errors.argmin()
    slack = np.std(squares, axis=0, ddof=1)[least] / np.sqrt(len(squares)) if one_se else 0.0
    chosen = penalties[errors <= errors[least] + slack].max()
    automatic = fitted(KEY, frame, options={"folds": folds, "one_se": one_se}).counterfactual.donors
    fixed = fitted(KEY, frame, options={"penalty": float(chosen)}).counterfactual.donors
    assert automatic.to_numpy() == pytest.approx(fixed.to_numpy(), abs=1e-9)


# ---- the definition ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("penalty", [0.01, 3.0])
def test_weights_are_those_of_the_papers_formula(penalty):
    frame = small()
    found = fitted(KEY, frame, options={"penalty": penalty}).counterfactual
    assert found.donors.to_numpy()[:, 0] == pytest.approx(augmented(*matrices(frame), penalty), abs=1e-8)
    assert found.donors.sum().item() == pytest.approx(1)
    wide = found.worlds.outcomes
    assert found.gaps[0] == pytest.approx(wide[0] - found.donors.to_numpy()[:, 0] @ wide[1:], abs=1e-9)


def test_a_huge_penalty_is_synthetic_control_and_with_fixed_effects_the_demeaned_one():
    frame = small()
    plain = fitted(KEY, frame, options={"penalty": 1e15}).counterfactual
    assert plain.gaps == pytest.approx(fitted("synthetic_control", frame).counterfactual.gaps, abs=1e-7)
    demeaned = fitted(KEY, frame, options={"penalty": 1e15, "fixed_effects": True}).counterfactual
    assert demeaned.gaps == pytest.approx(fitted("demeaned_synthetic_control", frame).counterfactual.gaps, abs=1e-7)


def test_without_a_penalty_the_fit_before_is_exact_where_donors_outnumber_periods():
    gaps = fitted(KEY, small(donors=14), options={"penalty": 0.0}).counterfactual.gaps
    assert np.abs(gaps[0, :8]).max() < 1e-8


def test_mending_never_fits_worse_before():
    frame = small(seed=7)
    plain = fitted("synthetic_control", frame).counterfactual.pre_rmspe[0]
    assert fitted(KEY, frame).counterfactual.pre_rmspe[0] <= plain + 1e-9


def test_several_treated_units_are_explained_one_by_one():
    frame = drawn({5: 1, 7: 1, NEVER: 8}, 10, seed=5)
    effect = fitted(KEY, frame)
    alone = [fitted(KEY, frame[(frame["g"] == g) | (frame["g"] == NEVER)]).counterfactual.gaps[0] for g in (5, 7)]
    assert effect.counterfactual.gaps == pytest.approx(np.array(alone), abs=1e-9)
    assert effect.overall.value == pytest.approx(np.concatenate([alone[0][5:], alone[1][7:]]).mean())


# ---- covariates --------------------------------------------------------------------------------------------------------


def estimated(frame, **options):
    panel = panel_of(frame, covariates=["x", "z"])
    return si.estimate(KEY, panel, si.Design.from_panel(panel, first_treated="g"), covariates=["x", "z"], **options)


def covariate_means(frame, start=8):
    means = frame[frame["t"] < start].groupby("id")[["x", "z"]].mean()
    one = frame.loc[frame["g"] != NEVER, "id"].iloc[0]
    return means.loc[one].to_numpy(), means.drop(index=one).to_numpy().T


def test_covariates_are_matched_beside_the_outcomes_in_their_scale():
    frame = with_covariates(small(donors=12))
    target, donors = matrices(frame)
    mine, theirs = covariate_means(frame)
    centred = donors - donors.mean(axis=1, keepdims=True)
    scale = (centred.std(ddof=1) / theirs.std(axis=1, ddof=1))[:, None]
    weights = augmented(np.r_[target, scale[:, 0] * mine], np.vstack([donors, scale * theirs]), 2.0)
    found = estimated(frame, penalty=2.0).counterfactual.donors
    assert found.to_numpy()[:, 0] == pytest.approx(weights, abs=1e-8)


def test_residualised_outcomes_are_matched_and_covariates_then_exactly():
    frame = with_covariates(small(donors=12))
    target, donors = matrices(frame)
    mine, theirs = covariate_means(frame)
    weights = estimated(frame, penalty=2.0, residualise=True).counterfactual.donors.to_numpy()[:, 0]
    assert theirs @ weights == pytest.approx(mine, abs=1e-9)
    assert weights.sum() == pytest.approx(1)
    z = theirs - theirs.mean(axis=1, keepdims=True)
    slopes = np.linalg.solve(z @ z.T, z @ (donors - donors.mean(axis=1, keepdims=True)).T).T
    rest = augmented(target - slopes @ mine, donors - slopes @ theirs, 2.0)
    change = z.T @ np.linalg.solve(z @ z.T, mine - theirs @ rest)
    assert weights == pytest.approx(rest + change, abs=1e-8)


def test_a_covariate_without_a_value_before_the_measure_is_named():
    frame = with_covariates(small())
    frame.loc[(frame["id"] == frame["id"].max()) & (frame["t"] < 8), "x"] = np.nan
    with pytest.raises(DesignError, match=r"covariate 'x' has no value before the measure for \d+\."):
        estimated(frame)


def test_a_world_that_starts_before_a_covariate_does_has_no_answer():
    frame = with_covariates(small())
    frame.loc[frame["t"] < 4, "x"] = np.nan
    found = estimated(frame, penalty=2.0).counterfactual
    early = replace(found.worlds, fit=np.arange(12)[None] < 4)
    assert np.isnan(found.again(early)).all()
    assert np.isfinite(found.again(replace(found.worlds, fit=np.arange(12)[None] < 6))).all()


def test_more_covariates_than_donors_can_tell_apart_are_refused_where_they_are_regressed_on():
    frame = with_covariates(small(donors=9)).assign(z=lambda f: 2 * f["x"])
    with pytest.raises(EstimationError, match="2 covariates cannot be told apart by 9 donors"):
        estimated(frame, residualise=True)
    assert np.isfinite(estimated(frame).overall.value)


# ---- other worlds, invariance --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"fixed_effects": True}, {"penalty": 2.0}, {"one_se": False, "folds": "all"}])
def test_the_studys_own_question_asked_again_has_the_effects_gaps(options):
    found = fitted(KEY, drawn({5: 1, 7: 1, NEVER: 8}, 10, seed=5), options=options).counterfactual
    assert found.again(found.worlds) == pytest.approx(found.gaps, abs=1e-10)


def test_a_world_without_a_donor_is_what_estimating_without_it_finds():
    frame = small()
    found = fitted(KEY, frame).counterfactual
    donors = found.worlds.donors.copy()
    donors[0, 3] = False
    gone = str(found.donors.index[2])
    alone = fitted(KEY, frame, options={"without": [gone]}).counterfactual
    assert found.again(replace(found.worlds, donors=donors)) == pytest.approx(alone.gaps, abs=1e-9)


def test_common_shocks_change_nothing_scale_scales_and_fixed_effects_forget_levels():
    frame = small()
    plain = fitted(KEY, frame).overall.value
    assert fitted(KEY, frame.assign(y=frame["y"] + 20 * np.sin(frame["t"]))).overall.value == pytest.approx(plain)
    assert fitted(KEY, frame.assign(y=frame["y"] * 1e4)).overall.value == pytest.approx(1e4 * plain)
    fixed = {"options": {"fixed_effects": True}}
    moved = frame.assign(y=frame["y"] + 100 * frame["id"])
    assert fitted(KEY, moved, **fixed).overall.value == pytest.approx(fitted(KEY, frame, **fixed).overall.value)


FAMILY = (
    KEY, "synthetic_control", "demeaned_synthetic_control", "synthetic_did", "matrix_completion", "interactive_fixed_effects",
    "interrupted_time_series", "structural_time_series",
)  # fmt: skip


@pytest.mark.parametrize("level", [1e6, 1e8])
@pytest.mark.parametrize("name", FAMILY)
def test_a_level_far_above_the_movement_changes_no_estimator_of_one_pilot(name, level):
    frame = small(donors=23, periods=16, start=10)
    plain = fitted(name, frame).overall.value
    assert fitted(name, frame.assign(y=frame["y"] + level)).overall.value == pytest.approx(plain, abs=1e-5)


@pytest.mark.parametrize("fixed_effects", [False, True])
def test_weights_sum_to_one_and_placebos_have_the_same_gaps_at_any_level(fixed_effects):
    frame = small(donors=23, periods=16, start=10)
    low, high = (
        fitted(KEY, frame.assign(y=frame["y"] + level), options={"fixed_effects": fixed_effects}).counterfactual
        for level in (0.0, 1e8)
    )
    np.testing.assert_allclose(high.donors.sum(), 1.0, rtol=0, atol=1e-14)
    played = low.worlds.take([0])
    everyone = np.eye(24)
    placebos = [replace(f.worlds, treated=everyone, donors=everyone == 0, **_tiled(played, 24)) for f in (low, high)]
    found = [f.again(w) for f, w in zip((low, high), placebos, strict=True)]
    np.testing.assert_allclose(found[1], found[0], atol=1e-5)


def _tiled(played, many):
    return {"fit": np.tile(played.fit, (many, 1)), "after": np.tile(played.after, (many, 1))}


# ---- bad input ---------------------------------------------------------------------------------------------------------


def test_two_periods_before_are_too_few():
    with pytest.raises(DesignError, match="augmented_synthetic_control needs 3 periods before the measure"):
        fitted(KEY, drawn({2: 1, NEVER: 6}, 6, seed=1))


def test_one_donor_is_all_there_is_to_compare_with():
    frame = drawn({4: 1, NEVER: 1}, 7, seed=2)
    found = fitted(KEY, frame).counterfactual
    assert found.donors.to_numpy().tolist() == [[1.0]]
    assert found.gaps[0] == pytest.approx(found.worlds.outcomes[0] - found.worlds.outcomes[1])


def test_an_outcome_that_never_varies_is_refused():
    with pytest.raises(EstimationError, match="there is nothing to compare"):
        fitted(KEY, small().assign(y=4.0))


def test_a_donor_with_the_path_of_the_treated_fits_exactly_and_twins_are_named():
    rng = np.random.default_rng(8)
    y = rng.normal(size=(7, 12)).cumsum(axis=1)
    y[1, :8] = y[0, :8]
    y[3] = y[2]
    effect = fitted(KEY, framed(y, np.r_[8.0, np.full(6, NEVER)]))
    assert np.abs(effect.counterfactual.gaps[0, :8]).max() < 1e-8
    assert effect.overall.value == pytest.approx((y[0] - y[1])[8:].mean(), abs=1e-7)
    assert any("very same outcomes" in n for n in effect.notes)


def far_above(level, seed=3):
    """Twelve cities without an effect; the treated one lies above all others."""
    rng = np.random.default_rng(seed)
    y = 2 * rng.normal(size=(12, 20)) + 5 * rng.normal(size=(12, 1)) + rng.normal(size=20)
    y[0] += level
    return framed(y, np.r_[12.0, np.full(11, NEVER)])


def test_a_city_far_above_all_donors_is_told_of_its_own_level_and_of_weights_that_reach_too_far():
    plain = fitted(KEY, far_above(60.0)).notes
    assert any("above all donors in 12 of 12" in n and "`fixed_effects: true` lets it keep a level" in n for n in plain)
    assert any(
        "negative weights outweigh" in n and "unless `fixed_effects: true` or a larger `penalty`" in n for n in plain
    )
    own = fitted(KEY, far_above(60.0), options={"fixed_effects": True, "penalty": 100.0})
    assert not any("above all donors" in n or "outweigh" in n for n in own.notes)
    assert abs(own.overall.value) < 2


def test_noise_of_donors_enters_by_the_root_of_the_squared_weights():
    effect = fitted(KEY, far_above(60.0))
    size = np.sqrt((effect.counterfactual.donors.to_numpy() ** 2).sum())
    assert any(f"enters {size:.4g} times as strong" in n for n in effect.notes)


def test_where_synthetic_control_is_not_unique_the_mended_weights_are_not_either():
    y = np.random.default_rng(8).normal(size=(7, 12)).cumsum(axis=1)
    y[3] = y[2]
    y[0, :8] = 0.5 * y[1, :8] + 0.5 * y[2, :8]
    effect = fitted(KEY, framed(y, np.r_[8.0, np.full(6, NEVER)]))
    assert effect.counterfactual.unique == (False,)
    assert any("weights of 0 are not unique" in n for n in effect.notes)
    assert fitted(KEY, small()).counterfactual.unique == (True,)


def test_a_note_says_the_penalty_and_how_far_weights_are_negative():
    assert "negative weights sum to -" in fitted(KEY, small(seed=7), options={"penalty": 0.1}).notes[-1]
