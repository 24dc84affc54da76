"""Sums by cluster, for standard errors that allow for dependence within clusters above the unit.

Nearly all pairs of cluster and cohort are empty where clusters are many, so only pairs with a
member are kept. Where each unit is a cluster of its own and units are not observed in each period,
sums of products take the place of sums: their size does not depend on how many units there are.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from scale_impact.errors import StreamedError

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

BLOCK = 1 << 20
"""Numbers formed at once: products of scores are summed block by block of clusters."""


@dataclass(frozen=True, eq=False)
class ClusterSums:
    """Counts and outcome sums by cluster, cohort and period, for clusters above the unit.

    Attributes
    ----------
    labels:
        Cluster codes (length C).
    n_cohorts:
        Number of cohorts, G.
    at, cohort:
        Position in ``labels`` and cohort of each of the P pairs that has a member, in this order.
    pair_counts, pair_sums:
        Observations of each pair by period and sums of their deviations from
        ``Cohorts.origin``, [P, T].
    pair_members:
        Members of each pair, [P], see ``Cohorts.units``.
    """

    labels: Codes
    n_cohorts: int
    at: Codes
    cohort: Codes
    pair_counts: Floats
    pair_sums: Floats
    pair_members: Floats

    @classmethod
    def of_panel(cls, y: Floats, origin: Floats, codes: Codes, clusters: Codes, n_cohorts: int) -> ClusterSums:
        """Sums of a balanced panel: ``y`` is [N, T]; ``codes`` and ``clusters`` have one entry a unit."""
        labels, pair, at, cohort = _pairs(clusters, codes, n_cohorts)
        members = np.bincount(pair, minlength=len(at)).astype(float)
        sums = np.empty((len(at), y.shape[1]))
        for t in range(y.shape[1]):  # a column at a time: no second copy of the data
            sums[:, t] = np.bincount(pair, y[:, t] - origin[t], len(at))
        counts = np.broadcast_to(members[:, None], sums.shape)
        return cls(labels, n_cohorts, at, cohort, counts, sums, members)

    @classmethod
    def of_cells(
        cls, deviation: Floats, periods: Codes, codes: Codes, clusters: Codes, first: Codes, shape: tuple[int, int]
    ) -> ClusterSums:
        """Sums of observations; ``first`` has the position of one observation of each member."""
        g, t = shape
        labels, pair, at, cohort = _pairs(clusters, codes, g)
        cell, size = pair * t + periods, len(at) * t
        counts = np.bincount(cell, minlength=size).astype(float).reshape(-1, t)
        sums = np.bincount(cell, deviation, size).reshape(-1, t)
        members = np.bincount(pair[first], minlength=len(at)).astype(float)
        return cls(labels, g, at, cohort, counts, np.asarray(sums, dtype=float), members)

    @cached_property
    def counts(self) -> Floats:
        """Observations, [C, G, T]: for few clusters only."""
        return self._dense(self.pair_counts)

    @cached_property
    def sums(self) -> Floats:
        """Sums of deviations from ``Cohorts.origin``, [C, G, T]: for few clusters only."""
        return self._dense(self.pair_sums)

    @cached_property
    def members(self) -> Floats:
        """Members of each cohort in the cluster, [C, G]: for few clusters only."""
        return self._dense(self.pair_members)

    def n_clusters(self, periods: NDArray[np.bool_] | None = None) -> int:
        """Clusters with an observation (in some periods, [T])."""
        counts = self.pair_counts if periods is None else self.pair_counts[:, periods]
        return len(np.unique(self.at[counts.any(axis=1)]))

    def n_touching(self, cohorts: NDArray[np.bool_]) -> int:
        """Clusters with a member in some of the cohorts, [G]."""
        return len(np.unique(self.at[(self.pair_members > 0) & cohorts[self.cohort]]))

    def n_holding(self) -> Codes:
        """In how many clusters each cohort has a member, [G]."""
        return np.bincount(self.cohort[self.pair_members > 0], minlength=self.n_cohorts)

    def __add__(self, other: ClusterSums) -> ClusterSums:
        labels = np.union1d(self.labels, other.labels)
        at = np.concatenate([np.searchsorted(labels, a.labels)[a.at] for a in (self, other)])
        both = [np.concatenate(parts) for parts in zip(self._arrays(), other._arrays(), strict=True)]
        return _gathered(labels, self.n_cohorts, at, both[0].astype(np.int64), both[1:])

    def __neg__(self) -> ClusterSums:
        _, *arrays = self._arrays()
        return ClusterSums(self.labels, self.n_cohorts, self.at, self.cohort, *(-a for a in arrays))

    def keep(self, cohorts: Codes) -> ClusterSums:
        """Sums of some cohorts (positions)."""
        into = np.full(self.n_cohorts, -1)
        into[cohorts] = np.arange(len(cohorts))
        return self.joined(into, len(cohorts))

    def joined(self, into: Codes, n_cohorts: int) -> ClusterSums:
        """Sums of cohorts put together: cohort k goes to ``into[k]``; negative: left out."""
        to = into[self.cohort]
        kept = to >= 0
        _, *arrays = self._arrays()
        return _gathered(self.labels, n_cohorts, self.at[kept], to[kept], [a[kept] for a in arrays])

    def products(self, loadings: Floats, offsets: Floats, shares: Floats | None, centre: Floats) -> Floats:
        """Sum over clusters of products of scores, [K, K]; ``centre`` are the means less the origin, [G, T]."""
        k = len(loadings)
        if len(self.labels) * centre.size <= BLOCK:
            return self._few(loadings, offsets, shares, centre)
        total = np.zeros((k, k))
        for part in self._blocks(max(BLOCK // max(k, 1), 1)):
            at, scores = self.at[part], self._scores(part, loadings, offsets, shares, centre)
            by_cluster = np.add.reduceat(scores, np.flatnonzero(np.diff(at, prepend=-1)), axis=0)
            total += by_cluster.T @ by_cluster
        return total

    def _few(self, loadings: Floats, offsets: Floats, shares: Floats | None, centre: Floats) -> Floats:
        """The same where clusters are few: two products of whole matrices."""
        c, k = len(self.labels), len(loadings)
        scores = (self.sums - self.counts * centre).reshape(c, -1) @ loadings.reshape(k, -1).T
        number = self.members if offsets.ndim == 2 else self.counts.reshape(c, -1)
        scores += number @ offsets.reshape(k, -1).T
        if shares is not None:
            scores += self.members @ shares.T
        return np.asarray(scores.T @ scores)

    def _blocks(self, size: int) -> list[slice]:
        """Pairs cut into blocks of about a size, each with whole clusters."""
        if not len(self.at):
            return []
        edges = np.flatnonzero(np.diff(self.at, prepend=-1))
        cuts = np.unique(edges[np.searchsorted(edges, np.arange(0, len(self.at), size), side="right") - 1])
        return [slice(a, b) for a, b in zip(cuts, [*cuts[1:], len(self.at)], strict=True)]

    def _scores(self, part: slice, loadings: Floats, offsets: Floats, shares: Floats | None, centre: Floats) -> Floats:
        """What each pair of a block adds to the error, [pairs, K]."""
        found = np.empty((part.stop - part.start, len(loadings)))
        cohort, counts, members = self.cohort[part], self.pair_counts[part], self.pair_members[part]
        for g in np.unique(cohort):
            here = np.flatnonzero(cohort == g)
            n, m = counts[here], members[here]
            score = (self.pair_sums[part][here] - n * centre[g]) @ loadings[:, g].T
            score += n @ offsets[:, g].T if offsets.ndim == 3 else np.outer(m, offsets[:, g])
            found[here] = score if shares is None else score + np.outer(m, shares[:, g])
        return found

    def _arrays(self) -> tuple[NDArray[np.generic], Floats, Floats, Floats]:
        return self.cohort, self.pair_counts, self.pair_sums, self.pair_members

    def _dense(self, values: Floats) -> Floats:
        found = np.zeros((len(self.labels), self.n_cohorts, *values.shape[1:]))
        found[self.at, self.cohort] = values
        return found


@dataclass(frozen=True, eq=False)
class UnitProducts:
    """Sums of products where each unit is a cluster and is not observed in each period.

    A unit's score is linear in what it adds: its deviations from ``Cohorts.origin`` where it is
    observed (T), whether it is observed (T), and that it is a member (1). So the sum of squares
    of scores needs only the sum of products of these, whatever the scores are.

    Attributes
    ----------
    products_by_cohort:
        Sums of products, [G, 2T + 1, 2T + 1].
    """

    products_by_cohort: Floats

    @classmethod
    def of_cells(
        cls, deviation: Floats, periods: Codes, units: Codes, cohorts: Codes, shape: tuple[int, int]
    ) -> UnitProducts:
        """Products of observations in order of ``units`` (0 to N - 1); ``cohorts`` has one entry a unit."""
        g, t = shape
        found = np.zeros((g, 2 * t + 1, 2 * t + 1))
        step = max(BLOCK // (2 * t + 1), 1)
        for low in range(0, len(cohorts), step):
            part = slice(*np.searchsorted(units, [low, low + step]))
            here = cohorts[low : low + step]
            added = np.zeros((len(here), 2 * t + 1))
            added[units[part] - low, periods[part]] = deviation[part]
            added[units[part] - low, t + periods[part]] = 1.0
            added[:, -1] = 1.0
            for k in np.unique(here):
                of = added[here == k]
                found[k] += of.T @ of
        return cls(found)

    @property
    def counts(self) -> Floats:
        """There are none by unit."""
        return self._refuse("observations by unit")

    @property
    def sums(self) -> Floats:
        """There are none by unit."""
        return self._refuse("sums by unit")

    @property
    def members(self) -> Floats:
        """There are none by unit."""
        return self._refuse("members by unit")

    @property
    def labels(self) -> Codes:
        """There are none by unit."""
        return self._refuse("names of units")

    def n_clusters(self, periods: NDArray[np.bool_] | None = None) -> int:
        """Units (observed in some periods, [T]; known for all periods, or one or two)."""
        among = self.products_by_cohort.sum(axis=0)
        t = len(among) // 2
        if periods is None or periods.all():
            return round(float(among[-1, -1]))
        seen = among[t : 2 * t, t : 2 * t][np.ix_(periods, periods)]
        if len(seen) > 2:
            self._refuse("how many units are observed in some of the periods")
        return round(float(np.trace(seen) - np.triu(seen, 1).sum()))

    def n_touching(self, cohorts: NDArray[np.bool_]) -> int:
        """Units in some of the cohorts, [G]."""
        return round(float(self.products_by_cohort[cohorts, -1, -1].sum()))

    def n_holding(self) -> Codes:
        """In how many clusters (units) each cohort has a member, [G]."""
        return np.rint(self.products_by_cohort[:, -1, -1]).astype(np.int64)

    def __add__(self, other: UnitProducts) -> UnitProducts:
        return UnitProducts(self.products_by_cohort + other.products_by_cohort)

    def __neg__(self) -> UnitProducts:
        return UnitProducts(-self.products_by_cohort)

    def keep(self, cohorts: Codes) -> UnitProducts:
        """Products of some cohorts (positions)."""
        return UnitProducts(self.products_by_cohort[cohorts])

    def joined(self, into: Codes, n_cohorts: int) -> UnitProducts:
        """Products of cohorts put together: cohort k goes to ``into[k]``; negative: left out."""
        found = np.zeros((n_cohorts, *self.products_by_cohort.shape[1:]))
        np.add.at(found, into[into >= 0], self.products_by_cohort[into >= 0])
        return UnitProducts(found)

    def products(self, loadings: Floats, offsets: Floats, shares: Floats | None, centre: Floats) -> Floats:
        """Sum over units of products of scores, [K, K]; ``centre`` are the means less the origin, [G, T]."""
        constant = np.zeros((len(loadings), loadings.shape[1], 1)) if shares is None else shares[:, :, None]
        by = np.concatenate([loadings, offsets - loadings * centre, constant], axis=2).transpose(1, 0, 2)
        return np.asarray((by @ self.products_by_cohort @ by.transpose(0, 2, 1)).sum(axis=0))

    def _refuse(self, what: str) -> NoReturn:
        raise StreamedError(
            f"The data are streamed and kept as moments of cohorts: {what} cannot be had. Read the data whole: `stream: false` in "
            "the source's card, `Panel.from_frame` in Python."
        )


def _pairs(clusters: Codes, codes: Codes, n_cohorts: int) -> tuple[Codes, Codes, Codes, Codes]:
    """Labels of the clusters, the pair of each entry, and the cluster and cohort of each pair."""
    labels, at = np.unique(clusters, return_inverse=True)
    keys, pair = np.unique(at * n_cohorts + codes, return_inverse=True)
    return labels, pair, keys // max(n_cohorts, 1), keys % max(n_cohorts, 1)


def _gathered(labels: Codes, n_cohorts: int, at: Codes, cohort: Codes, arrays: list[Floats]) -> ClusterSums:
    """Sums by pair of entries in any order, in which a pair may come several times."""
    key = at * n_cohorts + cohort
    order = np.argsort(key, kind="stable")
    first = np.flatnonzero(np.diff(key[order], prepend=-1))
    total = [np.add.reduceat(a[order], first, axis=0) if len(first) else a[:0] for a in arrays]
    keys = key[order][first]
    return ClusterSums(labels, n_cohorts, keys // max(n_cohorts, 1), keys % max(n_cohorts, 1), *total)
