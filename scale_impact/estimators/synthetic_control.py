"""Synthetic control: what a mix of other cities, alike before the measure, says would have been.

Weights on donors, none negative and summing to one, are chosen so that their mix follows the treated unit before the measure:
in its outcome, or in predictors of it weighted by V. The gap afterwards is the effect. It is right where the mix follows the
unit over many periods before (see the check ``pre_fit``) and nothing else happened to the unit or its donors; it is wrong
where the fit is bad, where donors feel the measure, or where the fit rests on noise of few periods.

No standard error of its own: placebo cities (``inference: placebo``), conformal intervals or prediction intervals judge it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scale_impact.core.design import Design
from scale_impact.core.effect import Effect
from scale_impact.core.keys import Label
from scale_impact.core.panel import Panel
from scale_impact.core.simplex import SimplexFit, simplex_fit
from scale_impact.core.synthetic.nested import exact_match, is_unique, matching, nested_many
from scale_impact.core.synthetic.pilots import Pilots, pilots
from scale_impact.core.synthetic.predictors import Matched, Predictors, matched, read_predictors, said_of_averages
from scale_impact.core.synthetic.worlds import Bools, Floats, Worlds
from scale_impact.core.words import counted, plain, some
from scale_impact.errors import DesignError, EstimationError, UsageError
from scale_impact.estimators._synthetic import (
    donor_frame,
    effect_of,
    mapped,
    refuse_constant,
    said_of_range,
    said_of_twins,
    said_of_uniqueness,
)

NAME = "synthetic_control"


def fit(
    panel: Panel,
    design: Design,
    *,
    predictors: Sequence[str | Mapping[str, Any]] = (),
    v: Literal["nested", "cross_validation", "equal"] | Sequence[float] = "nested",
    fitted_on: Sequence[Any] | None = None,
    donors: Sequence[Label] | None = None,
    without: Sequence[Label] = (),
    largest: float = 1.0,
    seed: int = 20251122,
) -> Effect:
    """The effect on each treated unit against a mix of donors.

    Parameters
    ----------
    panel, design:
        Units followed over time; donors are those never treated. Several treated units are explained one by one.
    predictors:
        What to match: columns, averaged over the periods before, ``{column: period}`` or ``{column: [first, last]}``, the
        outcome's own too. None: the outcome in each period before.
    v:
        Weights of the predictors, which are divided by their standard deviation: ``nested`` (the outcome before is explained
        best), ``cross_validation`` (that of its second half by predictors of its first), ``equal``, or numbers.
    fitted_on:
        ``[first, last]`` of the periods whose outcome is explained; default all before the measure.
    donors, without:
        The only units that may be donors; units that must not.
    largest:
        Largest weight of a donor (without predictors).
    seed:
        Of the search for V.

    Returns
    -------
    Effect in the outcome's unit: ``overall``, ``path``, ``counterfactual`` with donors' weights and balance of predictors.

    Raises
    ------
    DesignError
        Donors, periods before, cells or predictors that are not there or do not suffice; ``core.synthetic.pilots``.
    EstimationError, UsageError
        The outcome does not vary; options that contradict each other.

    Source: Abadie, Diamond and Hainmueller (2010), equations 2 to 4; (2015) for cross-validation.
    """
    found = pilots(panel, design, NAME, donors=donors, without=without)
    if problems := refuse_constant(found):
        raise EstimationError(problems)
    method = _method(found, predictors, v, fitted_on, largest, seed)
    worlds = found.worlds()
    solved = method.solve(worlds)
    counterfactual = mapped(
        found, solved.weights @ found.outcomes, donors=donor_frame(found, solved.weights), again=method.again,
        unique=tuple(bool(u) for u in solved.unique), predictors=_balance(found, method, worlds, solved),
        plain=method.predictors is None and method.largest == 1 and bool((worlds.fit <= method.window).all()),
    )  # fmt: skip
    said = (*said_of_uniqueness(found, solved.unique), *_said_of_options(found, method))
    notes = (*said_of_range(found), *said_of_twins(found), *said)
    return effect_of(NAME, found, counterfactual, notes=notes)


@dataclass(frozen=True, eq=False)
class _Solved:
    """Donor weights [B, N], predictor weights [B, K] (NaN where a predictor has no part), whether the former are unique [B];
    what was solved, where outcomes alone are matched."""

    weights: Floats
    v: Floats
    alone: NDArray[np.bool_]
    by_outcome: SimplexFit | None = None

    @property
    def unique(self) -> NDArray[np.bool_]:
        """Whether other donor weights match the outcome, or the weighted predictors, no better and no worse, [B]."""
        return self.alone if self.by_outcome is None else self.by_outcome.unique


Weights = tuple[Floats, Floats, bool]
"""Of donors and of predictors, and whether the former are unique."""

Weigh = Callable[[list[Matched], Worlds], list[Weights]]
"""From the predictors of each world to its weights."""


@dataclass(frozen=True, eq=False)
class _Method:
    """How donors are weighted, in any world; what took long is remembered."""

    predictors: Predictors | None
    weigh: Weigh | None
    window: Bools
    largest: float
    known: dict[bytes, Weights] = field(default_factory=dict)

    def again(self, worlds: Worlds) -> Floats:
        """Gaps [B, T] in other worlds."""
        try:
            solved = self.solve(worlds)
        except DesignError as error:  # a window that this world does not have is no fault of the study's
            raise EstimationError(error.problems) from error
        return np.asarray(worlds.targets - solved.weights @ worlds.outcomes)

    def solve(self, worlds: Worlds) -> _Solved:
        """Weights in all worlds."""
        asked = replace(worlds, fit=self._explained(worlds))
        if self.predictors is None:
            solved = simplex_fit(
                asked.outcomes.T, asked.targets, rows=asked.fit, allowed=asked.donors, upper=self.largest
            )  # fmt: skip
            return _Solved(solved.weights, np.zeros((len(asked), 0)), np.zeros(0, dtype=bool), solved)
        keys = [_key(asked, b) for b in range(len(asked))]
        self._learn(worlds, asked, {key: b for b, key in enumerate(keys) if key not in self.known})
        weights, v, alone = (np.array([self.known[key][k] for key in keys]) for k in (0, 1, 2))
        return _Solved(weights, v, alone)

    def _explained(self, worlds: Worlds) -> Bools:
        """Periods whose outcome is explained: the window asked for, where a world fits on some of it."""
        cut = worlds.fit & self.window[: worlds.outcomes.shape[1]]
        return np.where(cut.any(axis=1, keepdims=True), cut, worlds.fit)

    def _learn(self, worlds: Worlds, asked: Worlds, new: dict[bytes, int]) -> None:
        """Weights of some worlds, on all units and of all predictors, to be remembered."""
        if not new:
            return
        assert self.predictors is not None
        assert self.weigh is not None
        rows = np.array(list(new.values()))
        chosen = [matched(self.predictors, worlds, b) for b in rows]
        if not all(len(one.kept) for one in chosen):
            raise EstimationError(f"{NAME}: no predictor has a value in the periods that are fitted on.")
        for key, b, one, (mix, own, alone) in zip(new, rows, chosen, self.weigh(chosen, asked.take(rows)), strict=True):
            weights, v = np.zeros(len(worlds.units)), np.full(len(self.predictors), np.nan)
            weights[worlds.donors[b]], v[one.kept] = mix, own
            self.known[key] = weights, v, alone


def _key(worlds: Worlds, b: int) -> bytes:
    """What one world asks, as bytes."""
    parts = (worlds.units, worlds.treated[b], worlds.donors[b], worlds.fit[b], worlds.targets[b], worlds.outcomes)
    import hashlib

    digest = hashlib.sha256()
    for part in parts:
        digest.update(np.ascontiguousarray(part).tobytes())
    return digest.digest()


# ---- how predictors are weighted ---------------------------------------------------------------


def _method(
    found: Pilots,
    given: Sequence[str | Mapping[str, Any]],
    v: str | Sequence[float],
    fitted_on: Sequence[Any] | None,
    largest: float,
    seed: int,
) -> _Method:
    """The way of weighting that the options ask for."""
    _refuse_options(given, v, largest, len(found.donor_names))
    window = _window(found, fitted_on)
    if not given:
        return _Method(None, None, window, largest)
    predictors = read_predictors(found, given, NAME)
    if isinstance(v, str) and v in ("nested", "cross_validation"):
        _refuse_many(predictors, int((window & (np.arange(len(window)) < found.fitted.min())).sum()))
    if v == "cross_validation":
        return _Method(predictors, _cross_validated(predictors, seed), window, largest)
    if v == "nested":
        return _Method(predictors, _nested(seed), window, largest)
    weights = np.ones(len(predictors)) if isinstance(v, str) else np.asarray(v, dtype=float)
    if len(weights) != len(predictors):
        raise UsageError(f"{NAME}: v has {len(weights)} numbers for {counted(len(predictors), 'predictor')}.")
    return _Method(predictors, _fixed(weights), window, largest)


def _refuse_options(given: Sequence[Any], v: str | Sequence[float], largest: float, donors: int) -> None:
    said = []
    if isinstance(v, str) and v not in ("nested", "cross_validation", "equal"):
        said.append(f"{NAME}: v is {v!r}; it has to be nested, cross_validation, equal or one number a predictor.")
    if not isinstance(v, str) and not (given and np.isfinite(v).all() and min(v, default=0) >= 0 and sum(v) > 0):
        said.append(
            f"{NAME}: v gives numbers; that needs predictors, and finite numbers that are not negative and not all 0."
        )
    if not 0 < largest <= 1:
        said.append(f"{NAME}: largest is {largest!r}; the largest weight of a donor lies above 0 and not above 1.")
    if not given and largest > 0 and largest * donors < 1 - 1e-12:
        least = np.ceil(1e4 / donors) / 1e4
        said.append(
            f"{NAME}: {counted(donors, 'donor')} need `largest` of at least {least:.4g} for weights that sum to one (it is "
            f"{largest:g}); placebo cities, which have a donor fewer, need more."
        )
    if given and largest < 1:
        said.append(f"{NAME}: largest limits donors where outcomes alone are matched; leave it out, or the predictors.")
    if said:
        raise UsageError(said)


def _refuse_many(predictors: Predictors, periods: int) -> None:
    """Weights of more predictors than there are periods to be explained cannot be told."""
    if len(predictors) <= periods:
        return
    raise DesignError(
        f"{NAME}: {len(predictors)} predictors for {counted(periods, 'period')} before the measure: their weights V cannot be told from "
        f"so few. Name at most {periods} predictors (averages over windows in place of single periods), say `v: equal`, or "
        "leave `predictors` out to match the outcome alone."
    )


def _window(found: Pilots, fitted_on: Sequence[Any] | None) -> Bools:
    """Periods whose outcome is explained, [T]."""
    names = [plain(p) for p in found.panel.periods]
    position = np.arange(len(names))
    if fitted_on is None:
        return np.asarray(position >= 0)
    listed = isinstance(fitted_on, Sequence) and not isinstance(fitted_on, str)
    ends = [plain(e) for e in (fitted_on if listed else [fitted_on])]
    if len(ends) != 2 or unknown_ends(ends, names):
        raise DesignError(
            f"{NAME}: fitted_on is {some(ends)}; write [first, last], two of the periods {names[0]} to {names[-1]}."
        )
    first, last = (names.index(e) for e in ends)
    inside = (position >= first) & (position <= last)
    if not (inside & (position < found.fitted.min())).any():
        raise DesignError(f"{NAME}: fitted_on ({some(ends)}) has no period before the measure.")
    return np.asarray(inside)


def _said_of_options(found: Pilots, method: _Method) -> list[str]:
    """What predictors and the window leave out."""
    averages = said_of_averages(found, method.predictors) if method.predictors else []
    return [*averages, *_said_of_window(found, method.window)]


def _said_of_window(found: Pilots, window: Bools) -> list[str]:
    """That periods asked for are not fitted on, because the measure had begun (or was anticipated)."""
    if window.all():
        return []
    last = int(np.flatnonzero(window)[-1])
    cut = [name for name, end in zip(found.names, found.fitted, strict=False) if last >= end]
    if not cut:
        return []
    return [
        f"fitted_on ends at {plain(found.panel.periods[last])}, when the measure had begun or was anticipated in {some(cut)}: only "
        "periods before are fitted on."
    ]


def unknown_ends(ends: Sequence[str], names: Sequence[str]) -> list[str]:
    """Ends of a window that are no periods."""
    return [e for e in ends if e not in names]


def _distances(worlds: Worlds, b: int, periods: Bools) -> Floats:
    """Outcomes of the donors less those of the treated over some periods, [M, J]."""
    return np.asarray((worlds.outcomes[worlds.donors[b]][:, periods] - worlds.targets[b, periods]).T)


def _nested(seed: int) -> Weigh:
    def weigh(chosen: list[Matched], worlds: Worlds) -> list[Weights]:
        explained = [_distances(worlds, b, worlds.fit[b]) for b in range(len(worlds))]
        return [(s.weights, s.v, s.unique) for s in nested_many([c.distances for c in chosen], explained, seed)]

    return weigh


def _fixed(weights: Floats) -> Weigh:
    def weigh(chosen: list[Matched], worlds: Worlds) -> list[Weights]:
        explained = [_distances(worlds, b, worlds.fit[b]) for b in range(len(worlds))]
        shares = [weights[one.kept] / weights[one.kept].sum() for one in chosen]
        return [_given(one, v, z) for one, v, z in zip(chosen, shares, explained, strict=True)]

    return weigh


def _given(chosen: Matched, v: Floats, z: Floats) -> Weights:
    """Donors that match predictors of given weights; where several mixes match exactly, the best of them for the outcome."""
    used = v > 0
    if used.any() and (exact := exact_match(chosen.distances[used], z)) is not None:
        return exact[0], v, exact[1]
    return _weighted(chosen, v)


def _weighted(chosen: Matched, v: Floats) -> Weights:
    """Donors that match predictors of given weights."""
    return matching(chosen.distances, v), v, is_unique(chosen.distances, v)


def _cross_validated(predictors: Predictors, seed: int) -> Weigh:
    """V from predictors of the first half and outcomes of the second; donors that match the second half's predictors."""

    def weigh(chosen: list[Matched], worlds: Worlds) -> list[Weights]:
        halves = [_halves(predictors, one, worlds, b) for b, one in enumerate(chosen)]
        searched = nested_many([early.distances for early, _, _ in halves], [z for _, _, z in halves], seed)
        return [_weighted(late, s.v) for (_, late, _), s in zip(halves, searched, strict=True)]

    return weigh


def _halves(predictors: Predictors, chosen: Matched, worlds: Worlds, b: int) -> tuple[Matched, Matched, Floats]:
    """Predictors of the first and of the second half of the periods fitted on, and outcomes of the second."""
    time = np.flatnonzero(worlds.fit[b])
    first, second = np.zeros_like(worlds.fit[b]), np.zeros_like(worlds.fit[b])
    first[time[: len(time) // 2]], second[time[len(time) // 2 :]] = True, True
    early, late = (matched(predictors, _on(worlds, b, half), 0) for half in (first, second))
    if lost := sorted(set(chosen.kept) - (set(early.kept) & set(late.kept))):
        raise DesignError(
            f"{NAME}: cross-validation needs each predictor in both halves of the periods before the measure; "
            f"{some([predictors.names[k] for k in lost])} has no value in one. Name it without a window, or say `v: nested`."
        )
    return early, late, _distances(worlds, b, second)


def _on(worlds: Worlds, b: int, periods: Bools) -> Worlds:
    """One world, fitted on some of its periods."""
    return replace(worlds.take(b), fit=periods[None])


# ---- what a reader sees ------------------------------------------------------------------------


def _balance(found: Pilots, method: _Method, worlds: Worlds, solved: _Solved) -> pd.DataFrame | None:
    """Predictors of each treated unit, of its donors' mix and of all donors."""
    if method.predictors is None:
        return None
    parts = []
    for b, name in enumerate(found.names[: found.n_treated]):
        chosen = matched(method.predictors, worlds, b)
        parts.append(
            pd.DataFrame(
                {
                    "treated": name,
                    "predictor": [method.predictors.names[k] for k in chosen.kept],
                    "observed": chosen.target,
                    "synthetic": chosen.donors @ solved.weights[b, worlds.donors[b]],
                    "donors": chosen.donors.mean(axis=1),
                    "weight": solved.v[b, chosen.kept],
                }
            )
        )
    return pd.concat(parts, ignore_index=True)
