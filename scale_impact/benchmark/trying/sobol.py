"""Shares of the choices: how much of what ranks do over all combinations of choices goes back to each of them.

Each choice is a number from 0 to 1, drawn on its own: cut into equal pieces it picks an alternative (a normaliser, a
mean), or one of the drawn weight sets. A first-order share is what the choice explains alone, a total share what it
explains together with all others that it interacts with.

Source: Saisana, Saltelli, Tarantola (2005) on indices; Saltelli et al. (2010), equation (b) of table 2 for first-order
and Jansen's (f) for total shares, as in SALib, which draws the design and makes the intervals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scale_impact.benchmark.cities import Floats, Ints

CITIES = 256
"""Cities whose shares are computed at a time, for memory."""


@dataclass(frozen=True)
class Shares:
    """Sobol shares of one outcome.

    Attributes
    ----------
    first, total:
        Share of the outcome's variance that each choice explains alone, and with all that it interacts with [C].
    first_error, total_error:
        Half the width of their intervals [C].
    """

    first: Floats
    total: Floats
    first_error: Floats
    total_error: Floats


def design(choices: Sequence[str], base: int, seed: int) -> Floats:
    """Numbers between 0 and 1 for each choice [base * (C + 2), C], in the order that ``shares`` expects."""
    from SALib.sample import sobol

    drawn: Floats = sobol.sample(_problem(choices), base, calc_second_order=False, seed=np.random.default_rng(seed))
    return drawn


def pieces(column: Floats, number: int) -> Ints:
    """Which of so many equal pieces each number lies in."""
    found: Ints = np.minimum((column * number).astype(np.int64), number - 1)
    return found


def shares(choices: Sequence[str], outcome: Floats, *, resamples: int, level: float, seed: int) -> Shares | None:
    """Shares of each choice in the variance of an outcome over the design; None where it never varies."""
    if np.ptp(outcome) <= 1e-12 * np.abs(outcome).max(initial=0.0):
        return None
    from SALib.analyze import sobol

    # SALib takes 0 for "no seed"
    found: Any = sobol.analyze(
        _problem(choices), outcome, calc_second_order=False, num_resamples=resamples, conf_level=level, seed=seed + 1
    )
    return Shares(*(np.asarray(found[k]) for k in ("S1", "ST", "S1_conf", "ST_conf")))


def shares_by_city(choices: Sequence[str], ranks: NDArray[np.integer]) -> tuple[Floats, Floats]:
    """First-order and total shares in each city's rank [C, N], of ranks over the design [E, N]; 0 where a rank never varies."""
    n = ranks.shape[1]
    parts = [_of_some(len(choices), ranks[:, at : at + CITIES]) for at in range(0, n, CITIES)]
    first, total = (np.concatenate([p[k] for p in parts], axis=1) for k in (0, 1))
    return first, total


def _of_some(c: int, ranks: NDArray[np.integer]) -> tuple[Floats, Floats]:
    from SALib.analyze.sobol import first_order, total_order

    values = ranks.astype(float)
    values -= values.mean(axis=0)
    step = c + 2
    a, b = values[0::step], values[step - 1 :: step]
    if np.ptp(values) == 0:
        return np.zeros((c, ranks.shape[1])), np.zeros((c, ranks.shape[1]))
    mixed = [values[k + 1 :: step] for k in range(c)]
    return np.array([first_order(a, m, b) for m in mixed]), np.array([total_order(a, m, b) for m in mixed])


def _problem(choices: Sequence[str]) -> dict[str, Any]:
    return {"num_vars": len(choices), "names": list(choices), "bounds": [[0.0, 1.0]] * len(choices)}
