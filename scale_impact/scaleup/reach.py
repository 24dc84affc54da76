"""Reach: how many take part year by year, who is new, and for how many the effect still holds.

Sources: Bass (1969), A new product growth model for consumer durables, equation for F(t); Fisher and Pry (1971) for the logistic
curve; Wright (1936), Factors affecting the cost of airplanes: unit costs fall by a fixed part with each doubling.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.scaleup_choices import Adoption, ScaleUp
from scale_impact.scaleup.inputs import Worlds

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Paths:
    """Participants by year, for each unit that can be reached in the end: [n, T], or [1, T] where all worlds have the same.

    Attributes
    ----------
    active:
        Who takes part.
    joined:
        Who is new in the year.
    exposed:
        Who takes part, each counted by what is left of the effect.
    """

    active: Floats
    joined: Floats
    exposed: Floats


def paths(choices: ScaleUp, worlds: Worlds) -> Paths:
    """The paths of all worlds."""
    growth = (1 + choices.reach.grows) ** np.arange(choices.horizon)
    active = adoption_curve(choices.adoption, worlds, choices.horizon) * growth
    before = np.hstack([np.zeros((len(active), 1)), active[:, :-1]])
    joined = np.maximum(active - before, 0.0)
    return Paths(active, joined, _exposed(choices, worlds, active, joined))


def reachable(worlds: Worlds) -> Floats:
    """Units that take part in the end, at the number of units of year 1 [n or 1]."""
    return worlds["reach.units"] * worlds["reach.share"] * worlds["adoption.ceiling"]


def adoption_curve(adoption: Adoption, worlds: Worlds, horizon: int) -> Floats:
    """The part of the ceiling that takes part, in the middle of each year [n or 1, T]."""
    from scipy.special import expit

    elapsed = np.arange(1, horizon + 1) - adoption.starts + 0.5
    begun = elapsed > 0
    if adoption.shares is not None:
        row = np.minimum(np.maximum(elapsed - 0.5, 0), len(adoption.shares) - 1).astype(int)
        return np.atleast_2d(np.where(begun, np.asarray(adoption.shares)[row], 0.0))
    if adoption.curve == "at_once":
        return np.atleast_2d(begun.astype(float))
    column = {name: worlds[f"adoption.{name}"][:, None] for name in _needed(adoption)}
    if adoption.curve == "linear":
        part = np.clip(elapsed / column["years"], 0, 1)
    elif adoption.curve == "logistic":
        # from 10 % to 90 % of the ceiling are 2 ln 9 units of the standard logistic curve
        part = expit(2 * np.log(9) / column["years"] * (elapsed - column["midpoint"]))
    else:
        p, q = column["innovation"], column["imitation"]
        fallen = np.exp(-(p + q) * np.maximum(elapsed, 0))
        part = (1 - fallen) / (1 + q / p * fallen)
    return np.where(begun, part, 0.0)


def _needed(adoption: Adoption) -> tuple[str, ...]:
    return tuple(k for k in ("years", "midpoint", "innovation", "imitation") if getattr(adoption, k) is not None)


def _exposed(choices: ScaleUp, worlds: Worlds, active: Floats, joined: Floats) -> Floats:
    """Participants, each counted by what is left of the effect since it joined; who leaves leaves from all years alike."""
    if choices.decay.half_life is None:
        return active
    left = 0.5 ** (1 / worlds["decay.half_life"])
    n = max(len(active), len(left))
    found, now, last = np.empty((n, active.shape[1])), np.zeros(n), np.zeros(len(active))
    for t in range(active.shape[1]):
        stays = np.divide(active[:, t], last, out=np.ones(len(active)), where=last > active[:, t])
        now = now * left * stays + joined[:, t]
        found[:, t], last = now, active[:, t]
    return choices.decay.floor * active + (1 - choices.decay.floor) * found


# ---- learning -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Learnt:
    """What a unit costs by year, as a multiple of what it cost at first [n, T].

    ``joining``: the mean over the units that join in the year; ``running``: of a unit at the end of the year.
    """

    joining: Floats
    running: Floats


def learnt(choices: ScaleUp, worlds: Worlds, joined: Floats) -> Learnt | None:
    """Wright's curve over all units made so far, those before year 1 included; None where nothing is learnt.

    A unit of number x costs (x / before) ** b, b = log2(rate); the mean over a year's units is the integral over them.
    """
    if choices.learning is None:
        return None
    before, b = choices.learning.before, np.log2(worlds["learning.rate"])[:, None]
    made = joined * reachable(worlds)[:, None]
    end = before + np.cumsum(made, axis=1)
    start = end - made
    log_ratio = np.log1p(made / start)
    power = (1 + b) * log_ratio
    mean = _ratio(np.expm1(power), power) * _ratio(log_ratio, made / start)
    return Learnt((start / before) ** b * mean, (end / before) ** b)


def _ratio(above: Floats, below: Floats) -> Floats:
    """A ratio of two numbers that go to 0 alike: 1 there."""
    above, below = np.broadcast_arrays(above, below)
    return np.divide(above, below, out=np.ones(above.shape), where=np.abs(below) > 1e-12)
