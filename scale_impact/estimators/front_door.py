"""Front door: the effect by way of what carries it, where what moves both exposure and outcome was not observed.

Right where all of the effect goes through the mediators (`through:`), nothing unobserved moves exposure and mediators, or
mediators and outcome, and relations are linear: then the effect is that of exposure on mediators times that of mediators on
the outcome with exposure held fixed. A study's graph is asked for such mediators; named ones are held against it.

Wrong where the exposure reaches the outcome by another way as well: that part of the effect is missed, and no test of the
data can tell. Where the mediators' effect differs with the exposure, or is no line, the product is not the mean effect.

Standard errors by the influence of each cluster on both regressions, with t(G - 1) and CR1's correction.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from scale_impact.core.causal.adjusted import Adjusted
from scale_impact.core.causal.cross_section import Change, CrossSection, Floats, cross_section
from scale_impact.core.causal.graphs.data import before_of, change_of, study_graph
from scale_impact.core.causal.graphs.graph import listed
from scale_impact.core.causal.graphs.identification import front_door, is_front_door
from scale_impact.core.causal.retrials import Retrials
from scale_impact.core.causal.row_influence import row_influence, unseen
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect, Estimate
from scale_impact.core.influence import Influence
from scale_impact.core.keys import Column
from scale_impact.core.panel import Panel
from scale_impact.core.words import counted
from scale_impact.errors import DesignError, EstimationError

NAME = "front_door"
EXPOSURE = True
FEW_CLUSTERS = 40
EXPLAINED = 1e-9
"""What is left of a column, as a share of it, under which others explain it."""

EXACT = 1e-10
"""Residuals below this share of the outcome's spread are rounding."""


def fit(
    panel: Panel,
    design: Design,
    *,
    through: Sequence[Column] = (),
    covariates: Sequence[Column] = (),
    change: Change = "mean",
) -> Effect:
    """The effect of exposure on mediators, times their effect on the outcome.

    Parameters
    ----------
    panel, design:
        Exposures (0/1 or doses), or who starts treatment when.
    through:
        Columns that carry all of the effect; none: the front door of the study's graph.
    covariates:
        Columns held fixed in both regressions.
    change:
        For adoption designs: the ``mean`` of the treated periods, or the ``first``, minus the last before; mediators too.

    Returns
    -------
    Effect in units of the outcome (for a dose: a unit of the dose), with ``adjusted``.

    Raises
    ------
    DesignError
        There are no mediators, by name or by the graph; see also ``cross_section``.
    EstimationError
        Exposure or mediators are explained by the rest, or rows are too few.

    Source: Pearl (1995), section 4.3; Pearl (2009), section 3.3.2, for linear relations.
    """
    names, said = _mediators(panel, design, _listed(through))
    plain = replace(design, graph=None)
    rows = cross_section(panel, plain, NAME, tuple(covariates), change)
    columns = [change_of(panel, plain, rows, n, change) if rows.changes else before_of(panel, rows, n) for n in names]
    asked = _Asked(rows, np.column_stack(columns))
    _refuse(asked, names)
    effect = _effect(asked, names, said)
    return replace(effect, influence=_influence(panel, design, asked, effect.overall.std_error))


def _listed(names: str | Sequence[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def _mediators(panel: Panel, design: Design, named: tuple[str, ...]) -> tuple[tuple[str, ...], list[str]]:
    """Those named, or those of the graph; and what the graph says."""
    own = {panel.outcome: "the outcome", design.treatment_name: "the exposure"}
    if ends := [
        f"through: {n!r} is {own[n]} itself, which carries no effect. Name what lies between."
        for n in named
        if n in own
    ]:
        raise DesignError(ends)
    if design.graph is None:
        if not named:
            raise DesignError(
                f"{NAME} needs to know what carries the effect: name columns as `through`, or give the study a `graph`."
            )
        return named, []
    case = study_graph(panel, design)
    if named:
        known = [n for n in named if n in case.graph.nodes]
        fine = len(known) == len(named) and is_front_door(case, known)
        return named, [] if fine else [
            f"By the graph {listed(named)} {'is' if len(named) == 1 else 'are'} no front door: the estimate misses a part, or is mixed with something else."
        ]
    if (found := front_door(case)) is None:
        raise DesignError(
            f"By the graph of `{case.treatment}` and `{case.outcome}` there is no front door: no observed columns carry all of the effect "
            "and are free of what moves the rest. Name `through` all the same, or use another estimator.", where="graph",
        )  # fmt: skip
    return found, [f"The effect goes through {listed(found)}, by the graph."]


# ---- regressions -------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Asked:
    """Rows, and [n, M] what carries the effect."""

    rows: CrossSection
    mediators: Floats

    def again(self, trials: Retrials) -> Floats:
        """The estimate of each version of the data, [B]."""
        return np.array([self._once(trials, b) for b in range(len(trials))])

    def _once(self, trials: Retrials, b: int) -> float:
        def version(given: Floats | None, usual: Floats) -> Floats:
            return usual if given is None else given[b]

        held = self.rows.controls if trials.extra is None else np.column_stack([self.rows.controls, trials.extra[b]])
        root = np.sqrt(version(trials.counts, np.ones(len(self.rows))))
        found = _product(
            version(trials.exposure, self.rows.exposure),
            version(trials.outcome, self.rows.outcome),
            self.mediators,
            held,
            root,
        )
        return found.value if found.known else float("nan")


@dataclass(frozen=True, eq=False)
class _Product:
    """Both regressions: exposure on mediators [M], mediators on outcome [M], and [n] what each row adds to the product.

    ``scale``: spread of the outcome over that of the exposure; ``left``: exposure and mediators, [n, 1 + M], without what is held fixed,
    whose ``basis`` is [n, R]; ``pull``: what each row counts in the mediators' slopes, [n, M].
    """

    first: Floats
    second: Floats
    influence: Floats
    scale: float
    rank: int
    left: Floats
    pull: Floats
    basis: Floats
    known: bool

    @property
    def value(self) -> float:
        """The effect."""
        return float(self.first @ self.second)

    @property
    def loads(self) -> Iterator[tuple[Floats, Floats]]:
        """Of each slope what each row counts in it, [n], and the columns of its regression."""
        yield self.left[:, 0], np.column_stack([self.basis, self.left[:, 0]])
        for each in self.pull.T:
            yield each, np.column_stack([self.basis, self.left])


def _product(exposure: Floats, outcome: Floats, mediators: Floats, held: Floats, root: Floats) -> _Product:
    """Least squares with weights ``root`` squared, of variables from which what is held fixed was taken out.

    Each column is taken from its mean and judged by its own size, so that no unit of measurement changes what can be told.
    """
    basis = _basis(np.column_stack([np.ones(len(held)), _centred(held)]) * root[:, None])
    given = _centred(np.column_stack([exposure, mediators, outcome])) * root[:, None]
    left = given - basis @ (basis.T @ given)
    left -= basis @ (basis.T @ left)  # once leaves rounding errors of the larger part
    size = np.linalg.norm(given, axis=0)
    k = basis.shape[1] + mediators.shape[1] + 1
    if not _known(left[:, :-1], size[:-1]):
        nothing = np.zeros(mediators.shape[1])
        return _Product(nothing, nothing, np.zeros(len(left)), 0.0, k, left, left, basis, False)
    d, m, y = left[:, 0], left[:, 1:-1], left[:, -1]
    first = m.T @ d / (d @ d)
    second, rest = _outcome(np.column_stack([m, d]), y, EXACT * size[-1])
    alone = m - np.outer(d, first)
    pull = _dual(alone)
    influence = d * (alone @ second) / (d @ d) + rest * (pull @ first)
    return _Product(first, second, influence, float(size[-1] / np.linalg.norm(d)), k, left[:, :-1], pull, basis, True)


def _dual(columns: Floats) -> Floats:
    """What each row counts in the slopes on columns, [n, M]."""
    size = np.linalg.norm(columns, axis=0)
    scaled = columns / size
    return np.asarray(scaled @ np.linalg.inv(scaled.T @ scaled) / size)


def _centred(columns: Floats) -> Floats:
    return np.asarray(columns - columns.mean(axis=0))


def _basis(columns: Floats) -> Floats:
    scale = np.linalg.norm(columns, axis=0)
    left, sizes, _ = np.linalg.svd(columns / np.where(scale > 0, scale, 1.0), full_matrices=False)
    return np.asarray(left[:, sizes > EXPLAINED * sizes[0]])


def _known(left: Floats, size: Floats) -> bool:
    """Whether something is left of each column, of a size before, and none of them follows from the others."""
    rest = np.linalg.norm(left, axis=0)
    return bool((rest > EXPLAINED * size).all() and np.linalg.matrix_rank(left / rest, tol=EXPLAINED) == len(rest))


def _outcome(both: Floats, y: Floats, rounding: float) -> tuple[Floats, Floats]:
    """Slopes of the outcome on the mediators, and what it has beside; 0 where that is no more than rounding."""
    slopes = np.linalg.lstsq(both / np.linalg.norm(both, axis=0), y, rcond=None)[0] / np.linalg.norm(both, axis=0)
    rest = y - both @ slopes
    if np.linalg.norm(rest) > rounding:
        return np.asarray(slopes[:-1]), np.asarray(rest)
    tells = np.abs(slopes) * np.linalg.norm(both, axis=0) > rounding
    return np.asarray(np.where(tells, slopes, 0.0)[:-1]), np.zeros(len(y))


# ---- the effect --------------------------------------------------------------------------------


def _refuse(asked: _Asked, names: tuple[str, ...]) -> None:
    found = _whole(asked)
    if not found.known:
        raise EstimationError(
            f"{NAME}: nothing is left of the exposure ({asked.rows.exposure_name}) or of what carries its effect ({', '.join(names)}) once "
            "the rest is held fixed: mediators must not follow from the exposure alone. Leave out a column."
        )
    if len(asked.rows) <= found.rank:
        raise EstimationError(
            f"{NAME}: {len(asked.rows):,} rows are too few for {found.rank:,} coefficients. Leave covariates out."
        )


def _whole(asked: _Asked) -> _Product:
    rows = asked.rows
    return _product(rows.exposure, rows.outcome, asked.mediators, rows.controls, np.ones(len(rows)))


def _effect(asked: _Asked, names: tuple[str, ...], said: list[str]) -> Effect:
    rows, found = asked.rows, _whole(asked)
    codes = np.unique(rows.clusters, return_inverse=True)[1]
    sums = np.bincount(codes, found.influence)
    g, n = len(sums), len(rows)
    error = float(np.sqrt(sums @ sums * g / (g - 1) * (n - 1) / (n - found.rank))) if g > 1 else 0.0
    reason = _no_error(asked, found, error)
    few = (
        [f"The standard error rests on {counted(g, 'cluster')}; it is trusted from about {FEW_CLUSTERS} on."]
        if g < FEW_CLUSTERS
        else []
    )
    return Effect(
        estimator=NAME,
        overall=Estimate(found.value, reason=reason) if reason else Estimate(found.value, error, g - 1.0),
        sample=rows.sample(),
        inference="influence of clusters on both regressions (CR1), t distribution with G - 1 degrees of freedom",
        estimand="ATT" if rows.changes else "ATE",
        notes=(*rows.notes, *said, *_ways(names, asked, found), *few),
        judged_by="analytic",
        adjusted=Adjusted(rows, again=asked.again),
    )  # fmt: skip


def _no_error(asked: _Asked, found: _Product, error: float) -> str | None:
    """Why there is no standard error; None where there is one."""
    rows = asked.rows
    if rows.n_clusters == 1:
        return "no standard error: all rows are one cluster"
    if error <= EXACT * found.scale:
        return "no standard error: the outcome has no variation beside what is held fixed"
    for load, columns in found.loads:
        if (k := unseen(load, rows.clusters, columns)) is not None:
            return f"no standard error: a slope rests on one cluster ({rows.labels[k]}), whose own variation cannot be seen"
    return None


def _influence(panel: Panel, design: Design, asked: _Asked, std_error: float | None) -> Influence | None:
    """What each unit adds to the estimate's error, on the scale of its standard error; None without one."""
    if std_error is None:
        return None
    found, rows = _whole(asked), asked.rows
    size = float(np.linalg.norm(np.bincount(np.unique(rows.clusters, return_inverse=True)[1], found.influence)))
    return row_influence(panel, design, rows, found.influence * (std_error / size))


def _ways(names: tuple[str, ...], asked: _Asked, found: _Product) -> list[str]:
    """What each mediator carries, where each is one number."""
    if asked.mediators.shape[1] != len(names):
        return []
    parts = [f"{n}: {a:.4g} times {b:.4g}" for n, a, b in zip(names, found.first, found.second, strict=True)]
    return [f"Exposure on mediator, times mediator on outcome: {'; '.join(parts)}."]
