"""Simulation: the ledger in many worlds, in each of which every uncertain input has another value.

Worlds are made in blocks, each from its own streams of random numbers, so that results depend on the seed alone and memory does
not grow with years times flows times worlds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.scaleup_choices import ScaleUp
from scale_impact.scaleup.effect import EffectToScale
from scale_impact.scaleup.inputs import BLOCK, Input, Worlds, draw
from scale_impact.scaleup.ledger import Kind, Line, discount_factors
from scale_impact.scaleup.reach import Learnt, Paths, learnt, paths, reachable
from scale_impact.scaleup.voltage import cost_factor, strength

Floats = NDArray[np.float64]

KINDS: tuple[Kind, ...] = ("benefits", "costs", "transfers")


@dataclass(frozen=True)
class Simulated:
    """The ledger in n worlds; money in the block's, present values unless said otherwise.

    Attributes
    ----------
    lines:
        F flows.
    values:
        [F, n] present value of each flow's amount, without a sign.
    slopes:
        [F, 2] mean present value that one unit of improvement makes, where it is a gain and where it is a harm; 0 for flows that
        do not depend on the effect.
    yearly:
        [F, T] mean amount of each flow in each year, not discounted.
    cumulative:
        [n, T] discounted net value of all up to each year.
    at_scale:
        [n] improvement of the outcome for one participant, in the outcome's unit.
    made:
        [n] discounted units of improvement, over all participants and years.
    active:
        [n, T] participants.
    worlds:
        The inputs that were drawn: [n], or [1] for those that are known.
    """

    lines: tuple[Line, ...]
    values: Floats
    slopes: Floats
    yearly: Floats
    cumulative: Floats
    at_scale: Floats
    made: Floats
    active: Floats
    worlds: Mapping[str, Floats]

    @property
    def n(self) -> int:
        """How many worlds there are."""
        return int(self.values.shape[1])

    @cached_property
    def npv(self) -> Floats:
        """Net present value of all partners [n]: benefits less costs; transfers are in neither."""
        return _settled(self.total("benefits") - self.total("costs"), self._gross())

    def total(self, kind: Kind) -> Floats:
        """Benefits or costs of all [n]; transfers of all, which cancel."""
        if kind == "transfers":
            return np.zeros(self.n)
        return self._sum([1.0 if line.flow.kind == kind[:-1] else 0.0 for line in self.lines])

    def of(self, partner: str, kind: Kind) -> Floats:
        """What a partner has [n]: its benefits, its costs (above 0), or what it is paid less what it pays."""
        sign = -1 if kind == "costs" else 1
        return self._sum(
            [sign * line.parts.get(partner, 0.0) if line.flow.kind == kind[:-1] else 0.0 for line in self.lines]
        )

    def npv_of(self, partner: str) -> Floats:
        """Net present value of a partner [n]."""
        own = [line.parts.get(partner, 0.0) for line in self.lines]
        return _settled(self._sum(own), self._sum([abs(p) for p in own], absolute=True))

    def in_and_out(self, partner: str) -> tuple[Floats, Floats]:
        """What comes in to a partner and what goes out [n], transfers included."""
        own = [line.parts.get(partner, 0.0) for line in self.lines]
        return self._sum([max(p, 0.0) for p in own]), self._sum([max(-p, 0.0) for p in own])

    def _sum(self, parts: list[float], *, absolute: bool = False) -> Floats:
        found = np.zeros(self.n)
        for part, value in zip(parts, self.values, strict=True):
            if part:
                found += part * (np.abs(value) if absolute else value)
        return found

    def _gross(self) -> Floats:
        return self._sum([abs(line.sign) for line in self.lines], absolute=True)


def _settled(net: Floats, gross: Floats) -> Floats:
    """A net value that rounding alone keeps from 0 is 0."""
    return np.where(np.abs(net) <= 1e-12 * gross, 0.0, net)


def simulate(
    choices: ScaleUp, effect: EffectToScale, inputs: tuple[Input, ...], lines: tuple[Line, ...], *, seed: int = 20251122
) -> Simulated:
    """All worlds of a block: ``choices.draws`` of them."""
    sizes = [min(BLOCK, choices.draws - start) for start in range(0, choices.draws, BLOCK)]
    parts = (draw(inputs, choices, seed, k, n) for k, n in enumerate(sizes))
    return _joined([evaluate(choices, effect, lines, worlds, n) for worlds, n in zip(parts, sizes, strict=True)], lines)


def evaluate(
    choices: ScaleUp, effect: EffectToScale, lines: tuple[Line, ...], worlds: Worlds, n: int, rate: float | None = None
) -> Simulated:
    """The ledger in the n worlds given; ``rate`` in place of the discount rate."""
    discount = discount_factors(choices.discount, choices.horizon, rate)
    found = paths(choices, worlds)
    taught = learnt(choices, worlds, found.joined)
    power = strength(choices, effect, worlds)
    improvement = effect.improvement(worlds["effect"])
    book = _Book(choices, worlds, found, taught, power, improvement, discount)
    entries = [book.entry(line, n) for line in lines]
    at_scale = improvement * power
    made = at_scale * reachable(worlds) * (found.exposed * discount).sum(axis=1)
    cumulative = sum((e.net for e in entries), np.zeros((n, choices.horizon)))
    return Simulated(
        lines, np.array([e.value for e in entries]), np.array([e.slopes for e in entries]), np.array([e.yearly for e in entries]),
        np.cumsum(cumulative * discount, axis=1), _filled(at_scale, n), _filled(made, n),
        np.broadcast_to(found.active * reachable(worlds)[:, None], (n, choices.horizon)), worlds,
    )  # fmt: skip


@dataclass(frozen=True)
class _Entry:
    """One flow in n worlds: present value [n], slopes [2], mean by year [T], net by year [n or 1, T]."""

    value: Floats
    slopes: tuple[float, float]
    yearly: Floats
    net: Floats


@dataclass(frozen=True)
class _Book:
    """What the flows of a block share."""

    choices: ScaleUp
    worlds: Worlds
    paths: Paths
    learnt: Learnt | None
    strength: Floats
    improvement: Floats
    discount: Floats

    def entry(self, line: Line, n: int) -> _Entry:
        """One flow: its amount times what drives it, year by year."""
        amount = self.worlds[line.flow.name]
        dearer = amount * cost_factor(self.worlds) if line.flow.kind == "cost" else amount
        if line.flow.per == "effect":
            return self._of_effect(line, dearer, amount, n)
        yearly = dearer[:, None] * (self._driver(line) * line.years)
        return _entry(line, yearly, self.discount, n, (0.0, 0.0))

    def _driver(self, line: Line) -> Floats:
        """How many times the amount flows in each year [n or 1, T]."""
        per = line.flow.per
        if per in ("once", "year"):
            return np.ones((1, self.choices.horizon))
        path = self.paths.joined if per == "new_unit" else self.paths.active
        if line.flow.learns and self.learnt is not None:
            path = path * (self.learnt.joining if per == "new_unit" else self.learnt.running)
        return path * reachable(self.worlds)[:, None]

    def _of_effect(self, line: Line, dearer: Floats, amount: Floats, n: int) -> _Entry:
        """What follows the effect: of a harm as it is, for what scale makes dearer would make the saving on a harm larger."""
        units = (reachable(self.worlds) * self.strength)[:, None] * self.paths.exposed
        gains, harms = dearer[:, None] * units * line.years, amount[:, None] * units * line.harmed
        slopes = (float((gains * self.discount).sum(axis=1).mean()), float((harms * self.discount).sum(axis=1).mean()))
        better = (self.improvement >= 0)[:, None]
        return _entry(line, np.where(better, gains, harms) * self.improvement[:, None], self.discount, n, slopes)


def _entry(line: Line, yearly: Floats, discount: Floats, n: int, slopes: tuple[float, float]) -> _Entry:
    value = (yearly * discount).sum(axis=1)
    return _Entry(_filled(value, n), slopes, yearly.mean(axis=0), line.sign * yearly)


def _filled(values: Floats, n: int) -> Floats:
    """Values of n worlds, where all may have the same one."""
    return np.broadcast_to(values, (n,)) if len(values) == 1 else values


def _joined(parts: list[Simulated], lines: tuple[Line, ...]) -> Simulated:
    """Blocks as one."""
    share = np.array([p.n for p in parts]) / sum(p.n for p in parts)
    first = parts[0].worlds
    # a known input is [1] in each block, and a last block may have one world
    drawn = [k for k in first if len(first[k]) == parts[0].n > 1]
    return Simulated(
        lines,
        np.concatenate([p.values for p in parts], axis=1),
        np.asarray(sum(w * p.slopes for w, p in zip(share, parts, strict=True))),
        np.asarray(sum(w * p.yearly for w, p in zip(share, parts, strict=True))),
        np.concatenate([p.cumulative for p in parts]),
        np.concatenate([p.at_scale for p in parts]),
        np.concatenate([p.made for p in parts]),
        np.concatenate([p.active for p in parts]),
        {**first, **{k: np.concatenate([p.worlds[k] for p in parts]) for k in drawn}},
    )
