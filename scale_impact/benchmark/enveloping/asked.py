"""What is asked of a frontier, and what is wrong with it before anything is computed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from scale_impact.benchmark.cities import Context
from scale_impact.benchmark.enveloping import contexts
from scale_impact.benchmark.enveloping.bandwidths import Kernel
from scale_impact.benchmark.enveloping.doubt import limits_of
from scale_impact.benchmark.enveloping.likely import Errors, error_problems
from scale_impact.benchmark.enveloping.programmes import Limits
from scale_impact.core.words import nearest, number, some

Floats = NDArray[np.float64]

Method = Literal["benefit_of_the_doubt", "order_m", "conditional_order_m"]
Hull = Literal["convex", "free_disposal"]
Average = Literal["distance", "index"]
Bounds = Literal["shares", "weights"]
Against = Literal["these", "possible"]

MOST_M = 10_000
"""Cities drawn at most: beyond, order-m is benefit of the doubt."""

FEWEST_DRAWS = 20
"""Draws below which neither a mean nor a quantile over draws says anything."""


@dataclass(frozen=True)
class Asked:
    """The options of a frontier, as ``frontier.envelop`` explains them."""

    names: tuple[str, ...]
    method: Method
    lower: float | Mapping[str, float]
    upper: float | Mapping[str, float] | None
    bounds: Bounds
    m: int | None
    hull: Hull
    average: Average
    given: list[str] | None
    log: list[str]
    kernel: Kernel
    bandwidths: Mapping[str, float] | None
    against: Against
    draws: int
    level: float
    seed: int

    @property
    def conditional(self) -> bool:
        """Whether context counts."""
        return self.method == "conditional_order_m"

    @property
    def bounded(self) -> bool:
        """Whether any bound is set."""
        return self.upper is not None or self.lower != 0.0

    def limits(self) -> Limits:
        """The bounds by dimension; a dimension that a mapping does not name is free."""
        shares = self.bounds == "shares"
        highest = 1.0 if shares else np.inf
        upper = highest if self.upper is None else self._spread(self.upper, highest)
        return limits_of(len(self.names), self._spread(self.lower, 0.0), upper, shares)

    def _spread(self, bound: float | Mapping[str, float], free: float) -> float | Floats:
        return np.array([bound.get(n, free) for n in self.names]) if isinstance(bound, Mapping) else bound


def option_problems(asked: Asked, values: Floats, context: Context, errors: Errors) -> Iterator[str]:
    """Options that do not fit the data, or each other."""
    shape = (len(context.labels), len(asked.names))
    if values.shape != shape:
        seen = " x ".join(map(str, values.shape))
        yield f"values: they are {seen}, for {shape[0]} cities and {shape[1]} names. Give one row a city and one column a name."
    yield from error_problems(errors, shape, values)
    if twice := [n for k, n in enumerate(asked.names) if n in asked.names[:k]]:
        yield f"names: {some(twice)} stands there twice. Give each dimension a name of its own."
    if not 0 < asked.level < 1:
        yield f"level: {number(asked.level)} is not between 0 and 1."
    for option, bound in (("lower", asked.lower), ("upper", asked.upper)):
        if isinstance(bound, Mapping):
            yield from (
                f"{option}: there is no dimension {n!r}. {nearest(n, asked.names)}"
                for n in bound
                if n not in asked.names
            )
    yield from _draw_problems(asked)
    if asked.conditional:
        yield from contexts.column_problems(context, asked.given, asked.log, asked.bandwidths)
    elif set_ := [o for o in ("given", "bandwidths") if getattr(asked, o)]:
        yield f"{some(set_)}: context counts under conditional_order_m only. Choose that method, or leave the option out."


def _draw_problems(asked: Asked) -> Iterator[str]:
    doubt = asked.method == "benefit_of_the_doubt"
    if doubt and asked.m is not None:
        yield "m: benefit of the doubt holds a city against all. Choose order_m, or leave m out."
    if asked.m is not None and not 1 <= asked.m <= MOST_M:
        yield f"m: {asked.m} is not between 1 and {MOST_M:,}. With more cities drawn, order-m is benefit of the doubt."
    if asked.against == "possible" and not doubt:
        yield "against: the best that is possible is a question of benefit of the doubt; order-m asks for the best of m cities. Leave it out."
    if asked.hull == "free_disposal" and doubt:
        yield "hull: free_disposal is for order-m; benefit of the doubt weighs dimensions, and its frontier is convex."
    if asked.hull == "free_disposal" and asked.bounded:
        yield "lower, upper: under free_disposal a city is held against single cities and has no weights to bound. Choose the convex hull."
    if asked.hull == "free_disposal" and asked.average == "index":
        yield "average: the closed form of free_disposal is the mean distance. Leave average out, or choose the convex hull."
    if asked.draws < FEWEST_DRAWS and not (doubt and asked.draws == 0):
        yield f"draws: {asked.draws} are too few. Make at least {FEWEST_DRAWS}{', or 0 for no interval' if doubt else ''}."
