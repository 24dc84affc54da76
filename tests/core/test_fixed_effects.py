"""Small-sample corrections in the words of fixest."""

import pytest

from scale_impact.core.fixed_effects import SmallSample


@pytest.mark.parametrize(
    ("correction", "expected"),
    [
        # 500 units x 5 periods, one regressor: K is 1 + 5, 1 + 504 or 1
        (SmallSample(), 2499 / 2494 * 500 / 499),
        (SmallSample(K_fixef="full"), 2499 / 1995 * 500 / 499),
        (SmallSample(K_fixef="none"), 2499 / 2499 * 500 / 499),
        (SmallSample(G_adj=False), 2499 / 2494),
        (SmallSample(K_adj=False), 500 / 499),
        (SmallSample(K_adj=False, G_adj=False), 1.0),
    ],
)
def test_the_small_sample_factor(correction, expected):
    assert correction.factor(2500, 1, 500, 5, 500) == expected


def test_results_say_which_correction_they_have():
    assert SmallSample().words() == "K.fixef=nonnested"
    assert SmallSample(K_adj=False, G_adj=False).words() == "K.adj=FALSE, G.adj=FALSE"
