"""Covariances of two-way fixed-effects coefficients by name, and their degrees of freedom.

What they are made from comes from cohort moments (``MomentSums``) or, with covariates, from rows
(``core/within``). Both give the same sums: squared residuals, scores by observation, by period
and by cluster, and what the clusters' own corrections need.

The corrections CR2 and CR3 weight the residuals e of a cluster c by a power of I - H_cc, H the hat
matrix of the regression with all its dummies. H_cc = F F' with F = [Q / sqrt(N), Z B^(1/2)]: period
effects (Q takes unit effects out, N units) and the regressors Z without effects (B their bread).
Unit effects lie within a cluster and add nothing. So the correction of a cluster of any size needs
the small matrix F'F alone,

    F'(I - H_cc)^(-s) e = (I - F'F)^(-s) F'e,

and units of one cohort, whose regressors are the same, share it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.cluster_sums import ClusterSums
from scale_impact.core.cohorts import Cohorts, Floats, Scores
from scale_impact.core.within import Regression

Vcov = Literal["CR1", "CR0", "CR2", "CR3", "jackknife", "iid", "HC1", "twoway", "driscoll_kraay"]
"""Covariances by name: fixest's words (CR1: its default; HC1: its hetero; twoway; DK), clubSandwich's for CR."""

POWERS = {"CR2": 0.5, "CR3": 1.0, "jackknife": 1.0}
"""Power of (I - H)^-1 on a cluster's residuals."""

WHOLE = 1e-9
"""A direction with less than this left after the cluster's own fit is explained by the cluster alone."""

NOTHING = 1e-14
"""A direction of which a unit explains less than this is not its own."""

CHUNK_ELEMENTS = 1 << 18
"""Elements of the small matrices that are decomposed at once."""


@dataclass(frozen=True, eq=False)
class Blocks:
    """What clusters add to the regression, each summed over its units.

    Attributes
    ----------
    members:
        Units of each cluster, [C].
    sums:
        Regressors, [C, T, P].
    products:
        Their sums of products, [C, P, P].
    many:
        How many clusters are like this one, [C].
    residuals, scores:
        Residuals [C, T] and regressors times residuals [C, P]; None where one block stands for many
        clusters, which share their regressors and not their residuals.
    """

    members: Floats
    sums: Floats
    products: Floats
    many: Floats
    residuals: Floats | None = None
    scores: Floats | None = None

    def cut(self, size: int) -> Iterator[Blocks]:
        """The same in parts of ``size`` clusters."""
        for start in range(0, len(self.members), size):
            c = slice(start, start + size)
            residuals = None if self.residuals is None else self.residuals[c]
            scores = None if self.scores is None else self.scores[c]
            yield Blocks(self.members[c], self.sums[c], self.products[c], self.many[c], residuals, scores)


class Sums(Protocol):
    """What covariances are made from, whether by moments or by rows; B is the bread."""

    @property
    def bread(self) -> Floats:
        """Inverse of the regressors' sums of products, [P, P]."""

    @property
    def within(self) -> Floats:
        """What takes unit effects out, [T, T]."""

    @property
    def n_units(self) -> int:
        """Units, N."""

    def squares(self) -> float:
        """Sum of squared residuals."""

    def by_observation(self) -> Floats:
        """Sum over observations of products of their scores, between breads, [P, P]."""

    def by_period(self) -> Floats:
        """Scores summed over units in each period, times the bread, [T, P]."""

    def by_cluster(self) -> Floats:
        """Sum over clusters of products of their scores, between breads, [P, P]."""

    def by_cluster_and_period(self) -> Floats:
        """The same with each period of a cluster as a cluster of its own, [P, P]."""

    def blocks(self) -> Iterable[Blocks]:
        """The clusters as their corrections see them."""


# ---- cluster corrections ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Corrections:
    """F'F of C clusters by its L eigenvalues that are not zero (some may be): ``explained`` [C, L], ``vectors`` [C, T + P, L]."""

    explained: Floats
    vectors: Floats

    @property
    def whole(self) -> NDArray[np.bool_]:
        """Directions that the cluster alone explains: it is all that they rest on."""
        return np.asarray(1 - self.explained < WHOLE)

    def power(self, s: float) -> Floats:
        """Eigenvalues of (I - F'F)^-s, [C, L]; 0 where nothing is left (Moore-Penrose)."""
        left = np.where(self.whole, 1.0, 1 - self.explained)
        return np.asarray(np.where(self.whole, 0.0, left**-s))


def root(bread: Floats) -> Floats:
    """Symmetric square root of a positive definite matrix."""
    values, vectors = np.linalg.eigh(bread)
    return np.asarray((vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T)


def corrections(sums: Sums, blocks: Blocks) -> Corrections:
    """Eigenvalues and vectors of each cluster's F'F."""
    half = root(sums.bread)
    t, p = blocks.sums.shape[1:]
    if (blocks.members == 1).all():
        return _of_units(sums, blocks, half)
    gram = np.empty((len(blocks.members), t + p, t + p))
    gram[:, :t, :t] = blocks.members[:, None, None] * sums.within / sums.n_units
    gram[:, :t, t:] = blocks.sums @ half / np.sqrt(sums.n_units)
    gram[:, t:, :t] = gram[:, :t, t:].transpose(0, 2, 1)
    gram[:, t:, t:] = half @ blocks.products @ half
    values, vectors = np.linalg.eigh(gram)
    return Corrections(np.clip(values, 0.0, 1.0), vectors)


def _of_units(sums: Sums, blocks: Blocks, half: Floats) -> Corrections:
    """The same where each cluster is one unit: F F' is periods x periods, and has the same eigenvalues but for zeros."""
    periods = np.broadcast_to(sums.within / np.sqrt(sums.n_units), (len(blocks.members), *sums.within.shape))
    f = np.concatenate([periods, blocks.sums @ half], axis=2)
    values, vectors = np.linalg.eigh(f @ f.transpose(0, 2, 1))
    there = values > NOTHING
    turned = f.transpose(0, 2, 1) @ vectors / np.sqrt(np.where(there, values, 1.0))[:, None, :]
    return Corrections(np.clip(np.where(there, values, 0.0), 0.0, 1.0), turned * there[:, None, :])


def corrected_scores(sums: Sums, blocks: Blocks, found: Corrections, s: float) -> Floats:
    """Scores of clusters with corrected residuals, times the bread, [C, P]."""
    assert blocks.residuals is not None
    assert blocks.scores is not None
    half = root(sums.bread)
    f_e = np.hstack([blocks.residuals @ sums.within / np.sqrt(sums.n_units), blocks.scores @ half])
    turned = (f_e[:, None, :] @ found.vectors)[:, 0] * found.power(s)
    back = found.vectors[:, blocks.sums.shape[1] :]
    return np.asarray((back @ turned[:, :, None])[:, :, 0] @ half)


def corrected_loadings(sums: Sums, regressors: Floats, found: Corrections, s: float) -> Floats:
    """Loadings [P, G, T] on the paths of units of each cohort; ``regressors`` is [P, G, T]."""
    half = root(sums.bread)
    t = regressors.shape[2]
    back = found.vectors[:, t:] * found.power(s)[:, None, :]
    z = regressors.transpose(1, 0, 2)
    f = np.concatenate([np.tile(sums.within / np.sqrt(sums.n_units), (len(z), 1, 1)), half @ z], axis=1)
    return np.asarray((half @ (back @ (found.vectors.transpose(0, 2, 1) @ f))).transpose(1, 0, 2))


@dataclass(frozen=True)
class Corrected:
    """Covariance [P, P] by corrected scores; ``df`` [K] and ``alone`` [K] of contrasts of coefficients.

    ``df`` are Satterthwaite's. ``alone`` says which contrasts cannot be estimated without one of the
    clusters.
    """

    covariance: Floats | None
    df: Floats
    alone: NDArray[np.bool_]


def corrected(sums: Sums, contrasts: Floats, s: float) -> Corrected:
    """Cluster-robust covariance with (I - H)^-s, with degrees of freedom for contrasts [K, P].

    The degrees of freedom match the first two moments of the variance estimate under independent
    errors of equal variance: (tr M)^2 / tr(M M), M = P'P and column c of P what cluster c's score
    is made from. M = diag(a) - J J', a and J from the small matrices.

    Source: Bell and McCaffrey (2002); Pustejovsky and Tipton (2018), equations 6, 9 and 11.
    """
    k, p = contrasts.shape
    size = max(CHUNK_ELEMENTS // (len(sums.within) + p) ** 2, 1)
    kappa = root(sums.bread) @ contrasts.T
    total, trace, square, inner = np.zeros((p, p)), np.zeros(k), np.zeros(k), 0.0
    alone, with_scores = np.zeros(k, dtype=bool), True
    for blocks in (part for whole in sums.blocks() for part in whole.cut(size)):
        found = corrections(sums, blocks)
        a, j = _satterthwaite(found, kappa, s)
        jj = (j**2).sum(axis=1)
        trace += blocks.many @ (a - jj)
        square += blocks.many @ (a**2 - 2 * a * jj)
        inner = inner + np.einsum("crk,c,csk->krs", j, blocks.many, j, optimize=True)
        alone |= _alone(found, kappa)
        with_scores = blocks.scores is not None
        if with_scores:
            scores = corrected_scores(sums, blocks, found, s)
            total += scores.T @ scores
    square += (np.asarray(inner) ** 2).sum(axis=(1, 2))
    df = np.where(square > 0, trace**2 / np.where(square > 0, square, 1.0), np.nan)
    return Corrected(total if with_scores else None, df, alone)


def _satterthwaite(found: Corrections, kappa: Floats, s: float) -> tuple[Floats, Floats]:
    """a [C, K] and J [C, R, K] of each cluster."""
    turned = found.vectors[:, -len(kappa) :].transpose(0, 2, 1) @ kappa
    size, share = found.power(s)[:, :, None], found.explained[:, :, None]
    return (turned**2 * share * size**2).sum(axis=1), found.vectors @ (turned * size * share)


def _alone(found: Corrections, kappa: Floats) -> NDArray[np.bool_]:
    """Which contrasts have a part that one cluster alone explains."""
    turned = found.vectors[:, -len(kappa) :].transpose(0, 2, 1) @ kappa
    held = (turned**2 * found.whole[:, :, None]).sum(axis=1) / np.maximum((kappa**2).sum(axis=0), 1e-300)
    return np.asarray((held > 1e-8).any(axis=0))


def corrected_cells(counts: Floats, residuals: Floats, signs: Floats, s: float) -> Corrected:
    """The same for a sum of K cell means of cross-sections, by the counts and residual sums [C, K] of clusters.

    A regression on cell dummies alone: H has 1 / n_k between observations of cell k, so F'F is diagonal.
    """
    n = counts.sum(axis=0)
    share = counts / n
    whole = 1 - share < WHOLE
    weight = np.where(whole, 0.0, np.where(whole, 1.0, 1 - share) ** -s) * signs
    scores = (weight * residuals / n).sum(axis=1)
    a = (weight**2 * share / n).sum(axis=1)
    j = weight * share / np.sqrt(n)
    jj = (j**2).sum(axis=1)
    square = (a**2 - 2 * a * jj).sum() + ((j.T @ j) ** 2).sum()
    df = np.array([(a - jj).sum() ** 2 / square if square > 0 else np.nan])
    return Corrected(np.array([[scores @ scores]]), df, np.array([bool(whole.any())]))


# ---- other covariances ---------------------------------------------------------------------------------


def newey_west(scores: Floats, lags: int) -> Floats:
    """Sum of products of a series' scores [T, P] with those up to ``lags`` before, weights falling to zero.

    Source: Newey and West (1987), equation 5; on sums over units Driscoll and Kraay (1998), section II.
    """
    total = scores.T @ scores
    for lag in range(1, lags + 1):
        both = scores[lag:].T @ scores[: len(scores) - lag]
        total = total + (1 - lag / (lags + 1)) * (both + both.T)
    return np.asarray(total)


def usual_lags(n_periods: int) -> int:
    """Lags where none are named: the whole part of T^(1/4), as fixest has it."""
    return int(n_periods**0.25 + 1e-9)


# ---- sums from moments -----------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of cluster and cohort that have units in common, in order of ``at``, the cluster's position.

    ``members`` are these units, ``residuals`` [pairs, T] the sums of their residuals.
    """

    at: NDArray[np.int64]
    cohort: NDArray[np.int64]
    members: Floats
    residuals: Floats

    def by_cluster(self, values: Floats) -> Floats:
        """Sums over each cluster's pairs."""
        return np.asarray(np.add.reduceat(values, np.flatnonzero(np.diff(self.at, prepend=-1)), axis=0))


@dataclass(frozen=True, eq=False)
class MomentSums:
    """The sums of a regression without covariates, from cohort moments.

    Source: the two-way regression's residuals are Q (y_i - m_g) + r_g for unit i of cohort g.
    """

    moments: Cohorts
    fitted: Regression

    @property
    def bread(self) -> Floats:
        """Inverse of the regressors' sums of products, [P, P]."""
        return self.fitted.bread

    @property
    def within(self) -> Floats:
        """What takes unit effects out, [T, T]."""
        return self.fitted.within

    @property
    def n_units(self) -> int:
        """Units, N."""
        return int(self.moments.units.sum())

    @cached_property
    def _cells(self) -> Floats:
        """Sums of squared residuals by cohort and period, [G, T]; levels drop out."""
        changes = self.moments.scatter.copy()
        changes[:, 0], changes[:, :, 0] = 0.0, 0.0
        own = np.einsum("ts,gsu,ut->gt", self.within, changes, self.within, optimize=True)
        return np.asarray(np.maximum(own, 0.0) + self.moments.units[:, None] * self.fitted.residual**2)

    def squares(self) -> float:
        """Sum of squared residuals."""
        return float(self._cells.sum())

    def by_observation(self) -> Floats:
        """Sum over observations of products of their scores, between breads, [P, P]."""
        x = self.fitted.scores.loadings
        return np.asarray(np.einsum("pgt,gt,qgt->pq", x, self._cells, x, optimize=True))

    def by_period(self) -> Floats:
        """Scores summed over units in each period, times the bread, [T, P]."""
        total = self.moments.units[:, None] * self.fitted.residual
        return np.asarray(np.einsum("pgt,gt->tp", self.fitted.scores.loadings, total))

    def by_cluster(self) -> Floats:
        """Sum over clusters of products of their scores, between breads, [P, P]."""
        return self.moments.covariance(self.fitted.scores)

    def by_cluster_and_period(self) -> Floats:
        """The same with each period of a cluster as a cluster of its own, [P, P]."""
        if self.moments.clusters is None:
            return self.by_observation()
        pairs = self._pairs
        x = self.fitted.scores.loadings[:, pairs.cohort].transpose(1, 2, 0)
        flat = pairs.by_cluster(x * pairs.residuals[:, :, None]).reshape(-1, x.shape[2])
        return np.asarray(flat.T @ flat)

    @cached_property
    def _pairs(self) -> Pairs:
        """Clusters and cohorts that have units in common."""
        clusters = self.moments.clusters
        assert isinstance(clusters, ClusterSums)
        centre = (self.moments.means - self.moments.origin)[clusters.cohort]
        deviations = (clusters.pair_sums - clusters.pair_counts * centre) @ self.within
        members = clusters.pair_members
        return Pairs(
            at=clusters.at,
            cohort=clusters.cohort,
            members=members,
            residuals=deviations + members[:, None] * self.fitted.residual[clusters.cohort],
        )

    def blocks(self) -> Iterator[Blocks]:
        """One block a cohort where units are the clusters, one a cluster above them."""
        x = self.fitted.regressors
        products = np.einsum("pgt,qgt->gpq", x, x)
        if self.moments.clusters is None:
            yield Blocks(np.ones(len(products)), x.transpose(1, 2, 0), products, self.moments.units)
            return
        pairs = self._pairs
        own, members = x[:, pairs.cohort].transpose(1, 2, 0), pairs.members
        total = pairs.by_cluster(members)
        yield Blocks(
            members=total,
            sums=pairs.by_cluster(own * members[:, None, None]),
            products=pairs.by_cluster(products[pairs.cohort] * members[:, None, None]),
            many=np.ones(len(total)),
            residuals=pairs.by_cluster(pairs.residuals),
            scores=pairs.by_cluster(np.einsum("ctp,ct->cp", own, pairs.residuals)),
        )

    def corrected_scores(self, s: float) -> Scores | None:
        """Scores with corrected residuals where units are the clusters; None with clusters above."""
        if self.moments.clusters is not None:
            return None
        (blocks,) = self.blocks()
        loadings = corrected_loadings(self, self.fitted.regressors, corrections(self, blocks), s)
        offsets = np.einsum("pgt,gt->pg", loadings, self.fitted.residual)
        return replace(self.fitted.scores, loadings=loadings, offsets=offsets)
