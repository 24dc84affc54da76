"""``python -m benchmarks.cities``: the steps of a benchmark of 5,000 cities, against their limits and beside peers.

5,000 cities, 60 indicators in 8 dimensions, 12 context variables, made up and seeded. Each piece of work runs in a process of its
own, which prints its seconds (the fastest of a few; of the processor, their mean) and the most memory that it held.
``PEER_PYTHON=/path/to/its/python`` names an environment with pyDecision, scikit-criteria and pymcdm: the steps that they share are
then run in both, on the same numbers, in the processor's seconds, and what comes out is compared.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import timing
from benchmarks.cities_peers import PEERS, table, weight_sets

CITIES, INDICATORS, DIMENSIONS, CONTEXT, SEED = 5_000, 60, 8, 12, 20251122
MEMORY = 4.0
"""GiB that no step may pass."""

NO_LIMIT = float("inf")


@dataclass(frozen=True)
class Work:
    """A step: what is done, the seconds that it may take, and how often it is tried."""

    what: str
    seconds: float
    prepare: Callable[[], Callable[[], Any]]
    rounds: int = 3


def cities(errors: bool = False) -> Any:
    """Cities whose indicators share a common part; goalposts are fixed."""
    import pandas as pd

    from scale_impact.benchmark.cities import Cities, Criterion

    rng = np.random.default_rng(SEED)
    values = rng.normal(size=(CITIES, INDICATORS)) + rng.normal(size=(CITIES, 1))
    names = [f"x{k:02d}" for k in range(INDICATORS)]
    frame = pd.DataFrame(values, columns=names).assign(city=[f"city {k:04d}" for k in range(CITIES)], error=0.3)
    made = [Criterion(n, n, "", f"dimension {k % DIMENSIONS}", "+", worst=-12, best=12) for k, n in enumerate(names)]
    return Cities.from_frame(
        frame, city="city", criteria=made, std_errors=dict.fromkeys(names, "error") if errors else None
    )


def context() -> Any:
    import pandas as pd

    from scale_impact.benchmark.cities import Context, ContextColumn

    values = np.random.default_rng(SEED + 1).normal(size=(CITIES, CONTEXT))
    names = [f"c{k:02d}" for k in range(CONTEXT)]
    labels = tuple(f"city {k:04d}" for k in range(CITIES))
    return Context(labels, tuple(ContextColumn(n) for n in names), pd.DataFrame(values, columns=names))


# ---- the steps ------------------------------------------------------------------------------------------------


def _score(**options: Any) -> Any:
    from scale_impact.benchmark.scores import score

    return score(cities(), **options)


def _scores() -> Callable[[], Any]:
    from scale_impact.benchmark.scores import score

    made = cities(errors=True)
    return lambda: score(made)


def _peers() -> Callable[[], Any]:
    from scale_impact.benchmark.peers import find_peers

    made = context()
    return lambda: find_peers(made)


def _examined(options: dict[str, Any], **scoring: Any) -> Callable[[], Callable[[], Any]]:
    def prepare() -> Callable[[], Any]:
        from scale_impact.benchmark.robustness import examine

        made = _score(**scoring)
        return lambda: examine(made, **options)

    return prepare


def _bands() -> Callable[[], Any]:
    from scale_impact.benchmark.rank_bands import bands

    rng = np.random.default_rng(SEED)
    values = rng.normal(size=1_000)
    draws = values + 0.3 * rng.normal(size=(1_000, 1_000))
    labels = [f"city {k}" for k in range(1_000)]
    return lambda: bands(labels, values, draws=draws)


def _doubt(dimensions: int) -> Callable[[], Callable[[], Any]]:
    def prepare() -> Callable[[], Any]:
        from scale_impact.benchmark.enveloping.doubt import doubt

        values = np.random.default_rng(SEED).uniform(1, 100, (CITIES, dimensions))
        return lambda: doubt(values)

    return prepare


def _adjusted() -> Callable[[], Any]:
    from scale_impact.benchmark.adjustment import adjust

    made = context()
    outcome = made.values() @ np.linspace(0, 1, CONTEXT) + np.random.default_rng(SEED + 2).normal(size=CITIES)
    return lambda: adjust(made, outcome)


WEIGHTS = {"choices": [], "leavers": 0}
WORK = {
    "scores": Work("scores with 500 draws of the index", NO_LIMIT, _scores, 1),
    "peers": Work("peers of all, 12 context variables", 3, _peers),
    "adjustment": Work("context adjustment, ridge", NO_LIMIT, _adjusted, 1),
    "weights": Work("rank acceptabilities, 10,000 weight draws", 5, _examined(WEIGHTS)),
    "weights of all": Work("the same, of dimensions and indicators", NO_LIMIT, _examined({**WEIGHTS, "of": "both"})),
    "choices": Work(
        "shares of the choices, 1,024 x 6 evaluations", NO_LIMIT, _examined({"draws": 1_000, "leavers": 0}), 1
    ),
    "reversal": Work(
        "400 cities leave and come twice, z-scores",
        NO_LIMIT,
        _examined({"draws": 100, "choices": []}, normaliser="zscore"),
        1,
    ),
    "bands": Work("rank sets, 1,000 cities, 1,000 draws", 30, _bands, 1),
    "doubt": Work("benefit of the doubt, 6 dimensions", 60, _doubt(6), 1),
    "doubt of all": Work("benefit of the doubt, 60 indicators", 60, _doubt(INDICATORS), 1),
}


# ---- the table -------------------------------------------------------------------------------------------------


def main() -> int:
    """Print the tables; 1 where a limit is missed or a result differs from a peer's."""
    print(f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    held = [_row(key, work) for key, work in WORK.items()]
    python = os.environ.get("PEER_PYTHON")
    if python is None:
        print("\nno peers: name their environment in PEER_PYTHON")
    else:
        held += [_beside(key, python) for key in PEERS]
    return 0 if all(held) else 1


def _row(key: str, work: Work) -> bool:
    found = _measured([sys.executable, "-m", "benchmarks.cities", key])
    if "failed" in found:
        print(f"{work.what:<78} {found['failed']}")
        return False
    held = timing.line(f"{work.what} ({found['busy']:.1f} s of the processor)", found["seconds"], work.seconds, "s")
    return timing.line(f"  {work.what}: memory", found["memory"], MEMORY, "GiB") and held


def _beside(key: str, python: str) -> bool:
    """One step in both, on one thread; whether the same comes out."""
    script = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import cities_peers; cities_peers.main({key!r})"
    ours = _measured([sys.executable, "-m", "benchmarks.cities", f"peer {key}"])
    theirs = _measured([python, "-c", script])
    if problems := [f["failed"] for f in (ours, theirs) if "failed" in f]:
        print(f"{key:<78} {problems[0]}")
        return False
    same = ours["ranks"] == theirs["ranks"]
    ratio = theirs["seconds"] / ours["seconds"]
    said = "same ranks" if same else "OTHER RANKS"
    print(f"{key:<78} {1e3 * ours['seconds']:9.2f} ms  {1e3 * theirs['seconds']:11.2f} ms  {ratio:9.1f} times  {said}")
    return same


def _measured(command: list[str]) -> dict[str, Any]:
    threads = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"} if "peer" in " ".join(command) else {}
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **threads}, check=False)
    if done.returncode:
        return {"failed": f"failed: {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else done.returncode}"}
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def _one(key: str) -> None:
    """Do one piece of work in this process and print what it took."""
    if key.startswith("peer "):
        print(json.dumps(_shared(key.removeprefix("peer "))))
        return
    work = WORK[key]
    call = work.prepare()
    seconds, before = [], time.process_time()
    for _ in range(work.rounds):
        seconds.append(timing.seconds(call))
    busy = (time.process_time() - before) / work.rounds
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps({"seconds": min(seconds), "busy": busy, "memory": memory}))


def _shared(key: str) -> dict[str, Any]:
    """Our way of doing what a peer does, on the peer's numbers."""
    from benchmarks.cities_peers import fastest

    peer = PEERS[key]
    made = _given(peer.cities, peer.indicators)
    ranks: list[Any] = []
    seconds = fastest(lambda: ranks.append(OURS[peer.step](made)), peer.rounds)
    return {"seconds": seconds, "ranks": np.asarray(ranks[-1]).astype(int).tolist()}


def _given(n: int, k: int) -> Any:
    import pandas as pd

    from scale_impact.benchmark.cities import Cities, Criterion

    names = [f"x{j:02d}" for j in range(k)]
    frame = pd.DataFrame(table(n, k), columns=names).assign(city=[f"a{j:05d}" for j in range(n)])
    return Cities.from_frame(frame, city="city", criteria=[Criterion(c, c, "", c, "+") for c in names])


def _of_score(**options: Any) -> Callable[[Any], Any]:
    def step(made: Any) -> Any:
        from scale_impact.benchmark.scores import score

        return score(made, draws=0, **options).ranks

    return step


def _weight_draws(made: Any) -> Any:
    from scale_impact.benchmark.scores import score
    from scale_impact.benchmark.trying.ranking import ranks_of

    found = score(made, draws=0, normaliser="minmax")
    return ranks_of(found.again(None, weight_sets(len(made.criteria)))).sum(axis=0)


def _copies(made: Any) -> Any:
    """By how many places the worst moved city moves, by the city that comes twice."""
    from scale_impact.benchmark.scores import score
    from scale_impact.benchmark.trying.reversal import reversal

    found = score(made, draws=0, normaliser="zscore")
    moved = reversal(found, leavers=len(made.labels), seed=1)
    return np.abs(moved.copied).max(axis=1)[np.argsort(found.ranks, kind="stable")[1:]]


OURS: dict[str, Callable[[Any], Any]] = {
    "minmax sum": _of_score(normaliser="minmax"),
    "best sum": _of_score(normaliser="fraction_of_best"),
    "product": _of_score(normaliser="fraction_of_best", aggregation="geometric"),
    "weights": _weight_draws,
    "copies": _copies,
}

if __name__ == "__main__":
    start = time.perf_counter()
    if len(sys.argv) > 1:
        _one(sys.argv[1])
    else:
        code = main()
        print(f"\n{time.perf_counter() - start:.0f} s in all")
        sys.exit(code)
