"""Tables of what a counterfactual is made of, for a reader."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from scale_impact.core.words import counted

if TYPE_CHECKING:
    import pandas as pd

    from scale_impact.core.effect import Effect


def donor_table(effects: Mapping[str, Effect], least: float = 0.05) -> pd.DataFrame:
    """Donors as rows, estimators as columns (with several treated units: estimator and unit).

    Rows are ordered by the size of their weights in the first estimator that has any. Donors whose weight is below a tenth
    of ``least`` there and below ``least`` elsewhere are summed up in one row, so that columns still sum to one. Estimators
    that mix no donors have no column.
    """
    import pandas as pd

    parts = {
        name: effect.counterfactual.donors
        for name, effect in effects.items()
        if effect.counterfactual is not None and effect.counterfactual.donors is not None
    }
    if not parts:
        return pd.DataFrame(index=pd.Index([], name="donor"))
    wide = pd.concat(parts, axis=1).fillna(0.0)
    if all(part.shape[1] == 1 for part in parts.values()):
        wide.columns = pd.Index(list(parts))
    size, first = wide.abs(), next(iter(parts.values())).shape[1]
    order = size.iloc[:, :first].mean(axis=1).sort_values(ascending=False, kind="stable").index
    kept = (size.iloc[:, :first] >= least / 10).any(axis=1) | (size >= least).any(axis=1)
    return _with_others(wide.loc[order], kept.loc[order])


def _with_others(table: pd.DataFrame, kept: pd.Series[bool]) -> pd.DataFrame:
    """The table with the donors that are not kept summed up in a last row."""
    shown = table[kept].copy()
    if not kept.all():
        shown.loc[f"{counted(int((~kept).sum()), 'other donor')}", :] = table[~kept].sum()
    shown.index.name = "donor"
    return shown
