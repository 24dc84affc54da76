"""Columns, one row a unit, in which scores are linear, where cohort means of the outcome do not suffice."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.cohorts import Cohorts, Floats, Scores


@dataclass(frozen=True, eq=False)
class Units:
    """Units of the cohorts that enter.

    Attributes
    ----------
    members:
        Positions in the panel of the units of each of the G cohorts.
    clusters:
        Cluster of each of the panel's units; None where the unit is the cluster.
    """

    members: tuple[NDArray[np.int64], ...]
    clusters: NDArray[np.int64] | None

    @cached_property
    def rows(self) -> NDArray[np.int64]:
        """All of them, cohort by cohort, [n]."""
        return np.concatenate(self.members)

    @cached_property
    def codes(self) -> NDArray[np.int64]:
        """Their cohorts, [n]."""
        return np.repeat(np.arange(len(self.members)), [len(m) for m in self.members])

    def means(self, x: Floats) -> Floats:
        """Means by cohort of ``x`` [n, ...]."""
        edges = np.cumsum([0, *(len(m) for m in self.members)])[:-1]
        sizes = np.array([len(m) for m in self.members], dtype=float)
        return np.asarray(np.add.reduceat(x, edges, axis=0) / sizes.reshape(-1, *(1,) * (x.ndim - 1)))


@dataclass(frozen=True, eq=False)
class UnitColumns:
    """Columns in which scores are linear, one row a unit.

    Attributes
    ----------
    units:
        Whose they are.
    values:
        [n, C].
    """

    units: Units
    values: Floats

    @cached_property
    def moments(self) -> Cohorts:
        """Cohorts' moments of the columns."""
        clusters = None if self.units.clusters is None else self.units.clusters[self.units.rows]
        starts = np.arange(len(self.units.members))
        return Cohorts.from_matrix(self.values, self.units.codes, starts, clusters=clusters)

    @cached_property
    def means(self) -> Floats:
        """Cohorts' means, [G, C]."""
        return self.units.means(self.values)

    def scores(self, loadings: Floats) -> Scores:
        """Scores that are ``loadings`` [K, G, C] times the columns themselves, not their deviations."""
        return Scores(loadings, np.einsum("kgc,gc->kg", loadings, self.means))

    def influence(self, scores: Scores, n_units: int) -> Floats:
        """Scores unit by unit, [n_units, K]; units that do not enter have zeros."""
        found, start = np.zeros((n_units, len(scores.offsets))), 0
        for g, members in enumerate(self.units.members):
            block = self.values[start : start + len(members)] - self.means[g]
            found[members] = block @ scores.loadings[:, g].T + scores.offsets[:, g]
            start += len(members)
        return found
