"""Interactive fixed effects: exact without noise, by hand with it, collapses, Xu's bootstrap, bad input."""

import numpy as np
import pytest

from scale_impact.errors import DesignError, EstimationError, UsageError
from tests.panels import NEVER, fitted, framed

KEY = "interactive_fixed_effects"


def cities(first, *, periods=20, seed=1, noise=0.3, effect=0.0, rank=2):
    """Outcomes of factors with levels; `first` is the first treated period of each city."""
    rng = np.random.default_rng(seed)
    first = np.array(first, dtype=float)
    y = rng.normal(size=(len(first), rank)) @ rng.normal(size=(rank, periods)) * 2
    y = y + 5 * rng.normal(size=(len(first), 1)) + rng.normal(size=periods) + noise * rng.normal(size=y.shape)
    return framed(y + effect * (np.arange(periods) >= first[:, None]), first)


def one_and(donors, **options):
    return cities([14.0, *[NEVER] * donors], **options)


@pytest.mark.parametrize("method", ["controls", "em"])
@pytest.mark.parametrize("first", [[14.0], [9.0, 14.0, 14.0]])
def test_without_noise_the_effect_is_exact(method, first):
    frame = cities([*first, *[NEVER] * 15], noise=0.0, effect=3.0)
    effect = fitted(KEY, frame, options={"method": method, **({"factors": 2} if method == "em" else {})})
    assert effect.overall.value == pytest.approx(3.0, abs=1e-6)
    np.testing.assert_allclose(effect.path.values, 3.0 * (np.array(effect.path.event_times) >= 0), atol=1e-5)
    assert any(n.startswith("2 factors") for n in effect.notes)


def test_with_noise_it_is_least_squares_on_the_donors_principal_components():
    frame = one_and(15, effect=1.0)
    y = frame["y"].to_numpy().reshape(16, 20)
    donors = y[1:] - y[1:].mean(axis=1, keepdims=True) - y[1:].mean(axis=0) + y[1:].mean()
    columns = np.column_stack([np.ones(20), np.linalg.svd(donors)[2][:2].T])
    rest = y[0] - y[1:].mean(axis=0)
    gaps = rest - columns @ np.linalg.lstsq(columns[:14], rest[:14], rcond=None)[0]
    effect = fitted(KEY, frame, options={"factors": 2})
    np.testing.assert_allclose(effect.path.values, gaps, atol=1e-10)
    assert effect.overall.value == pytest.approx(gaps[14:].mean())
    assert (effect.judged_by, effect.overall.std_error, effect.counterfactual.donors) == ("placebo", None, None)


def test_without_factors_it_is_difference_in_differences():
    frame = one_and(10, effect=1.0)
    for method in ("controls", "em"):
        found = fitted(KEY, frame, options={"factors": 0, "method": method}).overall.value
        assert found == pytest.approx(fitted("did_2x2", frame).overall.value, abs=1e-7)


@pytest.mark.parametrize("options", [{}, {"method": "em", "factors": 2}, {"force": "unit"}])
@pytest.mark.parametrize("first", [[14.0], [9.0, 14.0]])
def test_the_study_s_own_question_asked_again_has_the_same_gaps(first, options):
    held = fitted(KEY, cities([*first, *[NEVER] * 12], effect=1.0), options=options).counterfactual
    np.testing.assert_allclose(held.again(held.worlds), held.gaps, atol=1e-6)


def test_a_covariate_that_moves_with_the_factors_is_held_constant():
    frame = one_and(25, effect=2.0, seed=4)
    rng = np.random.default_rng(5)
    x = 0.3 * frame["y"] - 0.6 * (frame["g"] <= frame["t"]) + rng.normal(size=len(frame))
    moved = frame.assign(x=x, y=frame["y"] + 4 * x)
    found = fitted(KEY, moved, options={"covariates": ["x"], "factors": 2})
    assert found.overall.value == pytest.approx(2.0, abs=0.5)
    np.testing.assert_allclose(
        found.counterfactual.again(found.counterfactual.worlds), found.counterfactual.gaps, atol=1e-8
    )


def test_cells_that_were_not_observed_are_filled_by_em():
    frame = one_and(25, effect=2.0, noise=0.0)
    gone = frame.sample(frac=0.1, random_state=1).index
    options = {"method": "em", "factors": 2}
    effect = fitted(KEY, frame.drop(gone), balance="pairwise", options=options)
    assert effect.overall.value == pytest.approx(2.0, abs=1e-5)
    with pytest.raises(DesignError, match="needs each unit in each period"):
        fitted(KEY, frame.drop(gone), balance="pairwise")


def test_notes_say_how_many_factors_and_where_there_may_be_more():
    assert "2 factors by cross-validation" in " ".join(fitted(KEY, one_and(20, seed=2)).notes)
    said = " ".join(fitted(KEY, one_and(20, rank=3, noise=0.1), options={"most_factors": 2}).notes)
    assert "That is the largest number tried" in said


@pytest.mark.parametrize("options", [{}, {"method": "em", "factors": 1}])
def test_fewer_than_ten_periods_before_are_said(options):
    notes = {
        first: " ".join(fitted(KEY, cities([first, *[NEVER] * 15]), options=options).notes) for first in (9.0, 10.0)
    }
    assert "Fewer than 10 periods before the measure: 0 (9)." in notes[9.0]
    assert "Fewer than 10" not in notes[10.0]


# ---- Xu's parametric bootstrap ---------------------------------------------------------------------------------------------


def test_the_bootstrap_s_standard_error_is_the_spread_of_estimates():
    """Over panels of the same design, the mean of the standard errors against the spread of the estimates."""
    found = [
        fitted(KEY, one_and(30, seed=s, noise=1.0), options={"factors": 2, "bootstrap": 100}).overall for s in range(40)
    ]
    spread = np.std([e.value for e in found])
    assert np.mean([e.std_error for e in found]) == pytest.approx(spread, rel=0.3)  # 40 panels tell a spread to 11 %
    covered = np.mean([e.interval()[0] <= 0 <= e.interval()[1] for e in found])
    assert covered >= 0.85


def test_the_bootstrap_gives_errors_to_all_numbers_and_the_same_ones_again():
    frame = cities([9.0, 14.0, *[NEVER] * 12], effect=1.0)
    options = {"options": {"factors": 1, "bootstrap": 100}}
    one, two = fitted(KEY, frame, **options), fitted(KEY, frame, **options)
    assert one.overall.std_error == two.overall.std_error > 0
    assert (one.judged_by, one.inference) == ("analytic", "parametric bootstrap, 100 draws")
    for family in (one.path, one.curves["units"]):
        assert all(e.std_error > 0 for e in family)
        np.testing.assert_allclose(np.diag(family.covariance), family.variances)
    assert fitted(KEY, frame, options={"factors": 1}).overall.value == one.overall.value


def test_without_noise_the_bootstrap_has_no_error():
    effect = fitted(KEY, one_and(12, noise=0.0, effect=3.0), options={"factors": 2, "bootstrap": 100})
    assert effect.overall.std_error == pytest.approx(0, abs=1e-6)


# ---- bad input ---------------------------------------------------------------------------------------------------------


def test_more_factors_than_periods_before_are_refused():
    with pytest.raises(DesignError, match=r"13 factors cannot be told.* 0 has 14 untreated periods .* at most 12 can"):
        fitted(KEY, one_and(20), options={"factors": 13})


def test_more_factors_than_donors_are_refused():
    with pytest.raises(DesignError, match=r"5 factors cannot be told in these data.*4 donors; at most 3 can"):
        fitted(KEY, one_and(4), options={"factors": 5})


def test_a_constant_outcome_is_refused():
    with pytest.raises(EstimationError, match="Outcome 'y' is 4 in each unit and period"):
        fitted(KEY, one_and(5).assign(y=4.0))


def test_covariates_that_say_nothing_or_are_missing_are_refused():
    frame = one_and(6)
    with pytest.raises(EstimationError, match="covariate 'x' says nothing among the donors"):
        fitted(KEY, frame.assign(x=frame["id"] + frame["t"] ** 2), options={"covariates": ["x"]})
    with pytest.raises(DesignError, match="covariate 'x' is missing or infinite in 2 rows"):
        fitted(
            KEY, frame.assign(x=frame["y"].where(~frame["t"].eq(3) | (frame["id"] > 1))), options={"covariates": ["x"]}
        )
    with pytest.raises(DesignError, match="covariate 'x' is not numeric"):
        fitted(KEY, frame.assign(x="a"), options={"covariates": ["x"]})


def test_options_that_do_not_go_together_are_refused_at_once():
    with pytest.raises(UsageError) as refused:
        fitted(KEY, one_and(6), options={"method": "em", "covariates": ["y"], "bootstrap": 5})
    assert len(refused.value.problems) == 3


def test_the_bootstrap_refuses_too_few_donors():
    with pytest.raises(DesignError, match="there are 4; it takes 5"):
        fitted(KEY, one_and(4), options={"factors": 1, "bootstrap": 100})


def test_words_and_numbers_that_are_no_choice_are_refused_at_once():
    with pytest.raises(UsageError, match="method is 'ols'; it has to be one of controls, em") as refused:
        fitted(KEY, one_and(5), options={"method": "ols", "force": "both", "factors": -1, "folds": 1})
    assert len(refused.value.problems) == 4
