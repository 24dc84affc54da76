"""Group-time average treatment effects of Callaway and Sant'Anna (2021), and their averages.

Each cohort's change since its base period is compared with the change of units that are not
treated (never, or not yet). Right for several adoption dates and effects that differ by cohort
and grow over time, where trends would have been parallel without treatment, or would have been
among units that are alike in the covariates.

Covariates that vary over time count with their value in the earlier of the two periods of a
comparison, in cross-sections each observation with its own, as in R. A cohort for which the
models cannot be fitted has no effect of its own, and a note says why.

``min_e`` and ``max_e`` bound the path, and effects after treatment in the ``simple`` and
``cohort`` averages, not those by period; with ``balance_e`` the path has only cohorts that are
observed up to that event time, and ends there.

Standard errors are analytic (from the influence function, no small-sample correction, normal
reference distribution), clustered by unit or by the design's cluster; those of averages include
that the cohorts' shares are estimated. They equal those of R's ``did`` with ``bstrap = FALSE``.
With ``bootstrap`` they are from the quartiles of multiplier draws, as with ``bstrap = TRUE``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, Protocol, get_args

import numpy as np
from annotated_types import Ge

from scale_impact.core.analysis import Analysis
from scale_impact.core.bands import Draws, Multipliers, drawn, in_words, quartile_errors
from scale_impact.core.cohorts import Floats
from scale_impact.core.design import Design
from scale_impact.core.doubly_robust import METHODS, Method
from scale_impact.core.doubly_robust_sections import Convention
from scale_impact.core.effect import Effect, Estimate, Family, Kind
from scale_impact.core.influence import Influence
from scale_impact.core.keys import Column
from scale_impact.core.panel import Panel
from scale_impact.core.words import counted
from scale_impact.errors import UsageError
from scale_impact.estimators._convention import listed
from scale_impact.estimators._group_time import (
    Aggregates,
    Averages,
    Cells,
    Window,
    aggregated,
    cells_of,
    identity,
    labels_of,
    not_among,
    reasons_of,
)
from scale_impact.estimators._linear_cells import LinearCells
from scale_impact.estimators._unit_cells import panel_cells
from scale_impact.estimators._unit_sections import section_cells

Aggregation = Literal["simple", "event_time", "cohort", "period"]

ALONE = "no standard error: it rests on one treated or one control unit, whose own variation cannot be seen"

FEWEST_DRAWS = 50
"""Fewer have no quartiles worth the name."""


def fit(
    panel: Panel,
    design: Design,
    *,
    covariates: Sequence[Column] = (),
    method: Method = "dr",
    section_scores: Convention = "DRDID",
    weights: Column | None = None,
    aggregation: Aggregation = "simple",
    min_e: float | None = None,
    max_e: float | None = None,
    balance_e: float | None = None,
    bootstrap: Annotated[int, Ge(0)] = 0,
    multipliers: Multipliers = "auto",
    seed: Annotated[int, Ge(0)] = 20251122,
) -> Effect:
    """Callaway and Sant'Anna's effects; more on the options at the top of this file.

    Parameters
    ----------
    panel, design:
        A panel (with ``balance: pairwise`` also an incomplete one), or cross-sections.
    covariates, method:
        Columns given which trends are parallel; ``dr`` doubly robust, ``ipw`` weighting by
        odds, ``reg`` regression of the controls' changes.
    section_scores:
        Of ``dr`` in cross-sections: as R's DRDID 1.2.3, with a sign wrong, or ``corrected``.
    weights:
        Column with positive unit weights; they weight cohorts in averages too.
    aggregation:
        Which average is ``overall``; ``simple`` is over cohort x period cells by cohort size.
    min_e, max_e, balance_e:
        Window of event times, and composition of the path, in the words of R's ``aggte``.
    bootstrap, multipliers, seed:
        Draws for standard errors (0: analytic); ``auto``: see ``core.bands``.

    Raises
    ------
    DesignError
        No cohort has both a base period and a control; a column that cannot be used.
    EstimationError
        The models can be fitted for no cohort; collinear covariates.

    Source: Callaway and Sant'Anna (2021), equations 2.4, 2.5, section 3; Sant'Anna and Zhao (2020).
    """
    names = listed(covariates)
    _refuse_unknown(aggregation, method, section_scores, multipliers, bootstrap)
    analysis = Analysis.of(panel, design, incomplete=True)
    found = _estimated(analysis, names, method, weights, section_scores)
    averages = aggregated(found.cells, found.values, found.share, analysis.moments, Window(min_e, max_e, balance_e))
    maker = _Maker(analysis, found, Draws(bootstrap, multipliers, seed) if bootstrap else None)
    return maker.effect(averages, aggregation, _model_in_words(names, method, weights))


class Estimated(Protocol):
    """Effects of cells with what is needed for the errors of averages over them."""

    @property
    def cells(self) -> Cells:
        """The comparisons."""

    @property
    def values(self) -> Floats:
        """Their effects, [C]."""

    @property
    def share(self) -> Floats:
        """Cohorts' shares of the units, [G]."""

    def covariance(self, averages: Averages) -> Floats:
        """Covariance of averages."""

    def each(self, cells: Averages) -> tuple[Floats | None, Floats]:
        """Covariance and variances of the cells one by one; variances alone where they are very many."""

    def influence(self, averages: Averages) -> Influence:
        """What each unit adds."""

    def weights(self, averages: Averages) -> Floats | None:
        """Weights on the cohorts' mean paths, [K, G, T], where the effects are linear in them."""

    def said_of(self, top: Averages) -> list[str]:
        """Which effects could not be had, and what to know of an average."""

    def treated_mean(self, top: Averages) -> float | None:
        """Mean outcome of the treated as an average counts them; None where ``weights`` say it."""


def _estimated(
    analysis: Analysis, covariates: tuple[str, ...], method: Method, weights: str | None, convention: Convention
) -> Estimated:
    """From cohort moments where they are enough, otherwise from units."""
    if not (covariates or weights or analysis.design.incomplete):
        return LinearCells(analysis, cells_of(analysis.moments, analysis.design))
    if analysis.design.cross_sections:
        return section_cells(analysis, covariates, method, weights, convention)
    return panel_cells(analysis, covariates, method, weights)


def _refuse_unknown(aggregation: str, method: str, section_scores: str, multipliers: str, bootstrap: int) -> None:
    given: dict[str, tuple[str, tuple[Any, ...]]] = {
        "aggregation": (aggregation, get_args(Aggregation)),
        "method": (method, get_args(Method)),
        "section_scores": (section_scores, get_args(Convention)),
        "multipliers": (multipliers, get_args(Multipliers)),
    }
    problems = not_among(given)
    whole = isinstance(bootstrap, (int, np.integer)) and not isinstance(bootstrap, bool)
    if not whole or not (bootstrap == 0 or bootstrap >= FEWEST_DRAWS):
        problems.append(
            f"bootstrap is {bootstrap!r}; it has to be {FEWEST_DRAWS} draws or more, or 0 for analytic standard errors."
        )
    if problems:
        raise UsageError(problems)


def _model_in_words(covariates: tuple[str, ...], method: Method, weights: str | None) -> list[str]:
    words = [f"{METHODS[method]} on {', '.join(covariates)}"] if covariates else []
    return words + ([f"weighted by {weights}"] if weights else [])


# ---- results -----------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Maker:
    """Makes families of averages, with analytic or drawn standard errors."""

    analysis: Analysis
    found: Estimated
    draws: Draws | None

    def effect(self, averages: Aggregates, aggregation: Aggregation, model: list[str]) -> Effect:
        """The result, with the average asked for on top."""
        analysis, found, top = self.analysis, self.found, averages.summaries[aggregation]
        families, summaries = self.all(averages)
        weighted = found.weights(top)
        treated = np.isin(np.arange(len(analysis.moments.starts)), found.cells.cohort)
        return Effect(
            estimator="callaway_santanna",
            overall=summaries[aggregation],
            sample=replace(analysis.sample(), n_treated=int(analysis.moments.units[treated].sum())),
            inference="; ".join([self.words(), *model]),
            path=families["event_time"],
            by_cohort=families["cohort"],
            by_period=families["period"],
            cells=families["cohort_period"],
            weights=None if weighted is None else analysis.weight_frame(weighted[0]),
            summaries=summaries,
            influence=found.influence(top),
            notes=(*analysis.notes(), *_notes(analysis, found, top)),
            treated_mean=found.treated_mean(top),
        )

    def words(self) -> str:
        """How standard errors were made."""
        by = f"clustered by {self.analysis.clustered_by}"
        if self.draws is None:
            return f"analytic, {by}"
        return f"multiplier bootstrap ({in_words(self.draws, self.draws.on(self.analysis.moments.n_clusters))}), {by}"

    def all(self, averages: Aggregates) -> tuple[dict[str, Family], dict[str, Estimate]]:
        """The four families, and the overall averages by name."""
        each = identity(self.found.cells, self.found.values, len(self.found.share))
        kinds: dict[Kind, Averages] = {
            "event_time": averages.path, "cohort": averages.by_cohort, "period": averages.by_period, "cohort_period": each
        }  # fmt: skip
        families = [self.family(kind, part) for kind, part in kinds.items()]
        tops = [self.family("overall", part) for part in averages.summaries.values()]
        if self.draws is not None:
            errors = drawn([*families, *tops], self.draws)
            pairs = zip([*families, *tops], errors, strict=True)
            found = [replace(family, variances=quartile_errors(e) ** 2) for family, e in pairs]
            families, tops = found[: len(families)], found[len(families) :]
        return (
            {f.kind: f for f in families},
            {name: top[0] for name, top in zip(averages.summaries, tops, strict=True)},
        )

    def family(self, kind: Kind, averages: Averages) -> Family:
        """Averages with their covariance."""
        covariance, variances = self._errors(kind, averages)
        return Family(
            kind=kind,
            values=averages.values,
            variances=variances,
            covariance=covariance,
            reasons=reasons_of(self.analysis, self.found.cells, averages, variances, ALONE),
            weights=self.found.weights(averages),
            influence=self.found.influence(averages),
            draws=self.draws,
            **labels_of(self.analysis, self.found.cells, kind, averages.marks),
        )

    def _errors(self, kind: Kind, averages: Averages) -> tuple[Floats | None, Floats]:
        if kind == "cohort_period":
            return self.found.each(averages)
        covariance = self.found.covariance(averages)
        return covariance, np.diag(covariance)


def _notes(analysis: Analysis, found: Estimated, top: Averages) -> list[str]:
    """What part of the overall effect rests on one unit, and which cohorts have no effect of their own."""
    cells, notes, said = found.cells, [], found.said_of(top)
    alone = float(top.weight[cells.alone].sum())
    if 1e-12 < alone < 1 - 1e-12:
        notes.append(
            f"{alone:.0%} of the overall effect's weight rests on one treated or one control unit, whose own variation "
            "cannot be seen: read its standard error as a lower bound."
        )
    reached = np.unique(cells.cohort[cells.post])
    for g in np.setdiff1d(np.flatnonzero(analysis.treated), reached):
        n = counted(int(analysis.moments.units[g]), "unit" if analysis.panel.followed else "observation")
        head = f"Cohort {analysis.names[g]} ({n}) has no effect of its own: "
        if not any(note.startswith(head) for note in said):
            notes.append(f"{head}no base period or no control is left for it.")
    return [*notes, *said]
