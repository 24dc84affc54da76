"""Would a gap open before the measure did? The date is moved back, and the donors are fitted on what came before it alone.

Data from the measure on are cut off, so that what opens after a pretended date is no effect: it is how far the donors drift
away by themselves. Donors in the place of the treated, at the same pretended dates, say how much of that is usual.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from scale_impact.checks._pilots import Pilot, Refit, or_none, pilot, placebo_gaps, playing, share
from scale_impact.core.check import Check, Verdict
from scale_impact.core.design import Design
from scale_impact.core.keys import Count, Share
from scale_impact.core.panel import Panel
from scale_impact.core.synthetic.pilots import FEWEST
from scale_impact.core.synthetic.placebos import Gaps, over_fit
from scale_impact.core.synthetic.worlds import Floats, Worlds
from scale_impact.core.words import counted, number, some
from scale_impact.errors import UsageError

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
    Check that fails where the gap after a pretended date is unusual among donors at the same dates, or as large as the study's
    effect (and the RMSPE before the measure). Its p-value is the share of units whose most unusual date is as unusual as the treated's: at each date the RMSPE
    after over that before (but not less than the median unit's), in medians of all units at that date. With fewer donors than
    a p-value of ``alpha`` takes only the sizes are compared: from half of the effect on it is inconclusive. ``details.rows``
    has a row a date.

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
    rows = [_row(case, t, number_of_placebos=len(t.others)) for t in trials]
    full = float(case.effects([case.worlds])[0])
    details = {"alpha": alpha, "full": or_none(full), "unit": case.unit, "treated": [*case.found.names], "rows": rows}
    return _judged(rows, (full, case.noise), *_joint(trials), alpha, details)


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


def _row(case: Pilot, trial: Trial, *, number_of_placebos: int) -> Row:
    sizes = trial.sizes
    low, high = np.quantile(trial.others.effect, [0.05, 0.95]) if number_of_placebos else (np.nan, np.nan)
    p = float((sizes >= sizes[0] * (1 - 1e-9)).mean()) if number_of_placebos else None
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
    """``sizes``: the study's effect, and the RMSPE before the measure, below which a gap is noise."""
    full, noise = sizes
    known = [r for r in rows if r["estimate"] is not None]
    if not known or not np.isfinite(full):
        return Check(NAME, "inconclusive", "No pretended date gives an estimate.", details=details)
    worst = max(known, key=lambda r: abs(r["estimate"]))
    verdict, end = _verdict(worst, rows[most], max(abs(full), noise), p, min(r["placebos"] for r in rows), alpha)
    return Check(NAME, verdict, f"{_words(known, full, p)} {end}", worst["estimate"], p, details)


def _verdict(worst: Row, unusual: Row, full: float, p: float | None, n: int, alpha: float) -> tuple[Verdict, str]:
    size = share(abs(worst["estimate"]), full)
    can = 1 / (n + 1) <= alpha
    if p is not None and can and p <= alpha:
        return "fail", f"From {unusual['from']} on that is unusual among donors: the paths part before the measure."
    if size >= 1:
        return (
            "fail",
            f"From {worst['from']} on the gap is as large as the effect or larger, though nothing had happened yet.",
        )
    if can or size < 0.5:
        return "pass", "Nothing is found where nothing had happened."
    few = "there are no donors to say whether that is unusual"
    if n:
        few = f"{counted(n, 'donor')} in its place cannot say whether that is unusual"
    return "inconclusive", f"From {worst['from']} on the gap is {size:.0%} of the effect, and {few}."


def _words(rows: list[Row], full: float, p: float | None) -> str:
    values = [r["estimate"] for r in rows]
    span = number(values[0]) if len(values) == 1 else f"between {number(min(values))} and {number(max(values))}"
    dates = some([r["from"] for r in reversed(rows)], 10)
    if len(rows) > 1 and rows[0]["from"].endswith("early"):
        dates = f"{rows[0]['earlier']} to {rows[-1]['earlier']} periods early"
    many = f"{counted(len(rows), 'pretended date')}, {dates}"
    unusual = "" if p is None else f"; p = {p:.3f} for the most unusual date among donors at the same dates"
    return f"At {many}, the mean gap until the measure is {span} (the effect: {number(full)}){unusual}."
