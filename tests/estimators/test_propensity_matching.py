"""Matching: exposures, changes, cross-sections; calipers, exact columns, and who is left out."""

import numpy as np
import pandas as pd
import pytest

import scale_impact as si
from scale_impact.core.causal.retrials import Retrials
from scale_impact.errors import DesignError, EstimationError, UsageError
from tests.estimators.test_propensity_weighting import fitted as fit
from tests.estimators.test_propensity_weighting import house_prices, people

NAME = "propensity_matching"


def fitted(frame, **options):
    return fit(frame, NAME, **options)


def test_a_programme_s_effect_is_found_again_with_other_controls():
    """Dehejia and Wahba (1999): the experiment's 1,794 is missed by 10,000 without matching, and found again with it."""
    from causaldata import cps_mixtape, nsw_mixtape

    nsw, cps = (d.load_pandas().data for d in (nsw_mixtape, cps_mixtape))
    frame = pd.concat([nsw[nsw["treat"] == 1], cps], ignore_index=True)
    frame = frame.assign(
        year=1,
        y=frame["re78"],
        d=frame["treat"],
        age2=frame["age"] ** 2,
        u74=frame["re74"] == 0,
        u75=frame["re75"] == 0,
    )
    names = ["age", "age2", "educ", "marr", "nodegree", "black", "hisp", "re74", "re75", "u74", "u75"]
    plain = frame.loc[frame["d"] == 1, "y"].mean() - frame.loc[frame["d"] == 0, "y"].mean()
    assert plain == pytest.approx(-8498, abs=1)
    for options in ({}, {"distance": "mahalanobis"}, {"neighbours": 4, "bias_correction": True}):
        effect = fitted(frame, covariates=names, estimand="ATT", **options)
        assert abs(effect.overall.value - 1794) < 1.5 * effect.overall.std_error
        assert 500 < effect.overall.std_error < 1200


def test_pairs_and_weights_say_what_the_effect_is_made_of():
    effect = fitted(people(), estimand="ATT")
    rows, pairs = effect.adjusted.rows, effect.adjusted.matches
    assert rows.treated[pairs["treated"]].all()
    assert not rows.treated[pairs["control"]].any()
    guess = pd.Series(rows.outcome[pairs["control"]]).groupby(pairs["treated"].to_numpy()).mean()
    assert (rows.outcome[guess.index] - guess).mean() == pytest.approx(effect.overall.value)
    w = effect.adjusted.weights
    assert w @ np.where(rows.treated, rows.outcome, -rows.outcome) == pytest.approx(effect.overall.value)
    logits = np.log(effect.adjusted.propensity / (1 - effect.adjusted.propensity))
    gaps = np.abs(logits[pairs["treated"]] - logits[pairs["control"]])
    assert pairs["distance"].to_numpy() == pytest.approx(gaps, abs=1e-9)
    both = fitted(people())
    assert both.estimand == "ATE"
    assert rows.treated[both.adjusted.matches["treated"]].all()


def test_rows_beyond_the_caliper_are_left_out_by_name():
    frame = people(200)
    frame.loc[0, ["a", "d"]] = [8.0, 1]
    effect = fitted(frame, estimand="ATT")
    said = next(n for n in effect.notes if "no neighbour within the caliper" in n)
    assert "row 0" in said
    assert effect.adjusted.weights[0] == 0
    assert not any("no neighbour" in n for n in fitted(frame, estimand="ATT", caliper=None).notes)
    with pytest.raises(EstimationError, match="no row has a neighbour"):
        fitted(frame, estimand="ATT", caliper=1e-9, exact=["a"])


def test_exact_columns_and_periods_are_shared_by_matched_rows():
    frame = people(600, years=2)
    effect = fitted(frame, exact=["kind"], distance="mahalanobis")
    pairs, rows = effect.adjusted.matches, effect.adjusted.rows
    for column in ("kind", "year"):
        values = rows.frame([column])[column].to_numpy()
        assert (values[pairs["treated"]] == values[pairs["control"]]).all()
    assert any("Matched within kind: 6 cells" in n for n in effect.notes)
    shifted = fitted(frame.assign(y=frame["y"] + 100 * frame["year"]), exact=["kind"], distance="mahalanobis")
    assert shifted.overall.value == pytest.approx(effect.overall.value)


def test_mahalanobis_does_not_depend_on_units_of_covariates():
    frame = people()
    one = fitted(frame, distance="mahalanobis").overall
    other = fitted(frame.assign(a=1000 * frame["a"] + frame["b"]), distance="mahalanobis").overall
    assert other.value == pytest.approx(one.value)
    assert other.std_error == pytest.approx(one.std_error)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "Abadie and Imbens, the propensity estimated"),
        ({"bias_correction": True}, "linear form"),
        ({"distance": "mahalanobis"}, "Abadie and Imbens"),
    ],
)
def test_the_error_is_named_by_how_rows_were_matched(options, words):
    effect = fitted(people(), **options)
    assert effect.inference.startswith(words)
    assert effect.overall.std_error > 0


def test_changes_are_matched_within_their_cohort_and_clustered(mpdta):
    panel = si.Panel.from_frame(mpdta, unit="id", period="t", outcome="y")
    effect = si.estimate(NAME, panel, si.Design.from_panel(panel, first_treated="g"), covariates=["lpop"])
    pairs, rows = effect.adjusted.matches, effect.adjusted.rows
    assert (rows.groups[pairs["treated"]] == rows.groups[pairs["control"]]).all()
    assert effect.estimand == "ATT"
    assert "clustered by id" in effect.inference
    theirs = si.estimate(
        "callaway_santanna", panel, si.Design.from_panel(panel, first_treated="g"), covariates=["lpop"]
    ).overall
    assert effect.overall.value == pytest.approx(theirs.value, abs=2 * theirs.std_error)


@pytest.mark.parametrize(
    "options", [{"distance": "mahalanobis"}, {}, {"distance": "mahalanobis", "exact": ["baths"], "neighbours": 2}]
)
def test_house_prices_are_matched_to_three_other_cells(kielmc, options):
    effect = si.estimate(NAME, *house_prices(kielmc), covariates=["age", "area", "rooms"], **options)
    rows, w = effect.adjusted.rows, effect.adjusted.weights
    after = rows.groups == rows.groups.max()
    signs = np.where((rows.side == 1) == after, 1.0, -1.0)
    if options.get("distance") != "mahalanobis":  # without bias correction the weights are the estimate
        assert (w * signs) @ rows.outcome == pytest.approx(effect.overall.value)
    assert [w[(rows.side == s) & (after == a)].sum() for s in (0, 1) for a in (False, True)] == pytest.approx([1] * 4)
    assert effect.adjusted.again(Retrials(counts=np.ones((1, len(rows)))))[0] == pytest.approx(effect.overall.value)


@pytest.mark.parametrize(
    "options", [{}, {"distance": "mahalanobis", "exact": ["kind"]}, {"neighbours": 2, "bias_correction": True}]
)
def test_asked_again_it_gives_itself_and_what_refitting_gives(options):
    frame = people(years=2)
    effect = fitted(frame, **options)
    rng = np.random.default_rng(2)
    counts = rng.permutation(np.repeat([0.0, 1.0], len(frame) // 2))
    same, other = effect.adjusted.again(Retrials(counts=np.vstack([np.ones(len(frame)), counts])))
    assert same == pytest.approx(effect.overall.value)
    assert other == pytest.approx(fitted(frame[counts > 0].reset_index(drop=True), **options).overall.value)
    extra = rng.normal(size=(1, len(frame)))
    more = fitted(frame.assign(c=extra[0]), covariates=["a", "b", "c"], **options).overall.value
    assert effect.adjusted.again(Retrials(extra=extra))[0] == pytest.approx(more)


def test_the_outcome_is_no_column_to_match_on_exactly():
    with pytest.raises(DesignError, match="Exact column 'y' is the outcome itself"):
        fitted(people(), exact=["y"])


def test_what_cannot_be_matched_on_is_refused():
    frame = people(100)
    with pytest.raises(UsageError, match="distance is 'euclid'") as caught:
        fitted(frame, distance="euclid", neighbours=0, caliper=-1)
    assert len(caught.value.problems) == 3
    with pytest.raises(EstimationError, match="needs covariates"):
        fitted(frame, covariates=[], distance="mahalanobis")
    with pytest.raises(DesignError, match=r"exact columns \(kind\) are missing in 1 row"):
        fitted(frame.assign(kind=frame["kind"].where(frame.index != 4)), exact=["kind"])
    with pytest.raises(EstimationError, match="no overlap"):
        fitted(frame.assign(a=frame["a"] + 100 * frame["d"]))


def test_the_same_data_in_another_order_give_the_same_number():
    frame = people(300).round(1)
    one, other = fitted(frame), fitted(frame.sample(frac=1, random_state=3).reset_index(drop=True))
    assert one.overall.value == pytest.approx(other.overall.value, abs=1e-10)
    assert one.overall.std_error == pytest.approx(other.overall.std_error, abs=1e-10)
