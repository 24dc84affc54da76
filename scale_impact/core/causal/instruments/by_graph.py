"""Instruments by the study's graph: which there are, what they need held fixed, and what speaks against those named."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from scale_impact.core.causal.graphs.adjustment import Adjustment, adjustment
from scale_impact.core.causal.graphs.graph import Graph, listed
from scale_impact.core.causal.graphs.identification import Instrument, instruments
from scale_impact.errors import DesignError


@dataclass(frozen=True)
class ByGraph:
    """Instruments and covariates to take, and what the graph says of them."""

    instruments: tuple[str, ...]
    covariates: tuple[str, ...]
    notes: tuple[str, ...]


def by_graph(
    graph: Graph,
    exposure: str,
    outcome: str,
    columns: Collection[str],
    *,
    named: tuple[str, ...],
    covariates: tuple[str, ...],
) -> ByGraph:
    """What a graph says of instruments: those named, or its own where none are; likewise covariates.

    Raises
    ------
    DesignError
        None are named and the graph has none.
    """
    case = adjustment(graph, exposure, outcome, columns)
    found = {i.name: i for i in instruments(case)}
    if not named and not found:
        raise DesignError(
            f"By the graph no column is an instrument for `{exposure}`: each is connected with `{outcome}` in another way, or does not move "
            f"`{exposure}`. Name `instruments` all the same, or use another estimator.",
            where="graph",
        )
    taken = named or tuple(found)
    given = covariates or _needed(case, [found[n] for n in taken if n in found])
    said = [] if named else [f"Instruments by the graph: {listed(taken)}."]
    if given and not covariates:
        said.append(f"Adjusted for {listed(given)}, which the instruments need by the graph.")
    said += [w for n in taken if (w := _against(case, found.get(n), n, given)) is not None]
    return ByGraph(taken, given, tuple(said))


def _needed(case: Adjustment, found: list[Instrument]) -> tuple[str, ...]:
    needed = {g for i in found for g in i.given}
    return tuple(n for n in case.graph.observed if n in needed)


def _against(case: Adjustment, found: Instrument | None, name: str, given: tuple[str, ...]) -> str | None:
    """What the graph says against an instrument, with what is held fixed."""
    if name not in case.graph.nodes:
        return f"The graph does not know the instrument `{name}`: it is taken, but not judged."
    held = [g for g in given if g in case.graph.nodes and g != name]
    path = case.back_door.open_path(name, case.outcome, held)
    if path is not None:
        more = f" Adjust for {listed(found.given)} instead." if found is not None else ""
        return f"By the graph `{name}` reaches the outcome by another way, `{case.graph.words(path)}`: it is no instrument then.{more}"
    if case.graph.separated(name, case.treatment, held):
        return f"By the graph `{name}` does not move `{case.treatment}`: it is no instrument."
    return None
