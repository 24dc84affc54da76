"""Matrix completion: known effects, published numbers for California, several dates, cells not observed, bad input."""

import numpy as np
import pytest

import scale_impact as si
from scale_impact.core.synthetic.low_rank import Shrink, Tables, fill
from scale_impact.errors import DesignError, EstimationError, UsageError
from tests.panels import NEVER, california, fitted, framed, long

KEY = "matrix_completion"


def cities(first, *, periods=20, seed=1, noise=0.3, effect=0.0, rank=2):
    """Outcomes of two factors with levels; `first` is the first treated period of each city."""
    rng = np.random.default_rng(seed)
    first = np.array(first, dtype=float)
    y = rng.normal(size=(len(first), rank)) @ rng.normal(size=(rank, periods)) * 2
    y = y + 5 * rng.normal(size=(len(first), 1)) + rng.normal(size=periods) + noise * rng.normal(size=y.shape)
    return framed(y + effect * (np.arange(periods) >= first[:, None]), first)


def one_and(donors, **options):
    return cities([14.0, *[NEVER] * donors], **options)


def test_california_is_close_to_what_the_papers_print():
    """Arkhangelsky et al. (2021), table 1: -20.2 (placebo standard error 11.5); the penalty is what cross-validation chooses."""
    effect = si.estimate(KEY, *california(), penalty=0.01967)
    assert effect.overall.value == pytest.approx(-20.2, abs=0.5)
    worlds = effect.counterfactual.worlds
    donors = np.arange(1, 39)
    treated = np.eye(39)[donors]
    again = type(worlds)(
        worlds.outcomes, treated, (treated == 0) & worlds.donors, worlds.fit[[0] * 38], worlds.after[[0] * 38], None,
        worlds.units,
    )  # fmt: skip
    placebos = effect.counterfactual.again(again)[:, 19:].mean(axis=1)
    assert placebos.std() == pytest.approx(11.5, abs=0.7)


def test_a_large_penalty_is_difference_in_differences():
    frame = one_and(15, effect=2.0)
    found = fitted(KEY, frame, options={"penalty": 1e6})
    assert found.overall.value == pytest.approx(fitted("did_2x2", frame).overall.value, abs=1e-7)


def test_with_a_large_penalty_and_several_dates_it_is_imputation():
    frame = cities([8.0, 8.0, 12.0, *[NEVER] * 10], effect=1.0)
    found = fitted(KEY, frame, options={"penalty": 1e6}).overall.value
    assert found == pytest.approx(fitted("imputation", frame).overall.value, abs=1e-6)


def test_an_effect_on_cities_with_two_factors_is_found():
    effect = fitted(KEY, one_and(25, effect=3.0, periods=30))
    plain = fitted("did_2x2", one_and(25, effect=3.0, periods=30))
    assert effect.overall.value == pytest.approx(3.0, abs=0.6)
    assert abs(effect.overall.value - 3) < abs(plain.overall.value - 3)


def test_path_and_counterfactual_are_the_gaps():
    frame = one_and(15, effect=1.0)
    effect = fitted(KEY, frame, options={"penalty": 0.05})
    y = frame["y"].to_numpy().reshape(16, 20)
    seen = np.ones_like(y, dtype=bool)
    seen[0, 14:] = False
    table = Tables(np.where(seen, y, 0)[None], seen[None], np.ones((1, 16), dtype=bool))
    gaps = (y - fill(table, Shrink(np.array([0.05 * seen.sum() / 2])), "two-way").fitted[0])[0]
    np.testing.assert_allclose(effect.path.values, gaps, atol=1e-7)
    assert effect.path.event_times == tuple(float(e) for e in range(-14, 6))
    assert effect.overall.value == pytest.approx(gaps[14:].mean())
    assert effect.counterfactual.donors is None
    assert (effect.judged_by, effect.overall.std_error) == ("placebo", None)
    assert (effect.sample.n_units, effect.sample.n_treated, effect.sample.n_obs) == (16, 1, 320)


@pytest.mark.parametrize("first", [[14.0], [8.0, 12.0, 12.0]])
def test_the_study_s_own_question_asked_again_has_the_same_gaps(first):
    effect = fitted(KEY, cities([*first, *[NEVER] * 12], effect=1.0))
    held = effect.counterfactual
    np.testing.assert_allclose(held.again(held.worlds), held.gaps, atol=1e-6)


def test_several_dates_have_a_number_for_each_city_and_one_mean_of_all_cells():
    effect = fitted(KEY, cities([8.0, 12.0, *[NEVER] * 12], effect=1.0), options={"penalty": 0.02})
    gaps = effect.counterfactual.gaps
    np.testing.assert_allclose(effect.curves["units"].values, [gaps[0, 8:].mean(), gaps[1, 12:].mean()])
    assert effect.overall.value == pytest.approx((gaps[0, 8:].sum() + gaps[1, 12:].sum()) / 20)


def test_anticipated_periods_are_filled_in():
    frame = one_and(12)
    moved = frame.assign(y=frame["y"] + 50 * ((frame["id"] == 0) & (frame["t"] == 13)))
    options = {"options": {"penalty": 0.05}, "anticipation": 1}
    assert fitted(KEY, moved, **options).overall.value == pytest.approx(fitted(KEY, frame, **options).overall.value)


def test_cells_that_were_not_observed_are_filled():
    frame = one_and(15, effect=2.0)
    gone = frame.sample(frac=0.1, random_state=1).index.union(
        frame.index[(frame["id"] == 0) & frame["t"].isin([3, 16])]
    )
    effect = fitted(KEY, frame.drop(gone), balance="pairwise", options={"penalty": 0.02})
    held = effect.counterfactual
    assert np.isnan(held.gaps[0, [3, 16]]).all()
    assert np.isfinite(held.expected).all()
    assert effect.overall.value == pytest.approx(np.nanmean(held.gaps[0, 14:]))
    assert effect.overall.value == pytest.approx(fitted(KEY, frame, options={"penalty": 0.02}).overall.value, abs=0.7)
    np.testing.assert_allclose(held.again(held.worlds), held.gaps, atol=1e-6)
    assert any("their other cells are filled in" in n for n in effect.notes)


def test_units_and_scale_and_order_change_nothing_else():
    frame = one_and(12, effect=1.0)
    plain = fitted(KEY, frame).overall.value
    mixed = frame.sample(frac=1, random_state=3)
    assert fitted(KEY, mixed).overall.value == pytest.approx(plain, abs=1e-7)
    assert fitted(KEY, frame.assign(y=frame["y"] * 1000 + 7e5)).overall.value == pytest.approx(1000 * plain, rel=1e-5)


@pytest.mark.parametrize("level", [1e6, 1e9])
def test_a_level_far_above_the_movement_changes_neither_penalty_nor_effect(level):
    frame = one_and(12, effect=1.0)
    plain, high = fitted(KEY, frame), fitted(KEY, frame.assign(y=frame["y"] + level))
    assert high.overall.value == pytest.approx(plain.overall.value, abs=1e-5)
    assert high.notes[-2:] == plain.notes[-2:]


def test_rounding_of_a_high_level_is_no_pattern():
    frame = one_and(12)
    effects_alone = frame.assign(y=1e8 + np.sin(frame["id"]) + np.cos(frame["t"]))
    assert any("fit all untreated cells exactly" in n for n in fitted(KEY, effects_alone).notes)


def test_placebos_may_choose_their_own_penalty():
    frame = one_and(8, effect=1.0)
    kept, anew = (fitted(KEY, frame, options={"tuning": t}).counterfactual for t in ("kept", "anew"))
    np.testing.assert_allclose(kept.gaps, anew.gaps)
    np.testing.assert_allclose(anew.again(anew.worlds), anew.gaps, atol=1e-6)


def test_notes_say_what_was_chosen_and_what_it_is_worth():
    said = " ".join(fitted(KEY, one_and(20)).notes)
    assert "by cross-validation: cells held out are missed by" in said
    assert "Placebos and permutations keep this penalty" in said
    rng = np.random.default_rng(2)
    noise = framed(rng.normal(size=(13, 20)), np.array([14.0, *[NEVER] * 12]))
    assert "this is difference-in-differences" in " ".join(fitted(KEY, noise).notes)


def test_paths_of_effects_alone_need_no_matrix():
    frame = one_and(10, noise=0.0, rank=0, effect=2.0)
    effect = fitted(KEY, frame)
    assert effect.overall.value == pytest.approx(2.0)
    assert "Unit and period effects alone fit all untreated cells exactly" in " ".join(effect.notes)
    assert np.isfinite(effect.counterfactual.again(effect.counterfactual.worlds)).all()


# ---- bad input ---------------------------------------------------------------------------------------------------------


def test_a_constant_outcome_is_refused():
    with pytest.raises(EstimationError, match="Outcome 'y' is 4 in each unit and period"):
        fitted(KEY, one_and(5).assign(y=4.0))


def test_a_period_without_untreated_units_is_refused():
    frame = one_and(6)
    with pytest.raises(DesignError, match=r"no untreated unit was observed in 16, .* Leave these periods out"):
        fitted(KEY, frame[~((frame["t"] == 16) & (frame["id"] > 0))], balance="pairwise")


def test_treated_units_that_were_hardly_observed_are_all_named():
    frame = cities([14.0, 14.0, *[NEVER] * 6])
    hidden = ((frame["id"] == 0) & (frame["t"] < 12)) | ((frame["id"] == 1) & (frame["t"] >= 14))
    with pytest.raises(DesignError) as refused:
        fitted(KEY, frame[~hidden], balance="pairwise")
    assert "0 was observed in 2 of the 14 periods before the measure; it takes 3" in str(refused.value)
    assert "1 was not observed from 14 on" in str(refused.value)


def test_too_few_periods_before_are_refused():
    frame = long({"a": [1, 2, 3, 4], "b": [2, 3, 1, 5], "c": [4, 4, 2, 1]}, {"a": 2003})
    with pytest.raises(DesignError, match=f"{KEY} needs 3 periods before"):
        fitted(KEY, frame)


@pytest.mark.parametrize("penalty", [0, -1.0, np.inf, np.nan])
def test_a_penalty_that_is_none_is_refused(penalty):
    with pytest.raises((UsageError, DesignError), match="penalty"):
        fitted(KEY, one_and(5), options={"penalty": penalty})


def test_words_that_are_no_choice_are_refused_at_once():
    with pytest.raises(UsageError, match="force is 'both'; it has to be one of two-way, unit, time, none") as refused:
        fitted(KEY, one_and(5), options={"force": "both", "tuning": "no", "folds": 1})
    assert len(refused.value.problems) == 3
