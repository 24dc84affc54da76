"""Uncertain inputs: their names, their distributions, and worlds drawn from them.

Each input has a stream of random numbers of its own, by its name, so that neither the order of a study's lines nor a line more
changes what the others draw. Inputs that move together share it by a Gaussian copula.

Source: Iman and Conover (1982) on given rank correlations; L'Ecuyer (2012) on streams.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.scaleup_choices import Quantity, ScaleUp
from scale_impact.core.scaleup_correlations import matrix, root
from scale_impact.core.scaleup_problems import INPUTS
from scale_impact.scaleup.effect import EffectToScale

Floats = NDArray[np.float64]
Worlds = Mapping[str, Floats]
"""Values of each input in n worlds: [n], or [1] where it is the same in all."""

BLOCK = 10_000
"""Worlds that are drawn and computed together; a block's numbers depend on the seed and its place alone."""

NORMAL_95 = 1.959963984540054


@dataclass(frozen=True)
class Input:
    """An input: its distribution, and where it is put at its low and high.

    Attributes
    ----------
    name:
        Its place in the block, or the flow's name.
    mean, low, high:
        Of the distribution, and the stated ends (of the effect: those of its interval).
    quantile:
        Values at probabilities.
    linear:
        Whether the net present value is linear in it, all others being held.
    """

    name: str
    mean: float
    low: float
    high: float
    quantile: Callable[[Floats], Floats]
    linear: bool

    @property
    def is_known(self) -> bool:
        """Whether it is one number."""
        return self.low == self.high


def inputs_of(choices: ScaleUp, effect: EffectToScale, level: float) -> tuple[Input, ...]:
    """All inputs of a block in the order of their names, the effect first."""
    quantities = {name: found for name, place in INPUTS.items() if (found := _at(choices, place)) is not None}
    quantities |= {flow.name: flow.amount for flow in choices.flows}
    learns = any(flow.learns for flow in choices.flows)
    named = [_of_quantity(n, q, _is_linear(n, choices, learns)) for n, q in sorted(quantities.items())]
    return (_of_effect(effect, level), *named)


def _at(choices: ScaleUp, place: tuple[str, ...]) -> Quantity | None:
    part: Any = choices
    for key in place:
        part = getattr(part, key, None)
    return part if isinstance(part, Quantity) else None


def _is_linear(name: str, choices: ScaleUp, learns: bool) -> bool:
    """Whether all that is paid and gained is a multiple of the input, or does not depend on it."""
    if name in ("reach.units", "reach.share", "adoption.ceiling"):
        return not learns
    if name == "dose":
        return choices.dose.elasticity == 1
    return not name.startswith(("adoption.", "decay.", "learning."))


def _of_effect(effect: EffectToScale, level: float) -> Input:
    low, high = (float(v) for v in effect.quantile(np.array([(1 - level) / 2, (1 + level) / 2])))
    mean = float(effect.estimate if effect.drawn is None else np.mean(effect.drawn))
    return Input("effect", mean, low, high, effect.quantile, effect.scale == "level")


def _of_quantity(name: str, quantity: Quantity, linear: bool) -> Input:
    low, high = quantity.ends
    return Input(name, mean_of(quantity), low, high, lambda u: quantile_of(quantity, u), linear)


def mean_of(quantity: Quantity) -> float:
    """The mean of a quantity's distribution."""
    (low, high), best = quantity.ends, quantity.best
    if quantity.is_known or quantity.shape in ("normal", "uniform"):
        return (low + high) / 2 if quantity.shape in ("normal", "uniform") else best
    if quantity.shape == "lognormal":
        return float(np.sqrt(low * high) * np.exp((np.log(high / low) / (2 * NORMAL_95)) ** 2 / 2))
    return (low + 4 * best + high) / 6 if quantity.shape == "pert" else (low + best + high) / 3


def quantile_of(quantity: Quantity, u: Floats) -> Floats:
    """A quantity at probabilities [n]."""
    from scipy.special import betaincinv, ndtri

    (low, high), best = quantity.ends, quantity.best
    if quantity.is_known:
        return np.full(len(u), best)
    width = high - low
    if quantity.shape == "uniform":
        found = low + width * u
    elif quantity.shape == "normal":
        found = (low + high) / 2 + width / (2 * NORMAL_95) * ndtri(u)
    elif quantity.shape == "lognormal":
        found = np.sqrt(low * high) * np.exp(np.log(high / low) / (2 * NORMAL_95) * ndtri(u))
    elif quantity.shape == "pert":
        found = low + width * betaincinv(1 + 4 * (best - low) / width, 1 + 4 * (high - best) / width, u)
    else:
        rises = u * width < best - low
        found = np.where(
            rises, low + np.sqrt(u * width * (best - low)), high - np.sqrt(np.clip((1 - u) * width * (high - best), 0, None))
        )  # fmt: skip
    return np.asarray(found, dtype=float)


# ---- draws ----------------------------------------------------------------------------------------------


def draw(inputs: tuple[Input, ...], choices: ScaleUp, seed: int, block: int, n: int) -> dict[str, Floats]:
    """Values of all inputs in the n worlds of a block; [1] for those that are known."""
    from scipy.special import ndtr

    scores = {i.name: normals(seed, block, i.name, n) for i in inputs if not i.is_known}
    scores |= _together(choices, scores)
    return {i.name: np.array([i.mean]) if i.is_known else i.quantile(ndtr(scores[i.name])) for i in inputs}


def normals(seed: int, block: int, name: str, n: int) -> Floats:
    """The normal scores of one stream."""
    words = tuple(np.frombuffer(hashlib.sha256(name.encode()).digest()[:16], dtype="<u4").tolist())
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(block, *words))).standard_normal(n)


def _together(choices: ScaleUp, scores: Mapping[str, Floats]) -> dict[str, Floats]:
    """The scores of inputs that move together."""
    pairs = {(min(c.between), max(c.between)): c.rho for c in choices.correlations}
    names, correlations = matrix(pairs)
    if not names:
        return {}
    mixed = root(correlations)
    return {
        name: sum((mixed[k, j] * scores[other] for j, other in enumerate(names)), np.zeros(1))
        for k, name in enumerate(names)
    }


def tied(choices: ScaleUp) -> frozenset[str]:
    """Names of inputs that move with another one."""
    return frozenset(name for c in choices.correlations if c.rho != 0 for name in c.between)
