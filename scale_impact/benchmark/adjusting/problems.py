"""What is wrong with a question to ``adjust``, all of it at once, and which cities can be answered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from scale_impact.benchmark.cities import Context, Criterion, Floats, Ints, leaks
from scale_impact.core.words import counted, nearest, number, some
from scale_impact.errors import DataError, DesignError, UsageError

LEAST = 10
"""Cities with outcome and context that are needed."""

MOST_FOLDS = 100

WIDEST = 1e100
"""Outcomes beyond, or all below one part of it, cannot be squared and summed."""

TOO_GOOD = 0.98
"""Context that explains so much of an outcome, out of sample, is taken to hold the outcome."""


def numbers(name: str, given: Any) -> Floats:
    """What is given as floats, NaN where there is nothing.

    Raises
    ------
    DataError
        Not all of it are numbers.
    """
    try:
        return np.asarray(given, dtype=float)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{name}: not all of it are numbers ({error}). Give numbers, NaN where there is none."
        ) from error


def refuse(
    context: Context,
    outcome: Floats,
    std_errors: Floats | None,
    log: Sequence[str],
    size: str | None,
    level: float,
    counts: dict[str, tuple[int | None, int]],
) -> None:
    """Raise all that can be said before anything is computed.

    Raises
    ------
    UsageError
        Options that do not fit.
    DataError
        Data that do not.
    """
    options = [*_options(context, log, size, level), *_counts(counts)]
    shapes = list(_shapes(context, outcome, std_errors))
    data = shapes or [*_values(context, outcome, std_errors), *_logs(context, log), *_sizes(context, size)]
    if data:
        raise DataError([*options, *data])
    if options:
        raise UsageError(options)


def _options(context: Context, log: Sequence[str], size: str | None, level: float) -> Iterator[str]:
    if not 0 < level < 1:
        yield f"level is {level}; it has to lie between 0 and 1, such as 0.95."
    for role, column in [*(("log", c) for c in log), *([] if size is None else [("size", size)])]:
        if column in context.groups:
            yield f"{role}: {column} is a group, not a number. Name one of {some(context.numbers) or 'the numbers, of which there are none'}."
        elif column not in context.numbers:
            yield f"{role}: the context has no number {column!r}. {nearest(column, context.numbers)}"


def _counts(counts: dict[str, tuple[int | None, int]]) -> Iterator[str]:
    for name, (given, least) in counts.items():
        if given is not None and given < least:
            yield f"{name} is {given}; it has to be {least} or more."
    if (folds := counts["folds"][0] or 0) > MOST_FOLDS:
        yield f"folds is {folds}; {MOST_FOLDS} is the most, as each pair of folds has a model of its own."


def _shapes(context: Context, outcome: Floats, std_errors: Floats | None) -> Iterator[str]:
    n = len(context.labels)
    for name, values in (("the outcome", outcome), *([] if std_errors is None else [("std_errors", std_errors)])):
        if values.shape != (n,):
            yield f"{name} has the shape {list(values.shape)}, and the context is of {counted(n, 'city', 'cities')}. Give one number a city."
    if len(set(context.labels)) < n:
        yield "the context names a city twice. Keep one row a city."
    if not context.columns:
        yield "the context has no columns, so that there is nothing to adjust for. Name at least one context variable."


def _values(context: Context, outcome: Floats, std_errors: Floats | None) -> Iterator[str]:
    if len(found := _named(context, np.isinf(outcome))):
        yield f"the outcome is infinite for {found}. Correct it, or give no value."
    elif (largest := float(np.abs(outcome[~np.isnan(outcome)]).max(initial=0.0))) > WIDEST or 0 < largest < 1 / WIDEST:
        yield f"the outcome is up to {largest:.3g} in size, and its square is beyond what a number can hold. Give it in another unit."
    for name in context.numbers:
        if len(found := _named(context, np.isinf(context.frame[name].to_numpy(float)))):
            yield f"context: {name} is infinite for {found}. Correct it, or give no value."
    if std_errors is None:
        return
    known = ~np.isnan(outcome)
    if len(found := _named(context, known & np.isnan(std_errors))):
        yield f"std_errors: none is given for {found}, which have an outcome. Give 0 where it is known exactly."
    if len(found := _named(context, known & ((std_errors < 0) | np.isinf(std_errors)))):
        yield f"std_errors: negative or infinite for {found}. Correct them."


def _logs(context: Context, log: Sequence[str]) -> Iterator[str]:
    for name in dict.fromkeys(c for c in log if c in context.numbers):
        values = context.frame[name].to_numpy(float)
        if len(found := _named(context, values <= 0)):
            yield f"log: {name} is {number(float(np.nanmin(values)))} or otherwise not above 0 for {found}. Take it as it is, or correct it."


def _sizes(context: Context, size: str | None) -> Iterator[str]:
    if size in context.numbers and len(found := _named(context, context.frame[size].to_numpy(float) <= 0)):
        yield f"size: {size} is not above 0 for {found}. Correct it."


def _named(context: Context, wrong: np.ndarray) -> str:
    return some([context.labels[int(k)] for k in np.flatnonzero(wrong)])


def why_not(context: Context, outcome: Floats) -> dict[str, str]:
    """Cities for which nothing can be expected, each with the reason."""
    missing = context.frame.isna().to_numpy() if len(context.columns) else np.zeros((len(outcome), 0), dtype=bool)
    names = list(context.meanings.values())
    found = {}
    for k, label in enumerate(context.labels):
        lacks = [names[j] for j in np.flatnonzero(missing[k])]
        reasons = ["its outcome is not known"] * bool(np.isnan(outcome[k])) + [
            f"its context is not known: {', '.join(lacks)}"
        ] * bool(lacks)
        if reasons:
            found[label] = " and ".join(reasons)
    return found


def refuse_few(context: Context, outcome: Floats, rows: Ints) -> None:
    """Raise where too few cities are left (``rows`` of all).

    Raises
    ------
    DesignError
        With the columns that are not known.
    """
    if len(rows) < LEAST:
        lost = int(np.isnan(outcome).sum())
        gaps = [*context.gaps(), *([f"the outcome is not known of {counted(lost, 'city', 'cities')}"] if lost else [])]
        said = f" ({some(gaps)})" if gaps else ""
        advice = "Leave out context with gaps, or take more cities." if context.gaps() else "Take more cities."
        raise DesignError(
            f"{counted(len(rows), 'city has', 'cities have')} an outcome and all of the context, of {len(outcome)}{said}; {LEAST} are needed. "
            f"{advice}"
        )


def refuse_alike(outcome: Floats) -> None:
    """Raise where all cities with context have one outcome.

    Raises
    ------
    DesignError
        There is nothing that could be expected.
    """
    if np.ptp(outcome) <= 1e-12 * np.abs(outcome).max():
        raise DesignError(
            f"the outcome is {number(float(outcome[0]))} for all cities with context: there is nothing to explain."
        )


def refuse_lonely(lonely: Mapping[str, str], n: int) -> None:
    """Raise where too few of ``n`` cities have the peers that are to say what is expected.

    Raises
    ------
    DesignError
        With the reason of the first.
    """
    if n - len(lonely) < LEAST:
        label, why = next(iter(lonely.items()))
        raise DesignError(
            f"{counted(n - len(lonely), 'city has', 'cities have')} peers that say what is expected, of {n}; {LEAST} are needed. {label}: {why}. "
            "Use ridge, or take more cities."
        )


def refuse_leaks(context: Context, outcome: Floats) -> None:
    """Raise where a context variable is the outcome in other words.

    Raises
    ------
    DataError
        With the correlation.
    """
    judged = Criterion("(the outcome)", "the outcome", "", "", "+")
    if problems := list(leaks(outcome[:, None], [judged], context)):
        raise DataError(problems)


def refuse_too_good(share: float, by: str) -> None:
    """Raise where all of the context together gives the outcome away.

    Raises
    ------
    DataError
        With the share explained.
    """
    if share >= TOO_GOOD:
        raise DataError(
            f"context: all of it together explains {share:.3f} of the outcome ({by}, for cities that the model has not seen): it holds what is "
            f"to be judged, perhaps as a sum or a ratio. Leave out what the outcome is made of; up to {TOO_GOOD} is taken for context."
        )


def refuse_constant(variables: Sequence[str]) -> None:
    """Raise where no context variable tells cities apart.

    Raises
    ------
    DesignError
        There is nothing to adjust for.
    """
    if not variables:
        raise DesignError(
            "no context variable varies among the cities with an outcome: there is nothing to adjust for."
        )
