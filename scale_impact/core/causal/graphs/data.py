"""What the nodes of a graph are in the data of a study: rows that are compared, and what varies in them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scale_impact.core.causal.covariates import as_numbers
from scale_impact.core.causal.cross_section import Change, CrossSection, cross_section
from scale_impact.core.causal.graphs.adjustment import adjustment
from scale_impact.core.causal.graphs.graph import LEFT_OUT_OVER_TIME, Graph, listed
from scale_impact.core.causal.graphs.independence import Nodes
from scale_impact.core.panel import Panel
from scale_impact.errors import DesignError

if TYPE_CHECKING:
    from scale_impact.core.causal.graphs.adjustment import Adjustment
    from scale_impact.core.design import Design

Floats = NDArray[np.float64]

NO_GRAPH = (
    "The study does not say what causes what. Give it a `graph`, such as `edges: [size -> treatment, size -> outcome]`."
)


@dataclass(frozen=True, eq=False)
class GraphData:
    """A graph in a study's names, without what does not vary; its nodes in the data; what was left out."""

    graph: Graph
    nodes: Nodes
    notes: tuple[str, ...]


def study_graph(panel: Panel, design: Design) -> Adjustment:
    """A study's graph, over changes where units are followed, with its treatment and outcome.

    Raises
    ------
    DesignError
        There is no graph, or it does not fit the data.
    """
    if design.graph is None:
        raise DesignError(NO_GRAPH)
    columns, fixed = tuple(map(str, panel.frame.columns)), (panel.period,)
    return adjustment(
        design.graph, design.treatment_name, panel.outcome, columns, changes=design.exposed is None, fixed=fixed
    )


def graph_data(panel: Panel, design: Design, key: str) -> GraphData:
    """What the observed nodes are in the rows that are compared.

    Over changes treatment's consequences are changes, all else stands for its value before treatment.

    Raises
    ------
    DesignError
        There is no graph, it does not fit the data, or values are missing.
    """
    case, plain = study_graph(panel, design), replace(design, graph=None)
    rows = cross_section(panel, plain, key)
    always, values = _ends(panel, case, rows)
    moved = case.graph.descendants([case.treatment]) if rows.changes else set()
    for name in (n for n in case.graph.observed if n not in values):
        values[name] = change_of(panel, plain, rows, name) if name in moved else before_of(panel, rows, name)
    still = [n for n, v in values.items() if not _varies(v, always)]
    notes = [*rows.notes, *_untested(still), *(LEFT_OUT_OVER_TIME if rows.changes else ())]
    graph = replace(case.graph, unobserved=tuple(dict.fromkeys([*case.graph.unobserved, *still])))
    kept = {n: v for n, v in values.items() if n not in still}
    return GraphData(graph, Nodes(kept, always, rows.clusters), tuple(notes))


def _ends(panel: Panel, case: Adjustment, rows: CrossSection) -> tuple[Floats, dict[str, Floats]]:
    """What each test holds fixed [n, L], and treatment, outcome and, where it is a node, the period.

    Groups of rows that are compared (periods, cohorts) are held fixed. Where the period is a node of the graph it is one
    as others are, a dummy each, and is held fixed where the graph says so.
    """
    values = {case.treatment: rows.exposure[:, None], case.outcome: rows.outcome[:, None]}
    if panel.period not in case.fixed or rows.changes or rows.side is not None:
        return rows.controls, values
    return np.empty((len(rows), 0)), values | {panel.period: rows.controls}


def _varies(values: Floats, always: Floats) -> bool:
    """Whether anything is left of a column once groups are held fixed."""
    held = np.column_stack([np.ones(len(values)), always])
    left = values - held @ np.linalg.lstsq(held, values, rcond=None)[0]
    return bool((np.linalg.norm(left, axis=0) > 1e-9 * np.linalg.norm(values, axis=0)).any())


def _untested(still: list[str]) -> list[str]:
    if not still:
        return []
    return [
        f"{listed(still)} {'does' if len(still) == 1 else 'do'} not vary among rows that are compared, and cannot be tested."
    ]


def before_of(panel: Panel, rows: CrossSection, name: str) -> Floats:
    """[n, k], a column in the rows that are compared: as it is, or before treatment where outcomes are changes."""
    return as_numbers({name: panel.column(name)[rows.observations]}, rows.labels).values


def change_of(panel: Panel, design: Design, rows: CrossSection, name: str, change: Change = "mean") -> Floats:
    """[n, 1], change of a consequence of treatment, in the same rows as the outcome's.

    Raises
    ------
    DesignError
        It holds texts or misses values.
    """
    column = panel.frame[name]
    if not pd.api.types.is_numeric_dtype(column) or column.isna().any():
        raise DesignError(
            f"Node {name!r} is a consequence of treatment, so its change counts; that needs numbers in each row, and it holds "
            f"{'missing values' if column.isna().any() else 'texts'}. Correct it, or declare it `unobserved`."
        )
    other = Panel.from_frame(panel.frame, unit=panel.unit, period=panel.period, outcome=name)
    found = cross_section(other, design, name, (), change).outcome
    assert len(found) == len(rows)
    return found[:, None]
