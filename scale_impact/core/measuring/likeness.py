"""Likeness: whether treated cities varied before treatment as the untreated did, whose variation stands in for theirs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scale_impact.core.check import Check
from scale_impact.core.measuring.comparisons import Bools, Floats, Table
from scale_impact.core.words import counted, number, p_words

NAME = "like_controls"

FEWEST = 2
"""Cities a side, and periods, that the comparison needs."""


@dataclass(frozen=True)
class Ratio:
    """Variance of the treated cities' paths over that of the untreated, with how often a dealing of cities is as far from 1."""

    value: float
    p_value: float
    least: float


def ratio_before(table: Table, treated: Bools, others: Bools, last: int, draws: int, seed: int) -> Ratio | str:
    """Variances of paths until a last period, around each side's mean path; or why they cannot be compared."""
    seen = table.seen[:, : last + 1].all(axis=1)
    rows = np.flatnonzero((treated | others) & seen)
    side = treated[rows]
    n, m = int(side.sum()), int((~side).sum())
    if min(n, m) < FEWEST or last + 1 < FEWEST:
        return (
            f"Before treatment there are {counted(last + 1, 'period')}, {counted(n, 'treated city', 'treated cities')} and {counted(m, 'control')} "
            f"to compare; {FEWEST} of each are needed."
        )
    paths = table.y[rows, : last + 1]
    paths = paths - paths.mean(axis=1, keepdims=True)
    paths = np.where(side[:, None], paths - paths[side].mean(axis=0), paths - paths[~side].mean(axis=0))
    if not (paths**2).sum() > 0:
        return "Before treatment no city departs from the mean path of its side."
    return _dealt(paths, side, draws, np.random.default_rng(seed))


def _dealt(paths: Floats, side: Bools, draws: int, rng: np.random.Generator) -> Ratio:
    """Paths around the mean of their side, dealt to the two sides anew: log ratios as far from 0 as the one found."""
    own = float(_log_ratio(paths, side[None])[0])
    dealt = rng.permuted(np.tile(side, (draws, 1)), axis=1)
    far = int((np.abs(_log_ratio(paths, dealt)) >= abs(own) - 1e-12).sum())
    return Ratio(float(np.exp(np.clip(own, -50, 50))), (far + 1) / (draws + 1), 1 / (draws + 1))


def _log_ratio(paths: Floats, sides: Bools) -> Floats:
    """Log ratio of the variances of two sides around their means, one a dealing [B]."""
    squares, found = (paths**2).sum(axis=1), []
    for chosen in (sides, ~sides):
        n = chosen.sum(axis=1)
        means = (chosen.astype(float) @ paths) / n[:, None]
        found.append((chosen.astype(float) @ squares - n * (means**2).sum(axis=1)) / (n - 1))
    return np.asarray(np.log(np.maximum(found[0], 1e-300)) - np.log(np.maximum(found[1], 1e-300)))


def in_words(found: Ratio, alpha: float) -> Check:
    """The verdict."""
    said = f"before treatment the variance of treated cities' paths is {number(found.value)} times that of untreated ones ({p_words(found.p_value)})"
    details = {"ratio": found.value}
    if found.p_value > alpha:
        reason = f"{said[0].upper()}{said[1:]}: nothing speaks against taking their errors from these."
        return Check(NAME, "pass", reason, found.value, found.p_value, details)
    way = "too small" if found.value > 1 else "too large"
    reason = f"{said[0].upper()}{said[1:]}: standard errors of single cities, taken from the untreated, are {way}."
    return Check(NAME, "fail", reason, found.value, found.p_value, details)
