"""Least squares on what was dealt, for all dealings at once, against one regression on dummies each."""

import numpy as np
import pytest

from scale_impact.core.experiment.dealing import deal
from scale_impact.core.experiment.rollout import rollout_of
from scale_impact.core.experiment.rollout_columns import by_exposure_time, columns_of, immediate, whitening
from scale_impact.core.experiment.rollout_regression import orthonormal, regression
from tests.rollouts import NEVER, dummies, least_squares, lottery, trial, wedge

STARTS = [2, 2, 3, 3, NEVER, NEVER, 4]


def sums(frame, effects, timed=False, squares=True, **options):
    rollout = rollout_of(*trial(frame))
    data = columns_of(rollout, **options)
    columns, times = by_exposure_time(rollout, data.period) if timed else (immediate(rollout, data.period), [0])
    whiten, absorbed = whitening(data, effects)
    contrast = np.full(len(times), 1 / len(times))
    found = regression(
        data.outcomes, columns, data.nuisance, data.cluster, whiten, contrast=contrast, absorbed=absorbed
    )
    return rollout, found


@pytest.mark.parametrize("effects", ["unit", "none"])
@pytest.mark.parametrize("timed", [False, True])
@pytest.mark.parametrize("squares", [True, False])
def test_each_dealing_is_a_weighted_regression_on_dummies(effects, timed, squares, monkeypatch):
    if not squares:
        monkeypatch.setattr("scale_impact.core.experiment.rollout_regression.SQUARES", 0)
    frame = wedge(STARTS, periods=6, seed=2).sort_values(["town", "t"])
    rollout, found = sums(frame, effects, timed, covariates=["x"], weights="w", received="got")
    rng = np.random.default_rng(3)
    others = np.column_stack(
        [dummies(frame, "t"), frame["x"], *([dummies(frame, "town")] if effects == "unit" else [])]
    )
    weights = (frame["w"] / frame["w"].mean()).to_numpy()
    for _ in range(4):
        arms = rng.permutation(rollout.arms)
        solved = found.of(arms[None])
        starts = np.repeat(rollout.starts[arms], 6)
        since = frame["t"].to_numpy() - starts
        times = np.arange(0, 4) if timed else None
        x = (since[:, None] == times).astype(float) if timed else (since >= 0).astype(float)[:, None]
        for k, column in enumerate(["y", "z", "got"]):
            value, spread = least_squares(
                frame[column].to_numpy(float), x, others, weights, frame["town"], found.contrast
            )
            assert solved.values[0, k] == pytest.approx(value, abs=1e-10)
            assert solved.spreads[0, k, k] == pytest.approx(spread, rel=1e-8, abs=1e-18)


def test_a_dealing_whose_treatment_is_explained_has_no_answer():
    frame = wedge([2, 2, NEVER, NEVER], periods=4)
    frame["x"] = ((frame["t"] >= 2) & frame["town"].isin(["t00", "t02"])).astype(float)
    rollout, found = sums(frame, "unit", covariates=["x"])
    treated, never = rollout.arms[0], rollout.arms[2]
    dealt = np.array([[treated, treated, never, never], [treated, never, treated, never]])
    assert np.isfinite(found.of(dealt).values[0]).all()
    assert np.isnan(found.of(dealt).values[1]).all()


def test_a_basis_leaves_out_what_others_explain():
    one = np.random.default_rng(1).normal(size=(10, 2))
    basis = orthonormal(np.column_stack([one, one.sum(axis=1)]), np.column_stack([one, one.sum(axis=1)]))
    assert basis.shape == (10, 2)
    assert basis.T @ basis == pytest.approx(np.eye(2))


def test_rows_that_are_clusters_of_their_own_are_solved_together_to_the_same_numbers():
    frame = wedge([0, NEVER, 0, NEVER, NEVER, 0, NEVER, 0], periods=1, strata=list("aaaabbbb"))
    rollout = rollout_of(*lottery(frame), strata=["part"])
    data = columns_of(rollout, covariates=["x"], weights="w", received="got")
    whiten, _ = whitening(data, "none")
    found = regression(
        data.outcomes, immediate(rollout, data.period), data.nuisance, data.cluster, whiten, contrast=np.ones(1)
    )
    dealings = deal(rollout.arms, rollout.strata, draws=100, seed=1)
    values, spreads = found.through(dealings)
    one_by_one = found.of(dealings.arms)
    assert values == pytest.approx(one_by_one.values, abs=1e-10)
    assert spreads == pytest.approx(one_by_one.spreads, abs=1e-10)
