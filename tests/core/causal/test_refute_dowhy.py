"""Refuters against DoWhy: its own draws, one fit at a time, against ours all at once."""

import numpy as np
import pytest

from scale_impact.core.causal.refutation.noise import Confounder, observed
from scale_impact.core.causal.refutation.refute import rank_p
from scale_impact.core.causal.retrials import Retrials
from tests.refuters import COVARIATES, Peer, asked, city_rows, regression

EXACT = 1e-10
"""Two programs, the same least squares: rounding alone."""


@pytest.fixture(scope="module")
def frame():
    return city_rows(n=120)


@pytest.fixture(scope="module")
def peer(frame):
    return Peer(frame)


@pytest.fixture(scope="module")
def adjusted(frame):
    return regression()(*asked(frame)).adjusted


def test_permuted_exposures_give_dowhys_estimates(frame, peer, adjusted, monkeypatch):
    from dowhy.causal_refuters import placebo_treatment_refuter as module

    theirs, result = peer.simulated(
        monkeypatch, module, module.refute_placebo_treatment, treatment_names=["measure"], num_simulations=100,
        placebo_type=module.PlaceboType.PERMUTE, random_state=7,
    )  # fmt: skip
    rng = np.random.RandomState(7)
    dealt = [frame["measure"].to_numpy()[rng.choice(len(frame), len(frame), replace=False)] for _ in range(100)]
    ours = adjusted.again(Retrials(exposure=np.array(dealt)))
    assert ours == pytest.approx(theirs, abs=EXACT)
    assert rank_p(0.0, ours) == pytest.approx(result.refutation_result["p_value"])


def test_random_covariates_give_dowhys_estimates(frame, peer, adjusted, monkeypatch):
    from dowhy.causal_refuters import random_common_cause as module

    theirs, result = peer.simulated(
        monkeypatch, module, module.refute_random_common_cause, num_simulations=100, random_state=7
    )
    rng = np.random.RandomState(7)
    ours = adjusted.again(Retrials(extra=np.array([rng.normal(size=len(frame)) for _ in range(100)])))
    assert ours == pytest.approx(theirs, abs=EXACT)
    assert rank_p(peer.estimate.value, ours) == pytest.approx(result.refutation_result["p_value"], abs=0.02)


def test_subsets_give_dowhys_estimates(frame, peer, adjusted, monkeypatch):
    from dowhy.causal_refuters import data_subset_refuter as module

    theirs, _ = peer.simulated(
        monkeypatch, module, module.refute_data_subset, subset_fraction=0.8, num_simulations=30,
        random_state=np.random.RandomState(7),
    )  # fmt: skip
    rng = np.random.RandomState(7)
    counts = np.zeros((30, len(frame)))
    for row in counts:
        row[frame.sample(frac=0.8, random_state=rng).index] = 1
    assert adjusted.again(Retrials(counts=counts)) == pytest.approx(theirs, abs=EXACT)


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_bootstrap_samples_with_noise_give_dowhys_estimates(frame, peer, adjusted, monkeypatch, noise):
    from dowhy.causal_refuters import bootstrap_refuter as module

    np.random.seed(11)  # noqa: NPY002 DoWhy's noise comes from the global generator
    theirs, _ = peer.simulated(
        monkeypatch, module, module.refute_bootstrap, num_simulations=20, noise=noise,
        random_state=np.random.RandomState(7), required_variables=["income", "age"],
    )  # fmt: skip
    rng = np.random.RandomState(7)
    np.random.seed(11)  # noqa: NPY002
    drawn = np.array([rng.randint(0, len(frame), size=len(frame)) for _ in range(20)])
    rows = adjusted.rows
    covariates = rows.covariates[drawn]
    for b in range(20):
        for k in (0, 1):
            spread = noise * covariates[b, :, k].std(ddof=1)
            covariates[b, :, k] += np.random.normal(loc=0.0, scale=spread, size=len(frame))  # noqa: NPY002
    trials = Retrials(exposure=rows.exposure[drawn], outcome=rows.outcome[drawn], covariates=covariates)
    assert adjusted.again(trials) == pytest.approx(theirs, abs=EXACT)


@pytest.mark.parametrize("on_exposure", ["linear", "binary_flip"])
def test_simulated_confounders_give_dowhys_data(frame, adjusted, on_exposure):
    from dowhy.causal_refuters import add_unobserved_common_cause as module

    np.random.seed(3)  # noqa: NPY002
    data = frame[["measure", "score"]]
    theirs = module._include_confounders_effect(
        data, data.copy(), on_exposure, ["measure"], 0.2, "linear", ["score"], 0.5
    )
    np.random.seed(3)  # noqa: NPY002
    w = np.random.standard_normal(len(frame))[None]  # noqa: NPY002
    how = Confounder("flip" if on_exposure == "binary_flip" else "linear", "linear")
    ours = how.trials(adjusted.rows, w, 0.2, 0.5)
    assert ours.exposure[0] == pytest.approx(theirs["measure"].to_numpy(), abs=1e-12)
    assert ours.outcome[0] == pytest.approx(theirs["score"].to_numpy(), abs=1e-12)


@pytest.mark.filterwarnings("ignore:A column-vector y was passed")
def test_shares_that_observed_covariates_turn_round_are_dowhys_range(frame, peer, adjusted):
    from dowhy.causal_refuters import add_unobserved_common_cause as module

    data = frame[[*COVARIATES, "measure"]]
    grid = module._infer_default_kappa_t(data, peer.estimand, ["measure"], "binary_flip", 1.0, 10)
    found = observed(adjusted.rows, Confounder("flip", "linear")).exposure
    step = (
        found.max() - found.min()
    ) / 10  # DoWhy's grid starts at the weakest and stops one step before the strongest
    assert grid == pytest.approx(np.arange(found.min(), found.max(), step))


def test_linear_strengths_are_correlation_times_spread(adjusted):
    """DoWhy's formula; its own code for it stops with an error under pandas 3."""
    rows = adjusted.rows
    found = observed(rows, Confounder("linear", "linear"))
    for k in range(3):
        for strengths, values in ((found.exposure, rows.exposure), (found.outcome, rows.outcome)):
            expected = abs(np.corrcoef(rows.covariates[:, k], values)[0, 1]) * values.std()
            assert strengths[k] == pytest.approx(expected, rel=1e-10)
