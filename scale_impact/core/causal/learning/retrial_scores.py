"""Retrials of cross-fitted averages: the same estimate of other versions of the data, with penalties as the data chose them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.causal.cross_section import CrossSection, Floats, Ints
from scale_impact.core.causal.learning.folds import splits
from scale_impact.core.causal.learning.learners import Learners, settled
from scale_impact.core.causal.learning.nuisance import out_of_fold
from scale_impact.core.causal.learning.orthogonal import doubly_robust, on_the_treated, partially_linear
from scale_impact.core.causal.retrials import Retrials

Kind = Literal["partially_linear", "scores", "treated"]
Make = Callable[[int], Any]


@dataclass(frozen=True, eq=False)
class _Version:
    """One version of the data, row by row."""

    outcome: Floats
    exposure: Floats
    controls: Floats
    folds: Ints


def again(
    retrials: Retrials,
    *,
    rows: CrossSection,
    controls: Floats,
    folds: Ints,
    by: Learners,
    learned: Mapping[str, str],
    kind: Kind,
    clip: tuple[float, float],
) -> Floats:
    """The overall estimate of each version, [B]; NaN where an arm is missing in some folds.

    Expectations are learned anew in each version, fold by fold; penalties are those that the data chose in that fold.
    """  # fmt: skip
    makes = _makes(rows, controls, folds, by, learned, kind)
    versions = (_version(retrials, b, rows, controls, folds) for b in range(len(retrials)))
    return np.array([_one(version, makes, kind, rows.binary, clip) for version in versions])


def _makes(
    rows: CrossSection, controls: Floats, folds: Ints, by: Learners, learned: Mapping[str, str], kind: Kind
) -> dict[str, Make]:
    """Learners with the penalties that the data chose, by what they learn and by the fold that is left out."""
    d, binary = rows.exposure, rows.binary
    parts = (
        "treatment",
        *{"partially_linear": ("outcome",), "treated": ("controls",), "scores": ("controls", "treated")}[kind],
    )
    targets = dict.fromkeys(parts, rows.outcome) | {"treatment": d.astype(np.int64) if binary else d}
    found: dict[str, Make] = {}
    for part in parts:
        at = _taught(part, d)
        of_fold = {
            int(k): settled(learned[part], by.seed, controls[at & (folds != k)], targets[part][at & (folds != k)],
                            chances=binary and part == "treatment", levels=by.levels)
            for k in np.unique(folds)
        }  # fmt: skip
        found[part] = partial(_of_fold, of_fold)
    return found


def _of_fold(made: Mapping[int, Callable[[], Any]], fold: int) -> Any:
    return made[fold]()


def _taught(part: str, exposure: Floats) -> NDArray[np.bool_]:
    """Rows that teach an expectation."""
    arms = {"controls": exposure == 0, "treated": exposure == 1}
    return np.asarray(arms.get(part, np.ones(len(exposure), dtype=bool)))


def _version(retrials: Retrials, b: int, rows: CrossSection, controls: Floats, folds: Ints) -> _Version:
    outcome = rows.outcome if retrials.outcome is None else retrials.outcome[b]
    exposure = rows.exposure if retrials.exposure is None else retrials.exposure[b]
    # dummies of groups stay last: learners take them for levels
    more = controls if retrials.extra is None else np.column_stack([retrials.extra[b], controls])
    if retrials.counts is None:
        return _Version(outcome, exposure, more, folds)
    kept = np.repeat(np.arange(len(rows)), retrials.counts[b].astype(np.int64))
    return _Version(outcome[kept], exposure[kept], more[kept], folds[kept])


def _one(v: _Version, makes: Mapping[str, Make], kind: Kind, binary: bool, clip: tuple[float, float]) -> float:
    if any(len(np.unique(v.exposure[others])) < 2 for others, _ in splits(v.folds)):
        return np.nan
    targets = dict.fromkeys(makes, v.outcome) | {"treatment": v.exposure.astype(np.int64) if binary else v.exposure}
    told = {m: out_of_fold(makes[m], targets[m], _taught(m, v.exposure), v.controls, v.folds) for m in makes}
    if kind == "partially_linear":
        return partially_linear(v.outcome - told["outcome"], v.exposure - told["treatment"]).value()
    p = np.clip(told["treatment"], *clip)
    if kind == "treated":
        return on_the_treated(v.outcome, v.exposure, p, told["controls"]).value()
    return float(doubly_robust(v.outcome, v.exposure, p, told["controls"], told["treated"]).mean())
