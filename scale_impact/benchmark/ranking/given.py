"""What rank bands are made from: the arguments as arrays, and what is wrong with them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.words import counted, number, some
from scale_impact.errors import DataError, UsageError

Floats = NDArray[np.float64]

SHAPES = {"draws": "[draws, cities]", "covariance": "[cities, cities]"}
NO_VALUE = "It has no value, so it has no rank, and no other city is compared with it."


@dataclass(frozen=True)
class Given:
    """N cities with one of the forms of their errors, or none.

    Attributes
    ----------
    labels, values:
        The cities and what they are ranked by [N]; NaN where there is no value.
    std_errors, draws, covariance:
        [N], [B, N], [N, N]; at most one is not None.
    notes:
        What was not used.
    """

    labels: tuple[str, ...]
    values: Floats
    std_errors: Floats | None
    draws: Floats | None
    covariance: Floats | None
    notes: tuple[str, ...] = ()


def read(labels: Sequence[str], values: Any, std_errors: Any, draws: Any, covariance: Any) -> Given:
    """The arguments as arrays.

    Raises
    ------
    DataError
        Lengths that differ, one city, a city twice, no numbers, infinite values, negative standard errors, a covariance that is
        none; all problems at once.
    UsageError
        Covariance and another form of the errors.
    """
    if covariance is not None and (std_errors is not None or draws is not None):
        raise UsageError("covariance holds the errors: give it alone, without std_errors and draws.")
    names, found = arrays(labels, values=values, std_errors=std_errors, draws=draws, covariance=covariance)
    if problems := list(_number_problems(names, found)):
        raise DataError(problems)
    notes = tuple(_beside_draws(found))
    spread = None if "draws" in found else found.get("std_errors")
    return Given(names, found["values"], spread, found.get("draws"), found.get("covariance"), notes)


def arrays(labels: Sequence[str], **given: Any) -> tuple[tuple[str, ...], dict[str, Floats]]:
    """Names of the cities, and what is given of them as arrays; what is None is left out.

    Raises
    ------
    DataError
        One city, a city twice, no numbers, lengths that differ.
    """
    names = tuple(str(name) for name in labels)
    read_so = {name: _numbers(name, value, 2 if name in SHAPES else 1) for name, value in given.items()}
    if problems := [*_label_problems(names), *(a for a in read_so.values() if isinstance(a, str))]:
        raise DataError(problems)
    found = {name: a for name, a in read_so.items() if a is not None and not isinstance(a, str)}
    if problems := list(_length_problems(len(names), found)):
        raise DataError(problems)
    return names, found


def _beside_draws(found: dict[str, Floats]) -> Iterator[str]:
    if "draws" in found and "std_errors" in found:
        known = ~np.isnan(found["values"])
        if not np.allclose(found["draws"][:, known].std(axis=0, ddof=1), found["std_errors"][known], rtol=0.01):
            yield "The draws say how values err; the standard errors given beside them differ from theirs and are not used."


def option_problems(level: float, resamples: int, best: int, n: int) -> Iterator[str]:
    """What is wrong with options."""
    if not 0 < level < 1:
        yield f"level is {level}; it has to lie between 0 and 1, such as 0.95."
    elif resamples < needed(level):
        yield f"resamples is {resamples}; the level {number(level)} needs at least {needed(level)}, and 1,000 or more are steady."
    if not 1 <= best <= n:
        yield f"best is {best}, and {counted(n, 'city has', 'cities have')} a value. Ask for 1 to {n}."


def needed(level: float) -> int:
    """The fewest draws of which one can be a critical value of a level."""
    return math.ceil(level / (1 - level) - 1e-9)


def _numbers(name: str, value: Any, dimensions: int) -> Floats | str | None:
    if value is None:
        return None
    try:
        found = np.array(value, dtype=float)  # a copy: what is given may change
    except (TypeError, ValueError) as error:
        return f"{name}: not all of it are numbers ({error}). Give numbers, NaN where there is none."
    if found.ndim != dimensions:
        return f"{name}: it has {counted(found.ndim, 'dimension')}. Give {SHAPES.get(name, 'one number a city')}."
    return found


def _label_problems(names: tuple[str, ...]) -> Iterator[str]:
    if len(names) < 2:
        yield f"There is {counted(len(names), 'city', 'cities')}. A rank needs at least two."
    if twice := [name for name, n in Counter(names).items() if n > 1]:
        yield f"{some(twice)}: given more than once. Keep one value a city."


def _length_problems(n: int, found: dict[str, Floats]) -> Iterator[str]:
    for name, array in found.items():
        if array.shape[-1] != n:
            yield f"{name}: it is of {counted(array.shape[-1], 'city', 'cities')}, and labels are of {n}. Give one for each, in one order."
        elif name == "covariance" and array.shape != (n, n):
            yield f"covariance: it has the shape {array.shape[0]} x {array.shape[1]}. Give [cities, cities]."


def _number_problems(names: tuple[str, ...], found: dict[str, Floats]) -> Iterator[str]:
    ranked = ~np.isnan(found["values"])
    if ranked.sum() < 2:
        yield f"values: {counted(int(ranked.sum()), 'city has', 'cities have')} a value. A rank needs at least two."
    for name, array in found.items():
        if wrong := _named(names, np.isinf(array).reshape(-1, len(names)).any(axis=0)):
            yield f"{name}: infinite for {wrong}. Correct it."
    for name in sorted({"std_errors", "draws"} & found.keys()):
        unknown = np.isnan(found[name]).reshape(-1, len(names)).any(axis=0)
        if wrong := _named(names, unknown & ranked):
            exact = " (0 where the value is known exactly)" if name == "std_errors" else ""
            yield f"{name}: not known for {wrong}, which has a value. Give {name} for it{exact}, or leave its value out."
    if "std_errors" in found and (wrong := _named(names, found["std_errors"] < 0)):
        yield f"std_errors: negative for {wrong} ({number(float(np.nanmin(found['std_errors'])))}). Correct it."
    if "covariance" in found:
        yield from _covariance_problems(names, found["covariance"], ranked)


def _covariance_problems(names: tuple[str, ...], covariance: Floats, ranked: NDArray[np.bool_]) -> Iterator[str]:
    of_ranked = covariance[np.ix_(ranked, ranked)]
    if wrong := _named(names, np.isnan(covariance[:, ranked]).any(axis=1) & ranked):
        yield f"covariance: not known for {wrong}, which has a value. Give it, or leave the value out."
    elif np.isinf(of_ranked).any() or not len(of_ranked):
        return
    elif not np.allclose(of_ranked, of_ranked.T, rtol=1e-8, atol=1e-12 * float(np.abs(of_ranked).max())):
        yield "covariance: it is not symmetric. Give the covariance of the values."
    elif (lowest := float(np.linalg.eigvalsh(of_ranked)[0])) < -1e-8 * float(np.abs(of_ranked).max()) * len(of_ranked):
        yield f"covariance: it has a negative eigenvalue ({number(lowest)}), so it is no covariance. Correct it."


def _named(names: tuple[str, ...], wrong: Any) -> str:
    return some([names[int(k)] for k in np.flatnonzero(wrong)])
