"""Context as regressors: numbers as they are, groups as differences from the first one in the alphabet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scale_impact.core.city_effects import CityEffects
from scale_impact.core.words import nearest, number, plain, some
from scale_impact.errors import DataError, DesignError, UsageError
from scale_impact.synthesis.between.line import Floats

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Column:
    """A column of the context: its name, its groups (none: a number), and the range of what was seen (logs where it is logged)."""

    name: str
    groups: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0
    logged: bool = False

    @property
    def terms(self) -> tuple[str, ...]:
        """Names of its coefficients."""
        if self.groups:
            return tuple(f"{self.name}: {g}" for g in self.groups[1:])
        return (f"log({self.name})" if self.logged else self.name,)

    def values(self, seen: Sequence[Any]) -> Floats:
        """Regressors [n, terms] of values of this column."""
        if self.groups:
            names = [plain(v) for v in seen]
            return np.array([[float(n == g) for g in self.groups[1:]] for n in names]).reshape(len(names), -1)
        numbers = np.asarray(seen, float)[:, None]
        return np.log(numbers) if self.logged else numbers

    def outside(self, value: Any) -> str | None:
        """What to say of a value that lies beyond those seen; None where it does not."""
        if self.groups:
            return None
        found = float(np.log(value) if self.logged else value)
        if self.low <= found <= self.high:
            return None
        ends = [float(np.exp(e)) if self.logged else e for e in (self.low, self.high)]
        return f"{self.name} is {number(float(value))}; the cities have {number(ends[0])} to {number(ends[1])}"

    def problem(self, row: Mapping[str, Any]) -> str | None:
        """What is wrong with this column in a row to be predicted."""
        if self.name not in row:
            return f"The row has no {self.name!r}. {nearest(self.name, map(str, row))}"
        value = row[self.name]
        if self.groups:
            return (
                None
                if plain(value) in self.groups
                else f"{self.name}: no city is {plain(value)!r}. Known: {some(self.groups, 20)}."
            )
        if not _is_number(value) or not np.isfinite(float(value)):
            return f"{self.name}: {value!r} is no number. Give one."
        return f"{self.name}: {value!r} has no logarithm. Give a number over 0." if self.logged and value <= 0 else None


def read(effects: CityEffects, names: Sequence[str], groups: Sequence[str], log: Sequence[str]) -> tuple[Column, ...]:
    """Columns of the context by name.

    Raises
    ------
    UsageError, DataError, DesignError
        Columns that are not there or named twice; cities without a value, or without a logarithm; columns that do not vary.
    """
    context = effects.context
    known = [] if context is None else [str(c) for c in context.columns]
    unknown = [
        f"The context has no column {n!r}. {nearest(n, known)}"
        for n in dict.fromkeys([*names, *groups, *log])
        if n not in known
    ]
    unknown += [
        f"{n!r} is named to be a group or a logarithm, but not among the columns. Add it."
        for n in [*groups, *log]
        if n not in names
    ]
    unknown += [
        f"{n!r} is named twice. Name each column once." for n in sorted({n for n in names if list(names).count(n) > 1})
    ]
    if not names:
        unknown.append("No column is named. Name those of the context that effects may depend on, or use pool.")
    if unknown or context is None:
        raise UsageError(unknown)
    problems = [p for n in names for p in _missing(effects, context[n], n, n in log)]
    if problems:
        raise DataError(problems)
    columns = tuple(_column(context[n], n, n in groups, n in log) for n in names)
    same = [c.name for c in columns if (len(c.groups) == 1 if c.groups else c.low == c.high)]
    if same:
        raise DesignError(
            [f"{n} is the same in all cities, so that nothing depends on it. Leave it out." for n in same]
        )
    return columns


def _missing(effects: CityEffects, values: pd.Series[Any], name: str, logged: bool) -> list[str]:
    none = values.isna().to_numpy()
    if none.any():
        who = some([label for label, gone in zip(effects.labels, none, strict=True) if gone], 10)
        return [f"{name}: no value for {who}. Give one, or leave these cities out and say so."]
    if not logged:
        return []
    bad = [label for label, v in zip(effects.labels, values, strict=True) if not _is_number(v) or not v > 0]
    return [f"{name}: no logarithm for {some(bad, 10)}. Give numbers over 0, or do not take logarithms."] if bad else []


def _column(values: pd.Series[Any], name: str, group: bool, logged: bool) -> Column:
    if group or not all(map(_is_number, values)):
        return Column(name, tuple(sorted({plain(v) for v in values})))
    numbers = np.asarray(values, float)
    numbers = np.log(numbers) if logged else numbers
    return Column(name, (), float(numbers.min()), float(numbers.max()), logged)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating, np.bool_)) and not isinstance(value, str)


@dataclass(frozen=True)
class Basis:
    """Orthonormal regressors [k, p], and what makes coefficients of them: b = back @ beta [p, p]."""

    x: Floats
    back: Floats


def basis(effects: CityEffects, columns: Sequence[Column]) -> Basis:
    """Regressors with an intercept, centred before they are made orthonormal, so that years and budgets lose no digits.

    Raises
    ------
    DesignError
        A column that is a combination of those before it.
    """
    assert effects.context is not None
    parts = [c.values(list(effects.context[c.name])) for c in columns]
    x = np.column_stack(parts)
    centre = x.mean(axis=0)
    q, r = np.linalg.qr(np.column_stack([np.ones(len(x)), x - centre]))
    left = np.abs(np.diag(r))[1:] / np.maximum(np.linalg.norm(x - centre, axis=0), 1e-300)
    terms = [t for c in columns for t in c.terms]
    tied = [t for t, share in zip(terms, left, strict=True) if share < 1e-8]
    if tied:
        raise DesignError(
            [
                f"{t} is a combination of the columns before it, so that both cannot be told apart. Leave one out."
                for t in tied
            ]
        )
    uncentre = np.eye(len(terms) + 1)
    uncentre[0, 1:] = -centre
    return Basis(q, uncentre @ np.linalg.inv(r))
