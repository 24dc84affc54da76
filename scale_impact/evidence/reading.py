"""A row in plain words: what changed, by how much, how sure."""

from __future__ import annotations

import math
from typing import Any

from scale_impact.core.words import number


def in_words(row: dict[str, Any]) -> str:
    """One sentence for an estimate: size with its unit, interval, and whether zero is excluded."""
    if row["estimate"] is None:
        return "No estimate."
    size = _size(row)
    if row["ci_low"] is None:
        return f"{size}; no interval."
    low, high = _amount(row, row["ci_low"]), _amount(row, row["ci_high"])
    sure = "zero is excluded" if row["ci_low"] > 0 or row["ci_high"] < 0 else "zero is not excluded"
    return f"{size}, {row['level'] * 100:g} % interval {low} to {high}: {sure}."


def numbers(row: dict[str, Any]) -> str:
    """Estimate, interval and standard error in the outcome's unit."""
    if row["estimate"] is None:
        return "-"
    if row["ci_low"] is None:
        return number(row["estimate"])
    value, low, high, error = (number(row[k]) for k in ("estimate", "ci_low", "ci_high", "std_error"))
    return f"{value} [{low}, {high}], std. error {error}"


def is_log(row: dict[str, Any]) -> bool:
    """Whether the outcome is a logarithm."""
    return str(row["outcome_unit"]).startswith("log(")


def _size(row: dict[str, Any]) -> str:
    word = "up" if row["estimate"] > 0 else "down" if row["estimate"] < 0 else "unchanged"
    return f"{row['indicator'].replace('_', ' ').capitalize()} {word} by {_amount(row, row['estimate']).lstrip('+-−')}"


def _amount(row: dict[str, Any], value: float) -> str:
    if is_log(row):
        return f"{math.expm1(value):+.1%}".replace("%", " %").replace("-", "−")
    sign = "+" if value > 0 else ""
    return f"{sign}{number(value)} {row['outcome_unit']}".replace("-", "−", 1)
