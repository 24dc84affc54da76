"""Sobol shares against functions whose shares are known."""

import numpy as np
import pytest

from scale_impact.benchmark.trying.sobol import design, pieces, shares, shares_by_city

ISHIGAMI_FIRST, ISHIGAMI_TOTAL = (0.3139, 0.4424, 0.0), (0.5576, 0.4424, 0.2437)
"""Ishigami and Homma (1990) with a = 7, b = 0.1; closed form."""


def ishigami(u):
    x = np.pi * (2 * u - 1)
    return np.sin(x[:, 0]) + 7 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0])


def g_function(u, a=(0, 1, 9)):
    return np.prod([(abs(4 * u[:, k] - 2) + ak) / (1 + ak) for k, ak in enumerate(a)], axis=0)


def g_shares(a=(0, 1, 9)):
    """Saltelli and Sobol (1995): variances 1 / (3 (1 + a)^2)."""
    v = [1 / 3 / (1 + ak) ** 2 for ak in a]
    whole = np.prod([1 + vk for vk in v]) - 1
    return np.array(v) / whole, np.array(
        [vk * np.prod([1 + w for j, w in enumerate(v) if j != k]) / whole for k, vk in enumerate(v)]
    )


@pytest.mark.parametrize(
    ("outcome", "first", "total"), [(ishigami, ISHIGAMI_FIRST, ISHIGAMI_TOTAL), (g_function, *g_shares())]
)
def test_shares_are_those_in_closed_form(outcome, first, total):
    found = shares("abc", outcome(design("abc", 4096, 0)), resamples=50, level=0.95, seed=0)
    assert np.allclose(found.first, first, atol=0.01)
    assert np.allclose(found.total, total, atol=0.01)
    assert (found.total_error > 0).all()


def test_shares_of_picked_alternatives_are_those_of_a_table():
    drawn = design("ab", 1024, 7)
    a, b = pieces(drawn[:, 0], 3), pieces(drawn[:, 1], 2)
    assert set(a) == {0, 1, 2}
    table = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 9.0]])
    by_a, by_b = table.mean(axis=1).var() / table.var(), table.mean(axis=0).var() / table.var()
    found = shares("ab", table[a, b], resamples=50, level=0.95, seed=7)
    assert np.allclose(found.first, [by_a, by_b], atol=0.02)
    assert np.allclose(found.total, [1 - by_b, 1 - by_a], atol=0.02)


def test_an_outcome_that_never_varies_has_no_shares():
    assert shares("ab", np.full(4 * 64, 3.0), resamples=50, level=0.95, seed=1) is None


def test_shares_of_each_city_are_those_of_its_ranks_alone():
    u = design("abc", 256, 3)
    ranks = np.column_stack([np.rint(100 * f(u)).astype(int) for f in (ishigami, g_function)] + [np.full(len(u), 4)])
    first, total = shares_by_city("abc", ranks)
    for k in range(2):
        alone = shares("abc", ranks[:, k].astype(float), resamples=10, level=0.95, seed=3)
        assert np.allclose(first[:, k], alone.first, atol=1e-9)
        assert np.allclose(total[:, k], alone.total, atol=1e-9)
    assert not first[:, 2].any()
    assert not total[:, 2].any()


@pytest.mark.parametrize("seed", [0, 1, 20251122])
def test_a_seed_gives_the_same_intervals_again(seed):
    found = [shares("abc", ishigami(design("abc", 64, seed)), resamples=20, level=0.9, seed=seed) for _ in range(2)]
    assert (found[0].first_error == found[1].first_error).all()
