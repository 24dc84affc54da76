"""Propensity models: logits of being in a cohort rather than among its controls, many at once.

Maximum likelihood by Newton's method with the start and the stopping rule of R's ``glm``, so that
the digits are R's too. All models look at the same units, block by block while these are in the
processor's cache; the first step needs no look at all where units count the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Trouble = Literal["small", "few_controls", "collinear", "overlap", "unsettled"]

BLOCK = 1 << 13
"""Units handled at once."""

SETTLED, STEPS = 1e-8, 25
"""Relative change of the deviance at which a model has settled, and most steps, as in R's ``glm``."""

START = 0.5
"""R's ``glm`` starts from the probabilities (w y + 0.5) / (w + 1)."""

LEAST_LOGIT = -700.0
"""Below, exp(-logit) is beyond the largest number."""

NO_OVERLAP = 0.999
"""Probability from which on a unit has no counterpart among the controls, as in R's ``did``."""

TRIMMED = 0.995
"""Controls with this probability or more do not count, as in R's ``DRDID``."""


@dataclass(frozen=True)
class Groups:
    """Units by cohort: covariates [k, n_g] with a constant first, and weights [n_g] (None: all 1)."""

    covariates: Sequence[Floats]
    weights: Sequence[Floats | None]

    def blocks(self, g: int) -> Iterator[tuple[Floats, Floats | None]]:
        """Covariates and weights of some units of a cohort at a time."""
        x, w = self.covariates[g], self.weights[g]
        for start in range(0, x.shape[1], BLOCK):
            part = slice(start, start + BLOCK)
            yield x[:, part], None if w is None else w[part]

    def moments(self) -> Floats:
        """Sums of weight times products of covariates by cohort, [G, k, k]."""
        parts = [(x if w is None else x * w) @ x.T for x, w in zip(self.covariates, self.weights, strict=True)]
        return np.array(parts)

    @property
    def alike(self) -> bool:
        """Whether all units that count, count the same."""
        return all(w is None or bool(((w == 0) | (w == 1)).all()) for w in self.weights)

    def seen(self) -> Floats:
        """Units that count, by cohort, [G]."""
        parts = zip(self.covariates, self.weights, strict=True)
        return np.array([x.shape[1] if w is None else (w > 0).sum() for x, w in parts], dtype=float)


@dataclass(frozen=True)
class Models:
    """P fitted models.

    Attributes
    ----------
    coefficients:
        [P, k].
    information:
        Negative second derivatives of the likelihood there, [P, k, k].
    overlap:
        Whether every unit's probability stays below ``NO_OVERLAP``.
    settled:
        Whether the steps came to rest.
    """

    coefficients: Floats
    information: Floats
    overlap: Bools
    settled: Bools

    def troubles(self) -> list[Trouble | None]:
        """What is wrong with each model; None: nothing."""
        each = zip(self.overlap, self.settled, strict=True)
        return [None if o and s else "overlap" if not o else "unsettled" for o, s in each]

    def inverse(self, p: int) -> Floats:
        """Inverse of the information of a model, [k, k]."""
        return np.asarray(np.linalg.inv(self.information[p]))


@dataclass(frozen=True)
class _Look:
    """Deviance [P], gradient [P, k], information [P, k, k] and largest probability [P] at some coefficients."""

    deviance: Floats
    gradient: Floats
    information: Floats
    top: Floats


def fit_models(groups: Groups, moments: Floats, treated: Ints, controls: Bools) -> Models:
    """Maximum likelihood of P models; the p-th is of cohort ``treated[p]`` against ``controls[p]`` [G].

    ``moments`` are those of ``groups``. Models in which one side is empty, or covariates are
    combinations of each other, are not for here.
    """
    sides = _Sides(groups, moments, treated, controls)
    b, deviance = sides.start()
    information, top = np.zeros((len(b), *moments.shape[1:])), np.ones(len(b))
    going = np.arange(len(b))
    for _ in range(STEPS):
        look = sides.look(b[going], going)
        information[going], top[going] = look.information, look.top
        change = np.abs(look.deviance - deviance[going]) / (np.abs(look.deviance) + 0.1)
        deviance[going] = look.deviance
        left = ~(change < SETTLED)
        going = going[left]
        if not len(going):
            break
        b[going] += _solved(look.information[left], look.gradient[left])
    return Models(b, information, top < NO_OVERLAP, ~np.isin(np.arange(len(b)), going))


@dataclass(frozen=True, eq=False)
class _Sides:
    """Who is on which side of P models; see ``fit_models``."""

    groups: Groups
    moments: Floats
    treated: Ints
    controls: Bools

    @cached_property
    def members(self) -> Bools:
        """Cohorts that have part, [P, G]."""
        return np.asarray(self.controls | (np.arange(len(self.moments)) == self.treated[:, None]))

    @cached_property
    def scale(self) -> Floats:
        """What gives a model's weights the mean 1, [P]."""
        return np.asarray((self.members @ self.groups.seen()) / (self.members @ self.moments[:, 0, 0]))

    def start(self) -> tuple[Floats, Floats]:
        """Coefficients after the first step, [P, k], and the deviance before it, [P]."""
        if not self.groups.alike:
            return self._weighted_start()
        p = (1 + START) / (1 + 2 * START)  # of a treated unit; of a control it is 1 - p
        pull = np.log(p / (1 - p)) + 1 / p
        inside = np.einsum("pg,gjk->pjk", self.members, self.moments)
        target = self.moments[self.treated, 0] - np.einsum("pg,gk->pk", self.controls, self.moments[:, 0])
        return _solved(inside, pull * target), -2 * np.log(p) * inside[:, 0, 0]

    def _weighted_start(self) -> tuple[Floats, Floats]:
        count, k = len(self.treated), self.moments.shape[1]
        xx, xz, deviance = np.zeros((count, k, k)), np.zeros((count, k)), np.zeros(count)
        for m, g in np.argwhere(self.members):
            y = float(g == self.treated[m])
            for x, w in self.groups.blocks(int(g)):
                v = np.ones(x.shape[1]) if w is None else w
                v = v * self.scale[m]
                p = (v * y + START) / (v + 1)
                size = v * p * (1 - p)
                xx[m] += (x * size) @ x.T
                xz[m] += x @ (size * np.log(p / (1 - p)) + v * (y - p))
                deviance[m] -= 2 * (v * np.log(p if y else 1 - p)).sum()
        return _solved(xx, xz), deviance

    def look(self, b: Floats, models: Ints) -> _Look:
        """The likelihood of some models at coefficients ``b``."""
        p, k = b.shape
        upper = np.triu_indices(k)
        gradient = self.moments[self.treated[models], 0].copy()
        products, top, logs = np.zeros((p, len(upper[0]))), np.zeros(p), np.zeros(p)
        for g in range(len(self.moments)):
            chosen = np.flatnonzero(self.members[models, g])
            for x, w in self.groups.blocks(g) if len(chosen) else ():
                probability, log = _probability_and_log(b[chosen] @ x)
                seen = probability if w is None else probability * (w > 0)
                top[chosen] = np.maximum(top[chosen], seen.max(axis=1, initial=0.0))
                logs[chosen] += log.sum(axis=1) if w is None else log @ w
                weighted = probability if w is None else probability * w
                gradient[chosen] -= weighted @ x.T
                products[chosen] += (weighted * (1 - probability)) @ (x[upper[0]] * x[upper[1]]).T
        information = np.zeros((p, k, k))
        information[:, upper[0], upper[1]] = information[:, upper[1], upper[0]] = products
        among_controls = np.einsum("pk,pg,gk->p", b, self.controls[models], self.moments[:, 0])
        return _Look(2 * self.scale[models] * (logs + among_controls), gradient, information, top)


def _probability_and_log(logits: Floats) -> tuple[Floats, Floats]:
    """p = 1 / (1 + exp(-logit)), and -log p."""
    np.maximum(logits, LEAST_LOGIT, out=logits)
    np.negative(logits, out=logits)
    np.exp(logits, out=logits)
    logits += 1.0
    return np.reciprocal(logits), np.log(logits, out=logits)


def probabilities(logits: Floats) -> Floats:
    """1 / (1 + exp(-logits))."""
    with np.errstate(over="ignore"):
        found = np.exp(-logits)
    found += 1.0
    return np.reciprocal(found, out=found)


def _solved(information: Floats, gradient: Floats) -> Floats:
    """Newton steps, [P, k]; the shortest where the information has no full rank."""
    try:
        return np.asarray(np.linalg.solve(information, gradient[..., None])[..., 0])
    except np.linalg.LinAlgError:
        return np.asarray((np.linalg.pinv(information, hermitian=True) @ gradient[..., None])[..., 0])
