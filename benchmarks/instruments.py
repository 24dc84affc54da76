"""How often 95 % sets of `instrumental_variable` hold the effect in simulated cities: ``python -m benchmarks.instruments``.

Worlds: clusters of 20 rows that share a part of the instrument and of both errors; the errors of exposure and outcome have a
correlation of 0.8; the effect is 0. A first stage of 1 is strong, 0.15 weak. ``--draws 1000`` worlds a row, seeded, one process,
two minutes.
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy import special

from scale_impact.core.causal.instruments.estimation import Case, Fitted, Variables, fitted, joint, partialled
from scale_impact.core.causal.instruments.weak import AndersonRubin, strength
from scale_impact.core.causal.instruments.wild import wild

SEED, DRAWS, ROWS, BOOTSTRAP = 20251122, 1_000, 20, 499

WORLDS = [
    (12, 1.0, 1), (12, 0.15, 1), (30, 1.0, 1), (30, 0.15, 1), (20, 1.0, 3), (20, 0.15, 3), (60, 1.0, 3), (60, 0.15, 3), (200, 0.08, 3),
]  # fmt: skip
"""Clusters, first stage, instruments."""


def world(rng: np.random.Generator, clusters: int, first: float, instruments: int) -> Case:
    """One world without an effect."""
    n, g = clusters * ROWS, np.repeat(np.arange(clusters), ROWS)

    def shared(size: float) -> np.ndarray:
        return size * rng.normal(size=clusters)[g]

    z = np.column_stack([shared(1.0) + 0.5 * rng.normal(size=n) for _ in range(instruments)])
    error = shared(0.7) + rng.normal(size=n)
    exposure = first * z.sum(axis=1) + 0.8 * error + 0.6 * (shared(0.7) + rng.normal(size=n))
    names = tuple(f"z{k}" for k in range(instruments))
    return partialled(Variables(error, exposure, z, names, np.ones((n, 1)), g), "CR1")


def held(case: Case, seed: int) -> list[bool]:
    """Whether the t interval, Anderson-Rubin's and its bootstrap's hold 0, and whether the instruments are called weak."""
    found, both = fitted(case, "2sls"), joint(case)
    test = AndersonRubin(both.reduced, both.first, both.covariance, both.df)
    drawn = wild(case, found.value, found.std_error, draws=BOOTSTRAP, seed=seed)
    return [_by_t(found), test.p_value(0.0) > 0.05, drawn.p_value(0.0) > 0.05, strength(case, both).weak]


def _by_t(found: Fitted) -> bool:
    return bool(abs(found.value) / found.std_error < special.stdtrit(found.df, 0.975))


def main() -> None:
    """A row a kind of world."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=DRAWS)
    draws = parser.parse_args().draws
    print(
        "| clusters | first stage | instruments | `wald` | `anderson_rubin` | `wild` | called weak |\n|---|---|---|---|---|---|---|"
    )
    for clusters, first, instruments in WORLDS:
        rng = np.random.default_rng(SEED)
        shares = np.mean([held(world(rng, clusters, first, instruments), k) for k in range(draws)], axis=0)
        print(
            f"| {clusters} | {first} | {instruments} | {' | '.join(f'{100 * s:.1f} %' for s in shares)} |", flush=True
        )


if __name__ == "__main__":
    main()
