"""The columns of a roll-out's regression: outcomes, what each arm would be treated with, what is held constant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from scale_impact.core.causal.covariates import as_numbers
from scale_impact.core.cohorts import Floats
from scale_impact.core.experiment.dealing import Codes
from scale_impact.core.experiment.rollout import Rollout
from scale_impact.core.experiment.rollout_regression import Whiten, by_groups, by_weights
from scale_impact.core.panel import elapsed
from scale_impact.core.words import plain
from scale_impact.errors import DesignError

Effects = Literal["auto", "unit", "cluster", "none"]


@dataclass(frozen=True, eq=False)
class Columns:
    """n rows of a roll-out as numbers, in order of clusters.

    Attributes
    ----------
    outcomes:
        [n, M]: the outcome, whether the row is assigned to treatment, and what it received (where that is asked).
    cluster, unit, period, cell:
        [n] codes; ``cell`` is a period within a stratum.
    weights:
        [n], positive.
    covariates, names:
        [n, K], and what they are called.
    """

    outcomes: Floats
    cluster: Codes
    unit: Codes
    period: Codes
    cell: Codes
    weights: Floats
    covariates: Floats
    names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.cluster)

    @property
    def nuisance(self) -> Floats:
        """Periods within strata, and covariates, [n, K]."""
        cells = np.unique(self.cell, return_inverse=True)[1]
        dummies = (cells[:, None] == np.arange(cells.max(initial=-1) + 1)).astype(float)
        return np.column_stack([dummies, self.covariates])

    def means(self) -> Columns:
        """One row a cluster and period: weighted means; each then counts alike."""
        key = self.cluster * (int(self.period.max()) + 1) + self.period
        codes, first, at = np.unique(key, return_index=True, return_inverse=True)
        total = np.bincount(at, self.weights)

        def mean(columns: Floats) -> Floats:
            parts = [np.bincount(at, self.weights * c) / total for c in columns.T]
            return np.stack(parts, axis=1) if parts else np.zeros((len(codes), 0))

        return replace(
            self, outcomes=mean(self.outcomes), cluster=self.cluster[first], unit=self.cluster[first], period=self.period[first],
            cell=self.cell[first], weights=np.ones(len(codes)), covariates=mean(self.covariates),
        )  # fmt: skip

    def steadied(self) -> Columns:
        """Weighted by one over the outcome's variance in each period (and stratum), whoever is treated there."""
        at = np.unique(self.cell, return_inverse=True)[1]
        n = np.bincount(at)
        y = self.outcomes[:, 0]
        middle = np.bincount(at, y) / n
        squares = np.bincount(at, (y - middle[at]) ** 2) / np.maximum(n - 1, 1)
        floor = 1e-12 * float(squares.max(initial=0.0))
        usual = float(np.median(squares[n > 1])) if (n > 1).any() else 1.0
        spread = np.where(squares > floor, squares, usual or 1.0)
        return replace(self, weights=1 / spread[at])


def columns_of(
    rollout: Rollout, *, received: str | None = None, covariates: Sequence[str] = (), weights: str | None = None
) -> Columns:
    """The columns of a roll-out.

    Raises
    ------
    DesignError
        A column is no number, or missing, or a weight is not positive. All problems at once.
    """
    problems: list[str] = []

    def tried(make: Any) -> Any:
        try:
            return make()
        except DesignError as error:
            problems.extend(error.problems)
            return None

    got = None if received is None else tried(lambda: rollout.numbers(received, "received:"))
    weight = np.ones(len(rollout)) if weights is None else tried(lambda: _weights(rollout, weights))
    labels = (
        [plain(rollout.panel.units[u]) for u in rollout.unit]
        if rollout.panel.followed
        else [f"row {r}" for r in rollout.rows]
    )
    made = tried(lambda: as_numbers({c: rollout.column(c) for c in covariates}, labels))
    if problems:
        raise DesignError(problems)
    outcomes = [rollout.outcome, rollout.treated.astype(float), *([] if got is None else [got])]
    cell = rollout.strata[rollout.cluster] * rollout.panel.n_periods + rollout.period
    return Columns(
        np.column_stack(outcomes),
        rollout.cluster,
        rollout.unit,
        rollout.period,
        cell,
        weight,
        made.values,
        made.names,
        made.notes,
    )


def _weights(rollout: Rollout, name: str) -> Floats:
    found = rollout.numbers(name, "weights:")
    if (found <= 0).any():
        raise DesignError(
            f"weights: {name!r} is {plain(found.min())} in some rows; it has to be positive. Leave rows without weight out of the data."
        )
    return np.asarray(found / found.mean())


def immediate(rollout: Rollout, period: Codes) -> Floats:
    """Treated or not, in each arm, [n, A, 1]."""
    return (period[:, None] >= rollout.starts)[..., None].astype(float)


def by_period(rollout: Rollout, period: Codes, periods: Codes) -> Floats:
    """Treated in one of some periods, in each arm, [n, A, P]."""
    return np.asarray(immediate(rollout, period) * (period[:, None, None] == periods))


def exposure_times(rollout: Rollout) -> tuple[Floats, Floats]:
    """Time since treatment began for each arm and period, [A, T] (NaN before), and the different ones that clusters reach."""
    clock, t = rollout.panel.clock, rollout.panel.n_periods
    found = np.full((len(rollout.starts), t), np.nan)
    for a, start in enumerate(rollout.starts):
        if start < t:
            found[a, start:] = elapsed(clock, np.arange(start, t), start)
    reached = found[rollout.arms[rollout.cluster], rollout.period]
    return found, np.unique(reached[np.isfinite(reached)])


def by_exposure_time(rollout: Rollout, period: Codes) -> tuple[Floats, Floats]:
    """Treated for so long, in each arm, [n, A, E], and the E times."""
    table, times = exposure_times(rollout)
    return (table[:, period].T[..., None] == times).astype(float), times


def whitening(data: Columns, effects: Effects) -> tuple[Whiten, int]:
    """The map that takes effects of units or clusters out, and how many there are."""
    if effects == "none":
        return by_weights(data.weights), 0
    groups = data.unit if effects == "unit" else data.cluster
    return by_groups(groups, data.weights), len(np.unique(groups))
