"""For whom a measure works, as sentences and as tables, from the checks that asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from scale_impact.core.check import Check

if TYPE_CHECKING:
    import pandas as pd

TESTS = ("heterogeneity", "gates", "policy_tree")
"""The checks whose reasons are the answer, in this order: does it differ, by how much, who should get it."""

END_COLUMNS = ("difference", "std_error", "p_value", "adjusted")


def for_whom(checks: Sequence[Check]) -> list[str]:
    """Whether effects differ, by how much between the ends, and who should get it: the reasons of the checks that were asked."""
    asked = {c.check: c for c in checks}
    said = [f"**{name.replace('_', ' ')}**: {asked[name].reason}" for name in TESTS if name in asked]
    if not said:
        return ["The study asks no test of heterogeneity: add `heterogeneity` to its checks."]
    clear = asked.get("heterogeneity")
    if clear is not None and clear.verdict == "inconclusive":
        said.append(
            "Read the mean effect as that of everybody, and differences between groups as noise, unless another study has found them."
        )
    return said


def ends(checks: Sequence[Check]) -> pd.DataFrame:
    """Mean contexts of the groups that should gain least and most; no row where ``gates`` has none.

    Where nobody says whether more or less is better, of those with the lowest and the highest predicted effects.
    """
    import pandas as pd

    details: Mapping[str, Any] = next((c.details for c in checks if c.check == "gates"), {})
    better = details.get("better")
    names = ["gain_least", "gain_most"] if better else ["lowest", "highest"]
    first, second = ("most", "least") if better == "less" else ("least", "most")
    rows = [
        {**row, names[0]: row[first], names[1]: row[second], "difference": row[second] - row[first]}
        for row in details.get("contexts", [])
    ]
    return pd.DataFrame(rows, columns=["context", *names, *END_COLUMNS]).set_index("context").round(4)
