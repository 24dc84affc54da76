"""Criteria and context as they are named in a call: what is wrong with them before a table is looked at.

Stands below ``cities``, which calls it. Python takes any word for a direction, and a turned direction turns every rank.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from scale_impact.core.words import number

if TYPE_CHECKING:
    from scale_impact.benchmark.cities import ContextColumn, Criterion

DIRECTIONS: Mapping[str, str] = {"+": "more is better", "-": "less is better", "target": "best at its target"}
KINDS: Mapping[str, str] = {"number": "a number", "group": "of which only equality counts, such as a region"}

WRITE = (
    "Write Criterion('murders', 'Murders', 'per 100,000', 'safety', '-'): column, name, unit, dimension, and the direction that is better, "
    "+, - or target"
)
"""What to write in place of something that is no criterion."""


def criteria_problems(criteria: Sequence[Any], kind: type[Criterion]) -> Iterator[str]:
    """What is no criterion, has no direction, goalposts that do not go with it, or no weight."""
    if isinstance(criteria, (str, kind)):
        yield f"criteria: it is {_shown(criteria)}, and it should be a list of criteria. {WRITE}, in square brackets."
        return
    for criterion in criteria:
        if isinstance(criterion, kind):
            yield from (f"{criterion.column}: {p}" for p in _wrong(criterion))
        else:
            yield f"criteria: {_shown(criterion)} says not what is better. {WRITE}."


def _shown(given: Any) -> str:
    return repr(getattr(given, "column", given))


def _wrong(criterion: Criterion) -> Iterator[str]:
    if criterion.direction not in DIRECTIONS:
        yield f"its direction is {criterion.direction!r}. Write {_choice(DIRECTIONS)}."
        return
    bad = [n for n in ("target", "worst", "best") if not _is_number(getattr(criterion, n), or_none=True)]
    yield from (f"{n} is {getattr(criterion, n)!r}. Write a number, or nothing where there is none." for n in bad)
    if not _is_number(criterion.weight) or criterion.weight <= 0:
        yield f"its weight is {criterion.weight!r}. Write a number above 0, or leave the indicator out."
    if not bad:
        yield from _at_target(criterion) if criterion.direction == "target" else _in_order(criterion)


def _is_number(value: Any, *, or_none: bool = False) -> bool:
    if value is None:
        return or_none
    try:
        return not isinstance(value, str) and math.isfinite(value)
    except TypeError:
        return False


def _at_target(criterion: Criterion) -> Iterator[str]:
    if criterion.target is None:
        yield "it is best at a target, and none is given. Write target=..., the best value."
        return
    if criterion.best is not None and criterion.best != criterion.target:
        yield f"best is {number(criterion.best)}, and the target is {number(criterion.target)}. The best value is the target: leave best out."
    if criterion.best is not None and criterion.worst is None:
        yield f"its goalpost best is {number(criterion.best)}, and worst is not given. Give worst too, or neither."
    if criterion.worst is not None and criterion.worst == criterion.target:
        yield f"worst and target are {number(criterion.target)}. The worst value has to lie away from the target."


def _in_order(criterion: Criterion) -> Iterator[str]:
    worst, best = criterion.worst, criterion.best
    if worst is None and best is None:
        return
    if worst is None or best is None:
        there, lacks, value = ("best", "worst", best) if worst is None else ("worst", "best", worst)
        yield f"its goalpost {there} is {number(value or 0.0)}, and {lacks} is not given. Give both, or neither."
    elif worst == best or (best > worst) != (criterion.direction == "+"):
        yield (
            f"worst is {number(worst)} and best is {number(best)}, and its direction is {criterion.direction} "
            f"({DIRECTIONS[criterion.direction]}). Correct the one or the other."
        )


def context_problems(context: Sequence[Any], kind: type[ContextColumn]) -> Iterator[str]:
    """What is no column of the context, is of no known kind, or stands there twice."""
    if isinstance(context, (str, kind)):
        yield f"context: it is {_shown(context)}, and it should be a list. Write it in square brackets."
        return
    for column in context:
        if not isinstance(column, (str, kind)):
            yield f"context: {column!r} is no column. Write its name, or ContextColumn('region', kind='group')."
        elif isinstance(column, kind) and column.kind not in KINDS:
            yield f"context: {column.column} has the kind {column.kind!r}. Write {_choice(KINDS)}."
    names = [c if isinstance(c, str) else c.column for c in context if isinstance(c, (str, kind))]
    yield from (f"context: {c} stands here twice. Leave one out." for k, c in enumerate(names) if c in names[:k])


def _choice(words: Mapping[str, str]) -> str:
    *first, last = (f"{word!r} ({meaning})" for word, meaning in words.items())
    return f"{', '.join(first)} or {last}"
