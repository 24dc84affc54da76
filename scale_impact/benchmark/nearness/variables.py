"""Context as it is compared: cities in the order of their labels, numbers as they are, as logs or as ranks, groups as codes.

All arithmetic is done in the order of the labels, so that no answer depends on the order of a table's rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from scale_impact.benchmark.cities import Context, Floats, Ints
from scale_impact.benchmark.scoring.quantities import constant
from scale_impact.core.words import counted, nearest, number, some

Bools = NDArray[np.bool_]
Scale = Literal["values", "ranks"]

NAMES, FROM = 0.5, 20
"""A group column with more groups than this share of the cities tells cities by name; of fewer than so many cities, only with one each."""

HEAVY = 8.0
"""A positive number so many robust standard deviations above the median (of the values, not of their logs) has a heavy tail."""


@dataclass(frozen=True)
class Variables:
    """What N cities are compared on; numbers come before groups.

    Attributes
    ----------
    labels:
        The cities in the order of their names [N].
    rows:
        Their rows in the context [N].
    numbers, groups:
        Names of the columns [P], [G].
    x:
        Numbers as they are compared [N, P]; NaN where not known.
    spread:
        Standard deviation that counts as 1, where it is not that of the cities: of ranks without ties; None otherwise.
    codes:
        Groups as whole numbers [N, G]; -1 where not known.
    same:
        Code of what must be equal [N]; -1 where it is not known, 0 for all where nothing must be.
    weights:
        Weight that each variable was given [P + G].
    """

    labels: tuple[str, ...]
    rows: Ints
    numbers: tuple[str, ...]
    groups: tuple[str, ...]
    x: Floats
    codes: Ints
    same: Ints
    weights: Floats
    spread: float | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Numbers, then groups [K]."""
        return (*self.numbers, *self.groups)

    @property
    def known(self) -> Bools:
        """Which values are known [N, K]."""
        return np.column_stack([~np.isnan(self.x), self.codes >= 0])

    def of(self, kept: Sequence[str]) -> Variables:
        """Some of the variables."""
        p = [k for k, name in enumerate(self.numbers) if name in kept]
        g = [k for k, name in enumerate(self.groups) if name in kept]
        weights = self.weights[[*p, *(len(self.numbers) + k for k in g)]]
        numbers, groups = tuple(self.numbers[k] for k in p), tuple(self.groups[k] for k in g)
        return replace(self, numbers=numbers, groups=groups, x=self.x[:, p], codes=self.codes[:, g], weights=weights)


def wrong_names(
    context: Context, same: Sequence[str], log: Sequence[str], weights: Mapping[str, float]
) -> Iterator[str]:
    """Options that name columns which the context does not have, or not as such."""
    known = [*context.numbers, *context.groups]
    for option, names, kind, of in (
        ("same", same, "a number", context.groups),
        ("log", log, "a group", context.numbers),
        ("weights", list(weights), "", known),
    ):
        for name in names:
            if name not in known:
                yield f"{option}: the context has no column {name!r}. {nearest(name, known)}"
            elif name not in of:
                takes = "groups, of which equality counts" if option == "same" else "numbers"
                yield f"{option}: {name} is {kind}; {option} takes {takes}."
    yield from (
        f"weights: {n} must be equal (same), so it has no weight. Take it out of one of them."
        for n in weights
        if n in same
    )
    for name, weight in weights.items():
        if not (weight >= 0 and np.isfinite(weight)):
            yield f"weights: {name} has the weight {weight!r}. Write a number from 0 on."


def wrong_values(
    context: Context, same: Sequence[str], log: Sequence[str], shown: Sequence[str] | None = None
) -> Iterator[str]:
    """Numbers that have no logarithm, and groups that are names; ``shown``: what the cities are called, where not by their labels."""
    called = context.labels if shown is None else shown
    for name in log:
        if name in context.numbers:
            values = context.frame[name].to_numpy(float)
            low = np.flatnonzero(values <= 0)
            if len(low):
                first = f"{called[low[0]]} has {number(float(values[low[0]]))}"
                yield f"log: {name} is not positive in {counted(len(low), 'city', 'cities')} ({first}). Compare it as it is, or by scale: ranks."
    for name in context.groups:
        if name in same:
            continue
        known = context.frame[name].dropna()
        groups = known.nunique()
        if groups > (NAMES * len(known) if len(known) >= FROM else len(known) - 1) and groups > 2:
            yield (
                f"{name}: {counted(groups, 'group')} in {counted(len(known), 'city', 'cities')}: it names cities and does not group them. "
                "Leave it out of the context, or use wider groups."
            )


def prepare(
    context: Context, same: Sequence[str], log: Sequence[str], weights: Mapping[str, float], scale: Scale
) -> tuple[Variables, list[str]]:
    """The variables that tell cities apart, and what was done to the others."""
    rows = np.array(sorted(range(len(context.labels)), key=lambda k: context.labels[k]), dtype=np.int64)
    given = [n for n in (*context.numbers, *context.groups) if n not in same]
    notes = [f"{n} has the weight 0 and is left out." for n in given if weights.get(n, 1.0) == 0]
    columns = {n: _column(context, n, rows) for n in given if weights.get(n, 1.0) > 0}
    notes += [_dropped(n, v) for n, v in columns.items() if _constant(v)]
    notes += [
        heavy for n, v in columns.items() if n in context.numbers and n not in log and scale == "values" and (heavy := _heavy(n, v))
    ]  # fmt: skip
    kept = [n for n, v in columns.items() if not _constant(v)]
    numbers = tuple(n for n in kept if n in context.numbers)
    groups = tuple(n for n in kept if n in context.groups)
    values = [np.log(columns[n]) if n in log else columns[n] for n in numbers]
    x = np.column_stack([_ranked(v) if scale == "ranks" else v for v in values]) if values else np.empty((len(rows), 0))
    codes = (
        np.column_stack([_codes(columns[n]) for n in groups]) if groups else np.empty((len(rows), 0), dtype=np.int64)
    )
    n = len(rows)
    made = Variables(
        tuple(context.labels[k] for k in rows), rows, numbers, groups, x, codes, _equal(context, same, rows),
        np.array([float(weights.get(c, 1.0)) for c in kept]), float(np.sqrt(n * (n + 1) / 12)) if scale == "ranks" else None,
    )  # fmt: skip
    return made, notes


def _column(context: Context, name: str, rows: Ints) -> NDArray[np.generic]:
    values = context.frame[name]
    return np.asarray(values.to_numpy(float if name in context.numbers else object)[rows])


def _present(values: NDArray[np.generic]) -> list[object]:
    return [v for v in values.tolist() if v is not None and v == v]


def _constant(values: NDArray[np.generic]) -> bool:
    if values.dtype == object:
        return len(set(_present(values))) < 2
    numbers = np.asarray(values, float)
    return constant(numbers[~np.isnan(numbers)])


def _dropped(name: str, values: NDArray[np.generic]) -> str:
    present = _present(values)
    if not present:
        return f"{name} is not known of any city and is left out."
    only = present[0]
    shown = number(only) if isinstance(only, float) else str(only)
    return f"{name} is the same in all cities ({shown}) and is left out: it tells no city from another."


def _heavy(name: str, values: NDArray[np.generic]) -> str | None:
    """A hint where one end of a positive number decides its standard deviation, and a logarithm would help."""
    x = np.asarray(values, float)
    x = x[~np.isnan(x)]
    if len(x) < 10 or x.min() <= 0 or _reach(x) < HEAVY or _reach(np.log(x)) > 0.5 * _reach(x):
        return None
    return (
        f"{name} has a heavy tail (median {number(float(np.median(x)))}, largest {number(float(x.max()))}): compare its logarithm "
        f"(log: [{name}]), or ranks (scale: ranks)."
    )


def _reach(x: Floats) -> float:
    """The largest value's distance from the median in robust standard deviations."""
    middle = float(np.median(x))
    width = 1.4826 * float(np.median(np.abs(x - middle)))
    return (float(x.max()) - middle) / width if width > 0 else 0.0


def _ranked(values: NDArray[np.generic]) -> Floats:
    """Ranks, ties by their mean; NaN where not known."""
    from scipy.stats import rankdata

    ranks: Floats = rankdata(np.asarray(values, float), nan_policy="omit")
    return ranks


def _codes(values: NDArray[np.generic]) -> Ints:
    """Place of each group's name in the order of names; -1 where not known."""
    place = {name: k for k, name in enumerate(sorted(set(map(str, _present(values)))))}
    return np.array([-1 if v is None or v != v else place[str(v)] for v in values.tolist()], dtype=np.int64)


def _equal(context: Context, same: Sequence[str], rows: Ints) -> Ints:
    """One code for each combination of what must be equal."""
    if not same:
        return np.zeros(len(rows), dtype=np.int64)
    codes = np.column_stack([_codes(_column(context, n, rows)) for n in same])
    code = np.unique(codes, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)
    return np.where((codes < 0).any(axis=1), -1, code)


def lacking(variables: Variables, context: Context, same: Sequence[str], least: float | None) -> dict[str, str]:
    """Cities without peers because context is not known: reason by label.

    ``least``: share of the variables, by weight, that has to be known; None: all of them.
    """
    reasons: dict[str, str] = {}
    names, called = [*variables.names, *same], context.meanings
    known = np.column_stack([variables.known, *(context.frame[n].notna().to_numpy()[variables.rows] for n in same)])
    k = len(variables.names)
    for i in np.flatnonzero(~known.all(axis=1)):
        missing = [called[names[j]] for j in np.flatnonzero(~known[i])]
        share = float(variables.weights @ known[i, :k] / variables.weights.sum())
        if least is None or not known[i, k:].all():
            reasons[variables.labels[i]] = f"{some(missing)} {'is' if len(missing) == 1 else 'are'} not known."
        elif share < least:
            reasons[variables.labels[i]] = (
                f"{some(missing)} {'is' if len(missing) == 1 else 'are'} not known: {100 * share:.0f} % of the context is, "
                f"and {100 * least:.0f} % is asked for (known)."
            )
    return reasons
