"""Could those compared have been on either side? The propensity's range on both sides, and on how few rows weights rest.

Where the exposed are unlike all others there is nothing to compare with, and what stands there comes from a model. The
estimator's own propensity is looked at; where it has none (a regression), a logit on its covariates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from annotated_types import Gt, Lt

from scale_impact.checks import Refit
from scale_impact.core.causal.balancing.balance import effective_size
from scale_impact.core.causal.balancing.logit import Bools, columns_of, fit_logit
from scale_impact.core.causal.balancing.sections import CELLS, cells_of
from scale_impact.core.causal.cross_section import CrossSection, Floats, cross_section
from scale_impact.core.check import Check, Verdict
from scale_impact.core.design import Design
from scale_impact.core.keys import Column, Share
from scale_impact.core.panel import Panel
from scale_impact.core.words import counted

NAME = "overlap"

EXPOSURE = True

BINS = 25

SOME, BY_CHANCE = 0.01, 2
"""Some lie beyond the other side's range where more than this share do, and more than the one or two that always may: with exposure
by lot the lowest and the highest propensity belong to some side."""

HEAVY = 0.1
"""A row with a larger share of its side's weight is said."""

FEW_LEFT = 0.1
"""Weights as precise as fewer rows than this share of the smaller side rest on too few."""

Row = dict[str, Any]


def run(
    panel: Panel,
    design: Design,
    refit: Refit,
    *,
    bound: Annotated[float, Gt(0), Lt(0.5)] = 0.1,
    most: Share = 0.1,
    covariates: Sequence[Column] = (),
) -> Check:
    """Common support of the propensity, and the effective size of the weights.

    Parameters
    ----------
    panel, design, refit:
        The data, the design, and the estimator.
    bound:
        Propensities beyond [bound, 1 - bound] are counted.
    most:
        Share of the rows in question that may lie beyond the other side's range.
    covariates:
        What the logit is on where the estimator adjusts for nothing.

    Returns
    -------
    Check that fails where covariates tell the sides apart, where more than ``most`` of the rows in question have a propensity
    beyond all of the other side's, or where a side's weights are as precise as fewer rows than a tenth of the smaller side. It
    is inconclusive where more than a hundredth (and more than two rows) lie beyond, more than ``most`` are beyond the bounds, or
    one row has more than a tenth of its side's weight. The rows in question are the exposed for the ATT (beyond the bounds: above
    the upper one), else all; for overlap weights (ATO) each counts by p (1 - p). Its statistic is the share beyond the other
    side's range.

    Source: Crump, Hotz, Imbens and Mitnik (2009) on the bounds; Heckman, Ichimura and Todd (1998) on common support.
    """
    effect = refit(panel, design)
    found = effect.adjusted
    rows = cross_section(panel, design, NAME, covariates) if found is None else found.rows
    if not rows.binary:
        return Check.inapplicable(NAME, f"{rows.exposure_name} takes more than two values, and two sides are compared.")
    if not rows.controls.shape[1]:
        return Check.inapplicable(NAME, "There are no covariates that could tell the sides apart. Name `covariates`.")
    weights = None if found is None else found.weights
    p, apart = _propensity(rows, None if found is None else found.propensity)
    mass = p * (1 - p) if effect.estimand == "ATO" else np.ones(len(rows))
    case = _Case(rows, p, _asked(rows, weights, effect.estimand), effect.estimand == "ATT", weights, mass)
    return _judged(case, apart, bound, most)


def _asked(rows: CrossSection, weights: Floats | None, estimand: str) -> Bools:
    """Rows that have part: not those trimmed or without a neighbour. A control that nobody is matched to still stands by."""
    if weights is None:
        return np.ones(len(rows), dtype=bool)
    return np.asarray((weights > 0) | (~rows.treated if estimand == "ATT" else False))


def _propensity(rows: CrossSection, given: Floats | None) -> tuple[Floats, Bools]:
    """Propensities, and rows that covariates tell apart."""
    if given is not None:
        return given, np.zeros(len(rows), dtype=bool)
    controls = rows.controls if rows.side is None else rows.covariates
    logit = fit_logit(columns_of(controls)[0], rows.treated)
    return logit.probabilities, logit.apart


@dataclass(frozen=True, eq=False)
class _Case:
    """Rows with their propensity; who has part; whether the effect is about the exposed alone; weights; what a row is of those in question."""

    rows: CrossSection
    p: Floats
    kept: Bools
    of_exposed: bool
    weights: Floats | None
    mass: Floats

    def share(self, rows: Bools) -> float:
        """Share of those in question that some rows are."""
        return float(self.mass[rows].sum() / self.mass[self.asked].sum())

    @property
    def asked(self) -> Bools:
        """Rows that the effect is about."""
        return np.asarray(self.kept & self.rows.treated if self.of_exposed else self.kept)

    def beyond(self) -> Bools:
        """Rows in question whose propensity is beyond all of the other side's."""
        own, others = self.kept & self.rows.treated, self.kept & ~self.rows.treated
        out = np.zeros(len(self.p), dtype=bool)
        for side, other in ((own, others), (others, own)):
            if side.any() and other.any():
                out |= side & ((self.p > self.p[other].max()) | (self.p < self.p[other].min()))
        return np.asarray(out & self.asked)

    def extreme(self, bound: float) -> Bools:
        """Rows in question beyond the bounds."""
        high = self.p > 1 - bound
        return np.asarray(self.asked & (high if self.of_exposed else high | (self.p < bound)))


def _judged(case: _Case, apart: Bools, bound: float, most: float) -> Check:
    rows = case.rows
    beyond, extreme, asked = case.beyond(), case.extreme(bound), int(case.asked.sum())
    sides = _sides(case)
    details = {
        "bound": bound, "of_exposed": case.of_exposed, "asked": asked, "beyond": int(beyond.sum()), "extreme": int(extreme.sum()),
        "told_apart": int(apart.sum()), "sides": sides, "densities": _densities(case),
    }  # fmt: skip
    share, wild = case.share(beyond), case.share(extreme)
    least = FEW_LEFT * min(s["rows"] for s in sides)
    few = [s for s in sides if s["effective"] is not None and s["effective"] < least]
    heavy = [s for s in sides if s["largest"] is not None and s["largest"] > HEAVY]
    bad = (apart & case.asked).any() or share > most or bool(few)
    unsure = (share > SOME and beyond.sum() > BY_CHANCE) or wild > most or bool(heavy)
    verdict: Verdict = "fail" if bad else "inconclusive" if unsure else "pass"
    texts = [_apart_words(case, apart), _beyond_words(case, beyond, asked), _extreme_words(case, extreme, bound, asked)]
    texts += [_few_words(s) for s in sides if s in few] + [_heavy_words(s) for s in heavy if s not in few]
    details["who"] = list(dict.fromkeys(rows.labels[i] for i in np.flatnonzero(beyond)))[:50]
    return Check(NAME, verdict, " ".join(t for t in texts if t), share, details=details)


def _sides(case: _Case) -> list[Row]:
    """Each side (or cell): rows, how many that count the same would be as precise, and the row that counts most."""
    rows = case.rows
    if rows.side is None:
        sides = {"the exposed": rows.treated, "the others": ~rows.treated}
    else:
        cells = cells_of(rows)
        sides = {name: cells == c for c, name in enumerate(CELLS)}
    return [_side(case, name, members & case.kept) for name, members in sides.items()]


def _side(case: _Case, name: str, members: Bools) -> Row:
    p = case.p[members]
    found: Row = {"side": name, "rows": int(members.sum()), "low": float(p.min()), "high": float(p.max())}
    if case.weights is None:
        return {**found, "effective": None, "largest": None, "heaviest": None}
    w = case.weights[members]
    top = int(np.flatnonzero(members)[w.argmax()])
    return {
        **found, "effective": effective_size(w), "largest": float(w.max() / w.sum()) if w.any() else 0.0,
        "heaviest": case.rows.labels[top],
    }  # fmt: skip


def _densities(case: _Case) -> Row:
    """Shares of both sides' rows by the propensity, for a figure; and of their weight."""
    edges = np.linspace(0.0, 1.0, BINS + 1)
    found: Row = {"edges": edges.tolist()}
    for name, side in (("exposed", case.rows.treated), ("others", ~case.rows.treated)):
        rows = case.kept & side
        p = case.p[rows]
        w = None if case.weights is None or not case.weights[rows].any() else case.weights[rows]
        found[name] = (np.histogram(p, edges)[0] / max(len(p), 1)).tolist()
        found[f"{name}_weighted"] = None if w is None else (np.histogram(p, edges, weights=w)[0] / w.sum()).tolist()
    return found


# ---- words -------------------------------------------------------------------------------------


def _apart_words(case: _Case, apart: Bools) -> str:
    if not apart.any():
        return ""
    return f"Covariates tell the sides apart in {case.rows.who(apart)}: nobody on the other side is like them."


def _beyond_words(case: _Case, beyond: Bools, asked: int) -> str:
    whom = "exposed row" if case.of_exposed else "row"
    if not beyond.any():
        return f"Each of {counted(asked, whom)} has a propensity within the other side's range."
    return f"{case.rows.who(beyond)} of {counted(asked, whom)} have a propensity beyond all of the other side's: what would have been is extrapolated there."


def _extreme_words(case: _Case, extreme: Bools, bound: float, asked: int) -> str:
    n = int(extreme.sum())
    if not n:
        return ""
    where = f"above {1 - bound:g}" if case.of_exposed else f"beyond {bound:g} to {1 - bound:g}"
    share = case.share(extreme)
    weighted = f", {share:.0%} of those in question" if abs(share - n / asked) > 0.005 else ""
    return f"{n:,} of {asked:,} ({n / asked:.0%}{weighted}) are {where}."


def _few_words(side: Row) -> str:
    return (
        f"The weights of {side['side']} are as precise as {side['effective']:.1f} of {counted(side['rows'], 'row')}; {side['heaviest']} alone has "
        f"{side['largest']:.0%} of them."
    )


def _heavy_words(side: Row) -> str:
    return f"{side['heaviest']} alone has {side['largest']:.0%} of the weight of {side['side']} ({counted(side['rows'], 'row')})."
