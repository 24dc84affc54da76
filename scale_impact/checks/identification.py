"""Do the graph and the data fix the effect, and does the study use what fixes it?

The study says what causes what (`graph`). The effect is identified where the graph leaves one value of it that fits the
data: by adjusting for columns, by the front door, with an instrument, or in general (the ID algorithm). "Not identified,
because ..." is a result: it names the path that nothing closes. DoWhy is asked the same as a second opinion.

Passes where what the study adjusts for is enough by its graph. Fails where it is not (with the path), or where nothing
would be. The verdict is about the graph: whether the graph is right, graph_implications and graph_falsification ask as far
as data can tell.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scale_impact.core.causal.graphs.adjustment import Adjustment, not_identified, warnings, without_effect
from scale_impact.core.causal.graphs.data import study_graph
from scale_impact.core.causal.graphs.graph import LEFT_OUT_OVER_TIME, TREATMENT, Graph, listed
from scale_impact.core.causal.graphs.identification import Instrument, front_door, identifiable, instruments
from scale_impact.core.check import Check, Verdict
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect
from scale_impact.core.panel import Panel
from scale_impact.core.words import some
from scale_impact.errors import DesignError

Refit = Callable[[Panel, Design], Effect]

NAME = "identification"
EXPOSURE = True
WITHOUT_CONTROLS = True


@dataclass(frozen=True)
class _Ways:
    """What identifies the effect."""

    adjustment: tuple[str, ...] | None
    front_door: tuple[str, ...] | None
    instruments: tuple[Instrument, ...]
    general: bool


def run(
    panel: Panel,
    design: Design,
    refit: Refit,
    *,
    covariates: Sequence[str] = (),
    second_opinion: bool = True,
) -> Check:
    """Ask the study's graph what identifies the effect, and hold the study's covariates against it.

    Parameters
    ----------
    covariates:
        Columns that the study adjusts for; none: those that the graph asks for.
    second_opinion:
        Whether DoWhy is asked too.

    Returns
    -------
    Check with ways, sets and paths as details; ``inapplicable`` without a graph.

    Source: Pearl (2009); Perkovic et al. (2018); Tian and Pearl (2002); DoWhy (Sharma and Kiciman 2020).
    """
    try:
        case = study_graph(panel, design)
    except DesignError as error:
        return Check.inapplicable(NAME, " ".join(error.problems))
    ways = _Ways(case.chosen, front_door(case), instruments(case), identifiable(case))
    other = _dowhy(case) if second_opinion and case.causal else None
    verdict, reason = _verdict(case, ways, list(covariates), refit, panel, design)
    if design.exposed is None:
        reason += " The graph stands over changes: causes that do not change over time and act additively drop out"
        arrows = [f"`{a} -> {b}`" for a, b in case.dropped]
        reason += f" ({some(arrows)})." if arrows else "."
    reason += _agreement(ways, other)
    return Check(NAME, verdict, reason, details=_details(case, ways, list(covariates), other, design))


# ---- verdict -----------------------------------------------------------------------------------


def _verdict(
    case: Adjustment, ways: _Ways, covariates: list[str], refit: Refit, panel: Panel, design: Design
) -> tuple[Verdict, str]:
    known = [c for c in covariates if c in case.graph.nodes]
    no_effect = "".join(f" {s}" for s in without_effect(case))
    if covariates and case.valid(known):
        return "pass", f"By the graph adjusting for {listed(known)} is enough: {_left(case)}{no_effect}"
    if not covariates and ways.adjustment is not None:
        what = f"adjusting for {listed(ways.adjustment)}" if ways.adjustment else "adjusting for nothing"
        return "pass", f"By the graph the effect is identified by {what}: {_left(case)}{no_effect}"
    if (other := _otherwise(ways, refit, panel, design)) is not None:
        return "pass", other
    if covariates and ways.adjustment is not None:
        return "fail", f"What the study adjusts for is not enough by its graph. {' '.join(warnings(case, covariates))}"
    return "fail", not_identified(case) + _general(ways)


def _otherwise(ways: _Ways, refit: Refit, panel: Panel, design: Design) -> str | None:
    """How the study's estimator identifies the effect without adjustment; None where it does not."""
    if not ways.instruments and ways.front_door is None:
        return None
    effect = refit(panel, design)
    if ways.instruments and effect.estimand == "LATE":
        tools = " or ".join(i.words for i in ways.instruments[:3])
        return f"By the graph the effect is identified with an instrument, {tools}, for those whom it moves."
    if ways.front_door is not None and effect.estimator == "front_door":
        return f"By the graph the effect is identified by the front door, through {listed(ways.front_door)}."
    return None


def _left(case: Adjustment) -> str:
    return f"no path is left open between `{case.treatment}` and `{case.outcome}` but the effect itself."


def _general(ways: _Ways) -> str:
    if not ways.general or ways.front_door is not None:
        return (
            "" if ways.general else " No other formula identifies it without further assumptions either (ID algorithm)."
        )
    return " In general it is identified (ID algorithm), by a formula that no estimator here computes."


def _agreement(ways: _Ways, other: Mapping[str, Any] | None) -> str:
    """Where DoWhy says something else: each in words."""
    if other is None:
        return ""
    said = []
    if other["adjustment"] != (ways.adjustment is not None):
        said.append(f"adjustment {'would do' if other['adjustment'] else 'would not do'}")
    if other["front_door"] and ways.front_door is None:  # it looks for fewer sets, so the reverse says nothing
        said.append("the front door would do")
    return f" DoWhy says otherwise: {'; '.join(said)}." if said else " DoWhy agrees."


# ---- second opinion ----------------------------------------------------------------------------


def _dowhy(case: Adjustment) -> dict[str, Any]:
    """What DoWhy identifies: whether by adjustment, one set, the front door, instruments that need no other columns."""
    from dowhy.causal_identifier import BackdoorAdjustment, EstimandType, identify_effect_auto

    arrows = _named(case.graph)
    observed = list(case.graph.observed)
    found = identify_effect_auto(
        arrows, [case.treatment], [case.outcome], observed, EstimandType.NONPARAMETRIC_ATE,
        backdoor_adjustment=BackdoorAdjustment.BACKDOOR_DEFAULT,
    )  # fmt: skip
    adjustment = found.estimands.get("general_adjustment") is not None
    sets = found.get_general_adjustment_variables() if adjustment else None
    return {
        "adjustment": adjustment,
        "adjustment_set": sorted(sets) if sets is not None else None,
        "front_door": bool(found.frontdoor_variables),
        "front_door_set": sorted(found.frontdoor_variables or []),
        "instruments": sorted(n for n in found.instrumental_variables or [] if n in observed),
    }


def _named(graph: Graph) -> Any:
    """The arrows with texts as names also for common causes that have none."""
    import networkx as nx

    names = {n: f"cause of {n[0]} and {n[1]}" for n in graph.arrows.nodes if isinstance(n, tuple)}
    return nx.relabel_nodes(graph.arrows, names)


# ---- details -----------------------------------------------------------------------------------


def _details(
    case: Adjustment, ways: _Ways, covariates: list[str], other: Mapping[str, Any] | None, design: Design
) -> dict[str, Any]:
    held = covariates or list(ways.adjustment or ())
    path = case.open([h for h in held if h in case.graph.nodes])
    return {
        **drawing(case, held),
        "adjustment": None if ways.adjustment is None else list(ways.adjustment),
        "smallest_variance": case.optimal is not None,
        "minimal": None if case.best_minimal is None else list(case.best_minimal),
        "front_door": None if ways.front_door is None else list(ways.front_door),
        "instruments": [{"name": i.name, "given": list(i.given)} for i in ways.instruments],
        "general": ways.general,
        "covariates": covariates,
        "warnings": list(warnings(case, covariates)) if covariates else [],
        "open_path": None if path is None else case.graph.words(path),
        "dowhy": None if other is None else dict(other),
        "left_out": list(LEFT_OUT_OVER_TIME) if design.exposed is None else [],
    }


def drawing(case: Adjustment, held: Sequence[str]) -> dict[str, Any]:
    """The graph as figures read it; ``dropped``: arrows that the study draws and that drop out over changes."""
    return {
        "nodes": list(case.graph.nodes),
        "edges": [list(e) for e in case.graph.edges],
        "dropped": [list(e) for e in case.dropped],
        "common": [list(e) for e in case.graph.common],
        "unobserved": list(case.graph.unobserved),
        TREATMENT: case.treatment,
        "outcome": case.outcome,
        "adjusted": [h for h in held if h in case.graph.nodes],
    }
