"""Restricted fits and wild forms on cohort means, against least squares with dummies."""

import numpy as np
import pandas as pd
import pytest

import scale_impact as si
from scale_impact.core.blocks import blocks_of
from scale_impact.core.targets import targets_of
from scale_impact.core.wild import draw, multipliers
from scale_impact.core.working_model import form_of, working_models
from tests.panels import NEVER, design_of, drawn


def models(estimator, frame, **design):
    chosen = design_of(frame, **design)

    def refit(p, d):
        return si.estimate(estimator, p, d)

    effect = refit(chosen._panel, chosen)
    targets = targets_of(effect, chosen._panel, chosen, refit)
    blocks = blocks_of(chosen._panel, chosen)
    return targets, blocks, working_models(effect, chosen._panel, chosen, blocks, targets)


@pytest.mark.parametrize("estimator", ["twfe", "event_study", "callaway_santanna", "imputation"])
def test_the_estimate_is_indifferent_to_the_basis_and_moves_one_to_one_with_the_direction(estimator):
    for target, blocks, working in zip_of(models(estimator, drawn({2: 3, 4: 2, NEVER: 5}, 6, seed=3))):
        weights = target.loadings * blocks.cells
        assert np.abs((working.basis * weights).sum(axis=(1, 2))).max() < 1e-9
        assert (weights * working.direction).sum() == pytest.approx(1, abs=1e-9)
        assert (weights * working.residual).sum() == pytest.approx(target.value, abs=1e-9)
        gram = np.einsum("pgt,qgt,gt->pq", working.basis, working.basis, blocks.cells)
        np.testing.assert_allclose(gram, np.eye(len(gram)), atol=1e-9)


def zip_of(found):
    targets, blocks, working = found
    return ((t, blocks, w) for t, w in zip(targets, working, strict=True))


def test_the_residual_of_two_way_fixed_effects_is_that_of_dummies():
    frame = drawn({2: 3, 4: 2, NEVER: 5}, 6, seed=3).sort_values(["id", "t"])
    (target,), blocks, (working,) = models("twfe", frame)
    x = np.column_stack([pd.get_dummies(frame[c]).to_numpy(float) for c in ("id", "t")])
    untreated = frame["y"] - 0.7 * (frame["t"] >= frame["g"])
    rest = (untreated - x @ np.linalg.lstsq(x, untreated, rcond=None)[0]).to_numpy().reshape(10, 6)
    mine = blocks.deviations + (working.residual - 0.7 * working.direction)[blocks.cohort]
    mine = mine - mine.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(mine, rest[np.argsort(np.argsort([int(n) for n in blocks.names]))], atol=1e-9)
    assert target.value == pytest.approx((target.loadings[blocks.cohort] * rest).sum() + 0.7, abs=1e-9)


@pytest.mark.parametrize("kind", ["rademacher", "mammen", "webb"])
@pytest.mark.parametrize("cluster", [None, "st"])
def test_wild_draws_are_those_of_a_loop(kind, cluster):
    frame = drawn({2: 3, 4: 2, NEVER: 5}, 5, seed=3).assign(st=lambda f: f["id"] % 4)
    from scale_impact.core.wild import VALUES

    for target, blocks, working in zip_of(models("event_study", frame, cluster=cluster)):
        form = form_of(blocks, target, working)
        codes = multipliers(kind, blocks.n_clusters, 6, 1, every=False)
        (found,) = draw([form], kind, codes)
        for d in (0.0, -target.value, 1.5):
            error, squares = found.at(d)
            scores, pull = form.scores - d * form.slope, form.pull - d * form.pull_slope
            for b in range(6):
                v = VALUES[kind][codes[:, b]]
                each = v * scores - form.members @ (pull @ v)
                assert error[b] == pytest.approx(scores @ v, abs=1e-10)
                assert squares[b] == pytest.approx(each @ each, abs=1e-10)
        assert form.scores.sum() == pytest.approx(0, abs=1e-9)
        assert form.slope.sum() == pytest.approx(1, abs=1e-9)


def test_many_targets_and_draws_are_made_in_blocks():
    from scale_impact.core import wild

    targets, blocks, working = models("event_study", drawn({2: 3, NEVER: 5}, 5, seed=3))
    forms = [form_of(blocks, t, w) for t, w in zip(targets, working, strict=True)]
    codes = multipliers("rademacher", 8, 300, 1, every=False)
    whole = draw(forms, "rademacher", codes)
    size, wild.BLOCK = wild.BLOCK, 64
    try:
        parts = draw(forms, "rademacher", codes)
    finally:
        wild.BLOCK = size
    for a, b in zip(whole, parts, strict=True):
        np.testing.assert_allclose(a.level, b.level, atol=1e-12)
        np.testing.assert_allclose(a.up, b.up, atol=1e-12)
