"""Adjustment: which columns to hold fixed so that what is left between treatment and outcome is the effect.

The criterion is the generalised one (Shpitser, VanderWeele and Robins 2010; Perkovic et al. 2018): a set may hold no
consequence of what lies between treatment and outcome, and has to block all other paths. Of the valid sets the one with the
smallest variance is taken (Henckel, Perkovic and Maathuis 2022, theorem 3); where that has a node which nobody observed,
the best of the minimal ones (Smucler, Sapienza and Rotnitzky 2022, section 5).
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from scale_impact.core.causal.graphs.graph import LEFT_OUT_OVER_TIME, Graph, Path, bridged, listed, nearest_separator
from scale_impact.errors import DesignError

__all__ = ["LEFT_OUT_OVER_TIME", "Adjustment", "Chosen", "chosen", "without_effect"]


@dataclass(frozen=True)
class Chosen:
    """Columns that are adjusted for, and what the graph says of them."""

    columns: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Adjustment:
    """Treatment and outcome in a graph: what may be adjusted for, and what should be.

    Attributes
    ----------
    graph:
        In a study's own names.
    treatment, outcome:
        Nodes of it.
    fixed:
        Nodes that the comparison itself holds fixed, such as the period within which rows are compared.
    dropped:
        Arrows that the study draws and that are not in ``graph``, as they drop out over changes.
    """

    graph: Graph
    treatment: str
    outcome: str
    fixed: tuple[str, ...] = ()
    dropped: tuple[tuple[str, str], ...] = ()

    @cached_property
    def causal(self) -> frozenset[Hashable]:
        """Nodes on directed paths from treatment to outcome, but treatment; empty where there is no such path."""
        after, before = self.graph.descendants([self.treatment]), self.graph.ancestors([self.outcome])
        return frozenset(after & before) - {self.treatment}

    @cached_property
    def forbidden(self) -> frozenset[Hashable]:
        """What must not be held fixed: consequences of nodes on causal paths, treatment, the outcome and what it causes."""
        return frozenset(self.graph.descendants([*self.causal, self.outcome])) | {self.treatment}

    @cached_property
    def idle(self) -> frozenset[Hashable]:
        """What treatment causes apart from the effect: allowed, and of no use."""
        return frozenset(self.graph.descendants([self.treatment])) - self.forbidden

    @cached_property
    def back_door(self) -> Graph:
        """The graph without treatment's first steps towards the outcome: what is open in it is not the effect."""
        return self.graph.without([e for e in self.graph.edges if e[0] == self.treatment and e[1] in self.causal])

    @cached_property
    def allowed(self) -> tuple[str, ...]:
        """Observed nodes that may be held fixed and have to do with treatment or outcome."""
        near = self.back_door.ancestors([self.treatment, self.outcome])
        return tuple(n for n in self.graph.observed if n in near and n not in self.forbidden)

    @cached_property
    def identified(self) -> bool:
        """Whether any set of observed nodes will do: then all that are allowed do (van der Zander et al. 2014)."""
        return self.valid(self.allowed)

    def valid(self, held: Collection[str]) -> bool:
        """Whether adjusting for a set of nodes leaves the effect and nothing else."""
        return not self.forbidden & set(held) and self.open(held) is None

    def open(self, held: Collection[str]) -> Path | None:
        """A path that is no part of the effect and that a set leaves open; None where there is none."""
        return self.back_door.open_path(self.treatment, self.outcome, {*held, *self.fixed})

    @cached_property
    def optimal(self) -> tuple[str, ...] | None:
        """The set of smallest variance among all valid ones; None where it has a node that nobody observed.

        The causes of the nodes on causal paths, but what is forbidden (Henckel et al. 2022, definition 3.8); or, where all
        observed nodes are causes of treatment or outcome, what is next to the outcome once unobserved nodes are bridged
        (Smucler et al. 2022, theorem 2).
        """
        ends = self.causal or {self.outcome}
        causes = {p for n in ends for p in self.graph.arrows.pred[n]} - self.forbidden
        if causes <= set(self.graph.observed):
            found = self._in_order(causes)
            return found if self.valid(found) else None
        near = self.graph.ancestors([self.treatment, self.outcome])
        if not self.identified or not near.issuperset(self.graph.observed):
            return None
        return self._in_order(set(bridged(self.back_door, self.treatment, self.outcome, self.allowed)[self.outcome]))

    @cached_property
    def best_minimal(self) -> tuple[str, ...] | None:
        """The minimal set (none of it can be left out) of smallest variance; None where no set is valid.

        In the moral graph of treatment's and outcome's causes, with nodes that may not be held fixed bridged, it is the
        separator nearest to the outcome. Source: Smucler et al. (2022), proposition 3.
        """
        if not self.identified:
            return None
        return self._in_order(nearest_separator(self.back_door, self.treatment, self.outcome, self.allowed))

    @cached_property
    def chosen(self) -> tuple[str, ...] | None:
        """The set to take: the optimal one, else the best minimal one; None where there is no valid set.

        What the comparison holds fixed may open a path that neither closes; then it is all that is allowed.
        """
        found = self.best_minimal if self.optimal is None else self.optimal
        return found if found is None or self.valid(found) else self.allowed

    def _in_order(self, nodes: Collection[Hashable]) -> tuple[str, ...]:
        return tuple(n for n in self.graph.nodes if n in nodes)


def chosen(
    graph: Graph | None,
    exposure: str,
    outcome: str,
    covariates: Sequence[str],
    columns: Collection[str],
    *,
    changes: bool = False,
    fixed: Sequence[str] = (),
) -> Chosen:
    """Which columns to adjust for, and what the graph says of them.

    Parameters
    ----------
    graph:
        The study's graph; None: the covariates as they are.
    exposure, outcome:
        The study's own names, for which the graph may say ``treatment`` and ``outcome``.
    covariates:
        Columns that the study names: taken, with warnings; none: the graph's own set.
    columns:
        All columns of the data.
    changes:
        Whether outcomes are changes: constant causes drop out then.
    fixed:
        Columns that the comparison itself holds fixed, such as the period; they are not among the graph's own set.

    Raises
    ------
    DesignError
        The graph does not fit the data; or it names no columns that would do, and none are named: "not identified, because".
    """
    if graph is None:
        return Chosen(tuple(covariates), ())
    case = adjustment(graph, exposure, outcome, columns, changes=changes, fixed=fixed)
    return _chosen(case, tuple(covariates))


@lru_cache(maxsize=64)
def _chosen(case: Adjustment, covariates: tuple[str, ...]) -> Chosen:
    said = without_effect(case)
    if covariates:
        return Chosen(covariates, (*said, *warnings(case, covariates)))
    if case.chosen is None:
        raise DesignError(not_identified(case), where="graph")
    return Chosen(tuple(c for c in case.chosen if c not in case.fixed), (*said, _taken(case)))


def adjustment(
    graph: Graph,
    exposure: str,
    outcome: str,
    columns: Collection[str],
    *,
    changes: bool = False,
    fixed: Sequence[str] = (),
) -> Adjustment:
    """Treatment and outcome of a study in its graph.

    Raises
    ------
    DesignError
        The graph does not fit the data; see ``Graph.of_study``.
    """
    own = graph.of_study(exposure, outcome, columns)
    held = tuple(n for n in fixed if n in own.observed and n not in (exposure, outcome))
    taken = own.over_changes(exposure) if changes else own
    return Adjustment(taken, exposure, outcome, held, tuple(e for e in own.edges if e not in taken.edges))


# ---- words -------------------------------------------------------------------------------------


def without_effect(case: Adjustment) -> tuple[str, ...]:
    """The note of a graph in which treatment does not cause the outcome."""
    if case.causal:
        return ()
    return (
        f"By the graph `{case.treatment}` has no effect on `{case.outcome}`: no arrows lead from one to the other. An estimate far "
        "from zero speaks against the graph.",
    )


def _taken(case: Adjustment) -> str:
    found = case.chosen or ()
    if not found:
        return "By the graph nothing has to be adjusted for: no path is open between treatment and outcome but the effect itself."
    kind = "the valid set of smallest variance" if case.optimal is not None else (
        "the best of those sets of which nothing can be left out"
    )  # fmt: skip
    within = [c for c in found if c in case.fixed]
    how = f" {listed(within)} by comparing within it." if within else ""
    return f"Adjusted for {listed(found)}, which the graph asks for ({kind}).{how}"


def warnings(case: Adjustment, covariates: Sequence[str]) -> tuple[str, ...]:
    """What the graph says against covariates that a study names: each with its path."""
    inside = [c for c in covariates if c in case.graph.nodes]
    outside = [c for c in covariates if c not in case.graph.nodes]
    said = [consequence(case, c) for c in inside if c in case.forbidden]
    said += [_idle(case, c) for c in inside if c in case.idle]
    held = [c for c in inside if c not in (case.treatment, case.outcome)]
    said += _open_paths(case, held)
    if outside:
        said.append(
            f"The graph does not say how {listed(outside)} relate{'s' * (len(outside) == 1)} to the rest: adjusted for, but not judged."
        )
    return tuple(said)


def consequence(case: Adjustment, name: str) -> str:
    graph = case.graph
    if name in (case.treatment, case.outcome):
        return f"Covariate `{name}` is the study's own {'treatment' if name == case.treatment else 'outcome'}: take it out of `covariates`."
    if name in case.causal:
        through = f"{_down(graph, case.treatment, name)}{_down(graph, name, case.outcome).removeprefix(name)}"
        return f"Covariate `{name}` lies on the way of the effect, `{through}`: holding it fixed takes that part of the effect away."
    source = case.treatment if case.causal else case.outcome
    return (
        f"Covariate `{name}` is a consequence of what treatment changes, `{_down(graph, source, name)}`: holding it fixed distorts the "
        "effect."
    )


def _idle(case: Adjustment, name: str) -> str:
    return (
        f"Covariate `{name}` is a consequence of treatment that has no part in the effect, `{_down(case.graph, case.treatment, name)}`: "
        "holding it fixed corrects nothing, costs precision, and distorts where the graph lacks an arrow. Leave it out."
    )


def _down(graph: Graph, start: str, end: str) -> str:
    import networkx as nx

    return graph.words(tuple(nx.shortest_path(graph.arrows, start, end)))


def _open_paths(case: Adjustment, held: list[str]) -> list[str]:
    """One sentence for each covariate that opens a path, and one for a path that was open anyway."""
    graph = case.back_door
    if case.open(held) is None:
        return []
    opened: dict[str, Path] = {}
    plain: Path | None = None
    for path in graph.open_paths(case.treatment, case.outcome, {*held, *case.fixed}):
        meets = graph.colliders(path)
        plain = path if plain is None and not meets else plain
        for name in held:
            if name not in opened and any(name in graph.descendants([m]) for m in meets):
                opened[name] = path
        if plain is not None and len(opened) == len(held):
            break
    said = [_collider(graph, name, path) for name, path in opened.items()]
    if plain is None and not opened:
        plain = case.open(held)
    return said if plain is None else [*said, _left_open(case, held, plain)]


def _collider(graph: Graph, name: str, path: Path) -> str:
    meets = [m for m in graph.colliders(path) if name in graph.descendants([m])]
    what = "a collider" if name in meets else f"a consequence of the collider `{meets[0]}`"
    return (
        f"Covariate `{name}` is {what}: holding it fixed opens `{graph.words(path)}`, which was closed, and mixes it into the effect. "
        "Leave it out, or adjust for another node of this path too."
    )


def _left_open(case: Adjustment, held: list[str], path: Path) -> str:
    text = f"These covariates leave the path `{case.graph.words(path)}` open, which is no part of the effect."
    if (found := case.chosen) is None:
        return f"{text} No columns close all such paths."
    more = [n for n in found if n not in held]
    if case.valid([*held, *more]) and more:
        return f"{text} Adjusting for {listed(more)} too closes it and all others."
    return f"{text} Adjusting for {listed(found)} instead closes all such paths."


def not_identified(case: Adjustment) -> str:
    """Why no columns will do, with a path that stays open, and what would do instead."""
    path = case.open(case.allowed)
    assert path is not None
    return (
        f"The effect of `{case.treatment}` on `{case.outcome}` is not identified by adjustment, because no columns close the path "
        f"`{case.graph.words(path)}`{_why(case, path)}. {_instead(case)}"
    )


def _why(case: Adjustment, path: Path) -> str:
    hidden = [n for n in path if n in case.graph.unobserved]
    if hidden:
        return f" through unobserved {listed(map(str, hidden))}"
    return " through a common cause that nobody observed" if any(isinstance(n, tuple) for n in path) else ""


def _instead(case: Adjustment) -> str:
    from scale_impact.core.causal.graphs.identification import front_door, instruments

    ways = []
    if (found := front_door(case)) is not None:
        ways.append(f"it is identified by the front door, through {listed(found)} (front_door)")
    if tools := instruments(case):
        ways.append(f"an instrument is there: {tools[0].words} (instrumental_variable)")
    if ways:
        return f"But {'; and '.join(ways)}."
    return "Measure what is unobserved, find an instrument, or name `covariates` all the same: the estimate is then taken with this warning."
