"""Instruments: an exposure that is moved by something which has no other way to the outcome.

Everything is said of variables from which controls were taken out (Frisch, Waugh and Lovell), in an orthonormal basis of the
instruments. The reduced form (outcome on instruments) and the first stage (exposure on instruments) are then estimated jointly,
and tests that hold with weak instruments need nothing else.

Small samples: variances by clusters are multiplied by G/(G - 1) (n - 1)/(n - K), where effects of units, which are nested in
clusters, count once; without clusters by n/(n - K), where all count. Source: Berge (2018), as for ``twfe``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.causal.by_cluster import sums_by
from scale_impact.core.causal.row_influence import LARGE, UNSEEN

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Method = Literal["2sls", "liml", "gmm"]
Vcov = Literal["CR1", "HC1", "iid"]

EXPLAINED = 1e-9
"""What is left of a variable, as a share of it, under which controls explain it."""

EXACT = 1e-10
"""Residuals below this share of the outcome's spread are rounding."""

COV_TYPES = {"CR1": "clustered", "HC1": "robust", "iid": "unadjusted"}
"""Kinds of covariance in the words of linearmodels."""


@dataclass(frozen=True, eq=False)
class Variables:
    """What a regression with instruments is asked of, row by row.

    Attributes
    ----------
    outcome, exposure:
        [n].
    instruments:
        [n, L], and their ``names``.
    controls:
        [n, K] with the constant where there is one.
    clusters:
        [n].
    units:
        [n] codes of units whose effects are taken out; None without such effects. They lie within clusters.
    weights:
        [n], positive; None: all count alike.
    """

    outcome: Floats
    exposure: Floats
    instruments: Floats
    names: tuple[str, ...]
    controls: Floats
    clusters: Ints
    units: Ints | None = None
    weights: Floats | None = None


@dataclass(frozen=True, eq=False)
class Case:
    """The variables without what controls explain, times the root of the weights.

    Attributes
    ----------
    outcome, exposure, instruments:
        [n], [n], [n, L].
    basis:
        [n, R], orthonormal: the controls (less unit effects), R their rank.
    clusters:
        [n] codes from 0 to G - 1.
    n_effects:
        Unit effects taken out.
    explained:
        Names of instruments that controls and the other instruments explain, and ``exposure`` where it is.
    rounding:
        What of the outcome is no more than rounding (a norm).
    units, root:
        Whose effects were taken out (None: nobody's), and the root of the weights, [n].
    """

    outcome: Floats
    exposure: Floats
    instruments: Floats
    names: tuple[str, ...]
    basis: Floats
    clusters: Ints
    n_effects: int
    vcov: Vcov
    units: Ints | None
    root: Floats
    explained: tuple[str, ...] = ()
    rounding: float = 0.0

    @property
    def n(self) -> int:
        """Rows."""
        return len(self.outcome)

    @property
    def n_clusters(self) -> int:
        """Clusters, G."""
        return int(self.clusters.max()) + 1

    @property
    def n_instruments(self) -> int:
        """Instruments, L."""
        return int(self.instruments.shape[1])

    def factor(self, own: int) -> float:
        """Small-sample factor on a sum of squared scores; ``own`` coefficients beside the controls."""
        k, g = own + int(self.basis.shape[1]), self.n_clusters
        if self.vcov == "CR1":
            return g / (g - 1) * (self.n - 1) / (self.n - k - (self.n_effects > 0))
        return self.n / (self.n - k - self.n_effects)

    def df(self, own: int) -> float:
        """Degrees of freedom of a t or F distribution."""
        return float(self.n_clusters - 1 if self.vcov == "CR1" else self.n - own - self.basis.shape[1] - self.n_effects)

    @cached_property
    def orthonormal(self) -> tuple[Floats, Floats]:
        """Orthonormal instruments [n, L] and what turns their coefficients into those of the instruments (R)."""
        q, r = np.linalg.qr(self.instruments)
        return np.asarray(q), np.asarray(r)


def partialled(data: Variables, vcov: Vcov) -> Case:
    """Take controls and unit effects out of all variables."""
    root = np.ones(len(data.outcome)) if data.weights is None else np.sqrt(data.weights / data.weights.mean())
    basis = _basis(_held(data, root) * root[:, None])
    given = np.column_stack([data.outcome, data.exposure, data.instruments])
    given = given - given.mean(axis=0)  # the constant, or unit effects, take any level
    weighted = given * root[:, None]
    rest = _without(_swept(given, data.units, root) * root[:, None], basis)
    gone = np.linalg.norm(rest, axis=0) <= EXPLAINED * np.linalg.norm(weighted, axis=0)
    explained = [n for n, g in zip(("exposure", *data.names), gone[1:], strict=True) if g]
    _, clusters = np.unique(data.clusters, return_inverse=True)
    case = Case(
        rest[:, 0], rest[:, 1], rest[:, 2:], data.names, basis, clusters,
        0 if data.units is None else len(np.unique(data.units)), vcov, data.units, root, tuple(explained), _rounding(data.outcome, weighted[:, 0]),
    )  # fmt: skip
    return case if explained else replace(case, explained=_combinations(case))


def _rounding(outcome: Floats, centred: Floats) -> float:
    """The norm under which what is left of an outcome says nothing: a share of its spread, or the digits that its level takes."""
    digits = float(np.finfo(float).eps * np.abs(outcome).max() * np.sqrt(len(outcome)))
    return max(EXACT * float(np.linalg.norm(centred)), 4 * digits)


def _held(data: Variables, root: Floats) -> Floats:
    """Controls less their mean (the constant as it is) and unit effects; zero where the latter leave nothing.

    A column far from zero (a year, an identifier) is no less a column. Centred twice, since the mean of large numbers has rounding
    of its own.
    """
    once = data.controls - data.controls.mean(axis=0)
    centred = np.where(np.ptp(data.controls, axis=0) > 0, once - once.mean(axis=0), data.controls)
    left = _swept(centred, data.units, root)
    gone = np.linalg.norm(left, axis=0) <= EXPLAINED * np.linalg.norm(centred, axis=0)
    return np.where(gone, 0.0, left)


def _swept(columns: Floats, units: Ints | None, root: Floats) -> Floats:
    """Columns less the (weighted) means of their units."""
    if units is None or not columns.shape[1]:
        return columns
    _, at = np.unique(units, return_inverse=True)
    w = root**2
    total = np.bincount(at, w)
    means = np.stack([np.bincount(at, w * c) / total for c in columns.T], axis=1)
    return np.asarray(columns - means[at])


def _basis(columns: Floats) -> Floats:
    """An orthonormal basis of columns that may follow from each other, [n, R]."""
    from scipy.linalg import qr

    size = np.linalg.norm(columns, axis=0)
    columns = columns[:, size > 0] / size[size > 0]
    if not columns.shape[1]:
        return np.empty((len(columns), 0))
    q, r, _ = qr(columns, mode="economic", pivoting=True)
    return np.asarray(q[:, np.abs(np.diag(r)) > 1e-10])


def _without(columns: Floats, basis: Floats) -> Floats:
    """What a basis leaves of columns; twice, since once leaves rounding errors of the larger part."""
    once = columns - basis @ (basis.T @ columns)
    return np.asarray(once - basis @ (basis.T @ once))


def _combinations(case: Case) -> tuple[str, ...]:
    """Instruments that follow from those named before them."""
    z = case.instruments / np.linalg.norm(case.instruments, axis=0)
    left = np.abs(np.diag(np.linalg.qr(z)[1]))
    return tuple(n for n, size in zip(case.names, left, strict=True) if size <= 1e-8)


# ---- covariances -------------------------------------------------------------------------------------


def meat(case: Case, scores: Floats) -> Floats:
    """Sum of products of scores [n, K], by row or by cluster."""
    if case.vcov == "CR1":
        scores = sums_by(case.clusters, scores, case.n_clusters)
    return np.asarray(scores.T @ scores)


@dataclass(frozen=True, eq=False)
class Joint:
    """Reduced form and first stage on the orthonormal instruments.

    Attributes
    ----------
    reduced, first:
        [L], coefficients of the outcome and of the exposure.
    covariance:
        [2 L, 2 L] of both, the reduced form first.
    residuals:
        [n, 2], of both.
    df:
        Degrees of freedom of F distributions.
    """

    reduced: Floats
    first: Floats
    covariance: Floats
    residuals: Floats
    df: float

    @property
    def parts(self) -> tuple[Floats, Floats, Floats]:
        """Covariance of the reduced form, of it with the first stage, of the first stage; [L, L] each."""
        k, v = len(self.reduced), self.covariance
        return v[:k, :k], v[:k, k:], v[k:, k:]


def joint(case: Case) -> Joint:
    """Both regressions on the instruments, with the covariance between them."""
    q, _ = case.orthonormal
    both = np.column_stack([case.outcome, case.exposure])
    found = q.T @ both
    rest = both - q @ found
    k = case.n_instruments
    if case.vcov == "iid":
        covariance: Floats = np.kron(rest.T @ rest / case.df(k), np.eye(k)).astype(np.float64)
    else:
        scores = np.column_stack([q * rest[:, :1], q * rest[:, 1:]])
        covariance = case.factor(k) * meat(case, scores)
    return Joint(found[:, 0], found[:, 1], covariance, rest, case.df(k))


@dataclass(frozen=True, eq=False)
class Coefficients:
    """Coefficients by instrument, in the variables' own units, with standard errors."""

    values: Floats
    std_errors: Floats


def of_instruments(case: Case, values: Floats, covariance: Floats) -> Coefficients:
    """Coefficients on orthonormal instruments [L] as those of the instruments themselves."""
    back = np.linalg.inv(case.orthonormal[1])
    return Coefficients(back @ values, np.sqrt(np.diag(back @ covariance @ back.T)))


# ---- the estimate ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fitted:
    """The coefficient of the exposure."""

    value: float
    std_error: float
    df: float


def fitted(case: Case, method: Method) -> Fitted:
    """The effect by linearmodels, with the small-sample factor of this file."""
    found = _regressed(case, method)
    factor = case.factor(1) if case.vcov != "iid" else case.n / case.df(1)
    variance = float(np.asarray(found.cov)[-1, -1]) * factor
    return Fitted(float(found.params.iloc[-1]), float(np.sqrt(variance)), case.df(1))


def _regressed(case: Case, method: Method) -> Any:
    """linearmodels' result on the variables without controls."""
    from linearmodels.iv import IV2SLS, IVGMM, IVLIML

    clustered: dict[str, Any] = {"clusters": case.clusters} if case.vcov == "CR1" else {}
    kind = COV_TYPES[case.vcov]
    if method == "gmm":
        weighed = IVGMM(case.outcome, _beside(case), case.exposure, case.instruments, weight_type=kind, **clustered)
        return weighed.fit(iter_limit=2, cov_type=kind, debiased=False, **clustered)
    data = (case.outcome, None, case.exposure, case.instruments)
    model = IV2SLS(*data) if method == "2sls" else IVLIML(*data)
    return model.fit(cov_type=kind, debiased=False, **clustered)


def _beside(case: Case) -> Floats | None:
    """Controls that GMM weighs together with the instruments; None where there are too few clusters to weigh all of them.

    The estimate is the same with and without them, its variance only nearly.
    """
    r = case.basis.shape[1]
    few = case.vcov == "CR1" and case.n_clusters <= r + case.n_instruments
    return None if few or r == 0 else case.basis


def exact(case: Case) -> bool:
    """Whether controls and the effect give the outcome in each row, so that there is no error to tell."""
    rest = case.outcome - coefficient(case, "2sls") * case.exposure
    return bool(np.linalg.norm(rest) <= case.rounding)


def resting_on(case: Case) -> int | None:
    """A row of a cluster on which the first stage rests and whose own variation cannot be seen; None: there is none.

    As ``row_influence.unseen``, of variables from which controls were taken out.
    """
    q, _ = case.orthonormal
    load = q @ (q.T @ case.exposure)
    share = np.bincount(case.clusters, load**2) / float(load @ load)
    for k in np.flatnonzero(share > LARGE):
        own = np.where(case.clusters == k, load, 0.0)
        left = _without(
            _swept(own[:, None] / case.root[:, None], case.units, case.root) * case.root[:, None], case.basis
        )[:, 0]
        left = left - load * float(case.exposure @ left) / float(case.exposure @ load)
        if left @ left <= UNSEEN * (own @ own):
            return int(np.flatnonzero(case.clusters == k)[0])
    return None


def coefficient(case: Case, method: Method) -> float:
    """The effect alone, by the formula: quick enough to be asked again and again."""
    if method == "gmm":
        return float(_regressed(case, method).params.iloc[-1])
    q, _ = case.orthonormal
    y, d = case.outcome, case.exposure
    kappa = 1.0 if method == "2sls" else _kappa(case)
    left_y, left_d = y - q @ (q.T @ y), d - q @ (q.T @ d)
    return float((d @ y - kappa * (d @ left_y)) / (d @ d - kappa * (d @ left_d)))


def _kappa(case: Case) -> float:
    """LIML's k: least root of both variables' products over those that instruments leave."""
    from scipy.linalg import eigvalsh

    q, _ = case.orthonormal
    both = np.column_stack([case.outcome, case.exposure])
    rest = both - q @ (q.T @ both)
    return float(eigvalsh(both.T @ both, rest.T @ rest)[0])


def least_squares(case: Case) -> Fitted:
    """The exposure's coefficient without instruments, to compare with."""
    d = case.exposure
    value = float(d @ case.outcome / (d @ d))
    e = case.outcome - value * d
    if case.vcov == "iid":
        variance = float(e @ e) / case.df(1) / float(d @ d)
    else:
        variance = case.factor(1) * float(meat(case, (d * e)[:, None])[0, 0]) / float(d @ d) ** 2
    return Fitted(value, float(np.sqrt(variance)), case.df(1))


# ---- tests -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Test:
    """A statistic, its degrees of freedom and p-value; without them the reason."""

    name: str
    statistic: float | None = None
    df: float | None = None
    p_value: float | None = None
    reason: str | None = None


def endogeneity(case: Case, both: Joint) -> Test:
    """Whether least squares and instruments differ by more than chance: t test of the first stage's residual.

    Source: Wu (1973), Hausman (1978); by clusters as in Wooldridge (2010), section 6.3.1.
    """
    from scipy import special

    x = np.column_stack([case.exposure, both.residuals[:, 1]])
    if np.linalg.norm(x[:, 1]) <= EXPLAINED * np.linalg.norm(x[:, 0]):
        return Test("endogeneity", reason="the instruments explain the exposure fully: it has no part of its own")
    bread = np.linalg.inv(x.T @ x)
    found = bread @ (x.T @ case.outcome)
    e = case.outcome - x @ found
    equal = float(e @ e) / case.df(2) * bread
    variance = equal if case.vcov == "iid" else case.factor(2) * (bread @ meat(case, x * e[:, None]) @ bread)
    f = float(found[1] ** 2 / variance[1, 1])
    return Test("endogeneity", f, 1.0, float(special.fdtrc(1, case.df(2), f)))


def overidentified(case: Case) -> Test:
    """Whether the instruments agree: Hansen's J of two-step GMM with the covariance's weights, or Sargan's test.

    Source: Sargan (1958); Hansen (1982).
    """
    from scipy import special

    extra = case.n_instruments - 1
    if extra == 0:
        return Test("J", reason="one instrument for one exposure: nothing is left to test")
    if case.vcov == "CR1" and case.n_clusters <= case.n_instruments:
        return Test(
            "J", reason=f"{case.n_clusters} clusters for {case.n_instruments} instruments: too few to weigh them"
        )
    if case.vcov == "iid":
        e = case.outcome - coefficient(case, "2sls") * case.exposure
        q, _ = case.orthonormal
        j = float(case.n * np.sum((q.T @ e) ** 2) / (e @ e))
    else:
        j = float(_regressed(case, "gmm").j_stat.stat)
    return Test("J", j, float(extra), float(special.chdtrc(extra, j)))


def each_alone(case: Case) -> list[tuple[str, Fitted]]:
    """The estimate by each instrument, where the others are neither instruments nor controls."""
    alone = [replace(case, instruments=case.instruments[:, [k]], names=(name,)) for k, name in enumerate(case.names)]
    return [(a.names[0], _just_identified(a)) for a in alone]


def _just_identified(case: Case) -> Fitted:
    """One instrument: the ratio, with its standard error."""
    z = case.instruments[:, 0]
    value = float(z @ case.outcome / (z @ case.exposure))
    e = case.outcome - value * case.exposure
    if case.vcov == "iid":
        variance = float(e @ e) / case.df(1) * float(z @ z) / float(z @ case.exposure) ** 2
    else:
        variance = case.factor(1) * float(meat(case, (z * e)[:, None])[0, 0]) / float(z @ case.exposure) ** 2
    return Fitted(value, float(np.sqrt(variance)), case.df(1))


def named(names: Sequence[str]) -> str:
    """Instruments in words."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
