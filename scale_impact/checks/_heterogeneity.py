"""What the checks of heterogeneity share: the rows they read, and words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from scale_impact.core.causal.for_whom.projection import FLAT, Scored, scored
from scale_impact.core.causal.heterogeneity import Heterogeneity
from scale_impact.core.check import Check
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect
from scale_impact.core.panel import Panel
from scale_impact.core.words import counted
from scale_impact.errors import EstimationError

Refit = Callable[[Panel, Design], Effect]
Better = Literal["more", "less"]
"""Whether more of the outcome is better, or less: who benefits most is ranked by it."""

POWER = 0.8
"""With which a smallest noticeable difference would have been noticed."""

LEAST = 5
"""Clusters below which nothing is told."""

FEW = 40
"""Clusters below which standard errors are rough, and said to be."""


@dataclass(frozen=True, eq=False)
class Case:
    """The primary estimate's heterogeneity, and its rows as tests read them."""

    estimator: str
    found: Heterogeneity
    rows: Scored

    @property
    def exposure(self) -> str:
        """In words."""
        return self.found.rows.exposure_name

    def rough(self) -> str:
        """That there are few clusters, as a sentence; nothing where there are many."""
        n = self.rows.n_clusters
        return f" With {counted(n, 'cluster')} standard errors are rough." if n < FEW else ""


def _hopeless(rows: Scored) -> str | None:
    """Why no test can be made of these rows; None where one can."""
    if rows.n_clusters < LEAST:
        return f"There {'is' if rows.n_clusters == 1 else 'are'} {counted(rows.n_clusters, 'cluster')}; a test of differences needs {LEAST} at the least."
    effects = rows.scores / rows.weight
    if np.ptp(effects) <= FLAT * np.abs(effects).max():
        return "The scores are the same in all rows, without any noise: there is nothing to be told from chance."
    return None


def turned(rows: Scored, better: Better | None) -> Scored:
    """Rows in which a larger effect is a larger benefit; where nobody said what is better (None), more is."""
    return rows.turned() if better == "less" else rows


def unsaid(better: Better | None) -> str:
    """That nobody said what is better, as a sentence; nothing where somebody did."""
    return "" if better else " More of the outcome is taken to be better; where less is, say `better: less`."


def asked(name: str, panel: Panel, design: Design, refit: Refit, ask: Callable[[Case], Check]) -> Check:
    """Ask the primary estimate's heterogeneity; inapplicable, with the reason, where there is none or it has no answer."""
    effect = refit(panel, design)
    if effect.heterogeneity is None:
        return Check.inapplicable(
            name,
            f"{effect.estimator} tells one effect for all and not for whom. Make double_ml, causal_forest or dr_learner the first estimator.",
        )
    rows = scored(effect.heterogeneity)
    if (why := _hopeless(rows)) is not None:
        return Check.inapplicable(name, why)
    try:
        return ask(Case(effect.estimator, effect.heterogeneity, rows))
    except EstimationError as error:
        return Check.inapplicable(name, " ".join(error.problems))
