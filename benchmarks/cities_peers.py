"""What packages for decisions with many criteria share with a benchmark of cities; runs in an environment of theirs, without ours."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

DRAWS = 1_000
"""Weight sets: peers have no call for many, so theirs is called once for each."""


@dataclass(frozen=True)
class Peer:
    """A step as a peer does it: its size, and the name of ours."""

    step: str
    cities: int
    indicators: int
    work: Callable[[np.ndarray], Any]
    rounds: int = 3


def table(n: int, k: int) -> np.ndarray:
    """Values of n cities by k indicators, all above 0."""
    return np.random.default_rng(7).uniform(1, 100, (n, k))


def weight_sets(k: int) -> np.ndarray:
    return np.random.default_rng(8).dirichlet(np.ones(k), DRAWS)


def fastest(call: Callable[[], Any], rounds: int) -> float:
    """Seconds of the processor, the fastest of a few after one that warms up."""
    call()
    found = []
    for _ in range(rounds):
        start = time.process_time()
        call()
        found.append(time.process_time() - start)
    return min(found)


def _ranks(preferences: np.ndarray) -> np.ndarray:
    from scipy.stats import rankdata

    return rankdata(-np.asarray(preferences), method="min")


# ---- scikit-criteria --------------------------------------------------------------------------------------------


def _matrix(values: np.ndarray) -> Any:
    import skcriteria

    return skcriteria.mkdm(values, [max] * values.shape[1], weights=np.full(values.shape[1], 1 / values.shape[1]))


def _skcriteria_sum(values: np.ndarray) -> Any:
    from skcriteria.agg.simple import WeightedSumModel
    from skcriteria.pipeline import mkpipe
    from skcriteria.preprocessing.scalers import MinMaxScaler

    return mkpipe(MinMaxScaler(target="matrix"), WeightedSumModel()).evaluate(_matrix(values)).rank_


def _skcriteria_product(values: np.ndarray) -> Any:
    from skcriteria.agg.simple import WeightedProductModel
    from skcriteria.pipeline import mkpipe
    from skcriteria.preprocessing.scalers import MaxAbsScaler

    return mkpipe(MaxAbsScaler(target="matrix"), WeightedProductModel()).evaluate(_matrix(values)).rank_


def _skcriteria_copies(values: np.ndarray) -> Any:
    from skcriteria.agg.simple import WeightedSumModel
    from skcriteria.pipeline import mkpipe
    from skcriteria.preprocessing.push_negatives import PushNegatives
    from skcriteria.preprocessing.scalers import StandarScaler
    from skcriteria.ranksrev.rank_reversal_by_clones import RankClonesChecker

    # its sum refuses scores below 0; what is added to all of a column moves nobody
    maker = mkpipe(StandarScaler(target="matrix"), PushNegatives(target="matrix"), WeightedSumModel())
    found = RankClonesChecker(maker).evaluate(_matrix(values))
    first, *others = [r.to_series() for _, r in found.ranks]
    # clones come in the order of the alternatives; ours are held against them by the rank of who is cloned
    order = np.argsort(first.to_numpy(), kind="stable")[1:]
    cloned = first.index[first > 1]
    by_name = {name: int((r.loc[first.index] - first).abs().max()) for name, r in zip(cloned, others, strict=True)}
    return np.array([by_name[first.index[k]] for k in order])


# ---- pyDecision, pymcdm ------------------------------------------------------------------------------------------


def _pydecision_sum(values: np.ndarray) -> Any:
    from pyDecision.algorithm import saw_method

    k = values.shape[1]
    return _ranks(saw_method(values, ["max"] * k, [1 / k] * k, graph=False, verbose=False)[:, 1])


def _pymcdm_sum(values: np.ndarray) -> Any:
    from pymcdm.methods import WSM
    from pymcdm.normalizations import minmax_normalization

    k = values.shape[1]
    return _ranks(WSM(minmax_normalization)(values, np.full(k, 1 / k), np.ones(k)))


def _pymcdm_weights(values: np.ndarray) -> Any:
    from pymcdm.methods import WSM
    from pymcdm.normalizations import minmax_normalization

    model, types = WSM(minmax_normalization), np.ones(values.shape[1])
    return sum(_ranks(model(values, w, types)) for w in weight_sets(values.shape[1]))


PEERS = {
    "min-max and weighted sum, 5,000 x 60, scikit-criteria": Peer("minmax sum", 5_000, 60, _skcriteria_sum),
    "min-max and weighted sum, 5,000 x 60, pymcdm": Peer("minmax sum", 5_000, 60, _pymcdm_sum),
    "share of the best and weighted sum, 5,000 x 60, pyDecision": Peer("best sum", 5_000, 60, _pydecision_sum),
    "share of the best and weighted product, 5,000 x 60, scikit-criteria": Peer(
        "product", 5_000, 60, _skcriteria_product
    ),
    "ranks under 1,000 weight sets, 1,000 x 8, pymcdm called for each": Peer("weights", 1_000, 8, _pymcdm_weights, 1),
    "a copy of each of 200 cities enters, z-scores of 8, scikit-criteria": Peer(
        "copies", 200, 8, _skcriteria_copies, 1
    ),
}


def main(key: str) -> None:
    """Do one step and print seconds and ranks."""
    peer = PEERS[key]
    values = table(peer.cities, peer.indicators)
    ranks: list[Any] = []
    seconds = fastest(lambda: ranks.append(peer.work(values)), peer.rounds)
    print(json.dumps({"seconds": seconds, "ranks": np.asarray(ranks[-1]).astype(int).tolist()}))
