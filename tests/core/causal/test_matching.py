"""Nearest neighbours: against all distances, with ties, cells and calipers."""

import numpy as np
import pytest

from scale_impact.core.causal.balancing.matching import neighbours


def plainly(own, others, own_cells, other_cells, k, caliper):
    """Weights [t, m] by the definition."""
    far = np.sqrt(((own[:, None] - others[None]) ** 2).sum(axis=2))
    far[own_cells[:, None] != other_cells[None]] = np.inf
    found = np.zeros(far.shape)
    for i, row in enumerate(far):
        finite = np.sort(row[np.isfinite(row)])
        if not len(finite):
            continue
        reach = finite[min(k, len(finite)) - 1]
        reach = reach if caliper is None else min(reach, caliper)
        near = row <= reach * (1 + 1e-9) + 1e-12
        found[i] = near / max(near.sum(), 1)
    return found


@pytest.mark.parametrize("q", [1, 2, 4])
@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("caliper", [None, 0.3])
@pytest.mark.parametrize("digits", [0, 1, 9])
def test_neighbours_are_those_of_all_distances_with_ties_and_cells(q, k, caliper, digits):
    rng = np.random.default_rng(1)
    own, others = rng.normal(size=(60, q)).round(digits), rng.normal(size=(90, q)).round(digits)
    a, b = rng.integers(0, 3, 60), rng.integers(0, 2, 90)  # nobody of cell 2 is among the others
    weights = plainly(own, others, a, b, k, caliper)
    found = neighbours(own, others, a, b, k, caliper)
    values = rng.normal(size=(90, 2))
    assert found.means(values) == pytest.approx(weights @ values)
    assert found.found.tolist() == (weights.sum(axis=1) > 0).tolist()
    assert found.sizes() == pytest.approx((weights > 0).sum(axis=1))
    count = rng.integers(0, 2, 60).astype(float)
    assert found.used(count) == pytest.approx(count @ weights)
    assert found.used(count, power=2) == pytest.approx(count @ weights**2)


def test_pairs_are_listed_with_their_distance_unless_they_are_too_many():
    own, others = np.array([[0.0], [5.0]]), np.array([[1.0], [1.0], [4.5], [-1.0]])
    none = np.zeros(2, int), np.zeros(4, int)
    found = neighbours(own, others, *none, 1, None)
    rows, cols, far = found.pairs(10)
    assert sorted(zip(rows.tolist(), cols.tolist(), far.tolist(), strict=True)) == [
        (0, 0, 1),
        (0, 1, 1),
        (0, 3, 1),
        (1, 2, 0.5),
    ]
    assert found.pairs(3) is None


def test_thousands_of_rows_at_one_place_are_one_point():
    ones = np.ones((20_000, 1))
    cells = np.zeros(20_000, int)
    found = neighbours(ones, ones, cells, cells, 1, None)
    assert found.links.nnz == 1
    assert found.sizes()[0] == 20_000
