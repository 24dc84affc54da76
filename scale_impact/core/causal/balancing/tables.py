"""The check of balance as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scale_impact.core.check import Check

if TYPE_CHECKING:
    import pandas as pd


def balance_table(check: Check) -> pd.DataFrame:
    """One row a covariate: means of the exposed and the others, their difference in standard deviations, before and after.

    Columns are pairs (``before`` or ``after``, what); ``after`` is missing where nothing weights the rows.
    """
    import pandas as pd

    names = {
        "exposed": "exposed",
        "others": "others",
        "difference": "difference, sd",
        "variance_ratio": "variance ratio",
    }
    rows = {
        (row["covariate"] if row["against"] is None else f"{row['covariate']} ({row['against']})"): {
            (when, shown): row[when].get(key)
            for when in ("before", "after")
            if row.get(when)
            for key, shown in names.items()
        }
        for row in check.details["rows"]
    }
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.columns = pd.MultiIndex.from_tuples(table.columns)
    return table.rename_axis("covariate")
