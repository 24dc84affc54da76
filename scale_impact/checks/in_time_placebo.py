"""Would a gap open before the measure did? The date is moved back, and the donors are fitted on what came before it alone.

Data from the measure on are cut off, so that what opens after a pretended date is no effect: it is how far the donors drift
away by themselves. Donors in the place of the treated, at the same pretended dates, say how much of that is usual; where there
are none, the estimator's own test at each date.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from scale_impact.checks._pilots import APART, Pilot, Refit, or_none, pilot, placebo_gaps, playing, share
from scale_impact.core.check import Check, Verdict
from scale_impact.core.comparison import holm
from scale_impact.core.design import Design
from scale_impact.core.keys import Count, Share
from scale_impact.core.panel import Panel
from scale_impact.core.placebo import NEVER, part, suppose, unit_starts
from scale_impact.core.synthetic.pilots import FEWEST
from scale_impact.core.synthetic.placebos import Gaps, fewest_for, over_fit
from scale_impact.core.synthetic.worlds import Floats, Worlds
from scale_impact.core.words import counted, number, some
from scale_impact.errors import ScaleImpactError, UsageError

NAME = "in_time_placebo"

TOO_FEW = f"There are too few periods before the measure: a pretended date needs {FEWEST} before and one after it."

WITHOUT_CONTROLS = True
"""It can be asked where there is nobody to compare with, too."""

Row = dict[str, Any]


def run(
    panel: Panel,
    design: Design,
    refit: Refit,
    *,
    dates: Count = 5,
    earlier: Sequence[int] = (),
    draws: Count = 199,
    alpha: Share = 0.05,
    seed: int = 20251122,
) -> Check:
    """Gaps after pretended dates, from the periods before the measure alone.

    Parameters
    ----------
    panel, design, refit:
        The data, the design, and the estimator.
    dates:
        At most so many pretended dates, evenly spaced over the later half of the periods before the measure.
    earlier:
        In their place: by how many periods the measure is pretended to begin earlier, such as ``[5, 10]``.
    draws:
        At most so many donors (sets of donors) in the place of the treated at each date.
    alpha:
        The check fails where the p-value is no larger.
    seed:
        Of the draws.

    Returns
    -------
    Check that fails where the gap after a pretended date is unusual among donors at the same dates: its p-value is the share of
    units whose most unusual date is as unusual as the treated's (at each date the RMSPE after over that before, but not less than
    the median unit's, in medians of all units at that date). With fewer donors than a p-value of ``alpha`` takes it fails where
    no donor's is as unusual, the gap is as large as the effect, and more than what placebos usually show after the measure.
    Without donors the p-value is that of the estimator's own tests, after Holm. A gap as large as the effect alone is
    inconclusive. ``details.rows`` has a row a date.

    Raises
    ------
    UsageError
        A pretended date leaves fewer than three periods before, or none after.

    Source: Abadie, Diamond and Hainmueller (2015), section 4, "in-time placebo"; the largest of several statistics as in
    Westfall and Young (1993).
    """
    case = pilot(NAME, panel, design, refit, "pretended dates are asked by placebo_dates")
    if isinstance(case, Check):
        return case
    steps = _steps(case.worlds, dates, earlier)
    if not steps:
        return Check.inapplicable(NAME, TOO_FEW)
    trials = [_trial(case, k, draws, seed) for k in steps]
    p, most, own = _tested(case, trials)
    rows = [_row(case, t, q, number_of_placebos=len(t.others)) for t, q in zip(trials, own, strict=True)]
    full = float(case.effects([case.worlds])[0])
    details = {"alpha": alpha, "full": or_none(full), "unit": case.unit, "treated": [*case.found.names], "rows": rows}
    return _judged(rows, (full, APART * case.noise), p, most, alpha, details)


def refuse(panel: Panel, design: Design, refit: Refit, *, earlier: Sequence[int] = ()) -> None:
    """Refuse pretended dates that the data do not have, before anything is asked of them; errors as ``run``."""
    case = pilot(NAME, panel, design, refit, "")
    if not isinstance(case, Check):
        _steps(case.worlds, 1, earlier)


@dataclass(frozen=True, eq=False)
class Trial:
    """One pretended date: the gaps of the treated (one row) and of placebos there."""

    earlier: int
    worlds: Worlds
    real: Gaps
    others: Gaps

    @property
    def sizes(self) -> Floats:
        """How far each unit's gap opens, the treated's first, in the median of all at this date.

        That is the RMSPE after the date over the larger of the unit's RMSPE before and the median one: few periods can be met
        nearly exactly by chance, which would make ratios of some donors huge.
        """
        pre = np.concatenate([self.real.pre_rmspe, self.others.pre_rmspe])
        post = np.concatenate([self.real.post_rmspe, self.others.post_rmspe])
        values = over_fit(post, np.maximum(pre, np.median(pre)))
        middle = float(np.median(values))
        return np.asarray(values / middle if 0 < middle < np.inf else values)


def _steps(worlds: Worlds, dates: int, earlier: Sequence[int]) -> list[int]:
    """By how many periods the date is moved back: the nearest first."""
    before = int(worlds.fit.sum(axis=1).min())
    wrong = [k for k in earlier if not 1 <= k <= before - FEWEST]
    if wrong:
        raise UsageError(
            f"in_time_placebo: earlier names {some(wrong)}; it has to be 1 to {before - FEWEST} periods ({before} lie before the "
            f"measure, {FEWEST} of them have to stay before a pretended date)."
        )
    if earlier:
        return sorted(set(earlier))
    most = before - max(FEWEST, (before + 1) // 2)
    return sorted({int(k) for k in np.ceil(np.linspace(most / dates, most, dates) - 1e-9)}) if most > 0 else []


def _trial(case: Pilot, earlier: int, draws: int, seed: int) -> Trial:
    worlds = _pretended(case.worlds, earlier)
    real = Gaps(case.again(worlds)[None], worlds.fit, worlds.after, case.sizes)
    deal = playing(worlds, draws, seed)
    others = placebo_gaps(case, worlds, deal, case.sizes) if deal is not None else replace(real, values=real.values[:0])
    known = np.isfinite(others.pre_rmspe) & np.isfinite(others.post_rmspe)
    return Trial(earlier, worlds, real, others.select(known) if known.all() else _blank(others, known))


def _blank(gaps: Gaps, known: Any) -> Gaps:
    """Gaps with those that are not known as no gap: places among the dates stay, and nothing is unusual about them."""
    return replace(gaps, values=np.where(known[:, None, None], gaps.values, 0.0))


def _pretended(worlds: Worlds, earlier: int) -> Worlds:
    """The question with the date moved back and the data cut off where the measure (or its anticipation) begins."""
    ends = worlds.fit.sum(axis=1, keepdims=True)
    count = np.cumsum(worlds.fit, axis=1)
    fit = worlds.fit & (count <= ends - earlier)
    until = int(np.flatnonzero(worlds.fit.any(axis=0)).max()) + 1
    return replace(worlds, fit=fit, after=worlds.fit & ~fit, shift=None).until(until)


def _joint(trials: list[Trial]) -> tuple[float | None, int]:
    """P-value of the most unusual date among units, and which date that is for the treated."""
    sizes = np.column_stack([t.sizes for t in trials])
    largest = sizes.max(axis=1)
    p = float((largest >= largest[0] * (1 - 1e-9)).sum() / len(largest)) if len(largest) > 1 else None
    return p, int(sizes[0].argmax())


def _tested(case: Pilot, trials: list[Trial]) -> tuple[float | None, int, list[float | None]]:
    """P-value, the date that it is of, and the estimator's own p-values at each date where there are no donors to ask."""
    p, most = _joint(trials)
    own: list[float | None] = _own_tests(case, trials) if p is None else [None for _ in trials]
    known = [q for q in own if q is not None]
    return (min(known), own.index(min(known)), own) if known else (p, most, own)


def _own_tests(case: Pilot, trials: list[Trial]) -> list[float | None]:
    """P-values of the estimator itself at the pretended dates, after Holm; None where it has none."""
    found = [_own_test(case, t.worlds) for t in trials]
    known = iter(holm([p for p in found if p is not None]))
    return [None if p is None else next(known) for p in found]


def _own_test(case: Pilot, pretended: Worlds) -> float | None:
    """P-value of an effect from a pretended start on, estimated from the data before the measure alone."""
    begins = np.unique(pretended.after.argmax(axis=1))
    if len(begins) > 1:  # one end of the data cannot be before the measure of each
        return None
    starts = unit_starts(case.design)
    some = part(case.panel, starts >= 0, pretended.after.shape[1])
    supposed = np.where(np.isfinite(starts), float(begins[0]), NEVER)[some.units]
    try:
        return case.refit(some.panel, suppose(case.design, some, supposed, anticipation=0)).overall.p_value
    except ScaleImpactError:  # too few periods for this estimator, or an option that names a later one
        return None


def _row(case: Pilot, trial: Trial, own: float | None, *, number_of_placebos: int) -> Row:
    sizes = trial.sizes
    low, high = np.quantile(trial.others.effect, [0.05, 0.95]) if number_of_placebos else (np.nan, np.nan)
    p = float((sizes >= sizes[0] * (1 - 1e-9)).mean()) if number_of_placebos else own
    return {
        "earlier": trial.earlier,
        "from": _from(case, trial),
        "periods": int(trial.worlds.after.sum(axis=1).min()),
        "estimate": or_none(trial.real.effect[0]),
        "pre_rmspe": or_none(trial.real.pre_rmspe[0]),
        "ratio": or_none(trial.real.ratio[0]),
        "p_value": p,
        "placebos": number_of_placebos,
        "placebo_low": or_none(low),
        "placebo_high": or_none(high),
    }


def _from(case: Pilot, trial: Trial) -> str:
    """The pretended date; with several dates how much earlier it is than each."""
    begins = np.unique(trial.worlds.after.argmax(axis=1))
    return case.label(int(begins[0])) if len(begins) == 1 else f"{counted(trial.earlier, 'period')} early"


# ---- verdict -----------------------------------------------------------------------------------


def _judged(
    rows: list[Row], sizes: tuple[float, float], p: float | None, most: int, alpha: float, details: Row
) -> Check:
    """``sizes``: the study's effect, and the size from which on a gap stands out from what happens by itself."""
    full, usual = sizes
    known = [r for r in rows if r["estimate"] is not None]
    if not known or not np.isfinite(full):
        return Check(NAME, "inconclusive", "No pretended date gives an estimate.", details=details)
    worst = max(known, key=lambda r: abs(r["estimate"]))
    n = min(r["placebos"] for r in rows)
    size = share(abs(worst["estimate"]), max(abs(full), usual))
    if p is None or 0 < n < fewest_for(1 - alpha):
        verdict, end = _by_size(worst, size, p, n)
    else:
        verdict, end = _by_p(worst, rows[most], size, p <= alpha, n)
    small = verdict == "pass" and abs(worst["estimate"]) >= abs(full)
    return Check(NAME, verdict, f"{_words(known, full, p)} {SMALL if small else end}", worst["estimate"], p, details)


NOTHING = "Nothing is found where nothing had happened."
SMALL = "Such a gap is usual where nothing happened, and so is the effect."


def _by_p(worst: Row, unusual: Row, size: float, rejected: bool, n: int) -> tuple[Verdict, str]:
    """Where the p-value can say it, it alone says that paths part."""
    if rejected:
        among = "unusual among donors" if n else "more than chance"
        return "fail", f"From {unusual['from']} on that is {among}: the paths part before the measure."
    if size < 1:
        return "pass", NOTHING
    who = "among donors" if n else "by the estimator's own test"
    return "inconclusive", f"From {worst['from']} on {AS_LARGE}; {who} that is not unusual."


AS_LARGE = "the gap is as large as the effect or larger, though nothing had happened yet"


def _by_size(worst: Row, size: float, p: float | None, n: int) -> tuple[Verdict, str]:
    """Where too few donors are there for a p-value (or nobody, and no test of the estimator)."""
    if size >= 1 and (p is None or p * (n + 1) < 1.5):  # no donor's is as unusual
        return "fail", f"From {worst['from']} on {AS_LARGE}."
    if size < 0.5:
        return "pass", NOTHING
    few = "there are no donors to say whether that is unusual"
    if n:
        few = f"{counted(n, 'donor')} in its place cannot say whether that is unusual"
    part = "as large as the effect or larger" if size >= 1 else f"{size:.0%} of the effect"
    return "inconclusive", f"From {worst['from']} on the gap is {part}, and {few}."


def _words(rows: list[Row], full: float, p: float | None) -> str:
    values = [r["estimate"] for r in rows]
    span = number(values[0]) if len(values) == 1 else f"between {number(min(values))} and {number(max(values))}"
    dates = some([r["from"] for r in reversed(rows)], 10)
    if len(rows) > 1 and rows[0]["from"].endswith("early"):
        dates = f"{rows[0]['earlier']} to {rows[-1]['earlier']} periods early"
    many = f"{counted(len(rows), 'pretended date')}, {dates}"
    test = "among donors at the same dates" if rows[0]["placebos"] else "by the estimator's own tests, after Holm"
    unusual = "" if p is None else f"; p = {p:.3f} for the most unusual date {test}"
    return f"At {many}, the mean gap until the measure is {span} (the effect: {number(full)}){unusual}."
