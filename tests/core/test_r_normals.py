"""Normal draws as R makes them."""

import numpy as np
import pytest

from scale_impact.core.r_normals import standard_normals


@pytest.mark.parametrize(
    ("seed", "printed"),
    [
        (0, [1.262954285, -0.326233361, 1.329799263, 1.272429321, 0.414641434]),
        (123, [-0.56047565, -0.23017749, 1.55870831, 0.07050839, 0.12928774]),
    ],
)
def test_the_draws_are_those_that_r_prints(seed, printed):
    assert standard_normals(5, seed).tolist() == pytest.approx(printed, abs=1e-8)  # set.seed(seed); rnorm(5)


def test_more_draws_begin_with_fewer():
    assert np.array_equal(standard_normals(2000)[:7], standard_normals(7))


def test_draws_are_standard_normal():
    draws = standard_normals(100_000)
    assert abs(draws.mean()) < 0.01
    assert draws.std() == pytest.approx(1, abs=0.01)
    assert (draws < -1.644854).mean() == pytest.approx(0.05, abs=0.003)
