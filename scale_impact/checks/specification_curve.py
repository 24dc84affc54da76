"""Does the finding hang on choices that could as well have been made otherwise?

Each combination of the study's grid is estimated (``core.specifications``), and all of them are tested
together by dealing the adoption dates again (``core.joint_test``). The test is that of the median over all
specifications, said here before any data are seen; the other statistics stand in the details.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scale_impact.core.check import Check, Verdict
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect
from scale_impact.core.joint_test import LeftOut
from scale_impact.core.keys import Count, Share
from scale_impact.core.panel import Panel
from scale_impact.core.specifications import Specification, SpecificationCurve
from scale_impact.core.words import number

NAME = "specification_curve"

NO_GRID = "The study has no grid: there is one specification. Add `grid:` to study.yaml to try others."

Refit = Callable[[Panel, Design], Effect]
Curve = Callable[..., SpecificationCurve]


def run(
    panel: Panel,
    design: Design,
    refit: Refit,
    *,
    curve: Curve | None,
    draws: Count = 500,
    alpha: Share = 0.05,
    stable: Share = 0.9,
    left_out: LeftOut = "dealt",
) -> Check:
    """Test all specifications of the study's grid together.

    Parameters
    ----------
    panel, design, refit:
        As every check has them; the grid brings its own.
    curve:
        Makes the tested curve from ``draws``, ``alpha`` and ``left_out``; None where the study has no grid. A session fills this in.
    draws:
        Dealings of the adoption dates; all of them where they are no more.
    alpha:
        Level of the joint test, and of each specification's own test in it.
    stable:
        Share of the specifications that has to have the primary one's sign.
    left_out:
        Whether units that some specifications leave out are ``dealt`` dates like all others, or their own are ``kept``.

    Returns
    -------
    Check with the median estimate as its statistic (in the outcome's unit) and the joint test's p-value. It fails
    where specifications contradict each other for certain (intervals exclude zero on both sides), where most have
    the other sign than the primary one, or where the primary interval excludes zero and the joint test does not
    reject. It passes where the test rejects and specifications are stable; what lies between is inconclusive.

    Raises
    ------
    StudyError
        The grid has one combination, or gives estimates in different units.
    EstimationError
        No combination has an estimate.

    Source: Simonsohn, Simmons and Nelson (2020).
    """
    if curve is None:
        return Check.inapplicable(NAME, NO_GRID)
    found = curve(draws=draws, alpha=alpha, left_out=left_out)
    verdict, why = _judged(found, alpha, stable)
    p = None if found.joint is None else found.joint.p_value
    reason = f"{found.headline}; median {_of(found)}. {why}{_gaps(found)}"
    return Check(NAME, verdict, reason, found.median, p, _details(found, alpha, stable))


def _of(found: SpecificationCurve) -> str:
    return number(found.median) + ("" if found.joint is None else f", joint p = {found.joint.p_value:.3f}")


def _judged(found: SpecificationCurve, alpha: float, stable: float) -> tuple[Verdict, str]:
    """The verdict, and why."""
    counts, primary = found.counts, found.primary
    if primary is None or primary.value is None:
        return "inconclusive", "The marked specification has no estimate."
    if counts.above and counts.below:
        return (
            "fail",
            f"Intervals exclude zero on both sides ({counts.below:,} below, {counts.above:,} above): the choices decide.",
        )
    alike = sum(v * primary.value > 0 for v in found.values) / counts.known
    if alike < 0.5:
        return "fail", f"Only {alike:.0%} have the sign of the marked one ({primary.mark})."
    if found.joint is None:
        return "inconclusive", f"There is no joint test: {found.untested}"
    return _by_test(primary, found.joint.p_value, alike, found.level, alpha, stable)


def _by_test(
    primary: Specification, p: float, alike: float, level: float, alpha: float, stable: float
) -> tuple[Verdict, str]:
    if p > alpha and primary.side(level):
        return (
            "fail",
            f"The marked one ({primary.mark}) excludes zero, and the curve as a whole does not (p above {alpha:g}).",
        )
    if p > alpha:
        return "inconclusive", "Neither the marked one nor the curve as a whole is told apart from no effect."
    if alike < stable:
        return (
            "inconclusive",
            f"The curve is not one of chance, but {alike:.0%} have the sign of the marked one, less than {stable:.0%}.",
        )
    weak = "" if primary.side(level) else f", though the marked one's own interval ({primary.mark}) includes zero"
    return (
        "pass",
        f"The curve as a whole is told apart from no effect, and {alike:.0%} have the sign of the marked one{weak}.",
    )


def _gaps(found: SpecificationCurve) -> str:
    return f" {len(found.failed):,} more could not be estimated." if found.failed else ""


def _details(found: SpecificationCurve, alpha: float, stable: float) -> dict[str, Any]:
    counts, joint = found.counts, found.joint
    return {
        "specifications": counts.all,
        "estimated": counts.known,
        "negative": counts.negative,
        "positive": counts.positive,
        "exclude_zero_below": counts.below,
        "exclude_zero_above": counts.above,
        "lowest": found.values[0],
        "highest": found.values[-1],
        "level": found.level,
        "alpha": alpha,
        "stable": stable,
        "marked": None if found.primary is None else {"as": found.primary.mark, "label": found.primary.label},
        "statistics": [] if joint is None else [vars(s) for s in joint.statistics],
        "dealings": None if joint is None else joint.words,
        "notes": [] if joint is None else list(joint.notes),
        "untested": found.untested,
        "axes": [{"axis": a.axis, "alone": a.alone, "left_out": a.left_out, "share": a.share} for a in found.influence],
        "without_estimate": [{"label": s.label, "reason": s.estimate.reason} for s in found.failed],
    }
