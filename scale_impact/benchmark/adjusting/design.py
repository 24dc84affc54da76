"""Context as columns of a regression: numbers standardised, groups as dummies, all of them on one footing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from scale_impact.benchmark.cities import Context, Floats, Ints
from scale_impact.benchmark.scoring import quantities


@dataclass(frozen=True, eq=False)
class Design:
    """What a model of the expected value sees of N cities.

    Attributes
    ----------
    variables:
        The context variables that tell cities apart, numbers first.
    numbers:
        Those that are numbers [N, Q], logs taken, not standardised.
    columns:
        Columns of the regression [N, P], centred: numbers in standard deviations, groups as one dummy a level.
    of:
        The variable of each column [P].
    constant:
        Variables that do not vary among these cities and are left out.
    """

    variables: tuple[str, ...]
    numbers: Floats
    columns: Floats
    of: Ints
    constant: tuple[str, ...] = ()

    def only(self, variables: Sequence[int]) -> Design:
        """The columns of some variables."""
        chosen = np.isin(self.of, list(variables))
        return replace(self, columns=self.columns[:, chosen], of=self.of[chosen])

    def beside(self, more: Sequence[Floats]) -> Floats:
        """The columns, and more numbers beside them, standardised; those that do not vary are left out [N, P + ...]."""
        wanted = [v for v in more if np.ptp(v) > 0]
        return np.column_stack([self.columns, *(_standardised(v) for v in wanted)])


def make_design(context: Context, log: Sequence[str]) -> Design:
    """Columns of a context that is complete.

    A ridge penalty on these columns says that the effect of one standard deviation of a number and the distance of a group from the
    mean are alike before data are seen. Dummies stay 0 and 1, one for each level: a group of few cities is then drawn to the mean
    more than one of many, and no level is the reference.
    """
    numbers = [(c, logged(context, c, log)) for c in context.numbers]
    varying = [(c, v) for c, v in numbers if not quantities.constant(context.frame[c].to_numpy(float))]
    groups = [(c, _dummies(context.frame[c].to_list())) for c in context.groups]
    several = [(c, d) for c, d in groups if d.shape[1] > 1]
    parts = [_standardised(v)[:, None] for _, v in varying] + [d - d.mean(axis=0) for _, d in several]
    names = tuple(c for c, _ in [*varying, *several])
    constant = tuple(c for c in (*context.numbers, *context.groups) if c not in names)
    n = len(context.labels)
    of = np.repeat(np.arange(len(parts)), [p.shape[1] for p in parts]).astype(np.int64)
    table = np.column_stack([v for _, v in varying]) if varying else np.empty((n, 0))
    return Design(names, table, np.hstack(parts) if parts else np.empty((n, 0)), of, constant)


def logged(context: Context, column: str, log: Sequence[str]) -> Floats:
    """A number of the context, its log where that was asked for [N]."""
    values: Floats = context.frame[column].to_numpy(float)
    return np.log(values) if column in log else values


def _standardised(values: Floats) -> Floats:
    centred = values - values.mean()
    return np.asarray(centred / centred.std())


def _dummies(groups: Sequence[str]) -> Floats:
    levels = sorted(set(groups))
    return np.array([[float(g == level) for level in levels] for g in groups])
