"""Outlook: from the effect of a pilot to a decision for the whole city, for each partner who pays or gains."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.check import Check
from scale_impact.core.scaleup_choices import ScaleUp
from scale_impact.core.words import counted, number
from scale_impact.errors import DesignError
from scale_impact.scaleup import information, sensitivity, voltage
from scale_impact.scaleup.decision import Decision, decide
from scale_impact.scaleup.effect import OUTERMOST, EffectToScale
from scale_impact.scaleup.information import Information
from scale_impact.scaleup.inputs import Input, inputs_of
from scale_impact.scaleup.ledger import lines
from scale_impact.scaleup.numbers import Findings, Number, numbers
from scale_impact.scaleup.partners import (
    by_flow,
    by_partner,
    by_partner_and_year,
    by_year,
    losers,
    weighted,
    weights_told,
)
from scale_impact.scaleup.simulation import Simulated, simulate
from scale_impact.scaleup.words import money, percent, unit_of

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

MOST_LOG = 5.0
"""An effect on logarithms that may be larger changes outcomes more than a hundredfold: it is meant otherwise, or nothing is known."""


@dataclass(frozen=True, repr=False, eq=False)
class Outlook:
    """What scaling would bring.

    Attributes
    ----------
    choices, effect, inputs:
        What went in.
    simulated:
        The ledger in all worlds.
    partners:
        One row a partner, all together first (see ``partners.by_partner``).
    years, partner_years, flows:
        By year; by partner and year; by flow.
    tornado:
        One row an input with a range (see ``sensitivity.tornado``).
    information:
        What more knowledge is worth.
    decision:
        Stop, adapt or scale, with the rule that gave it.
    level, seed:
        Of the intervals, and of the draws.
    notes:
        What the numbers rest on.
    """

    choices: ScaleUp
    effect: EffectToScale
    inputs: tuple[Input, ...]
    simulated: Simulated
    partners: pd.DataFrame
    years: pd.DataFrame
    partner_years: pd.DataFrame
    flows: pd.DataFrame
    tornado: pd.DataFrame
    information: Information
    decision: Decision
    level: float
    seed: int
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        whole = self.partners.iloc[0]
        return (
            f"Outlook({self.choices.city}: {self.decision.decision}; net present value {money(whole['npv'], self.choices)}, above 0 with a "
            f"probability of {percent(whole['p_positive'])}; {counted(self.simulated.n, 'world')})"
        )

    @property
    def unit(self) -> str:
        """The unit of money: ``EUR of 2024``."""
        return unit_of(self.choices)

    def numbers(self) -> tuple[Number, ...]:
        """All numbers that are published, the net present value of all partners first."""
        of = Findings(
            self.choices, self.effect, self.simulated, self.partners, self.tornado, self.information, self.level
        )
        return numbers(of)

    def checks(self) -> tuple[Check, ...]:
        """The checks ``decision``, ``voltage`` and ``losers``."""
        return self.decision.check(), voltage.check(self.choices, self.effect), losers(self.choices, self.partners)


def look_ahead(choices: ScaleUp, effect: EffectToScale, *, level: float = 0.95, seed: int = 20251122) -> Outlook:
    """Scale an effect to a city.

    Parameters
    ----------
    choices:
        The block `scaleup:` of a study.
    effect:
        The effect on one unit, with its whole distribution.
    level, seed:
        Of the intervals, and of the draws: the same seed gives the same numbers.

    Raises
    ------
    DesignError
        An effect on logarithms without a baseline, or a baseline that nothing needs; correlations or measurements of what is known.
    """
    if problems := list(_misfits(choices, effect)):
        raise DesignError(problems)
    inputs, book = inputs_of(choices, effect, level), lines(choices)
    found = simulate(choices, effect, inputs, book, seed=seed)
    partners = by_partner(choices, effect, found, level)
    known = information.value(choices, effect, inputs, found, seed)
    return Outlook(
        choices, effect, inputs, found, partners, by_year(choices, found, level), by_partner_and_year(choices, found), by_flow(found, level),
        sensitivity.tornado(choices, effect, inputs, book), known, decide(choices, effect, found, known), level, seed, tuple(_notes(choices, effect, found)),
    )  # fmt: skip


def _misfits(choices: ScaleUp, effect: EffectToScale) -> Iterator[str]:
    """What the block and the effect together do not allow."""
    if effect.scale == "log" and choices.baseline is None:
        yield (
            f"scaleup.baseline: {effect.label} is an effect on logarithms ({effect.unit}). Say what one of the {choices.reach.unit} has without the "
            "measure: baseline: {value: ..., unit: ..., year: ..., source: ...}."
        )
    if effect.scale == "level" and choices.baseline is not None:
        yield f"scaleup.baseline: {effect.label} is in {effect.unit or 'the unit of the outcome'}, no logarithm; leave the baseline out."
    if effect.scale == "log" and float(np.abs(effect.quantile(np.array([0.001, 0.999]))).max()) > MOST_LOG:
        yield (
            f"scaleup.effect: {effect.label} is {number(effect.estimate)} with a standard error of {number(effect.std_error)} on logarithms, so that "
            f"outcomes may change by a factor above {np.exp(MOST_LOG):,.0f}. Percentages are no logarithms: 10 % less is -0.105."
        )
    if effect.is_known:
        named = [f"scaleup.measurements.{k}.of" for k, m in enumerate(choices.measurements) if m.of == "effect"]
        named += [
            f"scaleup.correlations.{k}.between" for k, c in enumerate(choices.correlations) if "effect" in c.between
        ]
        yield from (
            f"{place}: the effect is known exactly (its standard error is 0); leave this out." for place in named
        )


def _notes(choices: ScaleUp, effect: EffectToScale, found: Simulated) -> Iterator[str]:
    shape = (
        "draws"
        if effect.drawn is not None
        else "normal"
        if effect.df is None
        else f"t with {number(effect.df)} degrees of freedom"
    )
    yield f"Effect: {effect.label}, {number(effect.estimate)} {effect.unit} (standard error {number(effect.std_error)}, {shape}); {effect.source}."
    if effect.kind == "pilot":
        yield "The effect is that of a pilot elsewhere or of a part of the city: its interval does not say how much cities differ."
    if effect.is_bounded:
        yield f"The mean of this distribution would not exist: its outermost {100 * OUTERMOST:g} % at either end are moved in."
    yield f"All against a city without the measure, over {counted(choices.horizon, 'year')}, in {unit_of(choices)}."
    yield f"Discount rate {percent(choices.discount.rate)} ({choices.discount.source}), money at the {choices.discount.timing} of each year."
    yield f"Optimism: costs + {percent(choices.optimism.costs)}, benefits - {percent(choices.optimism.benefits)} ({choices.optimism.reason})."
    if choices.decay.half_life is None:
        yield f"The effect is taken to last: {choices.decay.reason}."
    if choices.learning is None:
        yield "Costs of a unit are taken not to fall with what has been made."
    if not choices.correlations:
        yield "All inputs are taken as independent."
    if weighted(choices, found) is not None:
        yield f"Weights of partners, in the weighted answer alone: {weights_told(choices)}."
    error = found.npv.std() / np.sqrt(found.n)
    yield f"Drawing {counted(found.n, 'world')} leaves an error of {money(float(error), choices)} in the mean net present value."
