"""Did chance deal fairly? What clusters were like before, by what they were dealt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.causal.covariates import as_numbers
from scale_impact.core.cohorts import Floats
from scale_impact.core.experiment.dealing import Codes, Dealings
from scale_impact.core.experiment.rollout import Rollout
from scale_impact.core.words import plain

OUTCOME_BEFORE = "outcome before"

RANK = 1e-9
"""Share of the largest eigenvalue below which a direction of the covariance is none."""


@dataclass(frozen=True, eq=False)
class Before:
    """What the C clusters were like before anybody was treated: values [C, K], their names, and what was left out."""

    values: Floats
    names: tuple[str, ...]
    notes: tuple[str, ...]


def before(rollout: Rollout, covariates: Sequence[str]) -> Before:
    """Means of covariates over the rows of each cluster before the first treated period, and of the outcome where dates were dealt.

    Covariates of exposure designs are averaged over all rows.

    Raises
    ------
    DesignError
        A covariate is missing in some rows.
    """
    early = _early(rollout)
    rows = rollout.take(early)
    labels = [
        f"row {r}" if not rollout.panel.followed else plain(rollout.panel.units[u])
        for r, u in zip(rows.rows, rows.unit, strict=True)
    ]
    made = as_numbers({c: rows.column(c) for c in covariates}, labels)
    columns = [made.values, rows.outcome[:, None]] if rollout.adoption else [made.values]
    table = np.column_stack(columns)
    sizes = rows.by_cluster(np.ones(len(rows)))
    means = rows.by_cluster(table) / sizes[:, None]
    names = (*made.names, OUTCOME_BEFORE) if rollout.adoption else made.names
    return Before(means, names, made.notes)


def _early(rollout: Rollout) -> NDArray[np.bool_]:
    """Rows before the first treated period of any cluster; all rows where none is before."""
    first = int(rollout.starts[rollout.arms].min())
    return np.asarray(rollout.period < first if rollout.adoption else np.ones(len(rollout), dtype=bool))


@dataclass(frozen=True, eq=False)
class Omnibus:
    """One statistic for all covariates and arms, for any dealing.

    Source: Hansen and Bowers (2008), equation 8; with several arms the products of all arms but one.
    """

    values: Floats
    strata: Codes
    inverse: Floats
    root: Floats
    arms: Codes
    rank: int

    @classmethod
    def of(cls, values: Floats, arms: Codes, strata: Codes) -> Omnibus:
        """Covariates [C, K], centred within strata, and the covariance of their sums by arm over dealings."""
        kinds = np.unique(arms)[:-1]
        centred, k = values.copy(), values.shape[1]
        whole = np.zeros((len(kinds) * k, len(kinds) * k))
        for s in np.unique(strata):
            here = strata == s
            n = int(here.sum())
            centred[here] -= centred[here].mean(axis=0)
            share = np.array([(arms[here] == a).mean() for a in kinds])
            spread = np.diag(share) - np.outer(share, share)
            whole += np.kron(spread, centred[here].T @ centred[here]) * (n / (n - 1) if n > 1 else 0.0)
        root, rank = _inverse_root(whole)
        return cls(centred, strata, root @ root.T, root, kinds, rank)

    def of_dealings(self, arms: Codes) -> Floats:
        """The statistic of dealings [b, C], [b]."""
        sums = np.concatenate([(arms == a).astype(float) @ self.values for a in self.arms], axis=1)
        return np.asarray(((sums @ self.root) ** 2).sum(axis=1))

    def through(self, dealings: Dealings) -> Floats:
        """The statistic of all dealings, [B]."""
        return np.concatenate(
            [self.of_dealings(block) for block in dealings.blocks(dealings.arms.shape[1] * len(self.arms))]
        )


def _inverse_root(matrix: Floats) -> tuple[Floats, int]:
    """A root of the (pseudo) inverse, scaled so that units of measurement do not matter, and the rank."""
    scale = np.sqrt(np.maximum(np.diag(matrix), 0.0))
    safe = np.where(scale > 0, scale, 1.0)
    values, vectors = np.linalg.eigh(matrix / np.outer(safe, safe))
    good = values > RANK * max(float(values.max(initial=0.0)), 1e-300)
    return vectors[:, good] / np.sqrt(values[good]) / safe[:, None], int(good.sum())


def standardised(values: Floats, treated: Floats, strata: Codes) -> Floats:
    """Difference of treated and others within strata over the standard deviation, [K]; strata count by n1 n0 / n."""
    total, weight = np.zeros(values.shape[1]), 0.0
    squares, n = np.zeros(values.shape[1]), 0
    for s in np.unique(strata):
        here = strata == s
        ones, zeros = here & (treated > 0), here & ~(treated > 0)
        inside = values[here] - values[here].mean(axis=0)
        squares, n = squares + (inside**2).sum(axis=0), n + int(here.sum()) - 1
        if ones.any() and zeros.any():
            w = ones.sum() * zeros.sum() / here.sum()
            total, weight = total + w * (values[ones].mean(axis=0) - values[zeros].mean(axis=0)), weight + w
    spread = np.sqrt(squares / max(n, 1))
    return np.asarray(np.divide(total, weight * spread, out=np.zeros_like(total), where=(spread > 0) & (weight > 0)))
