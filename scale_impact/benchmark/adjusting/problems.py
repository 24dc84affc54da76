"""What is wrong with a question to ``adjust``, all of it at once, and which cities can be answered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from scale_impact.benchmark.cities import Context, Criterion, Floats, leaks
from scale_impact.core.words import counted, nearest, number, some
from scale_impact.errors import DataError, DesignError, UsageError

LEAST = 10
"""Cities with outcome and context that are needed."""

MOST_FOLDS = 100

TOO_GOOD = 0.98
"""Context that explains so much of an outcome, out of sample, is taken to hold the outcome."""


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
    names = [str(c) for c in context.frame.columns]
    found = {}
    for k, label in enumerate(context.labels):
        lacks = [names[j] for j in np.flatnonzero(missing[k])]
        reasons = ["its outcome is not known"] * bool(np.isnan(outcome[k])) + [
            f"its context is not known: {', '.join(lacks)}"
        ] * bool(lacks)
        if reasons:
            found[label] = " and ".join(reasons)
    return found


def refuse_few(outcome: Floats, n_all: int) -> None:
    """Raise where too few cities are left, or where they are all alike.

    Raises
    ------
    DesignError
        There is nothing that could be expected.
    """
    if len(outcome) < LEAST:
        raise DesignError(
            f"{counted(len(outcome), 'city has', 'cities have')} an outcome and all of the context, of {n_all}; {LEAST} are needed. "
            "Leave out context variables with gaps, or take more cities."
        )
    if np.ptp(outcome) <= 1e-12 * np.abs(outcome).max():
        raise DesignError(
            f"the outcome is {number(float(outcome[0]))} for all cities with context: there is nothing to explain."
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
