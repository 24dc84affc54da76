"""A row in plain words: what changed, by how much, how sure."""

from __future__ import annotations

import math
from typing import Any

from scale_impact.core.evidence import NET_VALUE, NOTICED, PREDICTED, RANKED
from scale_impact.core.words import effect_unit, number, within_sentence

SHARES = ("share", "binary", "0/1", "0-1")
"""Units of shares that are written from 0 to 1: their effects are read as percentage points."""


def in_words(row: dict[str, Any], name: str) -> str:
    """One sentence for an estimate of an indicator: size with its unit, interval, and whether zero is excluded."""
    if row["estimate"] is None:
        return "No estimate."
    if row.get("estimand") == NOTICED:
        return _noticed(row, name)
    if row.get("estimand") == RANKED:
        return _ranked(row)
    if row.get("estimand") == PREDICTED:
        return _predicted(row, name)
    if row.get("estimand") == NET_VALUE:
        return _worth(row)
    size = _size(row, name)
    if row["ci_low"] is None or row["ci_high"] is None:
        return f"{size}; no {'bounded ' if row.get('p_value') is not None else ''}interval."
    low, high = _amount(row, row["ci_low"]), _amount(row, row["ci_high"])
    sure = "zero is excluded" if row["ci_low"] > 0 or row["ci_high"] < 0 else "zero is not excluded"
    return f"{size}, {row['level'] * 100:g} % interval {low} to {high}: {sure}."


def in_plain_words(row: dict[str, Any], name: str) -> str:
    """One sentence on an effect for those who decide: three digits, and whether chance may have done it."""
    if row["estimate"] is None:
        return "No estimate."
    rounded = row if is_log(row) else {**row, **{k: _three(row[k]) for k in ("estimate", "ci_low", "ci_high")}}
    size = _size(rounded, name)
    if row["ci_low"] is None or row["ci_high"] is None:
        return f"{size}; how sure that is, is not known."
    low, high = (_amount(rounded, rounded[k]).split(" ")[0] for k in ("ci_low", "ci_high"))
    sure = "more than chance, taken by itself" if row["ci_low"] > 0 or row["ci_high"] < 0 else "it may be chance"
    return f"{size} ({row['level'] * 100:g} % interval {low} to {high}): {sure}."


def _three(value: float | None) -> float | None:
    """Three digits."""
    return None if value is None else _rounded(value)


def _ranked(row: dict[str, Any]) -> str:
    """One sentence for a city's place."""
    place = f"{row['label']}: rank {number(row['estimate'])} of {row['n_units']:,}"
    if row["ci_low"] is None or row["ci_high"] is None:
        return f"{place}; how sure that is, is not known."
    low, high = number(row["ci_low"]), number(row["ci_high"])
    return f"{place}; {row['level'] * 100:g} % confidence set: ranks {low} to {high}."


def _predicted(row: dict[str, Any], name: str) -> str:
    """One sentence for what a city may expect."""
    size = _size(row, within_sentence(name))
    if row["ci_low"] is None or row["ci_high"] is None:
        return f"{row['label']} may expect: {size}; what a single city gets cannot be bounded."
    low, high = _amount(row, row["ci_low"]), _amount(row, row["ci_high"])
    sure = f"with a probability of about {row['level'] * 100:g} %"
    return f"{row['label']} may expect: {size}; what a single city gets lies, {sure}, between {low} and {high} (prediction interval)."


def _worth(row: dict[str, Any]) -> str:
    """One sentence for what a scale-up is worth to somebody."""
    value, low, high = (None if row[k] is None else _signed(row[k]) for k in ("estimate", "ci_low", "ci_high"))
    told = f"Net present value, {row['label']}: {value} {row['outcome_unit']}"
    if low is None or high is None:
        return f"{told}; how sure that is, is not known."
    return f"{told}; in {row['level'] * 100:g} of 100 worlds drawn it is between {low} and {high}."


def _signed(value: float) -> str:
    """Three digits, with a minus sign that is one."""
    return number(_rounded(value)).replace("-", "−")


def _rounded(value: float) -> float:
    """Three digits."""
    return float(f"{value:.3g}")


def _noticed(row: dict[str, Any], name: str) -> str:
    """One sentence for a planned pilot: who, how long, and the smallest effect that it would notice."""
    if is_log(row):  # a fall and a rise of one size in logarithms are not one in per cent
        fall, rise = (_amount(row, sign * row["estimate"]) for sign in (-1, 1))
        return f"{row['label']}: smallest change of {within_sentence(name)} that would be noticed: {fall}, or {rise}."
    low, high = (None if row[k] is None else _amount(row, row[k]).lstrip("+") for k in ("ci_low", "ci_high"))
    sure = "" if low is None or high is None else f", {row['level'] * 100:g} % interval {low} to {high}"
    smallest = _amount(row, row["estimate"]).lstrip("+")
    return f"{row['label']}: smallest change of {within_sentence(name)} that would be noticed: {smallest}{sure}."


def numbers(row: dict[str, Any]) -> str:
    """Estimate, interval and standard error in the outcome's unit."""
    if row["estimate"] is None:
        return "-"
    if row["ci_low"] is None or row["ci_high"] is None:
        return number(row["estimate"])
    value, low, high = (number(row[k]) for k in ("estimate", "ci_low", "ci_high"))
    error = "" if row["std_error"] is None else f", std. error {number(row['std_error'])}"
    return f"{value} [{low}, {high}]{error}"


def is_log(row: dict[str, Any]) -> bool:
    """Whether the outcome is a logarithm."""
    return str(row["outcome_unit"]).startswith("log(")


def _size(row: dict[str, Any], name: str) -> str:
    if row["estimate"] == 0:
        return f"{name} unchanged"
    word = "up" if row["estimate"] > 0 else "down"
    return f"{name} {word} by {_amount(row, row['estimate']).lstrip('+-−')}"


def _amount(row: dict[str, Any], value: float) -> str:
    if is_log(row):
        share = math.expm1(value) if value < 700 else math.inf  # exp has no larger number
        return f"{share:+.1%}".replace("%", " %").replace("-", "−")
    sign, unit = "+" if value > 0 else "", str(row["outcome_unit"])
    if unit in SHARES:
        value, unit = 100 * value, "%"
    if unit.startswith("index"):
        return f"{sign}{number(value)}".replace("-", "−") + f" points ({unit})"
    unit = effect_unit(unit)
    joint = " of " if unit[:1].isdigit() else " "  # 11,864 of 1978 USD, not 11,864 1978 USD
    return f"{sign}{number(value)}".replace("-", "−") + f"{joint}{unit}"
