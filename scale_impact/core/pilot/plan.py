"""Plan: the set of cities that the earlier windows choose, confirmed in later windows that did not choose it.

The best of many is best by luck too. So its smallest noticed effect is computed anew in windows held out, with the test exactly as
the study will make it: the pilots are no donors of the placebos, and who plays a pilot is no donor. Windows are few and overlap;
what is promised is the larger of the two numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from scale_impact.core.effect import Estimate, Sample
from scale_impact.core.pilot.question import DRAWN, Question
from scale_impact.core.pilot.screening import Members, Past, Screen, sets_of, worlds_of
from scale_impact.core.pilot.thresholds import OnLogScale, Sizes, power_at, smallest, standard_error
from scale_impact.core.pilot.windows import Window, fewest_windows, windows
from scale_impact.core.synthetic.placebos import Gaps, ask, dealt, placebo_worlds
from scale_impact.core.synthetic.ranks import exceeds
from scale_impact.core.synthetic.worlds import Floats
from scale_impact.core.words import counted

if TYPE_CHECKING:
    import pandas as pd

    from scale_impact.core.synthetic.counterfactual import Counterfactual


@dataclass(frozen=True, eq=False)
class Confirmed:
    """What the windows held out say of a set and duration.

    Attributes
    ----------
    thresholds:
        [W, S], smallest effect noticed in each window, one column a sign.
    false_alarms:
        Share of windows in which the test found something although nothing was there.
    raised:
        How far the test's limit was raised for it to be right in these windows; 1: it was.
    placebos:
        Sets of cities in the place of the pilots.
    """

    thresholds: Floats
    false_alarms: float
    raised: float
    placebos: int


@dataclass(frozen=True, eq=False)
class Option:
    """A set of pilots and a duration.

    Attributes
    ----------
    members, names:
        Positions and names of the pilots.
    duration:
        Periods that the pilot runs.
    level:
        Mean outcome of the pilots in the periods that windows cover, for per cent.
    wanted:
        The wanted effect in the outcome's unit; None where per cent of the level say nothing.
    fit:
        RMSPE before, averaged over the earlier windows.
    chosen_by:
        [W, S], thresholds in the earlier windows.
    mde:
        Smallest effect noticed with the asked power there; None, with the reason.
    held_out:
        What the later windows say; None where another set is the best.
    """

    members: Members
    names: tuple[str, ...]
    duration: int
    level: float
    wanted: float | None
    fit: float
    chosen_by: Floats
    mde: float | None
    reason: str | None = None
    held_out: Confirmed | None = None

    @property
    def label(self) -> str:
        """Who and how long, in words."""
        return f"{' and '.join(self.names)}, {counted(self.duration, 'period')}"

    @property
    def reach(self) -> float:
        """The minimum detectable effect over the wanted one; infinite where one of them is not known."""
        return math.inf if self.mde is None or not self.wanted else self.mde / self.wanted


@dataclass(frozen=True, eq=False)
class PilotPlan:
    """What to choose, and what it would notice.

    Attributes
    ----------
    question:
        What was asked.
    options:
        All sets and durations, the best set first.
    best:
        The best set by the earlier windows at each duration, confirmed.
    found:
        The recommended option, or the one nearest to the wanted effect; None where no power can be promised.
    reached:
        Whether the wanted effect is within its reach in the windows held out.
    left_out:
        Durations without an answer, with the reason.
    shown:
        Expected and observed path of the recommended pilots, as the study's estimator explains them; None: not asked for.
    notes:
        What was left out of the data.
    """

    question: Question
    options: tuple[Option, ...]
    best: tuple[Option, ...]
    found: Option | None
    reached: bool
    left_out: Mapping[int, str]
    shown: Counterfactual | None = None
    notes: tuple[str, ...] = ()

    def promised(self, option: Option) -> Estimate:
        """The smallest effect that would be noticed with the asked power, in the windows held out too."""
        return promise(self.question, option)

    def per_cent(self, option: Option, effect: float | None) -> float | None:
        """An effect in per cent of the pilots' outcome; None where that says nothing."""
        if effect is None or not (self.question.log or option.level > 0):
            return None
        if not self.question.log:
            return 100 * effect / option.level
        return 100 * (-math.expm1(-effect) if self.question.direction == "down" else math.expm1(effect))

    def sample(self, option: Option) -> Sample:
        """Counts of an option: donors and pilots, all periods before the start."""
        n, t = int((self.question.donors | self._in(option)).sum()), len(self.question.periods)
        return Sample(n, len(option.members), t, n * t, n)

    def _in(self, option: Option) -> Any:
        return np.isin(np.arange(len(self.question.names)), option.members)

    def to_frame(self, most: int | None = None) -> pd.DataFrame:
        """The best sets of each duration: smallest effect noticed in the unit and in per cent, fit, donors."""
        import pandas as pd

        rows = [self._row(o) for d in self.question.durations for o in self._of(d)[:most]]
        return pd.DataFrame(rows, columns=list(COLUMNS))

    def _of(self, duration: int) -> list[Option]:
        return [o for o in self.options if o.duration == duration]

    def _row(self, option: Option) -> dict[str, Any]:
        held = None if option.held_out is None else self.promised(option).value
        values = (
            option.duration, " and ".join(option.names), option.mde, self.per_cent(option, option.mde), held,
            self.per_cent(option, held), option.fit, int((self.question.donors & ~self._in(option)).sum()), option.reason or "",
        )  # fmt: skip
        return dict(zip(COLUMNS, values, strict=True))

    def confirmed_frame(self) -> pd.DataFrame:
        """The best set by duration: chosen and held-out numbers side by side, power for the wanted effect, false alarms."""
        import pandas as pd

        return pd.DataFrame([self._confirmed_row(o) for o in self.best]).set_index("periods")

    def _confirmed_row(self, option: Option) -> dict[str, Any]:
        held, wanted = option.held_out, option.wanted
        assert held is not None
        return {
            "periods": option.duration,
            "pilots": " and ".join(option.names),
            "noticed (earlier windows)": option.mde,
            "noticed (held out)": smallest(held.thresholds, self.question.power),
            "promised": self.promised(option).value,
            "in %": self.per_cent(option, self.promised(option).value),
            "power, wanted effect": None if wanted is None else power_at(held.thresholds, wanted),
            "false alarms": held.false_alarms,
            "windows held out": len(held.thresholds),
        }

    def power_curve(self, option: Option, points: int = 25) -> pd.DataFrame:
        """Share of the windows held out in which effects would have been noticed, up to twice the wanted or promised one."""
        import pandas as pd

        assert option.held_out is not None
        ends = [x for x in (option.wanted, self.promised(option).value, option.mde) if x is not None and x > 0]
        effects = np.linspace(0, 2 * max(ends, default=1.0), points)
        power = [power_at(option.held_out.thresholds, e) for e in effects]
        return pd.DataFrame({"effect": effects, "power": power})


COLUMNS = (
    "periods", "pilots", "noticed", "noticed in %", "promised", "promised in %", "fit before", "donors", "why not",
)  # fmt: skip


def promise(question: Question, option: Option) -> Estimate:
    """The minimum detectable effect that can be promised, with its error: the larger of both kinds of windows."""
    held = option.held_out
    assert held is not None
    later = smallest(held.thresholds, question.power)
    if later is None or option.mde is None:
        return Estimate(None, reason=option.reason or _why_none(held.thresholds, question.power))
    value = max(later, option.mde)
    apart = max(1, (len(held.thresholds) + option.duration - 1) // option.duration)
    error = standard_error(held.thresholds, question.power, apart)
    words = (
        f"smallest effect noticed with power {question.power:g} by the placebo test ({question.trial.statistic}, alpha "
        f"{question.trial.alpha:g}) in {counted(len(held.thresholds), 'window')} held out, or in those to choose by where it is larger there; Maritz-Jarrett "
        "error, log scale"
    )
    return Estimate(value, error, judged=OnLogScale(value, error, words))


def _why_none(thresholds: Floats, power: float) -> str:
    if len(thresholds) < fewest_windows(power):
        many = counted(len(thresholds), "window")
        return f"{many} of this length cannot promise a power of {power:g}: {fewest_windows(power)} are needed"
    return "in too many windows no effect of any size would have been noticed"


NO_NOISE = (
    "donors follow the pilots to the last digit before and after, so that the test compares rounding errors: as where units are copies "
    "of each other, or filled in from each other"
)


def make_plan(question: Question, past: Past) -> PilotPlan:
    """Compare all sets, confirm the best, and recommend.

    The best set is that with the smallest noticed effect over all durations together (the geometric mean relative to the wanted
    effect: single durations have few windows). It is recommended for the shortest duration at which it notices the wanted
    effect in the windows held out too; where there is none, for the one that comes nearest.
    """
    found = {d: windows(len(question.periods), question.before, d) for d in question.durations}
    need = fewest_windows(question.power)
    left = {d: _too_long(question, d, len(w.choosing), need) for d, w in found.items() if len(w.choosing) < need}
    screens = {d: Screen.of(question, past, w.choosing) for d, w in found.items() if d not in left}
    first, *others = _ranked(question, screens)
    best = [replace(o, held_out=confirm(question, past, o.members, found[o.duration].held_out)) for o in first]
    options = [*best, *(o for each in others for o in each)]
    chosen, reached = _recommended(question, best)
    return PilotPlan(question, tuple(options), tuple(best), chosen, reached, left)


def _too_long(question: Question, duration: int, many: int, need: int) -> str:
    left = len(question.periods) - question.before
    return (
        f"{counted(duration, 'period')}: {left} periods that pretended pilots may cover hold {many} of this length to choose by, and "
        f"{need} are needed for power {question.power:g}"
    )


def _ranked(question: Question, screens: Mapping[int, Screen]) -> list[list[Option]]:
    """All sets, each with its options by duration, the best set first."""
    found: list[list[Option]] = []
    best: list[list[Option]] = []
    for size in range(1, question.pilots + 1):
        sets = sets_of(np.flatnonzero(question.candidates), size, [each[0].members for each in best])
        some = [[_option(question, s, m, d) for d, s in screens.items()] for m in sets if _leaves(question, m)]
        best = sorted(some, key=_order)
        found += best
    return sorted(found, key=_order)


def _leaves(question: Question, members: Members) -> bool:
    """Whether donors are left to play the pilots, and one to compare with."""
    free = int(question.donors.sum()) - int(question.donors[list(members)].sum())
    return free > len(members)


def _order(options: Sequence[Option]) -> tuple[float, int, float, Members]:
    """Geometric mean of the reach over durations; then fewer pilots, and smaller effects where the wanted one is not known."""
    effects = [math.inf if o.mde is None else o.mde for o in options]
    return _geometric([o.reach for o in options]), len(options[0].members), _geometric(effects), options[0].members


def _geometric(values: Sequence[float]) -> float:
    with np.errstate(divide="ignore"):
        return float(np.exp(np.mean(np.log(values))))


def _option(question: Question, screen: Screen, members: Members, duration: int) -> Option:
    sizes = screen.sizes(members)
    thresholds = screen.thresholds(members, sizes)
    noticed = smallest(thresholds, question.power)
    rounded = noticed is not None and noticed <= screen.past.rounding
    mde = None if rounded else noticed
    level = float(screen.past.outcomes[list(members), question.before :].mean())
    wanted = _wanted(question, level)
    reason = None if mde is not None else NO_NOISE if rounded else _why_none(thresholds, question.power)
    if wanted is None:
        reason = "the mean outcome is not positive, so per cent of it say nothing: ask in the outcome's unit"
    names = tuple(question.names[i] for i in members)
    fit = float(sizes.pre.mean())
    return Option(members, names, duration, level, wanted, fit, thresholds, mde, reason)


def _wanted(question: Question, level: float) -> float | None:
    """The wanted effect in the outcome's unit."""
    share = question.wanted / 100
    if not question.per_cent:
        return question.wanted
    if question.log:
        return -math.log1p(-share) if question.direction == "down" else math.log1p(share)
    return share * level if level > 0 else None


def confirm(question: Question, past: Past, members: Members, held_out: Sequence[Window]) -> Confirmed:
    """The test of the study afterwards, in each window held out."""
    found = [in_window(question, past, members, w) for w in held_out]
    sizes, limits = _stacked([s for s, _, _ in found]), np.array([limit for _, limit, _ in found])
    raised = question.trial.readiness(sizes, limits)
    thresholds = question.trial.noticed(sizes, limits * raised, question.direction)
    alarms = float(exceeds(question.trial.of(sizes), limits).mean())
    return Confirmed(thresholds, alarms, raised, found[0][2])


def in_window(question: Question, past: Past, members: Members, window: Window) -> tuple[Sizes, float, int]:
    """Sizes of the pilots, the limit of the test, and the number of placebos, in one window."""
    n, k = len(past.outcomes), len(members)
    donors = question.donors & ~np.isin(np.arange(n), members)
    own = worlds_of(past, np.eye(n)[list(members)], np.tile(donors, (k, 1)), window, question.anticipation)
    deal = dealt(own, DRAWN if k > 1 else n, question.seed)
    gaps = ask(past.again, placebo_worlds(own, deal)).reshape(len(deal.picks), k, window.end)
    real = Gaps(ask(past.again, own)[None], own.fit, own.after, np.ones(k))
    drawn = Gaps(gaps, own.fit, own.after, np.ones(k))
    limit = question.trial.limit(Sizes(drawn.pre_rmspe, drawn.post_rmspe, drawn.effect), int(donors.sum()))
    return Sizes(real.pre_rmspe, real.post_rmspe, real.effect), float(limit), len(deal.picks)


def _stacked(parts: Sequence[Sizes]) -> Sizes:
    return Sizes(*(np.concatenate([getattr(p, name) for p in parts]) for name in ("pre", "post", "effect")))


def _recommended(question: Question, best: Sequence[Option]) -> tuple[Option | None, bool]:
    """The shortest that notices the wanted effect in the windows held out, or the nearest to it."""
    promised = [(o, promise(question, o).value) for o in best]
    known = [(o, v) for o, v in promised if v is not None]
    good = [o for o, v in known if o.wanted is not None and v <= o.wanted]
    if good:
        return min(good, key=lambda o: o.duration), True
    nearest = min(known, key=lambda e: (e[1] / e[0].wanted if e[0].wanted else math.inf, e[1]), default=None)
    return (None, False) if nearest is None else (nearest[0], False)
