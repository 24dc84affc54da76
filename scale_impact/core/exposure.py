"""Exposure: what each observation gets, where nobody is compared before and after.

A cross-section has no first treated period. Each observation has its own exposure, 0/1 or a dose, or
lies on one side of a threshold that decides about it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scale_impact.core.words import counted, plain
from scale_impact.errors import DesignError

if TYPE_CHECKING:
    from scale_impact.core.panel import Panel

Side = Literal["above", "below"]


@dataclass(frozen=True)
class Running:
    """A threshold that decides who is treated.

    Attributes
    ----------
    column:
        The running variable.
    threshold:
        Its value from which on (``above``, inclusive) or below which (``below``) the measure is meant to be.
    side:
        Which side is meant to be treated.
    """

    column: str
    threshold: float
    side: Side = "above"

    @property
    def words(self) -> str:
        """The rule, such as ``population >= 5,000``."""
        return f"{self.column} {'>=' if self.side == 'above' else '<'} {plain(self.threshold)}"

    def eligible(self, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which values of the running variable are meant to be treated."""
        reached = values >= self.threshold
        return reached if self.side == "above" else ~reached


@dataclass(frozen=True, eq=False)
class Exposure:
    """Exposures of the n observations of a panel, in its order, what they are called, and the rule behind them."""

    name: str
    values: NDArray[np.float64]
    running: Running | None = None

    @property
    def binary(self) -> bool:
        """Whether it is 0 or 1."""
        return bool(np.isin(self.values, (0.0, 1.0)).all())


def read_exposure(panel: Panel, column: str | None, running: str | None, threshold: Any, side: Side) -> Exposure:
    """Exposures by a column, by a threshold, or by a column whose values a threshold shifts (fuzzy).

    Raises
    ------
    DesignError
        A column is no number or misses values; nobody or everybody is exposed; a threshold without a running variable. All problems at
        once.
    """
    _refuse(_odd_choice(running, threshold, side))
    named = [c for c in (column, running) if c is not None]
    numbers = {c: panel.column(c) for c in named}
    _refuse([p for c in named for p in _no_numbers(c, numbers[c])])
    values = {c: np.asarray(v, dtype=np.float64) for c, v in numbers.items()}
    rule = None if running is None else Running(running, float(threshold), side)
    if rule is None:
        assert column is not None
        found = Exposure(column, values[column])
    else:
        _refuse(_out_of_range(rule, values[rule.column]))
        eligible = rule.eligible(values[rule.column]).astype(float)
        name, got = (rule.words, eligible) if column is None else (column, values[column])
        found = Exposure(name, got, rule)
    _refuse(_one_value(found))
    return found


def _refuse(problems: list[str]) -> None:
    if problems:
        raise DesignError(problems)


def _odd_choice(running: str | None, threshold: Any, side: Side) -> list[str]:
    problems = []
    if (running is None) != (threshold is None):
        problems.append(
            "running and threshold go together: the column that decides and the value from which it does, such as "
            "{running: population, threshold: 5000}."
        )
    whole = isinstance(threshold, (int, float, np.number)) and not isinstance(threshold, bool)
    if threshold is not None and not (whole and np.isfinite(threshold)):
        problems.append(f"threshold is {threshold!r}; it has to be a number, such as 5000.")
    if side not in ("above", "below"):
        problems.append(f"side is {side!r}; it has to be one of above, below.")
    return problems


def _no_numbers(name: str, values: NDArray[Any]) -> list[str]:
    column = pd.Series(values)
    gone = column.isna().to_numpy()
    if gone.any():
        at = int(np.flatnonzero(gone)[0])
        return [
            f"{name} is missing in {counted(int(gone.sum()), 'row')} of {len(values):,}, first in row {at}: who is exposed has to be "
            "known. Fill it, or leave these rows out in the source's card."
        ]
    if not pd.api.types.is_numeric_dtype(column.infer_objects()) or np.iscomplexobj(values):
        return [f"{name} holds {values[0]!r}, which is no number. Use a 0/1 column, or one with a dose."]
    if not np.isfinite(np.asarray(values, dtype=float)).all():
        return [f"{name} is infinite in some rows. Correct the values."]
    return []


def _one_value(found: Exposure) -> list[str]:
    if np.ptp(found.values) > 0:
        return []
    value = plain(float(found.values[0]))
    return [f"{found.name} is {value} in every row: there is nobody with another exposure to compare with."]


def _out_of_range(rule: Running, values: NDArray[np.float64]) -> list[str]:
    low, high = float(values.min()), float(values.max())
    if low < rule.threshold <= high:
        return []
    return [
        f"threshold is {plain(rule.threshold)}, and {rule.column} goes from {plain(low)} to {plain(high)}: one side is empty. "
        "Correct the threshold, or use data from both sides of it."
    ]
