"""Exact rank bands of counts: against binomial tests one by one, Holm by hand, and how often they hold the true ranks."""

from __future__ import annotations

import numpy as np
import pytest

from scale_impact.benchmark.count_bands import bands_of_counts, p_values
from scale_impact.benchmark.rank_bands import bands
from scale_impact.errors import DataError, UsageError


def names(n):
    return [f"city {k}" for k in range(n)]


def test_pairs_are_compared_by_binomial_tests_given_both_counts():
    from scipy.stats import binomtest

    counts, exposure = np.array([0.0, 3, 11, 4]), np.array([1.0, 2.5, 4.0, 0.5])
    found = p_values(counts, exposure)
    for a in range(4):
        for b in range(4):
            total = int(counts[a] + counts[b])
            share = exposure[a] / (exposure[a] + exposure[b])
            wanted = binomtest(int(counts[a]), total, share, alternative="greater").pvalue if a != b and total else 1.0
            assert found[a, b] == pytest.approx(wanted, rel=1e-12)


def holm(p, error, method):
    """Hypotheses rejected, of a mapping of p-values."""
    told, order = set(), sorted(p, key=p.get)
    for k, pair in enumerate(order):
        if p[pair] > error / (len(order) - (k if method == "holm" else 0)):
            break
        told.add(pair)
    return told


@pytest.mark.parametrize("method", ["holm", "bonferroni"])
@pytest.mark.parametrize("seed", range(5))
def test_bands_are_those_of_holm_by_hand(seed, method):
    rng = np.random.default_rng(seed)
    exposure = rng.uniform(0.5, 3, 7)
    counts = rng.poisson(exposure * rng.gamma(1, 30, 7)).astype(float)
    p = p_values(counts, exposure)
    pairs = {(a, b): p[a, b] for a in range(7) for b in range(7) if a != b}
    found = bands_of_counts(names(7), counts, exposure, level=0.9, method=method)
    together = holm(pairs, 0.1, method)
    assert {(int(a), int(b)) for a, b in np.argwhere(found.beats)} == together
    for j in range(7):
        own = holm({h: q for h, q in pairs.items() if j in h}, 0.1, method)
        assert found.low[j] == 1 + sum(b == j for _, b in own)
        assert found.high[j] == 7 - sum(a == j for a, _ in own)
        assert found.low_all[j] == 1 + sum(b == j for _, b in together)


def test_many_events_give_nearly_the_bands_of_normal_errors():
    rng = np.random.default_rng(1)
    exposure = rng.uniform(1, 2, 15)
    counts = rng.poisson(exposure * rng.uniform(900, 1600, 15)).astype(float)
    exact = bands_of_counts(names(15), counts, exposure, method="bonferroni")
    normal = bands(names(15), counts / exposure, np.sqrt(counts) / exposure, method="bonferroni")
    assert np.abs(exact.low_all - normal.low_all).max() <= 1
    assert np.abs(exact.high - normal.high).max() <= 1
    assert np.array_equal(exact.rank, normal.rank)


def test_few_events_tell_nobody_apart_where_rates_differ_much():
    # a small place with one event has the highest rate; one event tells nothing
    found = bands_of_counts(["village", "city"], [1, 300], [500, 1e6])
    assert found.rank.tolist() == [1, 2]
    assert found.low.tolist() == [1, 1]
    assert found.high.tolist() == [2, 2]
    assert bands_of_counts(["none", "also none", "some"], [0, 0, 1]).low_all.tolist() == [1, 1, 1]


def test_bands_hold_the_true_ranks_of_rare_events_where_normal_errors_do_not():
    # all rates are the same; a village without an event has a rate of 0 with a standard error of 0
    rng, exact, normal = np.random.default_rng(2), 0, 0
    exposure = np.array([0.5, 0.5, 0.5, 100.0, 100.0, 100.0])
    for k in range(300):
        counts = rng.poisson(2 * exposure).astype(float)
        exact += bool((bands_of_counts(names(6), counts, exposure).low_all == 1).all())
        other = bands(names(6), counts / exposure, np.sqrt(counts) / exposure, seed=k, resamples=99)
        normal += bool((other.low_all == 1).all())
    assert exact >= 285
    assert normal < 150


def test_low_rates_are_better_where_that_is_said_and_rows_may_come_in_any_order():
    counts, exposure = np.array([3.0, 50, 51, 200, 0]), np.array([1.0, 1.1, 0.9, 2, 1])
    high, low = (bands_of_counts(names(5), counts, exposure, better=b) for b in ("high", "low"))
    assert np.array_equal(low.low_all, 6 - high.high_all)
    assert np.array_equal(low.beats, high.beats.T)
    order = [3, 0, 4, 2, 1]
    moved = bands_of_counts([names(5)[k] for k in order], counts[order], exposure[order])
    assert np.array_equal(moved.low, high.low[order])


def test_cities_without_a_count_have_no_rank_and_bad_counts_are_refused():
    found = bands_of_counts(["a", "b", "c"], [4, np.nan, 90])
    assert np.isnan(found.rank[1])
    assert found.rank[[0, 2]].tolist() == [2, 1]
    assert "b: no value" in " ".join(found.notes)
    with pytest.raises(DataError) as seen:
        bands_of_counts(["a", "b", "c"], [1.5, -1, 3], [1, 0, 1])
    assert seen.value.problems == (
        "counts: negative or no whole number for a (1.5), b (-1). Give the counts themselves, not rates.",
        "exposure: not above 0 for b. Correct it, or leave the count out.",
    )
    with pytest.raises(DataError, match="exposure: it is of 1 city"):
        bands_of_counts(["a", "b"], [1, 2], [1])
    with pytest.raises(UsageError, match="best is 4"):
        bands_of_counts(["a", "b"], [1, 2], best=4)
