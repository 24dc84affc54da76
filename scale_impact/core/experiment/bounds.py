"""Bounds where outcomes are missing more often on one side of an experiment (Lee 2009).

If assignment moves everyone's being observed in one direction only, the side that is observed more holds people who would not
have been observed on the other. How many is known, who is not: at worst they are the lowest, or the highest. With those trimmed
off, the effect on people who are observed either way lies between two numbers. Within cells (of a covariate from before, of a
period) fewer have to be guessed, and the bounds are tighter.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.causal.by_cluster import sums_by
from scale_impact.core.cohorts import Floats
from scale_impact.core.experiment.dealing import Codes


@dataclass(frozen=True, eq=False)
class Bounds:
    """Bounds of the effect on those who are observed either way.

    Attributes
    ----------
    lower, upper:
        The bounds.
    std_errors, covariance:
        Of the two, [2] and [2, 2], by clusters.
    naive:
        Difference of means of all that were observed (within cells), with the same weights of cells.
    trimmed:
        Share of the observed outcomes that are trimmed off on the side observed more, over cells.
    cells:
        One row a cell: name code, sides' shares observed, side that is trimmed (1, 0, or -1 for none), share trimmed, weight,
        lower, upper.
    """

    lower: float
    upper: float
    std_errors: Floats
    covariance: Floats
    naive: float
    trimmed: float
    cells: tuple[dict[str, float], ...]

    def interval(self, level: float) -> tuple[float, float]:
        """An interval that holds the effect (not the whole set) with a probability of ``level``.

        Source: Imbens and Manski (2004), equations 6 and 7.
        """
        from scipy import optimize, special

        widest = float(self.std_errors.max())
        if not widest > 0:
            return self.lower, self.upper
        gap = max(self.upper - self.lower, 0.0) / widest
        c = optimize.brentq(lambda c: special.ndtr(c + gap) - special.ndtr(-c) - level, 0.0, 10.0, xtol=1e-12)
        return self.lower - c * float(self.std_errors[0]), self.upper + c * float(self.std_errors[1])


@dataclass(frozen=True, eq=False)
class Answers:
    """n rows: outcome (anything where not observed), whether observed, side (0/1), cell and cluster."""

    outcome: Floats
    observed: NDArray[np.bool_]
    side: NDArray[np.bool_]
    cell: Codes
    cluster: Codes

    def take(self, kept: NDArray[np.bool_]) -> Answers:
        """Some of the rows."""
        return Answers(self.outcome[kept], self.observed[kept], self.side[kept], self.cell[kept], self.cluster[kept])


def lee_bounds(answers: Answers) -> Bounds:
    """Bounds over all cells; each has to have rows observed on both sides.

    Cells count by the people in them who are observed either way: rows times the smaller share observed. Where cells differ in the
    side that is observed more, each is trimmed on its own side (Semenova 2023).

    Source: Lee (2009), propositions 1a, 2 and 3; influence functions by the delta method, summed by cluster.
    """
    names = np.unique(answers.cell)
    parts = [_cell(answers, answers.cell == c) for c in names]
    mass = np.array([p.mass for p in parts])
    share = mass / mass.sum()
    ends = np.array([[p.lower, p.upper, p.naive] for p in parts])
    values = share @ ends
    influence = np.zeros((len(answers.outcome), 2))
    for part, s, own in zip(parts, share, ends, strict=True):
        influence += s * part.influence + part.mass_influence[:, None] * (own[:2] - values[:2]) / mass.sum()
    summed = sums_by(np.unique(answers.cluster, return_inverse=True)[1], influence)
    covariance = summed.T @ summed / len(answers.outcome) ** 2 * _few(len(summed))
    cells = tuple(
        {"cell": int(c), "weight": float(s), **p.words()} for c, s, p in zip(names, share, parts, strict=True)
    )
    return Bounds(
        float(values[0]), float(values[1]), np.sqrt(np.diag(covariance)), covariance, float(values[2]),
        float(share @ np.array([p.trimmed for p in parts])), cells,
    )  # fmt: skip


def _few(clusters: int) -> float:
    return clusters / (clusters - 1) if clusters > 1 else np.nan


@dataclass(frozen=True, eq=False)
class _Cell:
    """One cell: bounds, and what each of all rows adds to them times the number of rows."""

    lower: float
    upper: float
    naive: float
    mass: float
    trimmed: float
    side: int
    observed: tuple[float, float]
    influence: Floats
    mass_influence: Floats

    def words(self) -> dict[str, float]:
        return {
            "observed_control": self.observed[0], "observed_treated": self.observed[1], "trimmed_side": self.side,
            "trimmed": self.trimmed, "lower": self.lower, "upper": self.upper,
        }  # fmt: skip


def _cell(answers: Answers, here: NDArray[np.bool_]) -> _Cell:
    """Bounds of one cell, the side that is observed more trimmed."""
    shares = [float(answers.observed[here & (answers.side == s)].mean()) for s in (False, True)]
    more = shares[1] >= shares[0]
    trimmed = 1 - min(shares) / max(shares)
    full, short = (here & (answers.side == s) for s in (more, not more))
    low, high = (_trimmed_mean(answers, full, trimmed, top=t) for t in (True, False))
    other = float(answers.outcome[short & answers.observed].mean())
    plain = float(answers.outcome[full & answers.observed].mean())
    sign = 1.0 if more else -1.0
    ends = np.array([low[0] - other, high[0] - other]) * sign
    order = np.argsort(ends, kind="stable") if sign < 0 else np.array([0, 1])
    influence = sign * np.stack([_influence(answers, full, short, trimmed, m, q, other, top=t)
                                 for (m, q), t in ((low, True), (high, False))], axis=1)  # fmt: skip
    return _Cell(
        float(ends[order[0]]), float(ends[order[1]]), sign * (plain - other), float(here.mean()) * min(shares), trimmed,
        -1 if trimmed == 0 else int(more), (shares[0], shares[1]), influence[:, order], _of_mass(answers, here, short),
    )  # fmt: skip


def _trimmed_mean(answers: Answers, rows: NDArray[np.bool_], share: float, *, top: bool) -> tuple[float, float]:
    """Mean without the highest (or lowest) share of what was observed, the last one in part, and where it is cut."""
    y = np.sort(answers.outcome[rows & answers.observed])
    y = y if top else y[::-1]
    kept = (1 - share) * len(y)
    weight = np.clip(kept - np.arange(len(y)), 0.0, 1.0)
    weight[weight < 1e-9] = 0.0
    return float(weight @ y / weight.sum()), float(y[np.flatnonzero(weight)[-1]])


def _influence(
    answers: Answers, full: NDArray[np.bool_], short: NDArray[np.bool_], share: float, mean: float, cut: float, other: float,
    *, top: bool,
) -> Floats:  # fmt: skip
    """What each row adds to the trimmed mean of one side less the mean of the other, times the number of rows."""
    n, seen = len(answers.outcome), answers.observed
    y = np.where(seen, answers.outcome, 0.0)
    q_full, q_short = float(seen[full].mean()), float(seen[short].mean())
    beyond = y > cut if top else y < cut
    inside = np.where(beyond, 0.0, y - cut) / (1 - share) + cut - mean
    found = np.where(full & seen, inside, 0.0) * n / (full & seen).sum()
    of_full = np.where(full, seen - q_full, 0.0) * n / full.sum()
    of_short = np.where(short, seen - q_short, 0.0) * n / short.sum()
    if share > 0:
        found += (mean - cut) / (1 - share) * (q_short * of_full / q_full**2 - of_short / q_full)
    return np.asarray(found - np.where(short & seen, y - other, 0.0) * n / (short & seen).sum())


def _of_mass(answers: Answers, here: NDArray[np.bool_], short: NDArray[np.bool_]) -> Floats:
    """What each row adds to a cell's people who are observed either way, times the number of rows."""
    n, seen = len(answers.outcome), answers.observed
    q, size = float(seen[short].mean()), float(here.mean())
    return np.asarray(np.where(here, q, 0.0) - size * q + size * np.where(short, seen - q, 0.0) * n / short.sum())
