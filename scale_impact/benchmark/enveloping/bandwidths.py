"""How much alike two contexts are: a product kernel, and its bandwidths by cross-validation.

Numbers: Epanechnikov's or Gauss's kernel of the difference over a bandwidth; an endless bandwidth takes the variable out.
Groups: 1 - b for the own group and b / (groups - 1) for every other (Aitchison and Aitken 1976); b = (groups - 1) / groups
takes the variable out.

Bandwidths minimise the squared error with which the cities alike foretell whether a city left out is as good as others are
in every dimension: the conditional distribution that an order-m frontier rests on. Context that says nothing is smoothed out. The
best bandwidths for a distribution leave a bias as large as the standard error, so those of numbers are narrowed afterwards.

Source: Li, Lin and Racine (2013), "Optimal bandwidth selection for nonparametric conditional distribution and quantile
functions", Journal of Business and Economic Statistics 31, eq. 5; Hall, Racine and Li (2004) for what is smoothed out;
Badin, Daraio and Simar (2010) for conditional frontiers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

Kernel = Literal["epanechnikov", "gaussian"]

NARROWER = 0.1
"""Bandwidths of numbers are narrowed by n to this power: the best for a distribution let in too many better places for a frontier."""

MOST_CITIES = 800
"""Cities on which bandwidths are chosen; with more, so many are drawn and bandwidths are brought to the full number."""

MOST_POINTS = 200
"""Cities at whose values the distribution is compared."""

WIDTHS = (0.3, 0.5, 0.75, 1.1, 1.6, 2.4, 3.6, np.inf)
"""Bandwidths tried, in standard deviations."""

MIXES = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)
"""Mixing of groups tried, as parts of its largest value."""


@dataclass(frozen=True)
class Surroundings:
    """Context as the kernel reads it.

    Attributes
    ----------
    numbers:
        [N, P], complete.
    groups:
        Codes [N, G].
    counts:
        How many groups each column of groups has in all [G].
    kernel:
        Of the numbers.
    """

    numbers: Floats
    groups: Ints
    counts: Ints
    kernel: Kernel = "epanechnikov"

    @property
    def widest(self) -> Floats:
        """The bandwidth that takes each variable out: endless for numbers, (groups - 1) / groups for groups."""
        return np.concatenate([np.full(self.numbers.shape[1], np.inf), 1 - 1 / self.counts])

    def take(self, rows: Ints) -> Surroundings:
        """Some cities."""
        return replace(self, numbers=self.numbers[rows], groups=self.groups[rows])


def likeness(at: Surroundings, of: Surroundings, bandwidths: Floats) -> Floats:
    """The product kernel [cities of ``at``, cities of ``of``], 1 at the largest number kernel, not made to sum to 1."""
    found = np.ones((len(at.numbers), len(of.numbers)))
    for p in range(at.numbers.shape[1]):
        if np.isfinite(bandwidths[p]):
            apart = (at.numbers[:, p, None] - of.numbers[None, :, p]) / bandwidths[p]
            found *= np.exp(-0.5 * apart**2) if at.kernel == "gaussian" else np.maximum(1.0 - apart**2, 0.0)
    for g, mixed in enumerate(bandwidths[at.numbers.shape[1] :]):
        same = at.groups[:, g, None] == of.groups[None, :, g]
        found *= np.where(same, 1.0 - mixed, mixed / max(int(at.counts[g]) - 1, 1))
    return found


def chances(around: Surroundings, bandwidths: Floats, rows: Ints) -> Floats:
    """Chances with which each of ``rows`` draws every city [rows, N]."""
    alike = likeness(around.take(rows), around, bandwidths)
    found: Floats = alike / alike.sum(axis=1, keepdims=True)
    return found


def cross_validated(values: Floats, around: Surroundings, *, seed: int) -> Floats:
    """Bandwidths of all context variables, numbers first, in their own units.

    Coordinates are searched in turn, from everything smoothed out and from a rule of thumb, and the better end is refined.
    ``values`` [N, D] come in an order that does not depend on the user's.
    """
    n = len(values)
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.choice(n, MOST_CITIES, replace=False)) if n > MOST_CITIES else np.arange(n)
    points = np.sort(rng.choice(rows, MOST_POINTS, replace=False)) if len(rows) > MOST_POINTS else rows
    reached = (values[rows, None, :] >= values[None, points, :]).all(axis=2).astype(float)
    part = around.take(rows)
    units = np.concatenate([part.numbers.std(axis=0), part.widest[part.numbers.shape[1] :]])
    best = min((_searched(part, reached, units, s) for s in _starts(part, units)), key=lambda f: f[0])
    found = _refined(part, reached, best)
    numbers = around.numbers.shape[1]
    kept = max(int(np.isfinite(found[:numbers]).sum()), 1)
    found[:numbers] *= (len(rows) / n) ** (1 / (4 + kept)) * n**-NARROWER
    return found


def error(around: Surroundings, reached: Floats, bandwidths: Floats) -> float:
    """Mean squared error of leaving one out [N cities, M points]; a city with nobody alike is foretold from all others."""
    alike = likeness(around, around, bandwidths)
    np.fill_diagonal(alike, 0.0)
    total = alike.sum(axis=1, keepdims=True)
    n = len(reached)
    others = (reached.sum(axis=0) - reached) / (n - 1)
    alone = total <= 1e-12
    foretold = np.where(alone, others, alike @ reached / np.where(alone, 1.0, total))
    return float(((reached - foretold) ** 2).mean())


def _starts(around: Surroundings, units: Floats) -> list[Floats]:
    rule = 2.3 * units * len(around.numbers) ** (-1 / (4 + around.numbers.shape[1]))
    rule[around.numbers.shape[1] :] = 0.25 * units[around.numbers.shape[1] :]
    return [around.widest, rule]


def _searched(around: Surroundings, reached: Floats, units: Floats, start: Floats) -> tuple[float, Floats]:
    """Coordinates in turn over a grid until none moves."""
    now, least = start.copy(), error(around, reached, start)
    for _ in range(6):
        before = least
        for k in range(len(now)):
            grid: Sequence[float] = WIDTHS if k < around.numbers.shape[1] else MIXES
            least, now = _better(around, reached, now, k, [g * units[k] for g in grid], least)
        if least >= before - 1e-12:
            break
    return least, now


def _refined(around: Surroundings, reached: Floats, found: tuple[float, Floats]) -> Floats:
    least, now = found
    for by in (1.2, 1.08):
        for k in range(len(now)):
            if np.isfinite(now[k]):
                tried = np.minimum([now[k] / by, now[k] * by], around.widest[k])
                least, now = _better(around, reached, now, k, list(tried), least)
    return now


def _better(
    around: Surroundings, reached: Floats, now: Floats, k: int, tried: Sequence[float], least: float
) -> tuple[float, Floats]:
    for value in tried:
        other = now.copy()
        other[k] = value
        found = error(around, reached, other)
        if found < least * (1 - 1e-9):
            least, now = found, other
    return least, now
