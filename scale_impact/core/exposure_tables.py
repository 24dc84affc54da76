"""What a reader sees first of an exposure design: who is exposed to what, and how the exposed differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from scale_impact.core.design import Design
from scale_impact.core.panel import Panel
from scale_impact.core.words import plain

if TYPE_CHECKING:
    import pandas as pd

LEVELS = 6
"""Up to so many exposures are shown one by one, more by quarters."""


def exposure_means(panel: Panel, design: Design, covariates: Sequence[str] = ()) -> pd.DataFrame:
    """Rows by exposure: how many, mean outcome, and means of covariates that are numbers, before any adjustment."""
    import pandas as pd

    numbers = {c: v for c in covariates if (v := pd.Series(panel.column(c))).dtype.kind in "iufb"}
    table = pd.DataFrame({panel.outcome: np.asarray(panel.values), **numbers}).astype(float)
    grouped = table.groupby(_levels(design), observed=True, sort=True)
    found = grouped.mean()
    found.insert(0, "rows", grouped.size())
    return found


def _levels(design: Design) -> pd.Series[Any]:
    """The exposure of each row, or the quarter of exposures that it lies in."""
    import pandas as pd

    values = pd.Series(design.exposures, name=design.exposure)
    return values if values.nunique() <= LEVELS else pd.qcut(values, 4, duplicates="drop")


def described_exposure(panel: Panel, design: Design) -> str:
    """Who is exposed to what, who is compared and how rows hang together, in Markdown."""
    counts = exposure_means(panel, design)["rows"]
    rows = [f"| {plain(level)} | {n:,} |" for level, n in counts.items()]
    table = "\n".join([f"| {design.exposure} | rows |", "|---|---|", *rows])
    return f"{table}\n\n{' '.join(_said(panel, design))}\n\n" + "\n".join(f"- {n}" for n in (*design.notes, _warning()))


def _said(panel: Panel, design: Design) -> list[str]:
    several = f"Rows of the same {panel.period} are compared with each other. " if panel.n_periods > 1 else ""
    rule = "" if design.running is None else f"The measure is meant for {design.running.words}. "
    by = design.cluster or panel.unit
    errors = f"Standard errors are clustered by {by}." if by else "Each row stands for itself."
    return [f"{several}{rule}{errors}"]


def _warning() -> str:
    return (
        "Nobody is compared before and after: whatever else differs between the exposed and the others is part of the difference, unless "
        "it is held constant."
    )
