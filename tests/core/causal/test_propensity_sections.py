"""Repeated cross-sections: four cells, each weighted to the treated after."""

import numpy as np
import pytest

from scale_impact.core.causal.balancing.sections import SIGNS, sections, weighted_sections


def drawn(n=1200, seed=6):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, 2))
    side = rng.random(n) < 1 / (1 + np.exp(-0.5 * z[:, 0]))
    after = rng.random(n) < 1 / (1 + np.exp(-0.4 * z[:, 1]))
    y = z @ [2, 1] + side * 3 + after * (1 + z[:, 0]) + 1.5 * (side & after) + rng.normal(size=n)
    return z, y, 2 * side + after


def test_without_covariates_it_is_the_difference_in_differences():
    z, y, cells = drawn()
    found = weighted_sections(sections(z[:, :0], cells), y, cells)
    means = np.array([y[cells == c].mean() for c in range(4)])
    assert found.value == pytest.approx(SIGNS @ means)
    spread = sum(y[cells == c].var() / (cells == c).sum() for c in range(4))
    assert (found.influence**2).sum() == pytest.approx(spread)


def test_trends_that_differ_by_a_covariate_are_taken_away():
    z, y, cells = drawn(60_000)
    found = weighted_sections(sections(z, cells), y, cells)
    assert found.value == pytest.approx(1.5, abs=0.08)
    plain = weighted_sections(sections(z[:, :0], cells), y, cells).value
    assert abs(plain - 1.5) > 0.25
    assert [found.weights[cells == c].sum() for c in range(4)] == pytest.approx([1] * 4)


def test_influence_is_what_leaving_a_row_out_does():
    z, y, cells = drawn()
    value = lambda i: weighted_sections(sections(z[i], cells[i]), y[i], cells[i]).value  # noqa: E731
    mine = weighted_sections(sections(z, cells), y, cells)
    moved = [mine.value - value(np.delete(np.arange(len(y)), i)) for i in range(40)]
    assert mine.influence[:40] == pytest.approx(moved, rel=0.08, abs=0.03 * np.abs(mine.influence).max())
