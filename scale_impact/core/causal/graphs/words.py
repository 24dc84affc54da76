"""What a study assumes, in sentences: what is thought to cause what, what nobody measured, and whether that tells the effect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scale_impact.core.causal.graphs.adjustment import not_identified, without_effect
from scale_impact.core.causal.graphs.graph import LEFT_OUT_OVER_TIME, listed
from scale_impact.core.words import plain

if TYPE_CHECKING:
    from scale_impact.core.causal.graphs.adjustment import Adjustment


def assumptions(case: Adjustment, *, changes: bool) -> list[str]:
    """The graph's claims, one a line; ``changes``: whether units are followed, and so what a cross-section leaves out."""
    graph = case.graph
    hidden = [plain(n) for n in graph.unobserved if n in graph.nodes]
    said = [f"**Causes of `{case.outcome}`**: {listed(_parents(case, case.outcome))}{_gone(case)}."]
    said += [
        f"**Who gets `{case.treatment}`** depends on {listed(_parents(case, case.treatment)) or 'nothing that is drawn'}."
    ]
    said += [f"**Not measured**: {listed(hidden)}."] if hidden else []
    said += [
        "Every arrow that is *not* drawn is a claim too: that there is no such effect, and no common cause but those drawn."
    ]
    said += [*without_effect(case), _answer(case)]
    return [*said, *LEFT_OUT_OVER_TIME] if changes else said


def _parents(case: Adjustment, node: str) -> list[str]:
    """Causes that are drawn; a common cause that nobody observed is said as one."""
    graph = case.graph
    known = [plain(a) for a, b in graph.edges if b == node]
    shared = [plain(b if a == node else a) for a, b in graph.common if node in (a, b)]
    return known + [f"what it shares with {other}" for other in shared]


def _gone(case: Adjustment) -> str:
    """Causes of the outcome that the study draws and that drop out over changes."""
    found = [plain(a) for a, b in case.dropped if b == case.outcome]
    if not found:
        return ""
    return f"; and {listed(found)}, which {'drops' if len(found) == 1 else 'drop'} out over changes"


def _answer(case: Adjustment) -> str:
    """Whether the effect is identified by adjustment, and by what."""
    if case.chosen is None:
        return f"**Not identified by adjustment.** {not_identified(case)}"
    if not case.chosen:
        return "**Identified** without any adjustment: no path is open between the two but the effect itself."
    return f"**Identified** if the graph is right, by holding {listed(case.chosen)} constant."
