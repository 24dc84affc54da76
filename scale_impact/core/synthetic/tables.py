"""Tables of what a counterfactual is made of, for a reader."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from scale_impact.core.words import counted, plain

if TYPE_CHECKING:
    import pandas as pd

    from scale_impact.core.effect import Effect
    from scale_impact.core.panel import Panel


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


def described(table: pd.DataFrame, panel: Panel) -> pd.DataFrame:
    """A table of donors with what the data say of each in words: columns of text with one value a unit, such as its region.

    A number of a monitor or a district tells a reader little.
    """
    import pandas as pd

    words = [c for c in panel.frame.columns if c not in (panel.unit, panel.period) and _is_text(panel.frame[c])]
    groups = panel.frame.groupby(panel.unit, observed=True)
    fixed = [c for c in words if (groups[c].nunique(dropna=False) == 1).all() and panel.frame[c].nunique() > 1]
    if not fixed or not len(table):
        return table
    about = groups[fixed].first()
    about.index = pd.Index([plain(u) for u in about.index])
    about = about.reindex([str(d) for d in table.index]).set_axis(table.index).fillna("")
    if table.columns.nlevels > 1:
        about.columns = pd.MultiIndex.from_tuples([(c, *[""] * (table.columns.nlevels - 1)) for c in about.columns])
    return pd.concat([about, table], axis=1)


def _is_text(column: pd.Series) -> bool:
    import pandas as pd

    return bool(
        pd.api.types.is_object_dtype(column)
        or pd.api.types.is_string_dtype(column)
        or isinstance(column.dtype, pd.CategoricalDtype)
    )
