"""Sensitivity: the net present value with one input at its low and at its high end, all others at their means (a tornado)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scale_impact.core.scaleup_choices import ScaleUp
from scale_impact.scaleup.effect import EffectToScale
from scale_impact.scaleup.inputs import Input
from scale_impact.scaleup.ledger import Line
from scale_impact.scaleup.simulation import evaluate

if TYPE_CHECKING:
    import pandas as pd

DISCOUNT = "discount rate"


def tornado(
    choices: ScaleUp, effect: EffectToScale, inputs: tuple[Input, ...], lines: tuple[Line, ...]
) -> pd.DataFrame:
    """One row an input with a range, the one that moves most first.

    Columns: input, at_low and at_high (the ends), npv_low and npv_high (net present value there), swing (the distance of the two),
    central (net present value with all at their means), flips (whether the sign of the net present value changes between the ends).
    Ends are those that the study states, of the effect those of its interval. The discount rate is a choice and has its own row.
    """
    import pandas as pd

    moved = [i for i in inputs if not i.is_known]
    n = 2 * len(moved) + 1
    worlds = {i.name: np.full(n, i.mean) for i in inputs}
    for k, i in enumerate(moved):
        worlds[i.name][1 + 2 * k : 3 + 2 * k] = i.low, i.high
    npv = evaluate(choices, effect, lines, worlds, n).npv
    rows = [(i.name, i.low, i.high, npv[1 + 2 * k], npv[2 + 2 * k]) for k, i in enumerate(moved)]
    rows += _discount_row(choices, effect, inputs, lines)
    found = pd.DataFrame(rows, columns=["input", "at_low", "at_high", "npv_low", "npv_high"])
    found["swing"] = (found["npv_high"] - found["npv_low"]).abs()
    found["central"] = float(npv[0])
    found["flips"] = (found[["npv_low", "npv_high"]].min(axis=1) < 0) & (found[["npv_low", "npv_high"]].max(axis=1) > 0)
    return found.sort_values(["swing", "input"], ascending=[False, True], kind="stable").reset_index(drop=True)


def _discount_row(
    choices: ScaleUp, effect: EffectToScale, inputs: tuple[Input, ...], lines: tuple[Line, ...]
) -> list[tuple[str, float, float, float, float]]:
    """The discount rate at its ends, where the study gives any."""
    chosen = choices.discount
    low, high = (chosen.rate if end is None else end for end in (chosen.low, chosen.high))
    if low == high:
        return []
    means = {i.name: np.array([i.mean]) for i in inputs}
    ends = [float(evaluate(choices, effect, lines, means, 1, rate).npv[0]) for rate in (low, high)]
    return [(DISCOUNT, low, high, ends[0], ends[1])]
