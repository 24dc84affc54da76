"""Selection: which cities were studied and which results were published, and how much of either the conclusion bears.

Pilots are rarely drawn by lot, and results that please are rarely kept back. Five questions, each with an answer or the reason why
there is none:

- Are effects and their precision related, as a preference for significant results would make them (funnel, Egger, Begg)?
- What would a study without error find (PET-PEESE), and effects before a selection by p-values (step-function model)?
- Had cities that started earlier larger effects, and how do pilots differ from the cities that did not try?
- If the pilots were picked favourably by x, what is left?
- How many times as often would favourable results have to be published for the mean to vanish?

None of them proves that nothing was selected: with few effects they see little, and asymmetry has other causes than selection.

Source: see ``selecting/``: Egger et al. (1997); Begg and Mazumdar (1994); Stanley and Doucouliagos (2014); Duval and Tweedie (2000);
Vevea and Hedges (1995); Allcott (2015); Mathur and VanderWeele (2020); Sterne et al. (2011), BMJ 343, on when to test at all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.check import Check
from scale_impact.core.city_effects import CityEffects
from scale_impact.core.keys import Count, Share, checked
from scale_impact.core.words import counted, nearest
from scale_impact.errors import UsageError
from scale_impact.synthesis.nearing.chances import TargetIn, target_of, wrong_target
from scale_impact.synthesis.pooling import Pooled, pool
from scale_impact.synthesis.selecting import words
from scale_impact.synthesis.selecting.adopters import EarlyAdopters, early_adopters
from scale_impact.synthesis.selecting.asymmetry import (
    AsymmetryTest,
    Limit,
    begg,
    conditional,
    egger,
    egger_mixed,
    limit,
)
from scale_impact.synthesis.selecting.favourable import STEPS, FavourablePick, favourable_pick
from scale_impact.synthesis.selecting.filled import TrimAndFill, trim_and_fill
from scale_impact.synthesis.selecting.likelihood import Sided
from scale_impact.synthesis.selecting.published import PublishedMoreOften, published_more_often
from scale_impact.synthesis.selecting.sites import SiteSelection, compare
from scale_impact.synthesis.selecting.step_model import StepModel, fit

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

START = "first_treated"
"""The column of the context that says when a city started, where a study names none."""


@dataclass(frozen=True, repr=False)
class Selection:
    """What is known of how cities and results came to be here.

    Attributes
    ----------
    effects, pooled:
        The effects, and their mean with the prediction for a new city.
    favoured:
        Whether ``high`` or ``low`` effects are the favourable ones, by which selection is supposed to have been made.
    egger, mixed, begg:
        Tests of asymmetry: regression on the standard error with one dispersion, with variance between cities, ranks.
    pet, peese, pet_peese:
        The mean that a study without error would find; the last is the one of the two that the conditional rule takes.
    filled:
        Trim and fill.
    model:
        The selection model by p-values; its effects have favourable ones high (``estimate`` is in the sign of the effects).
    early:
        Effects by when cities started.
    sites:
        Pilots beside the cities that did not try.
    picked, published:
        The two stress tests.
    level, alpha:
        Of intervals; p-value below which a test counts.
    notes:
        What the numbers rest on.
    """

    effects: CityEffects
    pooled: Pooled
    favoured: Literal["high", "low"]
    egger: AsymmetryTest
    mixed: AsymmetryTest
    begg: AsymmetryTest
    pet: Limit
    peese: Limit
    pet_peese: Limit
    filled: TrimAndFill
    model: StepModel
    early: EarlyAdopters
    sites: SiteSelection
    picked: FavourablePick
    published: PublishedMoreOften
    level: float
    alpha: float
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Selection({counted(len(self.effects), 'effect')}; {self.check().verdict})"

    @property
    def sign(self) -> int:
        """1 where high effects are favourable, -1 where low ones are."""
        return 1 if self.favoured == "high" else -1

    def check(self) -> Check:
        """Whether selection is seen, as the check ``selection``; the rule is in ``selecting.words.check``."""
        return words.check(self)

    def contour(self, p: float, std_errors: Floats) -> Floats:
        """How large an effect of each standard error has to be for a two-sided p-value against zero."""
        from scipy import special

        found: Floats = -float(special.ndtri(p / 2)) * std_errors
        return found

    def means(self) -> pd.DataFrame:
        """The pooled mean, and what it would be by each correction: ``method``, ``estimate``, ``low``, ``high``, ``why_not``."""
        import pandas as pd

        often = self.published
        rows = [
            ("pooled", self.pooled.mean, self.pooled.low, self.pooled.high, ""),
            *((m.method.upper(), m.estimate, m.low, m.high, m.why_not) for m in (self.pet, self.peese)),
            *(
                (name, m.estimate, m.low, m.high, m.why_not)
                for name, m in (("trim and fill", self.filled), ("selection model", self.model))
            ),
            ("not significant ones alone", often.worst, often.worst_low, often.worst_high, often.why_not),
        ]
        return pd.DataFrame(rows, columns=["method", "estimate", "low", "high", "why_not"])

    def tests(self) -> pd.DataFrame:
        """Each test: ``method``, ``statistic``, ``p_value``, ``why_not``."""
        import pandas as pd

        trend = self.early.trend / self.early.std_error if self.early.std_error > 0 else math.nan
        rows = [
            *((str(t.method), t.statistic, t.p_value, t.why_not) for t in (self.egger, self.mixed, self.begg)),
            ("selection model", self.model.likelihood_ratio, self.model.test_p, self.model.why_not),
            ("early adopters", trend, self.early.p_value, self.early.why_not),
        ]
        return pd.DataFrame(rows, columns=["method", "statistic", "p_value", "why_not"])


@dataclass(frozen=True)
class Asked:
    """What was asked for: ``sign`` 1 where high effects are favoured, -1 where low ones are; the other options as of ``examine``."""

    sign: int
    cuts: tuple[float, ...]
    sided: Sided
    at_least: int
    shifts: tuple[float, ...]
    target: float | None
    alpha: float
    level: float


@checked
def examine(
    effects: CityEffects,
    others: Any = None,
    started: Any = None,
    pooled: Any = None,
    *,
    favoured: Literal["auto", "high", "low"] = "auto",
    start: str | None = None,
    target: float | None = None,
    target_in: TargetIn = "unit",
    cuts: list[float] | None = None,
    sided: Sided = "one-sided",
    at_least: Count = 4,
    shifts: list[float] | None = None,
    alpha: Share = 0.1,
    level: Share = 0.95,
) -> Selection:
    """Look at effects for signs of selection, and at how much of it their mean bears.

    ``others``: frame of the cities that did not try, with columns of ``effects.context`` and their names as index. ``started``: when
    each city started [k], years, dates or an order; None: ``effects.started``, else the column ``start`` of the context. ``pooled``: ``pool(effects)`` with
    options of its own. ``favoured``: which effects please; ``auto`` by the direction of the indicator, or where it has none by the
    sign of the mean. ``target``, ``target_in``: an effect to be reached, as of ``for_city.expect``. ``cuts``, ``sided``: p-values at
    which publication changes; 0.025 one-sided, 0.05 two-sided. ``at_least``: effects that must lie between any two cuts. ``shifts``:
    by how many standard deviations between cities pilots are supposed to be better. ``alpha``: p-value below which a test counts, all
    held together; 0.1 as is usual for tests with so little power.

    Raises
    ------
    UsageError
        Cuts, shifts, a target or a column that cannot be.
    DataError
        Standard errors of 0; starts that are no years or dates; columns that the two tables hold differently.
    DesignError
        No effects.
    """
    marks = cuts if cuts is not None else ([0.025] if sided == "one-sided" else [0.05])
    wrong = wrong_target(target, target_in, effects.unit, effects.direction)
    if problems := [*_wrong(marks, shifts), *wrong, *_wrong_start(effects, start)]:
        raise UsageError(problems)
    mean: Pooled = pool(effects, level=level) if pooled is None else pooled
    sign = _sign(effects, favoured, mean.mean)
    steps = tuple(STEPS if shifts is None else shifts)
    asked = Asked(sign, tuple(sorted(marks)), sided, at_least, steps, target_of(target, target_in), alpha, level)
    when, column = _started(effects, started, start)
    pilots = None if effects.context is None else effects.context.set_axis(list(effects.labels))
    early, sites = early_adopters(effects, when, level=level), compare(pilots, others, level=level, leave=(column,))
    return _examined(effects, mean, asked, early, sites, _notes(effects, favoured, sign))


def _examined(
    effects: CityEffects, mean: Pooled, asked: Asked, early: EarlyAdopters, sites: SiteSelection, notes: tuple[str, ...]
) -> Selection:
    """All that is asked of the effects themselves."""
    sign, level = asked.sign, asked.level
    pet, peese = limit(effects, "pet", level=level), limit(effects, "peese", level=level)
    tau2 = math.nan if mean.tau2 is None else mean.tau2
    cut = asked.cuts[0] / (1 if asked.sided == "one-sided" else 2)
    published = published_more_often(effects, sign, tau2=tau2, cut=cut, target=asked.target, level=level)
    return Selection(
        effects=effects,
        pooled=mean,
        favoured="high" if sign == 1 else "low",
        egger=egger(effects),
        mixed=egger_mixed(effects),
        begg=begg(effects),
        pet=pet,
        peese=peese,
        pet_peese=conditional(pet, peese),
        filled=trim_and_fill(effects, level=level),
        model=_model(effects, asked),
        early=early,
        sites=sites,
        picked=favourable_pick(mean, sign, target=asked.target, steps=asked.shifts, level=level),
        published=published,
        level=level,
        alpha=asked.alpha,
        notes=(*notes, *early.notes, *sites.notes, *published.notes),
    )


def _sign(effects: CityEffects, favoured: str, mean: float) -> int:
    """1 where high effects are favoured, -1 where low ones are."""
    if favoured != "auto":
        return 1 if favoured == "high" else -1
    return 1 if effects.direction == "+" or (effects.direction != "-" and mean >= 0) else -1


def _model(effects: CityEffects, asked: Asked) -> StepModel:
    """The selection model, told in the sign of the effects."""
    y, sign = asked.sign * effects.effects, asked.sign
    found = fit(y, effects.variances, cuts=asked.cuts, sided=asked.sided, least=asked.at_least, level=asked.level)
    if sign == 1 or found.why_not:
        return found
    return replace(found, estimate=-found.estimate, low=-found.high, high=-found.low, unselected=-found.unselected)


def _wrong(cuts: Sequence[float], shifts: Sequence[float] | None) -> list[str]:
    problems = [f"cuts: {c} is no p-value between 0 and 1. Write 0.025." for c in cuts if not 0 < c < 1]
    if not cuts:
        problems.append("cuts: the list is empty. Write [0.025], or leave cuts out.")
    if len(set(cuts)) < len(cuts):
        problems.append(f"cuts: {cuts} holds a p-value twice. Name each once.")
    bad = [s for s in shifts or () if not (math.isfinite(s) and s >= 0)]
    return problems + [f"shifts: {s} is no number of standard deviations from 0 on." for s in bad]


def _wrong_start(effects: CityEffects, start: str | None) -> list[str]:
    if start is None or (effects.context is not None and start in effects.context.columns):
        return []
    known = () if effects.context is None else map(str, effects.context.columns)
    return [f"start: the context has no column {start!r}. {nearest(start, known)}"]


def _started(effects: CityEffects, started: Any, start: str | None) -> tuple[Sequence[Any] | None, str]:
    """When cities started, and the column that says so."""
    column = START if start is None else start
    known = effects.started if started is None and start is None else started
    if known is not None:
        return list(known), column
    known = effects.context is not None and column in effects.context.columns
    return (list(effects.context[column]), column) if known and effects.context is not None else (None, column)


def _notes(effects: CityEffects, favoured: str, sign: int) -> tuple[str, ...]:
    found = []
    if favoured == "auto" and effects.direction not in ("+", "-"):
        found.append(
            f"Neither direction is better by the indicator: {'high' if sign == 1 else 'low'} effects are taken as favoured, as the mean is."
        )
    if len(effects) < words.FEW:
        found.append(
            f"{counted(len(effects), 'effect')}: with fewer than {words.FEW} tests of asymmetry have little power, and corrected means are rough."
        )
    if not effects.independent:
        found.append(
            "Errors are related. Egger, PET, PEESE, the trend by start, the pooled mean and the stress tests take their whole covariance; Begg, trim "
            "and fill and the selection model take the variances alone, so that their p-values are too small and their intervals too narrow."
        )
    if effects.clusters is not None and len(set(effects.clusters)) < len(effects.clusters):
        found.append(
            "Several effects are of one cluster: the pooled mean and the mean by ratio of publication allow for it, the other methods count each effect."
        )
    return tuple(found)
