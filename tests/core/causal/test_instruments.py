"""Estimates by instruments on variables without controls."""

import numpy as np
import pandas as pd
import pytest

from scale_impact.core.causal.instruments.estimation import (
    COV_TYPES,
    Variables,
    coefficient,
    each_alone,
    endogeneity,
    fitted,
    joint,
    least_squares,
    overidentified,
    partialled,
)
from tests.instruments import CONTROLS, card, drawn


def variables(frame, names, controls=("x",), outcome="y", exposure="d", clusters=None, **more):
    x = np.column_stack([np.ones(len(frame)), frame[list(controls)]]).astype(float)
    z = frame[list(names)].to_numpy(float)
    groups = np.arange(len(frame)) if clusters is None else frame[clusters].to_numpy()
    return Variables(
        frame[outcome].to_numpy(float), frame[exposure].to_numpy(float), z, tuple(names), x, groups, **more
    )


def by_linearmodels(data, method, vcov, weights=None):
    from linearmodels.iv import IV2SLS, IVGMM, IVLIML

    kind = COV_TYPES[vcov]
    clusters = {"clusters": data.clusters} if vcov == "CR1" else {}
    first = (data.outcome, data.controls, data.exposure, data.instruments)
    if method == "gmm":
        return IVGMM(*first, weight_type=kind, weights=weights, **clusters).fit(
            iter_limit=2, cov_type=kind, debiased=True, **clusters
        )
    model = IV2SLS if method == "2sls" else IVLIML
    return model(*first, weights=weights).fit(cov_type=kind, debiased=True, **clusters)


@pytest.mark.parametrize("method", ["2sls", "liml", "gmm"])
@pytest.mark.parametrize("vcov", ["iid", "HC1", "CR1"])
@pytest.mark.parametrize("names", [("nearc4",), ("nearc2", "nearc4")])
def test_card_agrees_with_linearmodels_on_all_controls(method, vcov, names):
    frame = card()[0].assign(place=lambda f: f["age"] * 10 + f["south"] + 2 * f["smsa"])
    data = variables(frame, names, CONTROLS, "lwage", "educ", "place")
    mine, theirs = fitted(partialled(data, vcov), method), by_linearmodels(data, method, vcov)
    assert mine.value == pytest.approx(theirs.params["endog"], rel=1e-8)
    assert mine.std_error == pytest.approx(theirs.std_errors["endog"], rel=1e-8)
    assert coefficient(partialled(data, vcov), method) == pytest.approx(mine.value, rel=1e-10)


@pytest.mark.parametrize("method", ["2sls", "liml", "gmm"])
def test_weights_are_those_of_linearmodels(method):
    frame = drawn(instruments=3)
    weights = np.random.default_rng(3).uniform(0.5, 5, len(frame))
    data = variables(frame, ["z0", "z1", "z2"], weights=weights)
    mine = fitted(partialled(data, "HC1"), method)
    theirs = by_linearmodels(data, method, "HC1", weights)
    assert mine.value == pytest.approx(theirs.params["endog"], rel=1e-8)
    assert mine.std_error == pytest.approx(theirs.std_errors["endog"], rel=1e-8)


def test_unit_effects_taken_out_are_dummies_of_units():
    frame = drawn(clusters=20, instruments=2)
    weights = np.random.default_rng(4).uniform(1, 3, len(frame))
    swept = variables(frame, ["z0", "z1"], clusters="g", units=frame["g"].to_numpy(), weights=weights)
    dummies = pd.get_dummies(frame["g"], drop_first=True, dtype=float).add_prefix("g")
    wide = pd.concat([frame, dummies], axis=1)
    full = variables(wide, ["z0", "z1"], ["x", *dummies.columns], clusters="g", weights=weights)
    for vcov in ("iid", "HC1"):
        one, other = (fitted(partialled(v, vcov), "2sls") for v in (swept, full))
        assert one.value == pytest.approx(other.value, rel=1e-10)
        assert one.std_error == pytest.approx(other.std_error, rel=1e-10)
    # by clusters effects of units count once: fixest's correction
    n, g, k = len(frame), 20, 3
    one, other = (fitted(partialled(v, "CR1"), "2sls") for v in (swept, full))
    assert one.std_error / other.std_error == pytest.approx(np.sqrt((n - (k + g - 1)) / (n - k)), rel=1e-10)


def test_a_large_level_of_the_outcome_changes_nothing():
    frame = drawn(instruments=2)
    plain, far = (
        fitted(partialled(variables(f, ["z0", "z1"]), "HC1"), "liml") for f in (frame, frame.assign(y=frame["y"] + 1e7))
    )
    assert far.value == pytest.approx(plain.value, rel=1e-7)
    assert far.std_error == pytest.approx(plain.std_error, rel=1e-7)


def test_the_endogeneity_test_is_that_of_wu_and_hausman():
    data = variables(card()[0], ["nearc4"], CONTROLS, "lwage", "educ")
    case = partialled(data, "iid")
    theirs = by_linearmodels(data, "2sls", "iid").wu_hausman()
    found = endogeneity(case, joint(case))
    assert (found.statistic, found.p_value) == pytest.approx((theirs.stat, theirs.pval), rel=1e-8)


def test_agreement_of_instruments_is_tested_as_sargan_and_hansen_do():
    data = variables(drawn(instruments=3), ["z0", "z1", "z2"], clusters="g")
    sargan = overidentified(partialled(data, "iid"))
    assert sargan.statistic == pytest.approx(by_linearmodels(data, "2sls", "iid").sargan.stat, rel=1e-8)
    for vcov in ("HC1", "CR1"):
        hansen = overidentified(partialled(data, vcov))
        theirs = by_linearmodels(data, "gmm", vcov).j_stat
        assert (hansen.statistic, hansen.p_value, hansen.df) == pytest.approx((theirs.stat, theirs.pval, 2), rel=1e-8)
    alone = overidentified(partialled(variables(drawn(), ["z0"]), "HC1"))
    assert (alone.p_value, "nothing is left to test" in alone.reason) == (None, True)


def test_without_instruments_it_is_least_squares_of_statsmodels():
    import statsmodels.api as sm

    data = variables(drawn(), ["z0"], clusters="g")
    model = sm.OLS(data.outcome, np.column_stack([data.exposure, data.controls]))
    for vcov, kind in (
        ("iid", {}),
        ("HC1", {"cov_type": "HC1"}),
        ("CR1", {"cov_type": "cluster", "cov_kwds": {"groups": data.clusters}}),
    ):
        found, theirs = least_squares(partialled(data, vcov)), model.fit(**kind)
        assert (found.value, found.std_error) == pytest.approx((theirs.params[0], theirs.bse[0]), rel=1e-9)


def test_each_instrument_alone_is_its_own_ratio():
    data = variables(drawn(instruments=2), ["z0", "z1"])
    for name, found in each_alone(partialled(data, "HC1")):
        k = int(name[1])
        alone = Variables(data.outcome, data.exposure, data.instruments[:, [k]], (name,), data.controls, data.clusters)
        theirs = fitted(partialled(alone, "HC1"), "2sls")
        assert (found.value, found.std_error) == pytest.approx((theirs.value, theirs.std_error), rel=1e-10)


def test_what_controls_explain_is_named():
    frame = drawn(instruments=2).assign(
        same=lambda f: 2 * f["x"] + 1, sum=lambda f: f["z0"] + f["z1"] + f["x"], one=1.0
    )
    assert partialled(variables(frame, ["z0", "same", "one"]), "HC1").explained == ("same", "one")
    assert partialled(variables(frame, ["z0", "z1", "sum"]), "HC1").explained == ("sum",)
    assert partialled(variables(frame, ["z0", "z1"]), "HC1").explained == ()
    assert partialled(variables(frame, ["z0"], ["x", "d"]), "HC1").explained == ("exposure",)


@pytest.mark.parametrize("level", [1e6, 1e10, 1e12])
def test_a_control_far_from_zero_is_no_less_a_control(level):
    frame = drawn()
    near, far = (partialled(variables(f, ["z0"]), "HC1") for f in (frame, frame.assign(x=frame["x"] + level)))
    assert far.basis.shape == near.basis.shape
    assert coefficient(far, "2sls") == pytest.approx(coefficient(near, "2sls"), rel=1e-2 * level / 1e12 + 1e-9)


def test_a_control_that_is_one_number_a_unit_leaves_nothing_beside_unit_effects():
    frame = drawn(clusters=20).assign(tenth=lambda f: 0.1 * f["g"])
    with_it, without = (
        partialled(variables(frame, ["z0"], c, clusters="g", units=frame["g"].to_numpy()), "CR1")
        for c in (["x", "tenth"], ["x"])
    )
    assert with_it.basis.shape == without.basis.shape
    assert coefficient(with_it, "2sls") == pytest.approx(coefficient(without, "2sls"), rel=1e-10)
