"""Transport: an effect that differs by context, carried to people or units with another composition.

    post_stratification   effects of groups, by the target's shares
    inverse_odds          rows of the study weighted by the odds of being in the target
    balance               rows weighted so that their means are the target's, of which nothing else is known
    doubly_robust         what the model of effects says of the target, mended by weighted scores: right where either is right

All of them need that whatever makes effects differ between study and target is among the contexts, that the measure is the same
measure, and that every kind of unit in the target was in the study. The last is looked at (``overlap``), the others are judgement.

Source: Hotz, Imbens and Mortimer (2005); Stuart, Cole, Bradshaw and Leaf (2011); Dahabreh, Robertson, Steingrimsson, Stuart and
Hernan (2020), Statistics in Medicine 39, section 4 (estimators and their influence functions); Miettinen (1972) (standardisation).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.check import Check, Verdict
from scale_impact.core.keys import Share, checked
from scale_impact.core.words import number, some
from scale_impact.errors import UsageError
from scale_impact.synthesis.transporting import scores as by_scores
from scale_impact.synthesis.transporting.given import Way, target_of, way_of
from scale_impact.synthesis.transporting.overlap import FAR, NEAR, THIN, Overlap, overlap_of
from scale_impact.synthesis.transporting.rows import Rows, columns_of, rows_of, shares_of
from scale_impact.synthesis.transporting.scores import Found
from scale_impact.synthesis.transporting.weights import Weights, by_balance, by_odds

if TYPE_CHECKING:
    import pandas as pd

    from scale_impact.core.causal.heterogeneity import Heterogeneity

Floats = NDArray[np.float64]

AT_MOST = (
    "How the errors of rows are related is not published: as far as these go the standard error is the largest that it can be, as if all "
    "erred together. What comes from having drawn these rows of study and target, and from weights that are estimated, is added. The "
    "effect's heterogeneity has the scores, which give an exact one."
)


@dataclass(frozen=True, eq=False)
class Transported:
    """An effect in a target.

    Attributes
    ----------
    method:
        How it was carried over.
    estimate, std_error, df, low, high:
        The effect, its error, degrees of freedom (None: normal) and interval; None where there is none (``why_not``).
    plain, plain_error:
        The effect in the study as it was; None where it is not known.
    weights:
        What each row counts, by its label; they sum to 1.
    overlap:
        How alike study and target are, before and after; None of groups.
    bound:
        Whether the standard error is the largest that it can be as far as rows' own errors go, because how these are related is not published.
    level:
        Of the interval.
    why_not:
        Why there is no estimate.
    notes:
        What a reader has to know.
    """

    method: str
    estimate: float | None = None
    std_error: float | None = None
    df: float | None = None
    low: float | None = None
    high: float | None = None
    plain: float | None = None
    plain_error: float | None = None
    weights: pd.Series | None = None
    overlap: Overlap | None = None
    bound: bool = False
    level: float = 0.95
    why_not: str | None = None
    notes: tuple[str, ...] = ()

    def check(self) -> Check:
        """Whether the study covers the target, as the check ``transport``."""
        if self.overlap is None:
            if self.why_not is None:
                return Check("transport", "pass", "Each group of the target was in the study.")
            return Check("transport", "fail", self.why_not)
        verdict, reason = _judged(self.overlap)
        rows = self.overlap.table.astype(object).where(self.overlap.table.notna(), None).to_dict("records")
        details = {
            "effective": self.overlap.effective, "rows": self.overlap.rows, "largest": self.overlap.largest,
            "index": self.overlap.index, "columns": rows,
        }  # fmt: skip
        return Check("transport", verdict, reason, self.overlap.worst, details=details)


@checked
def transport(
    found: Any,
    population: Any,
    *,
    method: Way = "auto",
    columns: list[str] | None = None,
    by: str | None = None,
    whole: bool = False,
    level: Share = 0.95,
) -> Transported:
    """The effect of a measure in a target population.

    Parameters
    ----------
    found:
        Effects by context: rows of estimates.jsonl of kind ``subgroup`` or ``unit`` (``label``, ``estimate``, ``std_error``,
        ``context``), or the ``heterogeneity`` of an effect, which has the scores.
    population:
        The target: a frame with ``label`` and ``share`` (or ``count``) of each group; one row a person or unit, with the contexts; or
        their means, a mapping or a frame of one row.
    method:
        ``auto``: doubly robust with scores, post-stratification with shares, inverse odds with rows of a target, balance with means.
    columns:
        Contexts to weight by; None: all that both have.
    by:
        The context whose groups are meant (``age`` of ``age: up to 21``).
    whole:
        Whether the target's rows are all there is of it, so that nothing is to be feared from having drawn these.
    level:
        Of the interval.

    Raises
    ------
    UsageError
        Options, groups or columns that are not there; shares that do not sum to 1; all problems at once.
    """
    target = target_of(population)
    way = way_of(method, found, target)
    if way == "post_stratification":
        return _post_stratified(rows_of(found, by), target, by, level)
    if isinstance(found, Mapping) or hasattr(found, "columns"):
        return _of_rows(rows_of(found, by), target, columns, way, whole, level)
    return _of_scores(getattr(found, "heterogeneity", None) or found, target, columns, way, whole, level)


# ---- groups ----------------------------------------------------------------------------------------------


def _post_stratified(rows: Rows, target: pd.DataFrame, by: str | None, level: float) -> Transported:
    """Effects of groups by their shares; groups have no unit in common."""
    import pandas as pd

    share = shares_of(target, rows.labels, by)
    made = partial(
        Transported,
        "post_stratification",
        level=level,
        weights=pd.Series(share, index=list(rows.labels)),
        **_of_study(rows),
    )
    named = list(zip(rows.labels, share, rows.effects, rows.std_errors, strict=True))
    if blind := [f"{v} ({100 * s:.3g} %)" for v, s, e, _ in named if s > 0 and np.isnan(e)]:
        return made(why_not=f"No effect is known of {some(blind)} of the target.")
    used = share > 0
    estimate = float(share[used] @ rows.effects[used])
    notes = (
        "Groups are taken to have no unit in common, so that their errors are unrelated; shares are taken as known.",
    )
    if lacking := [v for v, s, _, e in named if s > 0 and np.isnan(e)]:
        none = f"There is no interval: {some(lacking)} {'has' if len(lacking) == 1 else 'have'} no standard error."
        return made(estimate=estimate, notes=(*notes, none))
    return made(notes=notes, **_number(estimate, float(np.sqrt(share[used] ** 2 @ rows.std_errors[used] ** 2)), level))


def _of_study(rows: Rows) -> dict[str, Any]:
    """The study's own mean, groups by how many they are; None where that is not known."""
    if np.isnan(rows.sizes).any() or np.isnan(rows.effects).any() or not rows.sizes.sum() > 0:
        return {}
    share = rows.sizes / rows.sizes.sum()
    error = float(np.sqrt(share**2 @ rows.std_errors**2))
    return {"plain": float(share @ rows.effects), "plain_error": None if np.isnan(error) else error}


def _number(estimate: float, error: float, level: float) -> dict[str, Any]:
    """An estimate with its normal interval; without an interval where the error is not known."""
    from scipy import special

    if np.isnan(error):
        return {"estimate": estimate}
    half = float(special.ndtri(0.5 + level / 2)) * error
    return {"estimate": estimate, "std_error": error, "low": estimate - half, "high": estimate + half}


# ---- rows of units ---------------------------------------------------------------------------------------


def _of_rows(
    rows: Rows, target: pd.DataFrame, asked: list[str] | None, way: Way, whole: bool, level: float
) -> Transported:
    """Published effects of units, weighted to look like the target; their own errors as if all erred together, and what drawing rows adds."""
    import pandas as pd

    if rows.contexts is None:
        raise UsageError(
            "rows: they have no context, so they cannot be weighted by it. Give the column context, or a population with label and share."
        )
    names = columns_of(rows.contexts, target, asked)
    told, aim, notes = _complete(rows.contexts[names], target[names])
    told = told.loc[~np.isnan(rows.effects[told.index])]
    known = told.index.to_numpy()
    if len(known) < 2 or not len(aim):
        raise UsageError(
            "rows: fewer than two have an effect and all contexts, or no row of the target has. Give more, or fewer columns."
        )
    study, there = told.to_numpy(float), aim.to_numpy(float)
    weights = _weights(study, there, tuple(names), way)
    made = partial(Transported, way, level=level, bound=True, plain=float(rows.effects[known].mean()))
    if isinstance(weights, str):
        return made(why_not=weights, notes=tuple(notes))
    w, effects = weights.of_rows, rows.effects[known]
    drawn = by_scores.drawn(effects, np.arange(len(known)), weights, there, study, way, whole=whole)
    error = float(np.hypot(w @ rows.std_errors[known], np.sqrt(drawn)))
    told = (*notes, AT_MOST, *([by_scores.KNOWN] if len(there) == 1 else []))
    return made(
        **_number(float(w @ effects), error, level), notes=told,
        weights=pd.Series(w, index=[rows.labels[i] for i in known]), overlap=overlap_of(study, there, tuple(names), weights),
    )  # fmt: skip


def _complete(study: pd.DataFrame, target: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Rows with all contexts, and how many were left out."""
    notes = []
    for name, table in (("study", study), ("target", target)):
        if lost := int(table.isna().any(axis=1).sum()):
            notes.append(f"{lost:,} of {len(table):,} rows of the {name} lack a context and are left out.")
    return study.dropna(), target.dropna(), notes


def _weights(study: Floats, target: Floats, names: tuple[str, ...], way: Way) -> Weights | str:
    if way == "balance" or len(target) == 1:
        return by_balance(study, target.mean(axis=0), names)
    return by_odds(study, target)


# ---- scores ----------------------------------------------------------------------------------------------


def _of_scores(
    found: Heterogeneity, target: pd.DataFrame, asked: list[str] | None, way: Way, whole: bool, level: float
) -> Transported:
    """Orthogonal scores, weighted to look like the target, or mended by them."""
    import pandas as pd

    names = columns_of(found.contexts, target, asked)
    lacking = [c for c in map(str, found.contexts.columns) if c not in target]
    if way == "doubly_robust" and found.predict is not None and lacking:
        raise UsageError(
            [
                f"population: the model of effects needs {c!r}. Give it, or ask for inverse_odds by fewer columns."
                for c in lacking
            ]
        )
    every = list(map(str, found.contexts.columns)) if way == "doubly_robust" and found.predict is not None else names
    told, aim, notes = _complete(found.contexts.reset_index(drop=True)[names], target[every])
    study, there = told.to_numpy(float), aim[names].to_numpy(float)
    mean, error = by_scores.mean(found)
    made = partial(Transported, way, level=level, plain=mean, plain_error=error)
    weights = _weights(study, there, tuple(names), way)
    if isinstance(weights, str):
        return made(why_not=weights, notes=tuple(notes))
    kept = told.index.to_numpy()
    carried = by_scores.carried(Found(found, kept), weights, aim, there, study, way, whole=whole)
    return made(
        **_number(carried.estimate, carried.std_error, level), notes=(*notes, *carried.notes),
        weights=pd.Series(weights.of_rows, index=[found.rows.labels[i] for i in kept]),
        overlap=overlap_of(study, there, tuple(names), weights),
    )  # fmt: skip


# ---- whether the study covers the target -----------------------------------------------------------------


def _judged(found: Overlap) -> tuple[Verdict, str]:
    share = found.effective / found.rows
    worst = found.table.loc[found.table["after"].abs().idxmax()]
    reason = " ".join(_said(found, worst))
    if abs(float(worst["after"])) > FAR or share < THIN:
        return "fail", reason
    return (
        "pass" if abs(float(worst["after"])) <= NEAR and not found.table["outside"].gt(NEAR).any() else "inconclusive"
    ), reason


def _said(found: Overlap, worst: pd.Series) -> Iterator[str]:
    before = float(found.table["before"].abs().max())
    yield (
        f"Study and target differ by up to {number(round(before, 2))} standard deviations, after weighting by {number(round(abs(float(worst['after'])), 2))} "
        f"({worst['column']}); of {found.rows:,} rows {found.effective:,.0f} count in effect."
    )
    beyond = found.table[found.table["outside"] > 0]
    if len(beyond):
        told = [f"{100 * r.outside:.3g} % by {r.column}" for r in beyond.itertuples()]
        yield f"Beyond all that the study had lie, of the target, {some(told)}."
    if found.index is not None:
        yield f"The index of generalisability is {found.index:.2f}."
