"""Specification curve: every estimate that a study could defensibly have reported, side by side.

A specification is one combination of a study's grid. One that cannot be estimated stays in the curve
with its reason, so that no choice disappears in silence; the study's own, or the one of its frozen
plan, is marked.

Source: Simonsohn, Simmons and Nelson (2020), Specification curve analysis, Nature Human Behaviour 4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from scale_impact.core.changes import dotted
from scale_impact.core.choice_influence import AxisInfluence, influence
from scale_impact.core.effect import Estimate, Sample, flat_row
from scale_impact.core.grid import OTHER_NAMES
from scale_impact.core.joint_test import JointTest
from scale_impact.core.settings import Choice, Settings, as_choice, describe
from scale_impact.core.words import counted, number, plain, some
from scale_impact.errors import EstimationError, StudyError

if TYPE_CHECKING:
    import pandas as pd

OWN = "the study's own"

ANSWERING = ("source", "unit", "period", "treatment", "sample", "design", "covariates", "inference", "level")
"""Keys of a study that decide what a specification is, beside its first outcome and its first estimator."""


@dataclass(frozen=True, eq=False)
class Specification:
    """One combination of choices and what it gives.

    Attributes
    ----------
    name:
        Of the combination.
    label:
        The choices in words.
    choices:
        What was chosen on each axis, in words.
    outcome, estimator, estimand:
        As in the rows of evidence.
    estimate:
        In the outcome's unit, with the interval by the study's inference; its ``reason`` says why there is none.
    sample:
        What it rests on; None where there is no estimate.
    inference:
        How the standard error was made.
    unit:
        Unit of the estimate.
    mark:
        What makes it the primary one (``the study's own``, ``frozen plan 2025-11-22``); None for the others.
    added:
        Whether it is the primary one and no combination of the grid.
    """

    name: str
    label: str
    choices: Mapping[str, str]
    outcome: str
    estimator: str
    estimate: Estimate
    unit: str
    estimand: str = "ATT"
    sample: Sample | None = None
    inference: str = ""
    mark: str | None = None
    added: bool = False

    @property
    def value(self) -> float | None:
        """The estimate; None where there is none."""
        return self.estimate.value

    def side(self, level: float) -> int:
        """1 or -1 where the interval of a level lies above or below zero, else 0."""
        low, high = self.estimate.interval(level) or (-np.inf, np.inf)
        return int(low > 0) - int(high < 0) if self.value is not None else 0

    def row(self, level: float) -> dict[str, Any]:
        """The specification as in estimates.jsonl, from ``kind`` on."""
        return flat_row("specification", self.label, self.estimate, self.sample, self.inference, level)


@dataclass(frozen=True)
class Counts:
    """How many specifications there are, have an estimate, and lie where; ``above`` and ``below`` exclude zero."""

    all: int
    known: int
    negative: int
    positive: int
    below: int
    above: int

    @property
    def sure(self) -> int:
        """Intervals that exclude zero."""
        return self.below + self.above


@dataclass(frozen=True, eq=False)
class SpecificationCurve:
    """All specifications of a grid.

    Attributes
    ----------
    specifications:
        In the grid's order; the primary one last where the grid does not have it.
    axes:
        The choices of each axis, in words and in the grid's order.
    level:
        Of the intervals.
    unit:
        Of the estimates.
    joint:
        The joint test; None where it was not made, and ``untested`` says why where it cannot be.
    untested:
        Why there is no joint test.
    """

    specifications: tuple[Specification, ...]
    axes: Mapping[str, tuple[str, ...]]
    level: float
    unit: str
    joint: JointTest | None = None
    untested: str | None = None

    def __len__(self) -> int:
        return len(self.specifications)

    @cached_property
    def known(self) -> tuple[Specification, ...]:
        """Specifications with an estimate, the lowest first."""
        found = [s for s in self.specifications if s.value is not None]
        return tuple(sorted(found, key=lambda s: (float(s.value or 0.0), s.label)))

    @property
    def failed(self) -> tuple[Specification, ...]:
        """Specifications without an estimate, in the grid's order."""
        return tuple(s for s in self.specifications if s.value is None)

    @property
    def primary(self) -> Specification | None:
        """The marked one; None where nothing was marked."""
        return next((s for s in self.specifications if s.mark is not None), None)

    @property
    def values(self) -> list[float]:
        """Estimates, the lowest first."""
        return [float(s.value) for s in self.known if s.value is not None]

    @property
    def median(self) -> float:
        """Median estimate of all specifications."""
        return float(np.median(self.values))

    @property
    def counts(self) -> Counts:
        """How many lie where."""
        values, sides = self.values, [s.side(self.level) for s in self.known]
        negative, positive = sum(v < 0 for v in values), sum(v > 0 for v in values)
        return Counts(len(self), len(values), negative, positive, sides.count(-1), sides.count(1))

    @cached_property
    def influence(self) -> tuple[AxisInfluence, ...]:
        """Which choices matter, axis by axis; without a primary one that is no combination of the grid."""
        shown = [s for s in self.known if not s.added]
        if not shown:
            return ()
        return influence([float(s.value or 0.0) for s in shown], [s.choices for s in shown], self.axes)

    def tested(self, joint: JointTest | None, why: str | None = None) -> SpecificationCurve:
        """The curve with its joint test, or with the reason for having none."""
        return replace(self, joint=joint, untested=why)

    # ---- in words ---------------------------------------------------------------------------

    @property
    def headline(self) -> str:
        """Count and share, such as ``54 of 60 specifications are negative, 21 exclude zero``."""
        c = self.counts
        many, sign = (c.negative, "negative") if c.negative >= c.positive else (c.positive, "positive")
        return f"{many:,} of {counted(c.known, 'specification')} are {sign}, {c.sure:,} exclude zero"

    def sentences(self) -> list[str]:
        """The curve for a reader: counts, range, primary one, joint test, what could not be estimated."""
        said = [
            f"{self.headline}; median {number(self.median)}, from {number(self.values[0])} to {number(self.values[-1])}."
        ]
        return [
            *said,
            *self._on_both_sides(),
            *self._of_primary(),
            *self._of_test(),
            *self._of_failed(),
            *self._alike(),
        ]

    def _on_both_sides(self) -> list[str]:
        c = self.counts
        if not (c.above and c.below):
            return []
        return [f"Intervals exclude zero on both sides: {c.below:,} below it and {c.above:,} above."]

    def _of_primary(self) -> list[str]:
        found = self.primary
        if found is None:
            return []
        if found.value is None:
            return [f"The marked specification ({found.mark}) has no estimate: {found.estimate.reason}."]
        place = 1 + sum(v < found.value for v in self.values)
        whose = "It is no combination of the grid and was added." if found.added else ""
        return [
            f"The marked one ({found.mark}: {found.label}) is {number(found.value)}, number {place:,} of {len(self.known):,} from "
            f"the lowest. {whose}".rstrip()
        ]

    def _of_test(self) -> list[str]:
        if self.joint is None:
            return [f"There is no joint test: {self.untested}"] if self.untested else []
        parts = [f"{s.words} {number(s.value)} (p = {s.p_value:.3f})" for s in self.joint.statistics]
        return [f"Joint test by {self.joint.words}: {'; '.join(parts)}.", *self.joint.notes]

    def _of_failed(self) -> list[str]:
        if not self.failed:
            return []
        reasons = list(dict.fromkeys(str(s.estimate.reason) for s in self.failed))
        return [f"{counted(len(self.failed), 'specification')} without an estimate: {some(reasons, 3)}"]

    def _alike(self) -> list[str]:
        """Specifications that are the same number in another name count twice."""
        values = np.array(self.values)
        same = int((np.diff(values) <= 1e-9 * np.abs(values[1:])).sum())
        if not same:
            return []
        return [
            f"{counted(same, 'specification')} of these {'is' if same == 1 else 'are'} the same number as another one and counted all the same."
        ]

    # ---- as tables --------------------------------------------------------------------------

    def to_frame(self) -> pd.DataFrame:
        """One row a specification, the lowest estimate first, those without one last."""
        import pandas as pd

        alone = self._own_p_values()
        rows = [
            {
                **s.choices, "estimate": s.value, "std_error": s.estimate.std_error, **self._ends(s),
                "p_value": s.estimate.p_value, "p_dealt": alone.get(s.name), "n_units": s.sample and s.sample.n_units,
                "n_treated": s.sample and s.sample.n_treated, "marked": s.mark or "", "reason": s.estimate.reason or "",
            }
            for s in (*self.known, *self.failed)
        ]  # fmt: skip
        frame = pd.DataFrame(rows, index=pd.RangeIndex(1, len(rows) + 1, name="place"))
        return frame if alone else frame.drop(columns="p_dealt")

    def _ends(self, s: Specification) -> dict[str, float | None]:
        row = s.row(self.level)
        return {"ci_low": row["ci_low"], "ci_high": row["ci_high"]}

    def _own_p_values(self) -> dict[str, float | None]:
        """P-value of each specification by itself, by name; empty without a test."""
        if self.joint is None:
            return {}
        return dict(zip([s.name for s in self.known], self.joint.p_values, strict=True))

    def grid_frame(self) -> pd.DataFrame:
        """The choices of each axis, and which of them the marked specification makes."""
        import pandas as pd

        chosen = {} if self.primary is None else self.primary.choices
        rows = [(a, len(values), "; ".join(values), chosen.get(a, "")) for a, values in self.axes.items()]
        return pd.DataFrame(rows, columns=["axis", "choices", "which", "marked"]).set_index("axis")

    def choices_frame(self) -> pd.DataFrame:
        """The estimates by choice, axis by axis."""
        import pandas as pd

        rows = [
            {"axis": a.axis, "choice": c.choice, "specifications": c.count, "mean": c.mean, "median": c.median,
             "lowest": c.low, "highest": c.high}
            for a in self.influence for c in a.choices
        ]  # fmt: skip
        return pd.DataFrame(rows).set_index(["axis", "choice"])

    def axes_frame(self) -> pd.DataFrame:
        """Share of the variance between specifications that each axis explains, the largest first."""
        import pandas as pd

        rows = [
            {"axis": a.axis, "choices": len(a.choices), "between means": a.reach, "alone": a.alone, "left out": a.left_out,
             "share": a.share}
            for a in self.influence
        ]  # fmt: skip
        frame = pd.DataFrame(rows).set_index("axis")
        return frame.sort_values(["share", "left out"], ascending=False, kind="stable")

    def test_frame(self) -> pd.DataFrame:
        """The statistics of the joint test; empty without one."""
        import pandas as pd

        found = () if self.joint is None else self.joint.statistics
        rows = [(s.name, s.value, s.p_value, s.words) for s in found]
        return pd.DataFrame(rows, columns=["statistic", "value", "p_value", "what it is"]).set_index("statistic")


def curve_of(
    specifications: Sequence[Specification], axes: Mapping[str, Sequence[str]], level: float
) -> SpecificationCurve:
    """The curve of some specifications.

    Raises
    ------
    StudyError
        There are fewer than two, or their estimates are in different units.
    EstimationError
        None has an estimate.
    """
    if len(specifications) < 2:
        raise StudyError(
            "grid: it has one combination, and a specification curve takes two or more. Add values to an axis."
        )
    units = {s.unit: s for s in specifications}
    if len(units) > 1:
        where = "; ".join(f"{unit}: {s.label}" for unit, s in units.items())
        raise StudyError(
            f"grid: estimates in {some(list(units))} cannot stand on one curve ({where}). Keep to outcomes of one unit, and make a "
            "curve for each."
        )
    if all(s.value is None for s in specifications):
        reasons = dict.fromkeys(f"{s.label}: {s.estimate.reason}" for s in specifications)
        raise EstimationError([f"None of the {len(specifications)} specifications has an estimate.", *reasons])
    return SpecificationCurve(tuple(specifications), {a: tuple(v) for a, v in axes.items()}, level, next(iter(units)))


# ---- choices in words ----------------------------------------------------------------------------------


def choice_words(axis: str, value: Any) -> str:
    """A value of an axis for reading: ``from 1982, without 8`` and not ``{first_period: 1982, without: [8]}``."""
    if axis in ("estimator", "inference"):
        return describe(Choice.model_validate(as_choice(value)))
    if isinstance(value, Mapping):
        parts = [
            _sample_words(str(k), v) if axis == "sample" else f"{k} {choice_words('', v)}" for k, v in value.items()
        ]
        return ", ".join(p for p in parts if p) or ("all" if axis == "sample" else "own")
    if axis in ("without", "sample.without"):
        return ", ".join(map(plain, value)) if value else "nobody"
    if isinstance(value, (list, tuple)):
        return ", ".join(choice_words("", v) for v in value) or "none"
    return {None: "none", True: "yes", False: "no"}[value] if value is None or isinstance(value, bool) else plain(value)


def _sample_words(key: str, value: Any) -> str:
    """One key of a sample."""
    if value in (None, []):
        return ""
    words = {"first_period": "from", "last_period": "until", "without": "without"}
    shown = ", ".join(map(plain, value)) if isinstance(value, list) else plain(value)
    return f"{words.get(key, key)} {shown}"


def choices_of(settings: Settings, axes: Sequence[str]) -> dict[str, str]:
    """What a study's settings choose on some axes, in words."""
    return {axis: choice_words(axis, _chosen(settings, axis)) for axis in axes}


def _chosen(settings: Settings, axis: str) -> Any:
    """The value of an axis in a study's settings, as study.yaml writes it."""
    if axis in ("estimator", "inference"):
        choice = settings.estimators[0] if axis == "estimator" else settings.inference
        return {choice.name: choice.options}
    if axis == "outcome":
        return settings.outcomes[0].column
    value: Any = settings.model_dump()
    for part in OTHER_NAMES.get(axis, dotted(axis, tuple(settings.parameters))).split("."):
        value = value[int(part)] if isinstance(value, list) else value.get(part)
    return value


def same_specification(one: Settings, other: Settings) -> bool:
    """Whether two settings give the same number for their first outcome."""
    keys = all(getattr(one, k) == getattr(other, k) for k in ANSWERING)
    return keys and one.outcomes[0] == other.outcomes[0] and one.estimators[0] == other.estimators[0]
