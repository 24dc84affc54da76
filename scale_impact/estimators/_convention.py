"""Covariances of two-way fixed-effects coefficients by the name of their convention; not an estimator.

fixest's conventions: ``CR1`` (its default), ``iid``, ``HC1`` (its hetero), ``twoway`` (two clusters),
``driscoll_kraay`` (its DK), all with its ``ssc``. clubSandwich's: ``CR0``, ``CR2`` with Satterthwaite
degrees of freedom, ``CR3``. ``jackknife`` is (G - 1) / G of CR3: what leaving out one cluster at a time
gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal, get_args

import numpy as np
import pandas as pd
from annotated_types import Ge
from numpy.typing import NDArray

from scale_impact.core.analysis import MANY_CLUSTERS, Analysis
from scale_impact.core.cohorts import Floats, Scores
from scale_impact.core.fixed_effects import SmallSample
from scale_impact.core.rows import RowSums, as_matrix
from scale_impact.core.sandwich import POWERS, MomentSums, Vcov, corrected, newey_west, usual_lags
from scale_impact.core.within import Trends
from scale_impact.errors import DesignError, UsageError

KFixef = Literal["nonnested", "full", "none"]

Lags = Annotated[int, Ge(0)]
"""An option that counts periods back, 0 or more."""

ON_ONE_CLUSTER = (
    "no standard error: without one of the clusters it cannot be estimated, so {} has nothing to correct with"
)
NOT_POSITIVE = "no standard error: the variance by two-way clusters is not positive; cluster by one of them"


@dataclass(frozen=True)
class Convention:
    """How the regression is run and its covariance made, checked.

    Attributes
    ----------
    covariates:
        Columns held constant.
    vcov:
        Covariance by name.
    clusters:
        Two columns for ``twoway``; empty: the design's cluster and the period.
    lags:
        Of ``driscoll_kraay``; None: the usual ones.
    trends:
        ``unit``: each unit has a linear trend of its own.
    small:
        Small-sample correction in fixest's words.
    """

    covariates: tuple[str, ...] = ()
    vcov: Vcov = "CR1"
    clusters: tuple[str, ...] = ()
    lags: int | None = None
    trends: Trends | None = None
    small: SmallSample = field(default_factory=SmallSample)

    @classmethod
    def of(
        cls,
        covariates: str | Sequence[str],
        vcov: Vcov,
        clusters: str | Sequence[str],
        lags: int | None,
        trends: Trends | None,
        ssc: tuple[bool, KFixef, bool],
    ) -> Convention:
        """The convention asked for; refuses what does not go together, all at once."""
        names = listed(clusters)
        problems = [*_unknown(vcov, trends, ssc[1]), *_astray(vcov, names, lags)]
        if problems:
            raise UsageError(problems)
        return cls(listed(covariates), vcov, names, lags, trends, SmallSample(*ssc))


def listed(names: str | Sequence[str]) -> tuple[str, ...]:
    """Names of columns, also where one is given without a list."""
    return (names,) if isinstance(names, str) else tuple(names)


def _unknown(vcov: str, trends: str | None, K_fixef: str) -> list[str]:
    """Values that are not among those there are."""
    given = {"vcov": (vcov, get_args(Vcov)), "K_fixef": (K_fixef, get_args(KFixef))}
    problems = [
        f"{name} is {value!r}; it has to be {', '.join(known[:-1])} or {known[-1]}."
        for name, (value, known) in given.items()
        if value not in known
    ]
    return problems + ([] if trends in (None, "unit") else [f"trends is {trends!r}; it has to be unit, or left out."])


def _astray(vcov: str, clusters: tuple[str, ...], lags: int | None) -> list[str]:
    """Options that belong to another covariance, or that it cannot take."""
    problems = []
    if clusters and (vcov != "twoway" or len(set(clusters)) != 2 or len(clusters) != 2):
        problems.append(
            f"clusters is {list(clusters)}: it names the two columns of `vcov: twoway`. One column of clusters belongs to "
            "the design (`cluster:`)."
        )
    if lags is None:
        return problems
    if vcov != "driscoll_kraay":
        problems.append(f"lags belongs to `vcov: driscoll_kraay`, not to {vcov}. Leave it out.")
    if isinstance(lags, bool) or not isinstance(lags, (int, np.integer)) or lags < 0:
        problems.append(f"lags is {lags!r}; it has to be a whole number of periods, 0 or more.")
    return problems


@dataclass(frozen=True, eq=False)
class Made:
    """A covariance [K, K] with degrees of freedom [K] and how it was made.

    ``reasons`` say why an estimate has no standard error under it (empty: none has one), ``notes``
    what a reader has to know.
    """

    covariance: Floats
    df: Floats
    words: str
    reasons: tuple[str | None, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Job:
    """What a covariance is made from.

    Attributes
    ----------
    analysis, convention:
        The data, and the covariance asked for.
    sums:
        The regression's sums.
    contrasts:
        [K, P + C], combinations of coefficients.
    """

    analysis: Analysis
    convention: Convention
    sums: MomentSums | RowSums
    contrasts: Floats

    @property
    def n_obs(self) -> int:
        """Observations, n."""
        return int(self.analysis.moments.counts.sum())

    @property
    def n_clusters(self) -> int:
        """Clusters of the design, G."""
        return self.analysis.moments.n_clusters

    def mapped(self, covariance: Floats) -> Floats:
        """Covariance of the contrasts from that of the coefficients."""
        return np.asarray(self.contrasts @ covariance @ self.contrasts.T)

    def each(self, df: float) -> Floats:
        """The same degrees of freedom for all contrasts."""
        return np.full(len(self.contrasts), float(df))

    def counted(self, units: bool = False, periods: bool = False) -> int:
        """Coefficients that the small-sample correction counts, less effects of units or periods nested in clusters.

        Source: fixest's K.fixef; of nested effects one coefficient stays. Unit trends count as further
        unit effects, and take one period effect with them.
        """
        own, kind = int(self.contrasts.shape[1]), self.convention.small.K_fixef
        if kind == "none":
            return own
        slopes = 0 if self.convention.trends is None else 1
        of_units = int(self.analysis.moments.units.sum()) * (1 + slopes)
        of_periods = self.analysis.moments.n_periods - slopes
        full = own + of_units + of_periods - 1
        if kind == "full":
            return full
        return full - units * (of_units - 1) - periods * (of_periods - 1)

    def factor(self, clusters: int, *, units: bool = False, periods: bool = False) -> float:
        """Small-sample factor on the variance with so many clusters; ``units``, ``periods``: nested in them."""
        return self.convention.small.scale(self.n_obs, self.counted(units, periods), clusters)


def covariance(job: Job) -> Made:
    """The covariance that the convention names; degrees of freedom are positive numbers throughout."""
    vcov = job.convention.vcov
    made = _BY_NAME[vcov](job)
    usable = np.isfinite(made.df) & (made.df > 0)
    df = np.where(usable, made.df, max(job.n_clusters - 1, 1))
    return Made(made.covariance, df, made.words, made.reasons or (None,) * len(df), made.notes)


def factor_of_scores(job: Job) -> float:
    """Factor on the variance that unit by unit scores carry: that of the covariance by clusters."""
    vcov, g = job.convention.vcov, job.n_clusters
    if vcov in ("CR0", "CR2", "CR3"):
        return 1.0
    return (g - 1) / g if vcov == "jackknife" else job.factor(g, units=True)


def scores_of(sums: MomentSums, vcov: Vcov) -> Scores:
    """Scores on the cohorts' paths; with corrected residuals where the covariance has them and units are the clusters."""
    found = sums.corrected_scores(POWERS[vcov]) if vcov in POWERS else None
    return sums.fitted.scores if found is None else found


# ---- by name --------------------------------------------------------------------------------------------


def _clustered(job: Job) -> str:
    return f"clustered by {job.analysis.clustered_by}, {job.convention.vcov}"


def _cr0(job: Job) -> Made:
    return Made(job.mapped(job.sums.by_cluster()), job.each(job.n_clusters - 1), _clustered(job))


def _cr1(job: Job) -> Made:
    """Source: Berge (2018); n, K and G as in fixest's ``ssc``."""
    total = job.mapped(job.sums.by_cluster()) * job.factor(job.n_clusters, units=True)
    return Made(total, job.each(job.n_clusters - 1), f"{_clustered(job)} ({job.convention.small.words()})")


def _corrected(job: Job) -> Made:
    """CR2 with Satterthwaite's degrees of freedom, CR3, and the jackknife.

    Source: Bell and McCaffrey (2002); Pustejovsky and Tipton (2018); MacKinnon, Nielsen and Webb (2023).
    """
    vcov = job.convention.vcov
    found = corrected(job.sums, job.contrasts, POWERS[vcov])
    total = found.covariance
    if total is None:
        assert isinstance(job.sums, MomentSums)
        total = job.analysis.moments.covariance(scores_of(job.sums, vcov))
    total = job.mapped(total) * (factor_of_scores(job) if vcov == "jackknife" else 1.0)
    reasons = tuple(ON_ONE_CLUSTER.format(vcov) if alone else None for alone in found.alone)
    if vcov == "CR2":
        return Made(total, found.df, f"{_clustered(job)}, Satterthwaite degrees of freedom", reasons)
    return Made(total, job.each(job.n_clusters - 1), _clustered(job), reasons)


def _iid(job: Job) -> Made:
    small, n = job.convention.small, job.n_obs
    one = SmallSample(small.K_adj, small.K_fixef, G_adj=False)
    total = job.mapped(job.sums.bread) * job.sums.squares() / (n - 1) * one.scale(n, job.counted(), n)
    return Made(total, job.each(n - job.counted()), f"iid errors ({small.words()})")


def _hc1(job: Job) -> Made:
    """Source: White (1980), with each observation a cluster of its own in the small-sample factor."""
    total = job.mapped(job.sums.by_observation()) * job.factor(job.n_obs)
    words = f"HC1, observations independent ({job.convention.small.words()})"
    return Made(total, job.each(job.n_obs - job.counted()), words)


def _driscoll_kraay(job: Job) -> Made:
    """Errors that units share, correlated over time as far as ``lags``.

    Source: Driscoll and Kraay (1998), section II.
    """
    t = job.analysis.moments.n_periods
    lags = usual_lags(t) if job.convention.lags is None else job.convention.lags
    if lags >= t:
        raise UsageError(f"lags is {lags}; with {t} periods it has to be less than {t}.")
    total = job.mapped(newey_west(job.sums.by_period(), lags)) * job.factor(t)
    words = f"Driscoll-Kraay, {lags} lag{'' if lags == 1 else 's'} ({job.convention.small.words()})"
    return Made(total, job.each(t - 1), words, notes=_few("Driscoll-Kraay", t, "periods"))


def _twoway(job: Job) -> Made:
    """The covariances by either cluster, less the one by both.

    Source: Cameron, Gelbach and Miller (2011), equation 2.11; one factor, of the smaller number of clusters.
    """
    found = _dimensions_named(job) if job.convention.clusters else _dimensions(job)
    smaller = min(found.sizes)
    total = job.mapped(found.one + found.other - found.both) * job.factor(
        smaller, units=found.holds_units, periods=found.holds_periods
    )
    reasons = tuple(NOT_POSITIVE if v <= 0 else None for v in np.diag(total))
    words = f"clustered by {found.names[0]} and by {found.names[1]} ({job.convention.small.words()})"
    notes = _few("Two-way clustering", smaller, found.names[int(np.argmin(found.sizes))])
    return Made(total, job.each(smaller - 1), words, reasons, notes)


@dataclass(frozen=True, eq=False)
class _Dimensions:
    """Covariances by either of two clusters and by both; how many there are, and what is nested in them."""

    one: Floats
    other: Floats
    both: Floats
    sizes: tuple[int, int]
    names: tuple[str, str]
    holds_units: bool
    holds_periods: bool


def _dimensions(job: Job) -> _Dimensions:
    """The design's clusters and the periods."""
    analysis, h = job.analysis, job.sums.by_period()
    return _Dimensions(
        one=job.sums.by_cluster(),
        other=np.asarray(h.T @ h),
        both=job.sums.by_cluster_and_period(),
        sizes=(job.n_clusters, analysis.moments.n_periods),
        names=(analysis.clustered_by, str(analysis.panel.period)),
        holds_units=True,
        holds_periods=True,
    )


def _dimensions_named(job: Job) -> _Dimensions:
    """Two columns, which need not be constant within units."""
    assert isinstance(job.sums, RowSums)
    kept = np.concatenate(job.sums.rows.members)
    one, other = (_codes(job.analysis, kept, name) for name in job.convention.clusters)
    pairs = np.unique(np.stack([one.ravel(), other.ravel()]), axis=1, return_inverse=True)[1].reshape(one.shape)
    held = one[kept], other[kept]
    return _Dimensions(
        one=job.sums.by_codes(one),
        other=job.sums.by_codes(other),
        both=job.sums.by_codes(pairs),
        sizes=(len(np.unique(held[0])), len(np.unique(held[1]))),
        names=(job.convention.clusters[0], job.convention.clusters[1]),
        holds_units=any(_constant(c) for c in held),
        holds_periods=any(_constant(c.T) for c in held),
    )


def _codes(analysis: Analysis, kept: NDArray[np.int64], name: str) -> NDArray[np.int64]:
    """Clusters of observations by a column, [N, T]."""
    found, _ = pd.factorize(analysis.panel.column(name), sort=False)
    codes = as_matrix(analysis.panel, found.astype(np.int64))
    missing = int((codes[kept] < 0).sum())
    if missing:
        raise DesignError(f"Cluster column {name!r} is missing in {missing:,} rows. Fill it or leave these units out.")
    if (codes[kept] == codes[kept[0], 0]).all():
        raise DesignError(f"Cluster column {name!r} has one value; a standard error needs at least two clusters.")
    return np.asarray(np.maximum(codes, 0))


def _constant(codes: NDArray[np.int64]) -> bool:
    """Whether codes are the same along each row."""
    return bool((codes == codes[:, :1]).all())


def _few(what: str, n: int, things: str) -> tuple[str, ...]:
    """Say where a method that needs many of something has few."""
    if n >= MANY_CLUSTERS:
        return ()
    return (f"{what} rests on {n:,} clusters here ({things}); it is trusted from about {MANY_CLUSTERS} on.",)


_BY_NAME = {
    "CR0": _cr0, "CR1": _cr1, "CR2": _corrected, "CR3": _corrected, "jackknife": _corrected, "iid": _iid, "HC1": _hc1,
    "twoway": _twoway, "driscoll_kraay": _driscoll_kraay,
}  # fmt: skip
