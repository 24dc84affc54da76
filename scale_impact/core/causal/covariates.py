"""Covariates as numbers: texts as dummies, what does not vary left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scale_impact.core.panel import LARGEST
from scale_impact.core.words import counted, plain, some
from scale_impact.errors import DesignError

MANY_TEXTS = 50
"""A text column with more values than this is no category."""

SAME = 1 - 1e-12
"""Columns with a larger correlation say the same."""


@dataclass(frozen=True, eq=False)
class Columns:
    """Numbers [n, K], their names, and what was left out."""

    values: NDArray[np.float64]
    names: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Question:
    """What is asked of the rows: the outcome's name, the exposure's name and its values [n]. Neither can be held fixed."""

    outcome: str
    exposure: str
    exposed: NDArray[np.float64]


def as_numbers(columns: Mapping[str, NDArray[Any]], labels: Sequence[str], asked: Question | None = None) -> Columns:
    """Columns of data as numbers.

    Raises
    ------
    DesignError
        Values are missing, infinite or beyond 1e100, a text has more than 50 values, or a column is the outcome or the exposure
        that is asked about. All problems at once.
    """
    problems = [] if asked is None else outcome_among(asked.outcome, columns, "covariate")
    problems += [p for name, raw in columns.items() for p in _problems(name, pd.Series(raw), labels)]
    if not problems and asked is not None:
        problems = [p for name, raw in columns.items() for p in _is_exposure(name, pd.Series(raw), asked)]
    if problems:
        raise DesignError(problems)
    parts = [_numbers(name, pd.Series(raw)) for name, raw in columns.items()]
    made = pd.concat(parts, axis=1) if parts else pd.DataFrame(index=range(len(labels)))
    values = made.to_numpy(dtype=np.float64)
    constant = [str(c) for c, v in zip(made.columns, values.T, strict=True) if not np.ptp(v)]
    twice = _repeated(made, values)
    notes = [f"{c} has one value and is left out of the covariates." for c in constant]
    notes += [f"{c} says the same as {other} and is left out of the covariates." for c, other in twice.items()]
    kept = [str(c) for c in made.columns if c not in constant and c not in twice]
    return Columns(made[kept].to_numpy(dtype=np.float64).reshape(len(labels), len(kept)), tuple(kept), tuple(notes))


def outcome_among(outcome: str, columns: Iterable[str], what: str) -> list[str]:
    """Why the outcome cannot be one of some columns, such as a ``covariate``; nothing where it is none."""
    return [
        f"{what.capitalize()} {outcome!r} is the outcome itself, which leaves nothing to find. Leave it out; if its value before the treatment "
        "is meant, make that a column of its own."
        for name in columns
        if name == outcome
    ]


def _is_exposure(name: str, column: pd.Series[Any], asked: Question) -> list[str]:
    """Say so where a covariate, or one of its categories, is the exposure (up to scale and shift)."""
    made = _numbers(name, column)
    same = [c for c, values in made.items() if _alike(np.asarray(values), asked.exposed)]
    return [
        f"Covariate {str(c)!r} is the exposure itself ({asked.exposure}): with it held fixed nobody exposed is left to compare with others. "
        "Leave it out."
        for c in same
    ]


def _alike(a: NDArray[np.float64], b: NDArray[np.float64]) -> bool:
    a, b = a - a.mean(), b - b.mean()
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    return size > 0 and abs(float(a @ b)) > SAME * size


def _problems(name: str, column: pd.Series[Any], labels: Sequence[str]) -> list[str]:
    gone = column.isna().to_numpy()
    if gone.any():
        where = some([labels[i] for i in np.flatnonzero(gone)[:100]], 5)
        return [
            f"Covariate {name!r} is missing in {counted(int(gone.sum()), 'row')} of {len(column):,} ({where}). Fill it, leave it out, or "
            "leave these rows out in the source's card."
        ]
    column = column.infer_objects()
    if pd.api.types.is_datetime64_any_dtype(column):
        return [f"Covariate {name!r} holds dates. Use a number, such as a year."]
    if _is_text(column):
        many = column.nunique()
        return [] if many <= MANY_TEXTS else [
            f"Covariate {name!r} holds {many:,} different texts, such as {plain(column.iloc[0])!r}: it is no category. Use a number, "
            f"or up to {MANY_TEXTS} categories."
        ]  # fmt: skip
    size = np.abs(column.to_numpy(dtype=np.float64)).max(initial=0.0)
    if not np.isfinite(size):
        return [f"Covariate {name!r} is infinite in some rows. Correct the values (the log of 0?)."]
    if size > LARGEST:
        return [f"Covariate {name!r} is beyond {LARGEST:g} in some rows. Measure it in a larger unit."]
    return []


def _is_text(column: pd.Series[Any]) -> bool:
    return not (pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column))


def _numbers(name: str, column: pd.Series[Any]) -> pd.DataFrame:
    column = column.infer_objects()
    if not _is_text(column):
        return pd.DataFrame({name: column.to_numpy(dtype=np.float64)})
    found = pd.get_dummies(column.map(plain), dtype=float).iloc[:, 1:]
    return found.rename(columns={c: f"{name} {c}" for c in found.columns})


def _repeated(made: pd.DataFrame, values: NDArray[np.float64]) -> dict[str, str]:
    """Columns that say the same as an earlier one (up to scale and shift), with that one."""
    spread = values.std(axis=0)
    if values.shape[1] < 2:
        return {}
    with np.errstate(invalid="ignore", divide="ignore"):
        standard = (values - values.mean(axis=0)) / np.where(spread > 0, spread, np.nan)
        alike = np.abs(standard.T @ standard) / len(values) > SAME
    names = [str(c) for c in made.columns]
    first = {j: int(np.flatnonzero(alike[:j, j])[0]) for j in range(len(names)) if alike[:j, j].any()}
    return {names[j]: names[i] for j, i in first.items()}
