"""Bootstrap samples whose covariates are measured with error, and a confounder that moves exposure and outcome."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scale_impact.core.causal.cross_section import CrossSection
from scale_impact.core.causal.refutation.refute import Blocks, Exchange, Floats, Ints
from scale_impact.core.causal.refutation.sensitivity import columns_of
from scale_impact.core.causal.regression.model import Levels
from scale_impact.core.causal.retrials import Retrials


@dataclass(frozen=True)
class Noise:
    """Error of covariates.

    Attributes
    ----------
    share:
        Standard deviation of the error, as a share of the covariate's own; for 0/1 and texts the probability of another value.
    columns:
        The data's columns that have it.
    """

    share: float
    columns: tuple[str, ...]


def bootstrapped(rows: CrossSection, of: Blocks, noise: Noise | None, rng: np.random.Generator, b: int) -> Retrials:
    """Bootstrap samples of rows (of whole clusters, where rows share them), with errors in covariates.

    Without clusters a row that is drawn twice has two errors, and rows are drawn within their group; with them a cluster that is
    drawn twice has its errors twice.
    """
    if noise is None:
        return Retrials(counts=of.resampled(rng, b))
    if of.n < len(rows):
        counts = of.resampled(rng, b)
        return Retrials(counts=counts, covariates=_measured(rows, np.tile(np.arange(len(rows)), (b, 1)), noise, rng))
    drawn = _resampled(rows, rng, b)
    covariates = _measured(rows, drawn, noise, rng)
    return Retrials(exposure=rows.exposure[drawn], outcome=rows.outcome[drawn], covariates=covariates)


def _resampled(rows: CrossSection, rng: np.random.Generator, b: int) -> Ints:
    """Which row stands in the place of each, [b, n]: one of its group (and side)."""
    strata = rows.groups if rows.side is None else rows.groups * 2 + rows.side
    found = np.empty((b, len(rows)), dtype=np.int64)
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        found[:, members] = members[rng.integers(0, len(members), (b, len(members)))]
    return found


def _measured(rows: CrossSection, drawn: Ints, noise: Noise, rng: np.random.Generator) -> Floats:
    """Covariates of the rows drawn [b, n], with errors, [b, n, K]."""
    found = rows.covariates[drawn]
    for column in noise.columns:
        at = columns_of(rows.names, column)
        if column in rows.names and not _is_yes_or_no(rows.covariates[:, at[0]]):
            spread = found[:, :, at[0]].std(axis=1, ddof=1, keepdims=True)
            found[:, :, at[0]] += noise.share * spread * rng.standard_normal(drawn.shape)
        elif len(at):
            found[:, :, at] = _swapped(rows.covariates[:, at], drawn, noise.share, rng)
    return found


def _is_yes_or_no(values: Floats) -> bool:
    return bool(np.isin(values, (0.0, 1.0)).all())


def _swapped(values: Floats, drawn: Ints, probability: float, rng: np.random.Generator) -> Floats:
    """Categories (rows of dummies [n, k]) of the rows drawn, each with some probability another one, all others alike."""
    kinds, codes = np.unique(values, axis=0, return_inverse=True)
    codes = codes.ravel()[drawn]
    other = (codes + rng.integers(1, len(kinds), drawn.shape)) % len(kinds)
    return np.asarray(kinds[np.where(rng.random(drawn.shape) < probability, other, codes)])


# ---- a confounder -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Confounder:
    """How a confounder w, drawn from the standard normal distribution, moves exposure and outcome.

    Attributes
    ----------
    on_exposure:
        ``linear``: exposure + strength x w. ``flip``: exposed where not and not where exposed, for the share of rows (the
        strength) with the largest w.
    on_outcome:
        ``linear``: outcome - strength x w; ``flip`` as for the exposure.
    """

    on_exposure: str
    on_outcome: str

    def trials(self, rows: CrossSection, w: Floats, exposure: float, outcome: float) -> Retrials:
        """Versions of the data for draws w [b, n] and two strengths.

        Source: DoWhy, ``add_unobserved_common_cause``, direct simulation: the confounder's part is added to the exposure and taken
        from the outcome.
        """
        d = rows.exposure + exposure * w if self.on_exposure == "linear" else _flipped(rows.exposure, w, exposure)
        y = rows.outcome - outcome * w if self.on_outcome == "linear" else _flipped(rows.outcome, w, outcome)
        return Retrials(exposure=d, outcome=y)


def _flipped(values: Floats, w: Floats, share: float) -> Floats:
    """0 and 1 turned round where w is beyond the normal distribution's quantile for the share."""
    from scipy import special

    return np.asarray(np.where(w >= special.ndtri(1 - share), 1 - values, values))


@dataclass(frozen=True, eq=False)
class Strengths:
    """How strong each observed covariate is, [K], by the same measure as the confounder."""

    exposure: Floats
    outcome: Floats


def observed(rows: CrossSection, how: Confounder, levels: Levels | None = None) -> Strengths:
    """Strengths of the covariates: for ``linear`` correlation x standard deviation, for ``flip`` the share of predictions that
    turn round when a covariate is held at its mean. With ``levels`` covariates count within units, as in the regression.

    Source: DoWhy's default strengths.
    """
    centred = rows.covariates - rows.covariates.mean(axis=0) if levels is None else levels.without(rows.covariates.T).T
    spread = centred.std(axis=0)
    standard = centred / np.where(spread > 0, spread, np.inf)
    kinds = (how.on_exposure, rows.exposure), (how.on_outcome, rows.outcome)
    return Strengths(*(_strengths(standard, values, kind) for kind, values in kinds))


def _strengths(standard: Floats, values: Floats, kind: str) -> Floats:
    if kind == "linear":
        return np.asarray(np.abs(standard.T @ (values - values.mean())) / len(values))
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression().fit(standard, values)
    own = standard * model.coef_[0]
    index = model.intercept_[0] + own.sum(axis=1)
    return np.array([np.mean(((index - part) > 0) != (index > 0)) for part in own.T])


def drawn_confounder(rows: CrossSection, how: Exchange, rng: np.random.Generator, b: int) -> Floats:
    """The confounder's values, [b, n]: one a row, or one a cluster where clusters are exposed as one."""
    return how.drawn(rng.standard_normal, b, len(rows))
