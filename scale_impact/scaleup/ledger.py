"""Ledger: each flow as a line with what it is in each year, who pays it and who has it; transfers cancel in the total.

Money is in the block's currency and prices; optimism is on it: costs are raised, benefits lowered.

Source: HM Treasury (2022), The Green Book, and its supplementary guidance on optimism bias.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.scaleup_choices import Discount, Flow, ScaleUp

Floats = NDArray[np.float64]
Kind = Literal["benefits", "costs", "transfers"]


@dataclass(frozen=True)
class Line:
    """One flow.

    Attributes
    ----------
    flow:
        As the study gives it.
    years:
        [T] what one unit of the amount makes in each year, in the block's money, optimism on it; 0 where it does not flow.
    harmed:
        [T] the same where the effect is harmful: optimism takes nothing off a harm.
    parts:
        What each partner has of it: 1 all, -1 pays all.
    """

    flow: Flow
    years: Floats
    harmed: Floats
    parts: Mapping[str, float]

    @property
    def sign(self) -> int:
        """1 for a benefit, -1 for a cost, 0 for a transfer: what it adds to the total."""
        return {"benefit": 1, "cost": -1, "transfer": 0}[self.flow.kind]


def lines(choices: ScaleUp) -> tuple[Line, ...]:
    """All lines in the order of their names, so that sums do not depend on the order of a file."""
    return tuple(_line(flow, choices) for flow in sorted(choices.flows, key=lambda f: f.name))


def _line(flow: Flow, choices: ScaleUp) -> Line:
    worth = rate_to(choices, flow.currency, flow.year)
    plain = _when(flow, choices.horizon) * (1 + flow.grows) ** np.arange(choices.horizon) * worth
    hopeful = plain * uplift(flow, choices)
    return Line(flow, hopeful, plain if flow.per == "effect" else hopeful, _parts(flow))


def rate_to(choices: ScaleUp, currency: str, year: int) -> float:
    """What one unit of money of a currency and year is worth in the block's."""
    if (currency, year) == (choices.currency, choices.year):
        return 1.0
    return next(c.factor for c in choices.convert if (c.currency, c.year) == (currency, year))


def uplift(flow: Flow, choices: ScaleUp) -> float:
    """What a flow is multiplied by for optimism."""
    if flow.kind == "transfer":
        return 1.0
    general = choices.optimism.costs if flow.kind == "cost" else choices.optimism.benefits
    own = general if flow.optimism is None else flow.optimism
    return 1 + own if flow.kind == "cost" else 1 - own


def _when(flow: Flow, horizon: int) -> Floats:
    """1 in the years in which it flows [T]."""
    year = np.arange(1, horizon + 1)
    if flow.per == "once" and flow.every is None:
        return np.asarray(year == flow.starts, dtype=float)
    begun = (year >= flow.starts) & (year <= (horizon if flow.ends is None else flow.ends))
    return np.asarray(begun & ((year - flow.starts) % (flow.every or 1) == 0), dtype=float)


def _parts(flow: Flow) -> dict[str, float]:
    found = dict.fromkeys([*(flow.received_by or {}), *(flow.paid_by or {})], 0.0)
    for shares, sign in ((flow.received_by, 1), (flow.paid_by, -1)):
        for partner, share in (shares or {}).items():
            found[partner] += sign * share
    return found


def discount_factors(discount: Discount, horizon: int, rate: float | None = None) -> Floats:
    """What money of each year is worth now [T]; ``rate`` in place of the schedule's first one, later ones moved by as much."""
    moved = 0.0 if rate is None else rate - discount.rate
    year = np.arange(1, horizon + 1)
    rates = np.full(horizon, discount.rate)
    for step in discount.declines:
        rates[year > step.after] = step.rate
    growth = 1 + np.maximum(rates + moved, 0.0)
    whole = np.cumprod(growth)
    until_start = whole / growth
    found: Floats = 1 / {"start": until_start, "middle": until_start * np.sqrt(growth), "end": whole}[discount.timing]
    return found
