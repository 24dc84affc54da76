"""Contexts: by what effects may differ, as numbers, and as groups of rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scale_impact.core.causal.covariates import as_numbers
from scale_impact.core.causal.cross_section import CrossSection, Floats
from scale_impact.core.words import number, plain
from scale_impact.errors import DesignError

CATEGORIES = 6
"""A number with no more values than this is taken as categories."""

LEAST = 2
"""Clusters that each arm of a group needs for a standard error."""


@dataclass(frozen=True, eq=False)
class Contexts:
    """Contexts of n rows: the data's ``columns``, and ``numbers`` (frame; texts as dummies); ``texts`` are those as they are, [n]."""

    columns: tuple[str, ...]
    numbers: pd.DataFrame
    notes: tuple[str, ...] = ()
    texts: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    @property
    def values(self) -> Floats:
        """[n, K]."""
        return np.asarray(self.numbers, dtype=np.float64)

    def means(self, rows: NDArray[Any]) -> dict[str, float | str]:
        """Mean contexts of some rows; of a text the share of each of its values, the first one's too."""
        shares = {
            f"{column} {value}": float((values[rows] == value).mean())
            for column, values in self.texts.items()
            for value in self._known[column]
        }
        return {**{c: float(self.values[rows, k].mean()) for c, k in self._measured.items()}, **shares}

    def of_unit(self, rows: NDArray[Any]) -> dict[str, float | str]:
        """Mean contexts of one unit's rows; a text as it is, where it is the same in all of them."""
        found = self.means(rows)
        for column, values in self.texts.items():
            if len(said := set(values[rows])) == 1:
                found = {c: v for c, v in found.items() if c not in {f"{column} {k}" for k in self._known[column]}}
                found[column] = said.pop()
        return found

    @cached_property
    def _known(self) -> dict[str, list[str]]:
        """The values of each text."""
        return {column: sorted(set(values)) for column, values in self.texts.items()}

    @cached_property
    def _measured(self) -> dict[str, int]:
        """Columns of ``values`` that are no text's, by name."""
        dummies = {f"{column} {value}" for column, known in self._known.items() for value in known}
        return {str(c): k for k, c in enumerate(self.numbers.columns) if c not in dummies}


def contexts_of(rows: CrossSection, columns: Sequence[str] | None, key: str) -> Contexts:
    """The contexts asked for; without any, the covariates.

    Raises
    ------
    DesignError
        No context at all, or one that is constant, missing in rows, or no number or category. All problems at once.
    """
    if columns is None:
        return _covariates(rows, key)
    if not columns:
        raise DesignError(f"{key}: `contexts` names no column. Leave it out to take the covariates, or name some.")
    raw = {c: values.to_numpy() for c, values in rows.frame(tuple(dict.fromkeys(columns))).items()}
    if problems := [_constant(key, str(c), v[0]) for c, v in raw.items() if pd.Series(v).nunique(dropna=False) == 1]:
        raise DesignError(problems)
    found = as_numbers({str(c): v for c, v in raw.items()}, rows.labels)
    numbers = pd.DataFrame(found.values, columns=list(found.names))
    return Contexts(tuple(map(str, raw)), numbers, found.notes, _texts(rows, tuple(map(str, raw))))


def _covariates(rows: CrossSection, key: str) -> Contexts:
    if not rows.names:
        raise DesignError(
            f"{key} tells for whom a measure works, and there is neither a covariate that varies nor a context. Name `covariates` or "
            "`contexts`; for one average without any use did_2x2 or callaway_santanna (changes) or backdoor_regression (exposures)."
        )
    numbers = pd.DataFrame(rows.covariates, columns=list(rows.names))
    return Contexts(rows.columns, numbers, texts=_texts(rows, rows.columns))


def _texts(rows: CrossSection, columns: Sequence[str]) -> dict[str, NDArray[Any]]:
    """The columns that hold texts, as texts."""
    frame = {str(c): values.infer_objects() for c, values in rows.frame(columns).items()}
    return {c: v.map(plain).to_numpy(dtype=object) for c, v in frame.items() if not pd.api.types.is_numeric_dtype(v)}


def _constant(key: str, column: str, value: object) -> str:
    return f"{key}: context {column!r} is {plain(value)} in all rows: no effect can differ by it. Leave it out of `contexts`."


@dataclass(frozen=True, eq=False)
class Group:
    """Rows that are alike in a context."""

    name: str
    rows: NDArray[np.bool_]


def groups_of(rows: CrossSection, contexts: Contexts, quantiles: int = 3) -> list[Group]:
    """Rows by each context: thirds of a number, categories as they are."""
    frame = rows.frame(contexts.columns)
    return [group for column in contexts.columns for group in _groups(column, frame[column].infer_objects(), quantiles)]


def _groups(column: str, values: pd.Series[Any], quantiles: int) -> list[Group]:
    numeric = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    if not numeric or values.nunique() <= CATEGORIES:
        known = sorted(values.unique(), key=lambda v: v if numeric else str(v))
        found = [Group(f"{column}: {plain(v)}", (values == v).to_numpy()) for v in known]
        return found if len(found) > 1 else []
    return _cut(column, values.to_numpy(dtype=np.float64), quantiles)


def _cut(column: str, values: Floats, quantiles: int) -> list[Group]:
    inner = np.quantile(values, np.arange(1, quantiles) / quantiles)
    cuts = np.unique(inner[inner < values.max()])
    if not len(cuts):
        return []
    at = np.searchsorted(cuts, values, side="left")
    said = [f"up to {number(cuts[0])}", *(f"{number(a)} to {number(b)}" for a, b in pairwise(cuts))]
    found = [Group(f"{column}: {name}", at == k) for k, name in enumerate([*said, f"above {number(cuts[-1])}"])]
    found = [g for g in found if g.rows.any()]
    return found if len(found) > 1 else []


def answerable(rows: CrossSection, groups: Sequence[Group]) -> tuple[list[Group], list[str]]:
    """Groups that both arms are in with two clusters or more; and what is said of the others."""
    lacking = {g.name: _lacks(rows, g.rows) for g in groups}
    kept = [g for g in groups if lacking[g.name] is None]
    return kept, [f"No effect is told for {name}: {why}." for name, why in lacking.items() if why is not None]


def _lacks(rows: CrossSection, inside: NDArray[np.bool_]) -> str | None:
    arms: Mapping[str, Any] = {"exposed": inside & rows.treated, "compared": inside & ~rows.treated}
    arms = arms if rows.binary else {"there": inside}
    few = {arm: len(np.unique(rows.clusters[at])) for arm, at in arms.items()}
    said = [f"{n} of its clusters {'is' if n == 1 else 'are'} {arm}" for arm, n in few.items() if n < LEAST]
    return " and ".join(said) or None
