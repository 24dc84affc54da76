"""The effect by matching, its bias correction and its standard error.

A row's outcome in another arm is the mean of its neighbours there, corrected on demand by a regression for what they differ
in. With t_i 1 for rows that are matched, K_j the sum of the shares by which row j is used and K'_j that of their squares:

    effect = sum_i t_i e_i / N,   variance = [ sum_i t_i (e_i - effect)^2 + sum_i ((t_i + K_i)^2 - t_i - K'_i) s_i^2 ] / N^2

s_i^2 is the variance among a row and its nearest neighbours in its own arm. Where rows depend on each other (clusters), errors are
summed by cluster with regressions m of each arm:  t_i (m_1 - m_0 - effect) + sign_i (t_i + K_i) (y_i - m).

Source: Abadie and Imbens (2006), theorems 6 and 7; (2011), section 4 (bias correction); (2016), theorems 1 and 2, section 4
(the propensity is estimated); Otsu and Rai (2017), section 2 (the linear form).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scale_impact.core.causal.balancing.logit import Bools, Logit
from scale_impact.core.causal.balancing.matching import Floats, Ints, Neighbours, neighbours

OWN = 2
"""Rows of its own arm, itself among them, that a row's variance is told by."""


@dataclass(frozen=True, eq=False)
class Pairing:
    """Rows that are matched to rows of another arm.

    Attributes
    ----------
    targets, sources:
        Row numbers.
    sign:
        With which their neighbours' mean enters the effect: -1 for what would have been, +1 for a second difference.
    points:
        [n, q], places between which distances are measured.
    """

    targets: Ints
    sources: Ints
    sign: float
    points: Floats


@dataclass(frozen=True)
class Rules:
    """How neighbours are chosen: how many, how far at most, and cells [n] that they share; whether differences are corrected."""

    k: int
    caliper: float | None
    cells: Ints
    corrected: bool


@dataclass(frozen=True, eq=False)
class Match:
    """A matched sample.

    Attributes
    ----------
    value:
        The effect.
    effects:
        [n], of each row that is matched; 0 elsewhere.
    matched:
        [n], rows that the effect is the mean of.
    used, squares:
        [n], K and K'.
    near:
        Neighbours of each pairing.
    """

    value: float
    effects: Floats
    matched: Bools
    used: Floats
    squares: Floats
    near: tuple[Neighbours, ...]

    @property
    def n(self) -> int:
        """Rows that the effect is the mean of."""
        return int(self.matched.sum())

    def weights(self, arms: Ints) -> Floats:
        """[n], what each row counts; they sum to 1 in each arm."""
        found = self.matched + self.used
        return np.asarray(found / np.bincount(arms, found)[arms])


def matched_effect(pairings: tuple[Pairing, ...], y: Floats, x: Floats, own_sign: Floats, rules: Rules) -> Match | None:
    """The effect by matching; None where nobody has a neighbour.

    ``x`` [n, k] are the columns of the bias correction, a constant first; ``own_sign`` [n] is +1 for rows whose own outcome is
    that of the exposed.
    """
    n = len(y)
    near = tuple(_near(p, rules) for p in pairings)
    matched, asked = np.zeros(n, dtype=bool), np.ones(n, dtype=bool)
    for p, found in zip(pairings, near, strict=True):
        matched[p.targets] = True
        asked[p.targets[~found.found]] = False
    matched &= asked
    if not matched.any():
        return None
    effects, used, squares = np.where(matched, own_sign * y, 0.0), np.zeros(n), np.zeros(n)
    for p, found in zip(pairings, near, strict=True):
        count = matched[p.targets].astype(float)
        share = found.used(count)
        used[p.sources] += share
        squares[p.sources] += found.used(count, power=2)
        guess = found.means(y[p.sources])
        if rules.corrected:
            slopes = _slopes(x[p.sources], y[p.sources], share)
            guess = guess + (x[p.targets] - found.means(x[p.sources])) @ slopes
        effects[p.targets] += p.sign * guess * count
    return Match(float(effects.sum() / matched.sum()), effects, matched, used, squares, near)


def _near(p: Pairing, rules: Rules) -> Neighbours:
    cells = rules.cells
    return neighbours(
        p.points[p.targets], p.points[p.sources], cells[p.targets], cells[p.sources], rules.k, rules.caliper
    )


def _slopes(x: Floats, y: Floats, weights: Floats) -> Floats:
    """Least squares among rows that are used, each as often as it is used."""
    weighted = x * weights[:, None]
    return np.asarray(np.linalg.lstsq(weighted.T @ x, weighted.T @ y, rcond=1e-12)[0])


# ---- errors -----------------------------------------------------------------------------------------


def matching_variance(match: Match, pairings: tuple[Pairing, ...], y: Floats, cells: Ints) -> float:
    """Abadie and Imbens' variance of the effect, for rows that are independent and places that are known."""
    apart = ((match.effects - match.value)[match.matched] ** 2).sum()
    extra = (match.matched + match.used) ** 2 - match.matched - match.squares
    return float(apart + extra @ own_variances(pairings, y, cells)) / match.n**2


def own_variances(pairings: tuple[Pairing, ...], y: Floats, cells: Ints) -> Floats:
    """Variance of a row's outcome given its place, among it and its nearest rows in its own arm, [n]; 0 where not asked."""
    found = np.zeros(len(y))
    for p in pairings:
        places, own = p.points[p.sources], cells[p.sources]
        mine = y[p.sources] - y[p.sources].mean()
        near = neighbours(places, places, own, own, OWN, None)
        size = near.sizes()
        with np.errstate(divide="ignore", invalid="ignore"):
            squares = (near.means(mine**2) - near.means(mine) ** 2) * size / (size - 1)
        usual = np.nanmean(squares[size > 1]) if (size > 1).any() else 0.0
        found[p.sources] = np.where(size > 1, squares, usual)
    return found


def clustered_influence(match: Match, y: Floats, x: Floats, arms: Ints, signs: Floats) -> Floats:
    """What each row adds to the error, [n], by regressions of each arm; ``signs`` [A] of the arms in the effect."""
    fits = np.stack([_fit(x, y, arms == a) for a in range(len(signs))])
    own = fits[arms, np.arange(len(y))]
    effects = match.matched * (signs @ fits - match.value)
    return np.asarray(effects + signs[arms] * (match.matched + match.used) * (y - own)) / match.n


def _fit(x: Floats, y: Floats, rows: Bools) -> Floats:
    return np.asarray(x @ np.linalg.lstsq(x[rows], y[rows], rcond=1e-12)[0])


def propensity_adjustment(match: Match, logit: Logit, y: Floats, exposed: Bools, cells: Ints, target: str) -> float:
    """What the estimated propensity adds to the variance: negative for the ATE, of either sign for the ATT.

    Source: Abadie and Imbens (2016), theorems 1 and 2, with covariances among nearest neighbours as in section 4.
    """
    x, p = logit.x, logit.probabilities
    slope = p * (1 - p)
    arms = [_local(logit, y, exposed == a, cells) for a in (False, True)]
    if target == "ATE":
        c = ((slope / p) @ arms[1].covariance + (slope / (1 - p)) @ arms[0].covariance) / len(y)
        return -float(c @ logit.inverse @ c)
    n = match.n
    gap = arms[1].mean - arms[0].mean - match.value
    c = (x.T @ (slope * gap) + slope @ arms[1].covariance + (slope * p / (1 - p)) @ arms[0].covariance) / n
    opposite = np.where(exposed, y - arms[0].nearest, arms[1].nearest - y)
    turn = x.T @ (slope * (opposite - match.value)) / n
    return float(turn @ logit.inverse @ turn - c @ logit.inverse @ c)


@dataclass(frozen=True, eq=False)
class _Local:
    """About each row, among its nearest rows of an arm: mean outcome, that of the nearest, covariances with covariates [n, k]."""

    mean: Floats
    nearest: Floats
    covariance: Floats


def _local(logit: Logit, y: Floats, arm: Bools, cells: Ints) -> _Local:
    places = logit.logits[:, None]
    near = neighbours(places, places[arm], cells, cells[arm], OWN, None)
    one = neighbours(places, places[arm], cells, cells[arm], 1, None)
    x, own = logit.x[arm], y[arm]
    mean = near.means(own)
    size = near.sizes()[:, None]
    products = near.means(x * own[:, None]) - near.means(x) * mean[:, None]
    return _Local(mean, one.means(own), np.where(size > 1, products * size / np.maximum(size - 1, 1), 0.0))
