"""City effects: what each city that tried a measure got from it, with the errors that the numbers share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from scale_impact.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class CityEffects:
    """Effects of one measure on one outcome, in k cities or studies.

    Attributes
    ----------
    labels:
        Who was studied, k different names.
    effects:
        [k], in ``unit``; all in the same unit and with the same sign convention.
    covariance:
        [k, k] of the sampling errors: variances on the diagonal; off it what shared controls cause, 0 where errors are independent.
    unit:
        Unit of the effects, such as ``log(persons)``.
    direction:
        Which way is better, as in the catalogue of indicators: ``+``, ``-``, ``0`` where neither is, ``target``.
    clusters:
        To which study, data set or country each effect belongs, where effects of one are alike; default each its own.
    context:
        What is known of each city before it began, one row a label in their order; None where nothing is known.
    df:
        [k] degrees of freedom behind each variance, infinite where it is taken as known.
    notes:
        What was left out, and what the numbers rest on.
    started:
        First treated period of each, where it is known: early and late adopters can be told apart; it is no context.

    Raises
    ------
    DataError
        Sizes that do not fit, labels that stand twice, effects that are no numbers, a covariance that is none.
    """

    labels: tuple[str, ...]
    effects: Floats
    covariance: Floats
    unit: str = ""
    direction: str = "0"
    clusters: tuple[str, ...] | None = None
    context: pd.DataFrame | None = None
    df: Floats | None = None
    notes: tuple[str, ...] = field(default=())
    started: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        problems = _problems(self)
        if problems:
            raise DataError(problems)

    @classmethod
    def of(
        cls,
        effects: Sequence[float] | Floats,
        std_errors: Sequence[float] | Floats,
        *,
        labels: Sequence[str] | None = None,
    ) -> CityEffects:
        """Independent effects with their standard errors; labels 1, 2, ... where none are given."""
        values, errors = np.asarray(effects, float), np.asarray(std_errors, float)
        named = tuple(str(k + 1) for k in range(len(values))) if labels is None else tuple(labels)
        return cls(named, values, np.diag(errors**2))

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def variances(self) -> Floats:
        """[k] sampling variances."""
        found: Floats = np.diag(self.covariance).copy()
        return found

    @property
    def independent(self) -> bool:
        """Whether no two errors are related."""
        return not np.any(self.covariance - np.diag(np.diag(self.covariance)))

    def take(self, rows: Sequence[int] | NDArray[np.intp]) -> CityEffects:
        """Some of the cities, in the order asked for."""
        at = np.asarray(rows, dtype=np.intp)
        return CityEffects(
            tuple(self.labels[i] for i in at),
            self.effects[at],
            self.covariance[np.ix_(at, at)],
            self.unit,
            self.direction,
            None if self.clusters is None else tuple(self.clusters[i] for i in at),
            None if self.context is None else self.context.iloc[at],
            None if self.df is None else self.df[at],
            self.notes,
            None if self.started is None else tuple(self.started[i] for i in at),
        )


def _problems(found: CityEffects) -> list[str]:
    """All that is wrong with city effects."""
    k = len(found.labels)
    problems = [f"labels: {name!r} stands twice. Name each city once." for name in _twice(found.labels)]
    if found.effects.shape != (k,):
        problems.append(f"effects: {found.effects.shape} numbers for {k} labels. Give one a label.")
    elif not np.isfinite(found.effects).all():
        bad = [found.labels[i] for i in np.flatnonzero(~np.isfinite(found.effects))]
        problems.append(f"effects: no number for {', '.join(bad)}. Leave these cities out and say so.")
    problems += _of_covariance(found.covariance, k, found.labels)
    for name, size in (
        ("clusters", found.clusters),
        ("context", found.context),
        ("df", found.df),
        ("started", found.started),
    ):
        if size is not None and len(size) != k:
            problems.append(f"{name}: {len(size)} for {k} labels. Give one a label.")
    return problems


def _of_covariance(covariance: Floats, k: int, labels: tuple[str, ...]) -> list[str]:
    """What is wrong with a covariance of k errors."""
    if covariance.shape != (k, k):
        return [f"covariance: its shape is {covariance.shape}, and there are {k} labels. Give a k x k matrix."]
    if not np.isfinite(covariance).all():
        bad = [labels[i] for i in np.flatnonzero(~np.isfinite(covariance).all(axis=1))]
        return [f"covariance: no number for {', '.join(bad)}. Leave these cities out and say so."]
    problems = []
    if (np.diag(covariance) < 0).any():
        bad = [labels[i] for i in np.flatnonzero(np.diag(covariance) < 0)]
        problems.append(f"covariance: negative variance for {', '.join(bad)}.")
    scale = float(np.abs(covariance).max(initial=0.0))
    if not np.allclose(covariance, covariance.T, rtol=0, atol=1e-9 * scale):
        problems.append("covariance: it is not symmetric.")
    elif k and np.linalg.eigvalsh(covariance).min() < -1e-8 * scale:
        problems.append("covariance: it is no covariance (an eigenvalue is negative).")
    return problems


def _twice(names: tuple[str, ...]) -> list[str]:
    return sorted({name for k, name in enumerate(names) if name in names[:k]})
