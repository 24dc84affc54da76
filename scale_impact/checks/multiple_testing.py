"""Is the finding one of many that were looked for? Its p-value among those of all outcomes of the study.

Of twenty outcomes that a measure leaves alone, one looks like a finding by chance. Outcomes of one measure move together, so
that adding up their p-values (Bonferroni) is too strict; the stepdown of Romano and Wolf takes account of that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scale_impact.core.check import Check, Verdict
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect
from scale_impact.core.keys import Count, Share
from scale_impact.core.panel import Panel
from scale_impact.core.profile.multiple_testing import Adjusted
from scale_impact.core.profile.profile import IndexLine, Line, Profile
from scale_impact.core.words import counted

NAME = "multiple_testing"

ONE = "One outcome of the study is counted and has a p-value, so that there is nothing to adjust."

CONTEXT = "The indicator is context: it describes a city, is never scored and is none of the outcomes that are counted"

Refit = Callable[[Panel, Design], Effect]


def run(
    panel: Panel,
    design: Design,
    refit: Refit,
    *,
    profile: Callable[..., Profile] | None,
    draws: Count = 9_999,
    alpha: Share = 0.05,
) -> Check:
    """Adjust the outcome's p-value for all outcomes of the study that are counted: all but context.

    Parameters
    ----------
    panel, design, refit:
        As every check has them.
    profile:
        Makes the profile of all outcomes from ``draws`` and ``alpha``; a session fills this in.
    draws:
        Of errors that are drawn together.
    alpha:
        Level at which a finding is one.

    Returns
    -------
    Check with the outcome's adjusted p-value (of a target: of the distance to it). It fails where the p-value is at most ``alpha`` by
    itself and not among all outcomes: what is reported as a finding may be chance. It passes where both are, and where neither
    is: nothing is claimed then. Context is not counted; its own check is inapplicable. The details of the primary outcome's check hold
    all outcomes, and the indices of dimensions.

    Source: Romano and Wolf (2005), (2016); Benjamini and Hochberg (1995); Anderson (2008).
    """
    return (
        Check.inapplicable(NAME, ONE)
        if profile is None
        else of_profile(profile(draws=draws, alpha=alpha), panel.outcome)
    )


def of_profile(found: Profile, outcome: str) -> Check:
    """The check of one outcome (a column) of a profile."""
    line, alpha = found.line(outcome), found.alpha
    details = _details(found, line)
    if line.context:
        return Check(NAME, "inapplicable", f"{CONTEXT}{_by_itself(line)}.", details=details)
    if sum(x.adjusted is not None for x in found.lines) < 2:
        return Check(NAME, "inapplicable", ONE, details=details)
    if line.adjusted is None:
        return Check(NAME, "inapplicable", f"The outcome has no p-value: {_why(line)}.", details=details)
    verdict, why = _judged(line.adjusted, alpha)
    reason = f"{_numbers(line.adjusted, found)} {why}"
    return Check(NAME, verdict, reason, None, line.adjusted.stepdown, details)


def _by_itself(line: Line) -> str:
    return f" (p {_p(line.p_value)} by itself)" if line.p_value is not None else ""


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"


def _why(line: Line) -> str:
    return (line.why_not or line.judged.reason or "no reason is given").rstrip(".")


def _numbers(found: Adjusted, profile: Profile) -> str:
    many = counted(sum(x.adjusted is not None for x in profile.lines), "outcome")
    among = _p(found.stepdown).removeprefix("= ")
    return f"p {_p(found.p_value)} by itself, {among} among {many} ({profile.words}); q {_p(found.q_value)}."


def _judged(found: Adjusted, alpha: float) -> tuple[Verdict, str]:
    if found.stepdown <= alpha:
        return "pass", "The finding stays when all outcomes are counted."
    if found.p_value <= alpha:
        return "fail", "By itself it looks like a finding; among so many outcomes chance gives one as large."
    return "inapplicable", "It is no finding by itself, so there is none that looking often could have made."


def _details(found: Profile, own: Line) -> dict[str, Any]:
    """The numbers of the outcome; with the primary one those of all outcomes and dimensions."""
    first = found.lines[0] is own
    details: dict[str, Any] = {
        "alpha": found.alpha,
        "method": found.words,
        "outcomes": {x.outcome: _entry(x, found.alpha) for x in (found.lines if first else (own,))},
    }
    if first:
        details["index_methods"] = dict(found.index_words)
        details["indices"] = {x.name: _entry(x, found.alpha) | _of_index(x) for x in found.indices}
        details["missing_dimensions"] = list(found.missing)
    return details


def _of_index(index: IndexLine) -> dict[str, Any]:
    """How an index is made, and what a reader of it has to know."""
    other = {} if index.every_row is None else {"size_every_row": index.every_row.value}
    return {"weights": index.weights, **other, "notes": [*index.notes, *index.cautions]}


def _entry(line: Line | IndexLine, alpha: float) -> dict[str, Any]:
    """The numbers of one outcome or index; sizes are in standard deviations of untreated units."""
    size = line.size if isinstance(line, Line) else line.estimate
    numbers = (
        dict.fromkeys(("p_value", "stepdown", "q_value", "sharpened")) if line.adjusted is None else vars(line.adjusted)
    )
    reason = (line.why_not or size.reason) if isinstance(line, Line) else size.reason
    entry = {"size": size.value, "std_error": size.std_error, **numbers, "verdict": line.side(alpha), "reason": reason}
    if isinstance(line, Line):
        entry |= {
            "p_value": line.p_value,
            "untreated_sd": line.spread.sd,
            "per_cent": line.per_cent.value,
            "no_per_cent": line.per_cent.reason,
        }
    return entry
