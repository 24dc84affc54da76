"""Correlations of ranks as those of normal scores, and which cannot be."""

from __future__ import annotations

import numpy as np
import pytest

from scale_impact.core.scaleup_correlations import impossible, matrix, root


def test_names_stand_in_the_order_of_the_alphabet_and_scores_correlate_by_pearsons_formula():
    names, found = matrix({("b", "c"): 0.5, ("a", "c"): -1.0})
    assert names == ("a", "b", "c")
    assert found[1, 2] == pytest.approx(2 * np.sin(np.pi / 12))
    assert found[0, 2] == pytest.approx(-1)
    assert found[0, 1] == 0


@pytest.mark.parametrize("rho", [1.0, 0.3, -0.8])
def test_the_root_squared_is_the_matrix_also_where_it_is_singular(rho):
    _, found = matrix({("a", "b"): rho})
    assert root(found) @ root(found) == pytest.approx(found, abs=1e-12)


def test_the_range_that_is_named_is_that_of_three_correlations():
    told = impossible({("a", "b"): 0.5, ("b", "c"): 0.5, ("a", "c"): -0.9})
    # of three: r13 lies within r12 r23 -+ sqrt((1 - r12^2)(1 - r23^2)), here in normal scores
    r = 2 * np.sin(np.pi * 0.5 / 6)
    least = 6 / np.pi * np.arcsin((r * r - (1 - r * r)) / 2)
    assert f"a with c has to lie between {np.ceil(100 * least) / 100:.2f} and 1.00 (it is -0.9)" in told


def test_what_no_single_pair_puts_right_is_said():
    pairs = {(a, b): -0.9 for k, a in enumerate("abcd") for b in "abcd"[k + 1 :]}
    assert "no single pair puts it right" in impossible(pairs)


def test_what_can_be_is_not_told():
    assert impossible({("a", "b"): 1.0}) is None
    assert impossible({("a", "b"): -1.0, ("b", "c"): 0.0}) is None
