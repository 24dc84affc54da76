"""Matching: against the definition on all distances, Stata's published numbers, and simulation."""

import numpy as np
import pandas as pd
import pytest

from scale_impact.core.causal.balancing.logit import columns_of, fit_logit
from scale_impact.core.causal.balancing.matching_estimate import (
    Pairing,
    Rules,
    clustered_influence,
    matched_effect,
    matching_variance,
    propensity_adjustment,
)
from tests.panels import reference


def drawn(n=300, seed=1, digits=9):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, 3)).round(digits)
    d = rng.random(n) < 1 / (1 + np.exp(-0.7 * z[:, 0] + 0.6))
    return z, d, z.sum(axis=1) + d * (1 + z[:, 1]) + rng.normal(size=n)


def both_ways(d, places, target="ATE"):
    own, others = np.flatnonzero(d), np.flatnonzero(~d)
    first = Pairing(own, others, -1.0, places)
    return (first,) if target == "ATT" else (first, Pairing(others, own, 1.0, places))


def plainly(z, d, y, k, target, corrected):
    """Value and Abadie and Imbens' variance by the definition, from all distances."""
    n = len(y)
    far = np.sqrt(((z[:, None] - z[None]) ** 2).sum(axis=2))
    w, x = np.zeros((n, n)), np.column_stack([np.ones(n), z])
    target_rows = [i for i in range(n) if d[i] or target == "ATE"]
    for i in target_rows:
        pool = np.flatnonzero(d != d[i])
        reach = np.sort(far[i, pool])[k - 1]
        near = pool[far[i, pool] <= reach + 1e-9]
        w[i, near] = 1 / len(near)
    used = w.sum(axis=0)
    slopes = {}
    for arm in (True, False):
        rows = (d == arm) & (used > 0)
        root = np.sqrt(used[rows])
        slopes[arm] = (
            np.linalg.lstsq(x[rows] * root[:, None], y[rows] * root, rcond=None)[0]
            if corrected and rows.any()
            else np.zeros(4)
        )
    effects = np.zeros(n)
    for i in target_rows:
        b = slopes[not d[i]]
        guess = w[i] @ (y + (x[i] - x) @ b)
        effects[i] = (y[i] - guess) * (1 if d[i] else -1)
    value = effects[target_rows].mean()
    spread = np.zeros(n)
    for i in range(n):
        own = np.flatnonzero(d == d[i])
        spread[i] = y[own[far[i, own] <= np.sort(far[i, own])[1] + 1e-9]].var(ddof=1)
    t = np.isin(np.arange(n), target_rows)
    extra = (t + used) ** 2 - t - (w**2).sum(axis=0)
    return value, (((effects - value)[t] ** 2).sum() + extra @ spread) / t.sum() ** 2


@pytest.mark.parametrize("target", ["ATE", "ATT"])
@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("corrected", [False, True])
@pytest.mark.parametrize("digits", [0, 9])
def test_value_and_error_are_those_of_the_definition(target, k, corrected, digits):
    z, d, y = drawn(digits=digits)
    pairings, cells = both_ways(d, z, target), np.zeros(len(y), int)
    x = np.column_stack([np.ones(len(y)), z])
    match = matched_effect(pairings, y, x, np.where(d, 1.0, -1.0), Rules(k, None, cells, corrected))
    value, variance = plainly(z, d, y, k, target, corrected)
    assert match.value == pytest.approx(value)
    assert matching_variance(match, pairings, y, cells) == pytest.approx(variance)
    weights = match.weights(d.astype(int))
    assert (weights[d].sum(), weights[~d].sum()) == pytest.approx((1, 1))
    if not corrected:
        assert weights @ np.where(d, y, -y) == pytest.approx(value)


def test_maternal_smoking_as_in_stata_s_manual():
    """Published: -210.9683 (32.021): matched on the propensity, with the error for an estimated one."""
    from importlib.resources import files

    with (files("statsmodels.treatment.tests.results") / "cataneo2.csv").open() as stream:
        births = pd.read_csv(stream)
    d, y = births["mbsmoke_"].to_numpy() == 1, births["bweight"].to_numpy(float)
    x = columns_of(births[["mmarried_", "mage", "mage2", "fbaby_", "medu"]].to_numpy(float))[0]
    logit, cells = fit_logit(x, d), np.zeros(len(y), int)
    from dataclasses import replace

    by_probability = replace(logit, logits=logit.probabilities)  # Stata measures distances between probabilities
    pairings = both_ways(d, logit.probabilities[:, None])
    match = matched_effect(pairings, y, x, np.where(d, 1.0, -1.0), Rules(1, None, cells, False))
    variance = matching_variance(match, pairings, y, cells)
    variance += propensity_adjustment(match, by_probability, y, d, cells, "ATE")
    published = reference("cattaneo2_psmatch", "teffects_psmatch_ate")
    assert match.value == pytest.approx(published["ate"], abs=5e-5)
    assert np.sqrt(variance) == pytest.approx(published["se"], abs=5e-4)


@pytest.mark.parametrize("target", ["ATE", "ATT"])
def test_the_error_for_an_estimated_propensity_is_about_that_of_repeated_samples(target):
    found = []
    for seed in range(100):
        z, d, y = drawn(500, seed)
        x, cells = columns_of(z)[0], np.zeros(500, int)
        logit = fit_logit(x, d)
        pairings = both_ways(d, logit.logits[:, None], target)
        match = matched_effect(pairings, y, x, np.where(d, 1.0, -1.0), Rules(1, None, cells, False))
        plain = matching_variance(match, pairings, y, cells)
        found.append((match.value, plain, plain + propensity_adjustment(match, logit, y, d, cells, target)))
    values, plain, adjusted = np.transpose(found)
    assert np.sqrt(adjusted.mean()) == pytest.approx(values.std(), rel=0.2)
    assert np.sqrt(plain.mean()) > 1.15 * values.std()


def test_the_linear_form_is_about_that_of_repeated_samples_where_rows_share_errors():
    rng = np.random.default_rng(7)
    found = []
    for _ in range(100):
        clusters = np.repeat(np.arange(80), 5)
        z = rng.normal(size=(400, 2)) + rng.normal(size=(80, 2))[clusters]
        d = rng.random(80)[clusters] < 1 / (1 + np.exp(-0.5 * z[:, 0]))
        y = z.sum(axis=1) + d + rng.normal(size=80)[clusters] + rng.normal(size=400)
        x, cells = columns_of(z)[0], np.zeros(400, int)
        pairings = both_ways(d, z, "ATT")
        match = matched_effect(pairings, y, x, np.where(d, 1.0, -1.0), Rules(1, None, cells, True))
        each = clustered_influence(match, y, x, d.astype(int), np.array([-1.0, 1.0]))
        found.append(
            (match.value, (np.bincount(clusters, each) ** 2).sum(), matching_variance(match, pairings, y, cells))
        )
    values, clustered, plain = np.transpose(found)
    assert np.sqrt(clustered.mean()) == pytest.approx(values.std(), rel=0.2)
    assert np.sqrt(plain.mean()) < 0.9 * values.std()


def test_rows_without_a_neighbour_are_left_out_and_nobody_is_none():
    places = np.array([[0.0], [10.0], [0.1], [30.0]])
    d, y, cells = np.array([True, True, False, False]), np.array([5.0, 50.0, 3.0, 1.0]), np.zeros(4, int)
    pairings, x = both_ways(d, places, "ATT"), np.ones((4, 1))
    match = matched_effect(pairings, y, x, np.array([1.0, 1, -1, -1]), Rules(1, 0.5, cells, False))
    assert match.value == 2.0
    assert match.matched.tolist() == [True, False, False, False]
    assert matched_effect(pairings, y, x, np.array([1.0, 1, -1, -1]), Rules(1, 0.01, cells, False)) is None
