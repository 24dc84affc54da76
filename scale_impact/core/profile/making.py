"""From a study's outcomes to their profile: each on the common scale, an index a dimension, all tested together.

An outcome rests on the units and periods in which it is observed. One that cannot be estimated keeps its place with the
reason; the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scale_impact.core.assemble import design_of, panel_of
from scale_impact.core.bands import Draws
from scale_impact.core.catalogue.indicator import Indicator
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect, Estimate
from scale_impact.core.panel import Panel
from scale_impact.core.profile.common_scale import (
    PerCent,
    Spread,
    distance_to,
    per_cent_of,
    reference_rows,
    scaled,
    sign_of,
    spread_of,
)
from scale_impact.core.profile.multiple_testing import Adjusted, adjust, row_labels
from scale_impact.core.profile.profile import JUDGED, IndexLine, Kind, Line, Profile, with_tests
from scale_impact.core.profile.summary_index import (
    SummaryIndex,
    anderson,
    group_means,
    kling_liebman_katz,
    standardised,
)
from scale_impact.core.streams_parquet import ParquetTable
from scale_impact.core.study import Outcome, Study
from scale_impact.core.words import counted, some
from scale_impact.errors import DataError, DesignError, EstimationError, ScaleImpactError, StreamedError, UsageError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

DRAWS, ALPHA = 9_999, 0.05
"""Unless the study's check ``multiple_testing`` says otherwise."""

CANNOT = (DataError, DesignError, EstimationError, StreamedError)
"""Why an outcome has no answer while others have; all else is wrong with the study as a whole."""

WITHIN = 1e-9
"""By how much of a standard deviation rounding may carry an index beyond its outcomes' effects."""

NO_MEMBER = "no outcome of this dimension can be put on the common scale"


@dataclass(frozen=True, eq=False)
class Answer:
    """What was estimated of one outcome: its panel, its comparison, and the primary estimator's effect."""

    panel: Panel
    design: Design
    effect: Effect


@dataclass(frozen=True, eq=False)
class Maker:
    """What a profile is made with.

    Attributes
    ----------
    study:
        Its outcomes, design and seed.
    frame:
        The source's data; their table where they are streamed.
    answer:
        What the study's primary estimator says of one of its outcomes, with the study's inference.
    fit:
        The same on any panel and design.
    draws, alpha:
        Of the tests together.
    """

    study: Study
    frame: pd.DataFrame | ParquetTable
    answer: Callable[[Outcome], Answer]
    fit: Callable[[Panel, Design], Effect]
    draws: int = DRAWS
    alpha: float = ALPHA

    @cached_property
    def everyone(self) -> tuple[Panel, Design]:
        """Panel and design of all rows of the sample, whichever outcome is missing in them."""
        assert isinstance(self.frame, pd.DataFrame)
        name = "every row"
        outcome = self.study.outcomes[0].model_copy(update={"column": name})
        panel = panel_of(self.study, self.frame.assign(**{name: 0.0}), outcome)
        return panel, design_of(self.study, panel)

    @property
    def level(self) -> float:
        """Level of intervals."""
        return self.study.settings.level

    def on(self, frame: pd.DataFrame, outcome: Outcome) -> Answer:
        """What the primary estimator says of a column of other data."""
        panel = panel_of(self.study, frame, outcome)
        design = design_of(self.study, panel)
        return Answer(panel, design, self.fit(panel, design))


def make_profile(maker: Maker) -> Profile:
    """The profile of a study.

    Raises
    ------
    UsageError
        ``draws`` is below 1, or ``alpha`` not between 0 and 1.
    SourceError
        The data cannot be read. What is wrong with one outcome alone stands in its line.

    Source: Anderson (2008) on indices and on testing many outcomes of one experiment.
    """
    _check_ways(maker.draws, maker.alpha)
    draws = Draws(maker.draws, seed=maker.study.settings.seed)
    lines = [_line(maker, outcome) for outcome in maker.study.outcomes]
    together = adjust([_counted(i) for i in lines], [_influence(i) for i in lines], draws)
    indices, words = _tested_indices(_indices(maker, lines), draws)
    tested = with_tests(lines, together.adjusted)
    return Profile(tested, indices, maker.level, maker.alpha, together.words, words)


def _check_ways(draws: int, alpha: float) -> None:
    problems = []
    if isinstance(draws, bool) or not isinstance(draws, (int, np.integer)) or draws < 1:
        problems.append(f"draws is {draws!r}; it has to be a whole number, 1 or more, such as {DRAWS}.")
    if not isinstance(alpha, (int, float)) or not 0 < alpha < 1:
        problems.append(f"alpha is {alpha!r}; it has to lie between 0 and 1, such as {ALPHA}.")
    if problems:
        raise UsageError(problems)


def _tested_indices(found: Sequence[IndexLine], draws: Draws) -> tuple[tuple[IndexLine, ...], dict[Kind, str]]:
    """Indices adjusted among those of their kind: the two kinds are two ways to say one thing, and no two findings."""
    adjusted: dict[str, Adjusted | None] = {}
    words: dict[Kind, str] = {}
    for kind in dict.fromkeys(i.kind for i in found):
        same = [i for i in found if i.kind == kind]
        together = adjust([i.estimate.p_value for i in same], [_influence(i) for i in same], draws)
        adjusted |= dict(zip((i.name for i in same), together.adjusted, strict=True))
        words[kind] = together.words
    return with_tests(found, [adjusted[i.name] for i in found]), words


def _counted(line: Line) -> float | None:
    """The p-value with which an outcome is one of the family; context is none of it: nothing is claimed of it."""
    return None if line.context else line.judged.p_value


def _influence(line: Line | IndexLine) -> Any:
    return None if line.effect is None else line.effect.influence


def _said(error: ScaleImpactError) -> str:
    """What an error says, as one text."""
    return " ".join(error.problems)


# ---- one outcome -----------------------------------------------------------------------------------------


def _line(maker: Maker, outcome: Outcome) -> Line:
    """An outcome on the common scale."""
    indicator, unit = maker.study.indicator(outcome), maker.study.unit_of(outcome)
    try:
        found = maker.answer(outcome)
    except CANNOT as error:
        return _without(outcome, indicator, unit, _said(error))
    spread = spread_of(found.panel, found.design)
    own = found.effect.overall
    log = outcome.scale == "log"
    share = per_cent_of(found.effect, found.panel, found.design, spread, log=log, level=maker.level)
    line = Line(outcome.column, indicator, unit, own, own, own, spread, share, found.effect, None, own.reason)
    if own.value is None:
        return line
    return _to_target(maker, outcome, line) if indicator.direction == "target" else _sized(line)


def _without(outcome: Outcome, indicator: Indicator, unit: str, reason: str) -> Line:
    none = Estimate(None, reason=reason)
    spread, share = Spread(None, None, reason), PerCent(None, reason=reason)
    return Line(outcome.column, indicator, unit, none, none, none, spread, share, why_not=reason)


def _sized(line: Line) -> Line:
    """The line with what is judged in standard deviations, better as positive."""
    if line.spread.sd is None:
        return replace(line, size=Estimate(None, reason=line.spread.words))
    return replace(line, size=scaled(line.judged, (sign_of(line.indicator) or 1.0) / line.spread.sd))


def _to_target(maker: Maker, outcome: Outcome, line: Line) -> Line:
    """The line judged by the distance to the target, which is estimated as an outcome of its own."""
    found = _distance(maker, outcome, line.indicator)
    if isinstance(found, str):
        none = Estimate(None, reason=found)
        return replace(line, judged=none, size=none, effect=None, why_not=found)
    judged = found.effect.overall
    return _sized(replace(line, judged=judged, effect=found.effect, spread=spread_of(found.panel, found.design)))


def _distance(maker: Maker, outcome: Outcome, indicator: Indicator) -> Answer | str:
    if isinstance(maker.frame, ParquetTable):
        return "the data are streamed, so that the distance to the target cannot be made"
    if indicator.target is None:
        return "the catalogue gives no target"
    made = distance_to(maker.frame, outcome, indicator.target)
    if isinstance(made, str):
        return made
    try:
        return maker.on(*made)
    except CANNOT as error:
        return _said(error)


# ---- one dimension -----------------------------------------------------------------------------------------


def _indices(maker: Maker, lines: Sequence[Line]) -> list[IndexLine]:
    """Both indices of each dimension with an outcome that is judged."""
    judged = [line for line in lines if line.indicator.judged and not line.context]
    present = dict.fromkeys(line.dimension for line in judged)
    ordered = [*(d for d in JUDGED if d in present), *(d for d in present if d not in JUDGED)]
    return [i for d in ordered for i in _of_dimension(maker, d, [x for x in judged if x.dimension == d])]


def _of_dimension(maker: Maker, dimension: str, lines: Sequence[Line]) -> list[IndexLine]:
    members = [line for line in lines if line.size.value is not None]
    notes = [
        f"{line.outcome} is not part of it: {line.why_not or line.size.reason}."
        for line in lines
        if line not in members
    ]
    kinds: tuple[Kind, ...] = ("anderson", "kling_liebman_katz")
    reason = NO_MEMBER if not members else None
    if isinstance(maker.frame, ParquetTable):
        reason = "the data are streamed, so that no index can be made row by row"
    if reason is None:
        try:
            rows = _rows(maker, members)
            found = [_index(maker, dimension, kind, rows, notes) for kind in kinds]
            return [_cautioned(maker, index, rows, members) for index in found]
        except CANNOT as error:
            reason = _said(error)
    return [IndexLine(k, dimension, {}, Estimate(None, reason=reason), notes=tuple(notes)) for k in kinds]


@dataclass(frozen=True, eq=False)
class _Rows:
    """Standardised outcomes of one dimension in the rows of the study's sample.

    Attributes
    ----------
    names, z:
        Columns of the outcomes, and their values [n, K]; NaN: not observed, or in a period in which another one never is.
    labels:
        Of the data's rows.
    period, group:
        Codes of the period, and of cohort and period together.
    reference:
        Which rows are untreated.
    notes:
        Periods that are left out.

    Outcomes are in standard deviations of those of the untreated rows in which they have a value here: with two outcomes both
    then have the same weight, also where one is observed in fewer periods.
    """

    names: tuple[str, ...]
    z: Floats
    labels: NDArray[Any]
    period: Ints
    group: Ints
    reference: Bools
    notes: tuple[str, ...]

    @property
    def whole(self) -> Bools:
        """Which rows have all outcomes, [n]."""
        return np.asarray(np.isfinite(self.z).all(axis=1))

    @cached_property
    def complete(self) -> _Rows:
        """The same with the rows alone that have all outcomes."""
        whole = self.whole
        z = np.where(whole[:, None], self.z, np.nan)
        return replace(self, z=standardised(z, self.reference & whole, self.period), reference=self.reference & whole)


def _rows(maker: Maker, members: Sequence[Line]) -> _Rows:
    """The rows of the study's sample, with all members standardised; errors as those of a panel and its design."""
    assert isinstance(maker.frame, pd.DataFrame)
    panel, design = maker.everyone
    labels = row_labels(panel)
    frame = maker.frame.loc[labels]
    z = np.column_stack([_standardised(maker, line, frame) for line in members])
    period, codes = panel.period_codes, design.cohort_codes[panel.unit_codes]
    shared: Bools = np.asarray(
        np.isfinite(group_means(z, period)).all(axis=1)
    )  # elsewhere the index would be another one
    reference = reference_rows(panel, design)
    if isinstance(reference, str):
        raise DesignError(f"no index: {reference}")
    group = np.where(codes < 0, len(design.starts), codes) * panel.n_periods + period
    used = reference & shared[period]
    return _Rows(
        tuple(line.outcome for line in members),
        standardised(np.where(shared[period][:, None], z, np.nan), used, period),
        labels,
        period,
        np.unique(group, return_inverse=True)[1].ravel(),
        used,
        _said_of_periods(panel, shared),
    )


def _standardised(maker: Maker, line: Line, frame: pd.DataFrame) -> Floats:
    """An outcome's values, measured from untreated units' mean in their standard deviations, better as positive."""
    column, outcome = line.outcome, next(o for o in maker.study.outcomes if o.column == line.outcome)
    if line.indicator.direction == "target":
        made = distance_to(frame, outcome, float(line.indicator.target or 0.0))
        assert not isinstance(made, str)
        frame, column = made[0], made[1].column
    values = frame[column].to_numpy(dtype=float, na_value=np.nan)
    assert line.spread.sd is not None
    z = (sign_of(line.indicator) or 1.0) * (values - (line.spread.mean or 0.0)) / line.spread.sd
    return np.where(frame.index.isin(_entering(maker.answer(outcome))), z, np.nan)


def _entering(answer: Answer) -> NDArray[Any]:
    """Labels of the rows that enter an outcome's own design.

    A unit that its outcome leaves out, because it is not observed in each period, has it in no period of the index either: what the
    index of a unit is made of is then the same in all periods, and nothing moves because an outcome comes or goes.
    """
    panel, design = answer.panel, answer.design
    labels: NDArray[Any] = row_labels(panel)[design.cohort_codes[panel.unit_codes] >= 0]
    return labels


def _said_of_periods(panel: Panel, shared: Any) -> tuple[str, ...]:
    if shared.all():
        return ()
    gone = some(list(panel.periods[~shared]), 6)
    return (f"Periods in which one of its outcomes is not observed at all are left out ({gone}).",)


def _index(maker: Maker, dimension: str, kind: Kind, rows: _Rows, notes: Sequence[str]) -> IndexLine:
    """An index as an outcome of its own, through the study's primary estimator.

    Anderson's is judged on rows that have all its outcomes. In others his rule makes it another index, and one that differs between
    treated and untreated where other outcomes are missing: parallel trends of each outcome then give no parallel trends of the
    index. Kling, Liebman and Katz's imputation keeps the differences between groups.
    """
    if kind == "kling_liebman_katz":
        return _estimated(maker, dimension, kind, rows, kling_liebman_katz(rows.z, rows.group), notes)
    paper = _estimated(maker, dimension, kind, rows, anderson(rows.z, rows.reference, rows.period), notes)
    if rows.whole.sum() == np.isfinite(rows.z).any(axis=1).sum():
        return paper
    some_only = _on_complete_rows(maker, dimension, rows, notes)
    if some_only.estimate.value is None:
        caution = f"Rows that have all its outcomes give no answer ({some_only.estimate.reason}): also those with some of them count."
        return replace(paper, cautions=(caution,))
    return replace(some_only, every_row=paper.estimate, cautions=_apart(some_only.estimate, paper.estimate))


def _on_complete_rows(maker: Maker, dimension: str, rows: _Rows, notes: Sequence[str]) -> IndexLine:
    kept = rows.complete
    gone = int(np.isfinite(rows.z).any(axis=1).sum() - rows.whole.sum())
    said = f"{counted(gone, 'row')} {'has' if gone == 1 else 'have'} some of its outcomes only and {'is' if gone == 1 else 'are'} left out."
    if not kept.reference.any():
        reason = "no untreated row before treatment has all its outcomes"
        return IndexLine("anderson", dimension, {}, Estimate(None, reason=reason), notes=(*notes, said))
    made = anderson(kept.z, kept.reference, kept.period)
    return _estimated(maker, dimension, "anderson", kept, made, (*notes, said))


def _estimated(
    maker: Maker, dimension: str, kind: Kind, rows: _Rows, made: SummaryIndex | str, notes: Sequence[str]
) -> IndexLine:
    if isinstance(made, str):
        return IndexLine(kind, dimension, {}, Estimate(None, reason=f"no index: {made}"), notes=tuple(notes))
    weights = dict(zip(rows.names, map(float, made.weights), strict=True))
    said = (*notes, *rows.notes, *_said_of_index(made, weights))
    try:
        effect = _effect(maker, made.values, rows)
    except CANNOT as error:
        return IndexLine(kind, dimension, weights, Estimate(None, reason=_said(error)), notes=said)
    return IndexLine(kind, dimension, weights, effect.overall, effect, notes=said)


def _effect(maker: Maker, values: Floats, rows: _Rows) -> Effect:
    assert isinstance(maker.frame, pd.DataFrame)
    name = "summary index"
    frame = maker.frame.assign(**{name: pd.Series(values, index=rows.labels)})
    return maker.on(frame, maker.study.outcomes[0].model_copy(update={"column": name})).effect


def _said_of_index(made: SummaryIndex, weights: Mapping[str, float]) -> list[str]:
    said = []
    if made.partial:
        said.append(
            f"{counted(made.partial, 'row')} {'rests' if made.partial == 1 else 'rest'} on some of its outcomes only."
        )
    if below := [name for name, weight in weights.items() if weight < 0]:
        said.append(
            f"{some(below)} {'has' if len(below) == 1 else 'have'} a negative weight: an improvement there lowers the index."
        )
    return said


# ---- what a reader of an index has to know -----------------------------------------------------------------


def _apart(own: Estimate, other: Estimate) -> tuple[str, ...]:
    """That the index differs in sign, or by more than a standard error, from what the paper's rule gives."""
    if own.value is None or other.value is None:
        return ()
    far = own.std_error is not None and abs(own.value - other.value) > own.std_error
    if own.value * other.value >= 0 and not far:
        return ()
    return (
        f"Which rows count matters: {_sd(own.value)} SD in those that have all its outcomes, {_sd(other.value)} SD where those with some "
        "count too (Anderson's rule, by which an outcome that stands alone is the whole index).",
    )


def _cautioned(maker: Maker, index: IndexLine, rows: _Rows, members: Sequence[Line]) -> IndexLine:
    """The index with a caution where it lies outside of its outcomes' effects, and what these are in its own rows."""
    sizes = [line.size.value for line in members if line.size.value is not None]
    value, other = index.estimate.value, index.every_row
    if other is not None and other.value is not None and not min(sizes) - WITHIN <= other.value <= max(sizes) + WITHIN:
        said = f"By Anderson's rule ({_sd(other.value)} SD) it lies outside of its outcomes' effects ({_range(sizes)})."
        index = replace(index, cautions=(*index.cautions, said))
    if value is None or min(sizes) - WITHIN <= value <= max(sizes) + WITHIN:
        return index
    kept = rows.complete if index.every_row is not None else rows
    own = ", ".join(f"{name} {_alone(maker, z, kept)}" for name, z in zip(kept.names, kept.z.T, strict=True))
    said = (
        f"It lies outside of its outcomes' effects ({_range(sizes)}), which rest on other rows than it or count rows in another way; in "
        f"its own rows they are: {own}."
        if min(index.weights.values()) >= 0
        else f"It lies outside of its outcomes' effects ({_range(sizes)}): a weight is negative."
    )
    return replace(index, cautions=(*index.cautions, said))


def _alone(maker: Maker, z: Floats, rows: _Rows) -> str:
    """One outcome's effect in the rows of an index, in words."""
    try:
        value = _effect(maker, z, rows).overall.value
    except CANNOT:
        value = None
    return "without an answer" if value is None else f"{_sd(value)} SD"


def _range(sizes: Sequence[float]) -> str:
    return f"{_sd(min(sizes))} to {_sd(max(sizes))} SD"


def _sd(value: float) -> str:
    return f"{value:+.2f}".replace("-", "\N{MINUS SIGN}")
