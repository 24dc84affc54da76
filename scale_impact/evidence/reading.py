"""A row in plain words: what changed, by how much, how sure."""

from __future__ import annotations

import math
from typing import Any


def in_words(row: dict[str, Any]) -> str:
    """One sentence for an estimate: size with its unit, interval, and whether zero is excluded."""
    if row["estimate"] is None:
        return "No estimate."
    size = _size(row)
    if row["ci_low"] is None:
        return f"{size}; no interval."
    low, high = _amount(row, row["ci_low"]), _amount(row, row["ci_high"])
    sure = "zero is excluded" if row["ci_low"] > 0 or row["ci_high"] < 0 else "zero is not excluded"
    return f"{size}, {row['level']:.0%} interval {low} to {high}: {sure}."


def numbers(row: dict[str, Any]) -> str:
    """Estimate, interval and standard error in the outcome's unit."""
    if row["estimate"] is None:
        return "-"
    if row["ci_low"] is None:
        return f"{row['estimate']:.4g}"
    return f"{row['estimate']:.4g} [{row['ci_low']:.4g}, {row['ci_high']:.4g}], std. error {row['std_error']:.4g}"


def is_log(row: dict[str, Any]) -> bool:
    """Whether the outcome is a logarithm."""
    return str(row["outcome_unit"]).startswith("log(")


def _size(row: dict[str, Any]) -> str:
    word = "up" if row["estimate"] > 0 else "down" if row["estimate"] < 0 else "unchanged"
    return f"{row['indicator'].replace('_', ' ').capitalize()} {word} by {_amount(row, row['estimate']).lstrip('+-−')}"


def _amount(row: dict[str, Any], value: float) -> str:
    if is_log(row):
        return f"{math.expm1(value):+.1%}".replace("%", " %").replace("-", "−")
    return f"{value:+,.4g} {row['outcome_unit']}".replace("-", "−", 1)
