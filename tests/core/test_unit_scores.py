"""Scores block by block: covariances of effects and of combinations against the whole matrix."""

import numpy as np
import pytest

from scale_impact.core.unit_scores import Block, Combinations, UnitScores

N, C, G = 12, 4, 2


def whole():
    """Scores [N, C]: units 0 to 4 are cohort 0 and have no score on effect 3; shares of the cohorts."""
    rng = np.random.default_rng(1)
    matrix = rng.normal(size=(N, C))
    matrix[:5, 3] = 0.0
    shares = np.zeros((N, G))
    shares[:5, 0], shares[5:, 1] = rng.uniform(0, 1, 5), rng.uniform(0, 1, 7)
    return matrix, shares


def scores_of(clusters=None):
    matrix, shares = whole()

    def make():
        for cohort, rows, columns in (
            (0, [0, 1, 2], [0, 1, 2]),
            (0, [3, 4], [0, 1, 2]),
            (1, list(range(5, N)), [0, 1, 2, 3]),
        ):
            yield Block(cohort, np.array(rows), np.array(columns), matrix[np.ix_(rows, columns)].T)

    return UnitScores(make, N, C, G, shares.sum(axis=1), clusters)


@pytest.mark.parametrize("clusters", [None, np.arange(N) % 5], ids=["units", "clusters"])
def test_covariances_are_sums_of_products_over_clusters(clusters):
    matrix, shares = whole()
    both = np.hstack([matrix, shares])
    sums = both if clusters is None else np.stack([both[clusters == c].sum(axis=0) for c in range(5)])
    found = scores_of(clusters)
    np.testing.assert_allclose(found.covariance, sums.T @ sums, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(found.variances(), np.diag(sums.T @ sums)[:C], rtol=1e-12)


@pytest.mark.parametrize("clusters", [None, np.arange(N) % 5], ids=["units", "clusters"])
def test_combinations_go_over_the_blocks_again(clusters):
    matrix, shares = whole()
    parts = Combinations(np.array([0, 1, 0, -1]), np.array([0.3, 1.0, 0.7, 9.0]), np.array([[1.0, -1.0], [0.0, 2.0]]))
    each = matrix @ np.array([[0.3, 0, 0.7, 0], [0, 1, 0, 0]]).T + shares @ parts.slopes.T
    found = scores_of(clusters)
    np.testing.assert_allclose(found.values(parts), each, rtol=1e-12, atol=1e-14)
    sums = each if clusters is None else np.stack([each[clusters == c].sum(axis=0) for c in range(5)])
    np.testing.assert_allclose(found.covariance_of(parts), sums.T @ sums, rtol=1e-12)
