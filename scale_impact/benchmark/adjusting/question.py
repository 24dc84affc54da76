"""Which cities can be answered, with all that is asked of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from scale_impact.benchmark.adjusting import problems
from scale_impact.benchmark.adjusting.design import Design, make_design
from scale_impact.benchmark.cities import Context, Floats, Ints


@dataclass(frozen=True, eq=False)
class Question:
    """The cities that can be answered, in the order of their labels, so that no digit depends on the order of rows."""

    rows: Ints
    context: Context
    outcome: Floats
    errors: Floats | None
    log: Sequence[str]
    size: Floats | None
    design: Design
    why_not: Mapping[str, str]

    @classmethod
    def of(
        cls, context: Context, outcome: Floats, errors: Floats | None, log: Sequence[str], size: str | None
    ) -> Question:
        """The question, where there is an answer to it.

        Raises
        ------
        DataError
            A context variable is the outcome in other words.
        DesignError
            Too few cities, an outcome or a context that does not vary.
        """
        missing = problems.why_not(context, outcome)
        known = [k for k, label in enumerate(context.labels) if label not in missing]
        rows = np.array(sorted(known, key=lambda k: context.labels[k]), dtype=np.int64)
        problems.refuse_few(context, outcome, rows)
        problems.refuse_alike(outcome[rows])
        chosen = context.take(rows)
        problems.refuse_leaks(chosen, outcome[rows])
        large = None if size is None else chosen.frame[size].to_numpy(float)
        design = make_design(chosen, log)
        problems.refuse_constant(design.variables)
        return cls(rows, chosen, outcome[rows], None if errors is None else errors[rows], log, large, design, missing)

    @property
    def chance(self) -> list[Floats]:
        """What may say how far a city lies from what is expected, by chance."""
        found = [] if self.errors is None else [self.errors]
        return found if self.size is None else [*found, 1 / np.sqrt(self.size)]
