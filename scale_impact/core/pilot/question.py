"""Question: what an official asks before a pilot, and all that is wrong with it, before anything is estimated."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.panel import Panel
from scale_impact.core.pilot.thresholds import SIGNS, Direction, Trial, allowed
from scale_impact.core.pilot.windows import fewest_windows, least_before, windows
from scale_impact.core.settings import Choice, Settings
from scale_impact.core.words import counted, nearest, number, plain, some
from scale_impact.errors import DesignError

Positions = NDArray[np.int64]

USUAL: Mapping[str, Any] = {
    "wanted_effect": 10.0, "wanted_in": "per cent", "direction": "either", "durations": [1, 2, 3, 4], "pilots": 1,
    "candidates": [], "power": 0.8, "alpha": 0.1, "before": None,
}  # fmt: skip
"""What is asked where a template does not say it."""

DRAWN = 199
"""Sets of placebo cities drawn where pilots are several and there are more sets."""

MOST = 200
"""Sets of pilots that are compared of each size; more are not enumerated but built up from the best smaller ones."""


@dataclass(frozen=True, eq=False)
class Question:
    """What is asked of a panel.

    Attributes
    ----------
    units:
        [N], positions in the panel of the units observed in each period.
    names, periods:
        Their names, and the labels of the T periods.
    candidates, donors:
        [N] bool: who may be a pilot; who may be a donor (and play a pilot in the test).
    durations, pilots:
        Periods that the pilot may run; at most so many units.
    wanted, per_cent, direction, log:
        The effect that should be noticed (a positive number), whether it is in per cent, its sign, and whether the outcome
        is a logarithm.
    power, trial:
        How often it should be noticed, and the test that notices.
    before, anticipation:
        Periods that a pretended pilot has before it at least; of those the last ones that are not fitted on.
    seed, level:
        Of sets that are drawn; of intervals.
    """

    units: Positions
    names: tuple[str, ...]
    periods: tuple[Any, ...]
    candidates: NDArray[np.bool_]
    donors: NDArray[np.bool_]
    durations: tuple[int, ...]
    pilots: int
    wanted: float
    per_cent: bool
    direction: Direction
    log: bool
    power: float
    trial: Trial
    before: int
    anticipation: int
    seed: int
    level: float

    @property
    def wish(self) -> str:
        """The wanted effect in words."""
        return f"{number(self.wanted)} %" if self.per_cent else f"{number(self.wanted)} (in the outcome's unit)"


def question_of(panel: Panel, settings: Settings, parameters: Mapping[str, Any], *, log: bool) -> Question:
    """What a study asks of its panel.

    Parameters
    ----------
    panel:
        The periods before the planned start alone.
    settings:
        Of the study: its first estimator's ``donors`` and ``without`` say who may be a donor, ``inference: placebo`` how it
        will test.
    parameters:
        The template's own, as in ``USUAL``.
    log:
        Whether the outcome is a logarithm.

    Raises
    ------
    DesignError
        All that is wrong with the parameters, names and numbers of periods and units at once.
    """
    asked = {k: parameters.get(k, v) for k, v in USUAL.items()}
    units = _complete(panel)
    names = tuple(panel.unit_name(int(u)) for u in units)
    problems = [*_wrong_numbers(asked, log), *_unknown(panel, asked["candidates"], names, "candidates")]
    options = settings.estimators[0].options
    for option in ("donors", "without"):
        problems += _unknown(panel, options.get(option) or (), names, option)
    trial, wrong = _trial(settings.inference, asked["alpha"])
    problems += wrong or (_too_few(panel, settings, asked) if not problems else [])
    donors = _donors(names, options)
    problems += [] if problems else _no_rejection(trial, int(donors.sum()), asked["pilots"], panel)
    if problems:
        raise DesignError(problems)
    anticipation = settings.design.anticipation
    return Question(
        units, names, tuple(panel.periods), _named(names, asked["candidates"]), donors,
        tuple(sorted(set(asked["durations"]))), asked["pilots"], float(asked["wanted_effect"]),
        asked["wanted_in"] == "per cent", asked["direction"], log, asked["power"], trial,
        least_before(panel.n_periods, anticipation, asked["before"]), anticipation, settings.seed, settings.level,
    )  # fmt: skip


def _complete(panel: Panel) -> Positions:
    """Units observed in each period; what is done with others the design says."""
    return np.flatnonzero(panel.cell_counts() == panel.n_periods)


def _named(names: Sequence[str], chosen: Sequence[Any]) -> NDArray[np.bool_]:
    """Who is named; everybody where nobody is."""
    wanted = {plain(c) for c in chosen}
    return np.array([not wanted or n in wanted for n in names], dtype=bool)


def _donors(names: Sequence[str], options: Mapping[str, Any]) -> NDArray[np.bool_]:
    barred = {plain(n) for n in options.get("without") or ()}
    allowed_by_name = np.array([n not in barred for n in names], dtype=bool)
    return np.asarray(_named(names, options.get("donors") or ()) & allowed_by_name)


# ---- what is wrong -------------------------------------------------------------------------------------------------------


def _wrong_numbers(asked: Mapping[str, Any], log: bool) -> list[str]:
    """Parameters out of their bounds."""
    within = {
        "wanted_effect": (asked["wanted_effect"] > 0, "a positive number (`direction` has the sign), such as 10.0"),
        "wanted_in": (asked["wanted_in"] in ("per cent", "unit"), "'per cent' or 'unit'"),
        "direction": (asked["direction"] in SIGNS, "'either', 'up' or 'down'"),
        "durations": (_are_counts(asked["durations"]), "a list of numbers of periods from 1 on, such as [4, 8, 12]"),
        "pilots": (asked["pilots"] >= 1, "a whole number from 1 on"),
        "power": (0.5 <= asked["power"] < 1, "from 0.5 to below 1, such as 0.8"),
        "alpha": (0 < asked["alpha"] <= 0.5, "above 0 and at most 0.5, such as 0.1"),
        "before": (asked["before"] is None or asked["before"] >= 1, "None, or a whole number from 1 on"),
    }
    problems = [
        f"parameters.{k} is {asked[k]!r}; it has to be {what}." for k, (good, what) in within.items() if not good
    ]
    if not problems and log and asked["direction"] == "down" and asked["wanted_in"] == "per cent":
        problems += ["parameters.wanted_effect: nothing can fall by 100 % or more."] * (asked["wanted_effect"] >= 100)
    return problems


def _are_counts(durations: Any) -> bool:
    return bool(durations) and all(isinstance(d, int) and not isinstance(d, bool) and d >= 1 for d in durations)


def _unknown(panel: Panel, chosen: Sequence[Any], names: Sequence[str], key: str) -> list[str]:
    """Names that are no units, or units that are not observed in each period."""
    every = {panel.unit_name(u) for u in range(panel.n_units)}
    problems = []
    for label in map(plain, chosen):
        if label not in every:
            problems.append(f"{key}: {label!r} is no {panel.unit} in the data. {nearest(label, every)}")
        elif label not in names:
            problems.append(
                f"{key}: {label} is not observed in each period before the start. Complete it, or leave it out."
            )
    return problems


def _trial(inference: Choice, alpha: float) -> tuple[Trial, list[str]]:
    """The test of the study afterwards."""
    options = inference.options if inference.name == "placebo" else {}
    side, statistic = options.get("side", "two"), options.get("statistic", "rmspe_ratio")
    if options.get("kind") == "normal":
        statistic = "spread"
    problems = []
    if inference.name not in ("auto", "placebo"):
        problems.append(
            f"inference: {inference.name} says nothing about a pilot of one city. A pilot is planned for the test of placebo cities: "
            "write `inference: placebo`, or leave the key out."
        )
    if options.get("worst_fit") is not None:
        problems.append("inference: a pilot cannot be planned with `worst_fit`. Leave it out.")
    if side != "two" and statistic == "rmspe_ratio":
        problems.append(
            "inference: a pilot is planned for the RMSPE ratio of two sides. Write `statistic: effect_over_fit` to test one side."
        )
    return Trial(statistic, side, alpha), problems


def _too_few(panel: Panel, settings: Settings, asked: Mapping[str, Any]) -> list[str]:
    """Too few periods for the shortest duration; durations that are too long have no answer of their own."""
    before = least_before(panel.n_periods, settings.design.anticipation, asked["before"])
    need, shortest = fewest_windows(asked["power"]), min(asked["durations"])
    many = len(windows(panel.n_periods, before, shortest).choosing)
    if many >= need:
        return []
    periods = 2 * (need + shortest - 1)
    return [
        f"{counted(panel.n_periods, 'period')} before the start are too few to plan {counted(shortest, 'period')} of a pilot: after "
        f"{before} to fit on, {panel.n_periods - before} are left, and {periods} are needed for {need} pretended pilots to choose by "
        f"and {need} to confirm (power {asked['power']:g}). Use data that begin earlier, periods that are shorter (months for "
        "years), or a lower power."
    ]


def _no_rejection(trial: Trial, donors: int, pilots: int, panel: Panel) -> list[str]:
    """Too few units for any p-value to be small enough."""
    if trial.statistic == "spread" and donors > 3:
        return []
    if any(allowed(placebo_sets(donors - k, k), trial.alpha) >= 0 for k in range(1, pilots + 1)):
        return []
    p = 1 / (max(placebo_sets(donors - 1, 1), 0) + 1)
    return [
        f"With {donors} of {panel.unit}, the pilot and {donors - 1} to compare with, the smallest p-value of the placebo test is {number(p)}: at alpha "
        f"{trial.alpha:g} no effect of any size would be noticed. Use more units, or an alpha of at least {math.ceil(100 * p) / 100:g}."
    ]


def placebo_sets(donors: int, pilots: int) -> int:
    """How many sets of donors can play the pilots and leave one to compare with, as far as they are drawn."""
    if donors <= pilots:
        return 0
    return min(math.comb(donors, pilots), donors if pilots == 1 else DRAWN)


def said_of(question: Question) -> str:
    """What was asked, in a sentence."""
    who = int(question.candidates.sum())
    sets = f"one of {who}" if question.pilots == 1 else f"up to {question.pilots} of {who}"
    signs = {"either": "up or down", "up": "up", "down": "down"}[question.direction]
    return (
        f"{sets} candidates; {some(question.durations, 8)} periods; an effect of {question.wish} ({signs}), to be noticed with power "
        f"{question.power:g} by the placebo test at alpha {question.trial.alpha:g}"
    )
