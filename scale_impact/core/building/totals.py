"""Rows that are the total of the others and no unit: by what they are called, and by their numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

WORDS = (
    "total", "totals", "totale", "totaal", "totalt", "total general", "total général", "subtotal", "grand total", "sum total",
    "gesamt", "insgesamt", "zusammen", "summe", "gesamtsumme", "alle gemeinden", "alle kantone", "alle kreise", "alle städte", "alle bezirke",
    "all units", "all cities", "all municipalities", "all districts", "all regions", "all areas", "all counties", "all states", "whole country",
    "ensemble des communes", "toutes les communes", "tous les départements", "todos los municipios", "todas las comunas", "todos os municípios",
    "tutti i comuni", "alle gemeenten", "alla kommuner", "hela riket", "hele landet", "i alt", "koko maa", "yhteensä", "celkem", "spolu", "összesen",
    "razem", "ogółem", "ukupno", "skupaj", "kopā", "iš viso", "kokku", "toplam", "jumlah", "итого", "всего", "усього", "σύνολο", "合計", "合计", "总计",
)  # fmt: skip
"""What offices call their total rows, as whole words."""

AGGREGATES = re.compile(r"(?:EU|EA|EEA)(?:\d{2})(?:_\d{4})?\Z|EU\Z|EU_V\Z|EU27_2020\Z|OECD\Z|WORLD\Z|WLD\Z|G20\Z|G7\Z")
"""Codes that statistical offices give to groups of countries."""

NAMED = re.compile(
    r"(?<!\w)(?:" + "|".join(re.escape(w) for w in sorted(WORDS, key=len, reverse=True)) + r")(?!\w)", re.IGNORECASE
)

LEAST_UNITS = 4
"""Units, with the total, below which equal sums say nothing."""

DIGITS = 4
"""Digits by which numbers have to agree, on top of those of the number of units: 1 in 10,000 by chance."""

CLOSE = 1e-9
"""Relative difference of sums that are the same."""


def called_totals(labels: pd.Series[Any]) -> list[Any]:
    """Labels of a column that are called a total, in their order; codes that are numbers never are."""
    if labels.dtype.kind not in "OUST":
        return []
    return [
        u for u in pd.unique(labels.dropna()) if isinstance(u, str) and (NAMED.search(u) or AGGREGATES.match(u.strip()))
    ]


def sums_of_others(frame: pd.DataFrame, unit: str, period: str | None, columns: Sequence[str]) -> dict[Any, str]:
    """Units that are the sum of all others, each with a column where that is so in every period.

    A sum counts only where it could hardly be chance: the distinct sums together have more digits
    than the number of units, by four.
    """
    codes, units = pd.factorize(frame[unit])
    if len(units) < LEAST_UNITS:
        return {}
    clock = np.zeros(len(frame), dtype=np.intp) if period is None else pd.factorize(frame[period])[0]
    found: dict[Any, str] = {}
    for column in columns:
        for k in _sums(frame[column].to_numpy(dtype=float), codes, clock, len(units)):
            found.setdefault(units[k], column)
    return found


def _sums(values: NDArray[np.float64], codes: NDArray[np.intp], clock: NDArray[np.intp], n: int) -> list[int]:
    """Places of units that are the sum of the others in one column; only the largest can be, where none is negative."""
    if not len(values) or np.nanmin(values, initial=0.0) < 0 or (codes < 0).any() or (clock < 0).any():
        return []
    known = ~np.isnan(values)
    totals = np.bincount(clock[known], weights=values[known])
    own = np.bincount(codes[known], weights=values[known], minlength=n)
    k = int(own.argmax())
    rows = known & (codes == k)
    value, rest = values[rows], totals[clock[rows]] - values[rows]
    same = np.abs(value - rest) <= CLOSE * np.maximum(np.abs(rest), 1e-300)
    return [k] if len(value) and bool(same.all()) and _digits(value) >= DIGITS + np.log10(n) else []


def _digits(values: NDArray[np.float64]) -> float:
    """By how many digits the distinct sums agree: log10 of whole numbers, 6 for others."""
    distinct = np.unique(values[values > 0])
    whole = distinct == np.round(distinct)
    return float(np.where(whole, np.log10(np.maximum(distinct, 1)), 6.0).sum())
