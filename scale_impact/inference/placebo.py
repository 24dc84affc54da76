"""Placebo cities: how large an effect is found where nothing happened?

Each donor (or as many donors as are treated) plays the treated unit, with its dates; the real treated are no donors then. Where
nothing but chance chose who was treated, the share of cities with as extreme a statistic is a p-value. It counts the treated
unit itself, so that with 38 donors none is below 1 in 39. It is not protected against treated units that vary more than donors.

The interval holds the constant effects that the test does not reject when they are taken away from the treated periods. The
treated are no donors in the placebos, so that these stay as they are, and the ends have a closed form.

For synthetic difference-in-differences, whose gaps before are not what was fitted, the placebos' spread is a standard error
(``kind: normal``). Interval and p-value are of the t distribution with a degree of freedom for each placebo but one: a normal interval is
too narrow with few donors. The noise of donors stands for that of the treated; nothing corrects that.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge

from scale_impact.core.design import Design
from scale_impact.core.effect import Effect
from scale_impact.core.keys import Count
from scale_impact.core.panel import Panel
from scale_impact.core.synthetic import ranks
from scale_impact.core.synthetic.parts import cells_of, said_of_no_mean
from scale_impact.core.synthetic.placebos import Gaps, Placebos, fewest_for, in_space, only
from scale_impact.core.synthetic.ranks import TIES, Side, Sizes, Statistic
from scale_impact.core.synthetic.worlds import Bools, Floats
from scale_impact.core.targets import Target
from scale_impact.core.words import counted, number
from scale_impact.errors import EstimationError
from scale_impact.inference._with_error import WithError

Refit = Callable[[Panel, Design], Effect]
Kind = Literal["auto", "rank", "normal"]

NEEDS_COUNTERFACTUAL = True
"""For effects that say what would have been."""

CROWDED = 0.1
"""With more treated units than this share of the donors, sets of donors overlap much: of true nulls 7 % are rejected at 5 %."""

SHAKY = 10
"""With fewer placebos than this their spread is rough: intervals of 95 % cover 92 %."""

SAYS = {
    "rmspe_ratio": "RMSPE after over RMSPE before",
    "effect": "the average gap",
    "effect_over_fit": "the average gap over the RMSPE before",
}


def judge(
    panel: Panel,
    design: Design,
    refit: Refit,
    effect: Effect,
    targets: Sequence[Target],
    *,
    seed: int = 20251122,
    draws: Count = 999,
    anew: Count = 199,
    kind: Kind = "auto",
    statistic: Statistic = "rmspe_ratio",
    side: Side = "two",
    worst_fit: Annotated[float, Ge(1)] | None = None,
) -> list[Ranked | WithError | None]:
    """Judge estimates by donors in the place of the treated.

    Parameters
    ----------
    panel, design, refit, effect:
        The data, the design, the estimator and what it found.
    targets:
        The estimates to judge, ``overall`` first (``core.targets.targets_of``).
    seed:
        Of the draws.
    draws, anew:
        Assignments drawn; all of them where they are no more than these. ``anew``: where each has to be estimated anew.
    kind:
        ``rank``: p-value by rank, interval by inversion; ``normal``: the placebos' standard deviation as standard error;
        ``auto``: normal for estimators that weight the periods before (synthetic difference-in-differences).
    statistic:
        What is compared by rank. For a single period the RMSPE after is the absolute gap.
    side:
        ``two``, or against the alternative that the effect is ``lower`` or ``upper`` (negative, positive). With the RMSPE
        ratio only the negative or positive gaps after the start count then.
    worst_fit:
        Leave out placebos whose mean squared gap before is more than so many times that of the treated, such as 20.

    Returns
    -------
    One judgement a target; None for periods that were fitted on, and for numbers that are no mean gap.

    Raises
    ------
    EstimationError
        No counterfactual; too few donors; no placebo that fits as well as asked; an overall effect that is no mean gap.

    Source: Abadie, Diamond and Hainmueller (2010), sections 2.4 and 3.4, (2015); Abadie (2021), section 3.5, one side; Firpo and
    Possebom (2018), sections 3 and 4, intervals; Arkhangelsky et al. (2021), algorithm 4, ``normal``.
    """
    asked = _Asked(kind, statistic, side, worst_fit, seed)

    @cache
    def placebos(unit: int | None) -> Placebos:
        return _placebos(effect, unit, panel, design, refit, (draws, anew, seed))

    return _all(effect, targets, panel, placebos, asked)


def _all(
    effect: Effect, targets: Sequence[Target], panel: Panel, placebos: Callable[[int | None], Placebos], asked: _Asked
) -> list[Ranked | WithError | None]:
    """Judgements of all numbers by the placebos of all treated units (None) or of one."""
    found = effect.counterfactual
    of_all = targets[0].place == "overall"
    if found is not None and of_all and cells_of(effect, found, targets[0], panel) is None:
        raise EstimationError(said_of_no_mean("placebo", effect))
    whole = placebos(None)
    assert found is not None
    if asked.kind == "auto":
        asked = replace(asked, kind="rank" if found.periods_weights is None else "normal")
    cells = [cells_of(effect, found, t, panel) for t in targets]
    judged = [None if c is None else _judged(t, c, whole, placebos, asked) for t, c in zip(targets, cells, strict=True)]
    if of_all and judged[0] is None:
        raise EstimationError("placebo: the placebos' effects do not differ: no spread. Say `placebo: {kind: rank}`.")
    return judged


def _placebos(
    effect: Effect, unit: int | None, panel: Panel, design: Design, refit: Refit, how: tuple[int, int, int]
) -> Placebos:
    """Placebos of all treated units, or of one alone."""
    found, (draws, anew, seed) = effect.counterfactual, how
    quick = found is not None and found.worlds is not None and found.again is not None
    if found is not None and unit is not None:
        effect = replace(effect, counterfactual=only(found, unit))
    return in_space(effect, panel, design, refit, draws=draws if quick else anew, seed=seed)


def _judged(
    target: Target, cells: Bools, whole: Placebos, placebos: Callable[[int | None], Placebos], asked: _Asked
) -> Ranked | WithError | None:
    """A judgement; a number of one treated unit is held against placebos of that unit, each donor once."""
    rows = np.flatnonzero(cells.any(axis=1))
    if len(rows) == 1 and len(cells) > 1:
        whole, cells = placebos(int(rows[0])), cells[rows]
    if asked.kind == "normal":
        return _spread(target, whole, cells, asked.seed)
    kept, words = _fitting(whole, asked.worst_fit)
    return _ranked(target, kept, cells, asked, words)


def _fitting(placebos: Placebos, worst_fit: float | None) -> tuple[Placebos, str]:
    """Placebos that fit well enough before, and how many do not, in words."""
    if worst_fit is None:
        return placebos, ""
    good = placebos.fitting(worst_fit)
    bad = int((~good).sum())
    if not good.any():
        raise EstimationError(
            f"placebo: each of the {len(good)} placebos has a mean squared gap before of more than {worst_fit:g} times that of the "
            "treated (`worst_fit`). Use a larger one, or none."
        )
    return placebos.select(good), f"; {counted(bad, 'placebo')} left out that fit {worst_fit:g} times worse before"


def _who(placebos: Placebos, seed: int) -> str:
    """Which placebos these are, in words."""
    many = len(placebos.drawn)
    who = "donors" if len(placebos.names[0]) == 1 else f"sets of {len(placebos.names[0])} donors"
    dealt = f"{'all ' if placebos.every and not placebos.lost else ''}{many:,} {who} in the place of the treated"
    drawn = "" if placebos.every else f", drawn with seed {seed} from {placebos.possible:,}"
    if 1 < len(placebos.names[0]) > len({n for names in placebos.names for n in names}) * CROWDED:
        drawn += " (they overlap, so that p-values are somewhat too small)"
    return dealt + drawn + (f"; {placebos.gone} left out" if placebos.lost else "")


# ---- by rank -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Asked:
    """The options."""

    kind: Kind
    statistic: Statistic
    side: Side
    worst_fit: float | None
    seed: int


def _ranked(target: Target, placebos: Placebos, cells: Bools, asked: _Asked, words: str) -> Ranked | None:
    """A number's place among the placebos'; None where the periods were fitted on."""
    if (cells & placebos.real.fit).any():
        return None
    statistic, exact = asked.statistic, placebos.real.pre_rmspe[0] <= 0
    if exact:
        statistic = "effect"
    gaps, weights = _flat(placebos.real, cells)
    pre = 1.0 if statistic == "effect" else float(placebos.real.pre_rmspe[0])
    null = _statistics(placebos.drawn, cells, statistic, asked.side)
    null = null[np.isfinite(placebos.drawn.mean(cells))]
    if not len(null):
        return None
    said = f"{_who(placebos, asked.seed)}; statistic: {SAYS[statistic]}{_sided(asked.side)}{words}"
    said += " (the fit before is exact, so that nothing can be divided by it)" if exact else ""
    return Ranked(target.value, gaps, weights, pre, np.sort(null), statistic, asked.side, said)


def _sided(side: Side) -> str:
    return "" if side == "two" else f", one-sided (the effect is {'negative' if side == 'lower' else 'positive'})"


def _flat(real: Gaps, cells: Bools) -> tuple[Floats, Floats]:
    """The treated's gaps in some cells, and each one's weight in their mean."""
    use = cells & np.isfinite(real.values[0])
    weights = np.broadcast_to(real.sizes[:, None], use.shape)[use]
    return real.values[0][use], np.asarray(weights / weights.sum())


def _statistics(drawn: Gaps, cells: Bools, statistic: Statistic, side: Side) -> Floats:
    """The statistic of each placebo, [B]; larger is more extreme."""
    post = replace(drawn, values=ranks.on_side(drawn.values, side)).root(cells)
    return ranks.statistics(Sizes(drawn.pre_rmspe, post, drawn.mean(cells)), statistic, side)


@dataclass(frozen=True, eq=False)
class Ranked:
    """A number's place among those of placebos, for any null value.

    Attributes
    ----------
    value:
        The estimate.
    gaps, weights:
        The treated's gaps that it is the mean of, and their weights.
    pre:
        The RMSPE before, 1 where the statistic does not use it.
    null:
        The placebos' statistics, in increasing order.
    statistic, side:
        As asked.
    said:
        What was done, in words.
    """

    value: float
    gaps: Floats
    weights: Floats
    pre: float
    null: Floats
    statistic: Statistic
    side: Side
    said: str
    std_error: float | None = None
    df: float | None = None

    @property
    def p_value(self) -> float | None:
        """P-value of no effect: the share of cities, the treated one among them, with as extreme a statistic."""
        return self.p_of(0.0)

    def p_of(self, null: float) -> float:
        """P-value of a constant effect of ``null``."""
        return ranks.p_value(self._at(null), self.null)

    def _at(self, null: float) -> float:
        """The treated's statistic less an effect."""
        post = np.sqrt(self.weights @ ranks.on_side(self.gaps - null, self.side) ** 2)
        sizes = Sizes(np.asarray(self.pre), post, np.asarray(self.value - null))
        return float(ranks.statistics(sizes, self.statistic, self.side))

    def interval(self, level: float) -> tuple[float, float] | None:
        """Constant effects that are not rejected; None where each is; infinite ends where too few placebos reject any.

        Source: Firpo and Possebom (2018), section 4; kept are the values whose statistic is not above the k-th largest of the
        placebos, k the largest number with k / (1 + placebos) no more than 1 - level.
        """
        limit = ranks.critical(self.null, 1 - level)
        if not math.isfinite(limit):
            return -math.inf, math.inf
        most = limit * self.pre
        return self._one_sided(most) if self.side != "two" else self._two_sided(most)

    def _two_sided(self, most: float) -> tuple[float, float] | None:
        """Around the mean gap."""
        variance = float(self.weights @ (self.gaps - self.value) ** 2) if self.statistic == "rmspe_ratio" else 0.0
        half = float(ranks.half_width(most * (1 + TIES), variance))
        return None if math.isnan(half) else (self.value - half, self.value + half)

    def _one_sided(self, most: float) -> tuple[float, float]:
        turn = 1.0 if self.side == "upper" else -1.0
        end = turn * self.value - most if self.statistic != "rmspe_ratio" else self._half(turn, most)
        return (end, math.inf) if turn > 0 else (-math.inf, -end)

    def _half(self, turn: float, most: float) -> float:
        """The least effect whose exceeding gaps have a root mean square of no more than ``most``."""
        gaps = turn * self.gaps
        top = int(gaps.argmax())
        high = float(gaps[top])
        low = high - most / math.sqrt(self.weights[top])
        for _ in range(200):
            middle = 0.5 * (low + high)
            too_much = self.weights @ np.maximum(gaps - middle, 0.0) ** 2 > most**2
            low, high = (middle, high) if too_much else (low, middle)
        return high

    @property
    def words(self) -> str:
        """The method, as it stands in results."""
        n = len(self.null)
        said = f"interval and p-value by placebo cities: {self.said}; interval by inversion for a constant effect"
        said += f"; no p-value below {number(1 / (n + 1))} is possible"
        if n < fewest_for(0.95):
            said += f", so that an interval at 95 % is without ends (it takes {fewest_for(0.95)} placebos)"
        if exact := int(np.isinf(self.null).sum()):
            said += (
                f"; {counted(exact, 'placebo fits', 'placebos fit')} exactly before, so that no ratio is larger: more periods before "
                "or fewer donors, or `statistic: effect`, would tell more"
            )
        best = self.p_of(self.value) if self.side == "two" else 1.0
        return (
            said
            if best > 0.2
            else f"{said}; no constant effect has a p-value above {number(best)}: it changes over time"
        )


# ---- by their spread ---------------------------------------------------------------------------------------------------

AS_NOISY = "it takes the noise of donors for that of the treated, and is too narrow where the treated vary more"


def _spread(target: Target, placebos: Placebos, cells: Bools, seed: int) -> WithError | None:
    """A standard error from the placebos' spread; sets of donors that overlap tell no more than the donors in them.

    Source: Arkhangelsky et al. (2021), algorithm 4 (divisor: the number of placebos); the t distribution is not theirs.
    """
    values = placebos.drawn.mean(cells)
    known = np.isfinite(values)
    values, many = values[known], _independent(placebos, known)
    if many < ranks.FEWEST:
        if target.place != "overall":
            return None
        raise EstimationError(f"placebo: {_too_few(placebos, len(values), many)}")
    error = float(ranks.standard_error(values))
    if not error > 0:
        return None
    words = f"standard error, interval and p-value by placebo cities: standard deviation of {_who(placebos, seed)}, t({many - 1}); {AS_NOISY}"
    return WithError(target.value, error, float(many - 1), words + _caution(many), tuple(map(float, values)))


def _independent(placebos: Placebos, known: Bools) -> int:
    """How many placebos there are, and no more than donors that play in them."""
    played = {name for names, there in zip(placebos.names, known, strict=True) if there for name in names}
    return min(int(known.sum()), len(played))


def _too_few(placebos: Placebos, values: int, many: int) -> str:
    """Why there is no interval."""
    who = counted(values, "placebo") if many == values else f"{counted(values, 'placebo')} of {counted(many, 'donor')}"
    lost = f" ({placebos.gone})" if placebos.lost else ""
    return (
        f"{who} cannot show a spread{lost}: it takes {ranks.FEWEST}, because two that have only each other as a donor are one number with two "
        "signs. Use more donors, or `inference: conformal`."
    )


def _caution(many: int) -> str:
    """What few placebos mean for the interval."""
    if many >= SHAKY:
        return ""
    return f". Caution: the spread of {many} is a rough one; intervals of 95 % hold in about 92 % of panels with fewer than {SHAKY}"
