"""What the synthetic control family shares: an effect from what was and what would have been."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scale_impact.core.effect import NO_ERROR as NO_ERROR
from scale_impact.core.effect import NONE_OWN, Effect, Estimate, Family, Sample
from scale_impact.core.panel import Panel, elapsed
from scale_impact.core.synthetic.counterfactual import Counterfactual
from scale_impact.core.synthetic.pilots import Pilots
from scale_impact.core.synthetic.worlds import Floats
from scale_impact.core.words import counted, plain, some


def effect_of(
    estimator: str,
    found: Pilots,
    counterfactual: Counterfactual,
    *,
    inference: str = NONE_OWN,
    notes: tuple[str, ...] = (),
    judged_by: str = "placebo",
    **more: Any,
) -> Effect:
    """The effect: the mean gap over the treated cells, its path by event time, and one number a treated unit.

    Parameters
    ----------
    estimator:
        Key of the estimator.
    found:
        Treated units and donors.
    counterfactual:
        Paths of the U treated units (or cohorts: then ``sizes`` weights them).
    inference, notes, judged_by:
        How standard errors were made, what a reader has to know beside what was left out, and the method that
        ``inference: auto`` takes.
    more:
        Further fields of the effect.
    """
    gaps, sizes, starts = counterfactual.gaps, counterfactual.sizes, np.array(counterfactual.starts)
    after = (np.arange(gaps.shape[1]) >= starts[:, None]) & np.isfinite(gaps)
    cells = sizes[:, None] * after
    overall = Estimate(_mean(gaps, cells), reason=NO_ERROR)
    fields: dict[str, Any] = {
        "path": _path(found.panel, gaps, sizes, starts),
        "curves": {"units": _units(counterfactual, after)} if len(sizes) > 1 else {},
        "treated_mean": _mean(counterfactual.observed, cells),
    }
    return Effect(
        estimator=estimator,
        overall=overall,
        sample=_sample(found),
        inference=inference,
        counterfactual=counterfactual,
        judged_by=judged_by,
        notes=(*found.notes, *said_of_constants(found), *notes),
        **(fields | more),
    )


def _mean(values: Floats, weights: Floats) -> float:
    """Weighted mean; cells without weight may be empty."""
    return float((weights * np.where(weights > 0, values, 0.0)).sum() / weights.sum())


def _sample(found: Pilots) -> Sample:
    n, t = found.outcomes.shape
    return Sample(n, found.n_treated, t, int(np.isfinite(found.outcomes).sum()), n)


def _path(panel: Panel, gaps: Floats, sizes: Floats, starts: NDArray[np.int64]) -> Family:
    """Mean gap by time since the start, also before it."""
    since = elapsed(panel.clock, np.arange(gaps.shape[1])[None], starts[:, None])
    times = np.unique(since[np.isfinite(gaps)])
    values = np.array([_mean(gaps, ((since == e) & np.isfinite(gaps)) * sizes[:, None]) for e in times])
    return _family("event_time", values, event_times=tuple(float(e) for e in times))


def _units(counterfactual: Counterfactual, after: NDArray[np.bool_]) -> Family:
    """Mean gap of each treated unit."""
    values = np.array([_mean(g, a.astype(float)) for g, a in zip(counterfactual.gaps, after, strict=True)])
    return _family("unit", values, names=counterfactual.names)


def _family(kind: Any, values: Floats, **labels: Any) -> Family:
    nothing = np.full(len(values), np.nan)
    return Family(kind, values, nothing, None, (NO_ERROR,) * len(values), **labels)


def donor_frame(found: Pilots, weights: Floats, names: tuple[str, ...] | None = None) -> pd.DataFrame:
    """Weights [U, N] on all units as a frame, donors x treated."""
    chosen = weights[:, found.n_treated :]
    index = pd.Index(found.donor_names, name="donor")
    return pd.DataFrame(chosen.T, index=index, columns=list(names or found.names[: found.n_treated]))


def mapped(found: Pilots, expected: Floats, **more: Any) -> Counterfactual:
    """The counterfactual of estimators that explain each treated unit by itself."""
    u = found.n_treated
    return Counterfactual(
        periods=tuple(found.panel.periods),
        names=found.names[:u],
        sizes=np.ones(u),
        starts=tuple(int(s) for s in found.starts),
        fitted=tuple(int(s) for s in found.fitted),
        observed=found.outcomes[:u],
        expected=expected,
        worlds=found.worlds(),
        **more,
    )


OWN_LEVEL = "demeaned_synthetic_control and synthetic_did let it keep a level of its own"


def said_of_range(found: Pilots, instead: str = OWN_LEVEL) -> list[str]:
    """Treated units that lie above or below all donors before the measure: no mix without a level of its own reaches them.

    ``instead``: what would let them keep a level of their own.
    """
    said = []
    donors = found.outcomes[found.n_treated :]
    for k, name in enumerate(found.names[: found.n_treated]):
        path = found.outcomes[k, : found.fitted[k]]
        low, high = donors[:, : found.fitted[k]].min(axis=0), donors[:, : found.fitted[k]].max(axis=0)
        for side, out in (("above", path > high), ("below", path < low)):
            if out.mean() > 0.5:
                said.append(
                    f"{name} lies {side} all donors in {out.sum()} of {len(path)} periods before the measure: no mix of them can "
                    f"reach its level. {instead}."
                )
    return said


def said_of_twins(found: Pilots) -> list[str]:
    """Donors with the path of another one, whose weight could as well be the other's."""
    donors = found.outcomes[found.n_treated :]
    _, first, inverse = np.unique(donors, axis=0, return_index=True, return_inverse=True)
    same = np.flatnonzero(first[inverse.ravel()] != np.arange(len(donors)))
    pairs = [f"{found.donor_names[j]} as {found.donor_names[int(first[inverse.ravel()[j]])]}" for j in same]
    return [f"Donors with the very same outcomes: {some(pairs)}. Their weights could be exchanged."] if pairs else []


def said_of_uniqueness(found: Pilots, unique: NDArray[np.bool_]) -> list[str]:
    """Treated units that other weights would fit as well."""
    who = [name for name, one in zip(found.names, unique, strict=False) if not one]
    if not who:
        return []
    return [
        f"The weights of {some(who)} are not unique: other mixes of donors fit as well before the measure and may say something "
        "else after it. Read the fit, not the weights; fewer donors or more periods before would settle it."
    ]


def said_of_constants(found: Pilots) -> list[str]:
    """Treated units and donors whose outcome does not move at all before the measure."""
    before = found.outcomes[:, : found.fitted.max()]
    seen = np.isfinite(before)
    seen[: found.n_treated] &= np.arange(before.shape[1]) < found.fitted[:, None]
    high, low = (np.where(seen, before, end).T for end in (-np.inf, np.inf))
    still = np.flatnonzero((high.max(axis=0) == low.min(axis=0)) & (seen.sum(axis=1) > 1))
    said = [
        f"{found.names[k]} is {plain(float(high[:, k].max()))} in each period before the measure: a fit there tells how high it "
        "stands, not how it would have moved. Is it observed, or filled in?"
        for k in still
        if k < found.n_treated
    ]
    donors = [found.names[k] for k in still if k >= found.n_treated]
    if donors:
        said.append(
            f"{counted(len(donors), 'donor')} of {len(found.donor_names)} with the same outcome in each period before the measure: "
            f"{some(donors)}. They show no common course; leave them out (`without`) if they are filled in."
        )
    return said


def refuse_constant(found: Pilots) -> list[str]:
    """What is wrong where outcomes do not vary at all."""
    if np.nanmax(found.outcomes) > np.nanmin(found.outcomes):
        return []
    return [
        f"Outcome {found.panel.outcome!r} is {plain(float(np.nanmax(found.outcomes)))} in each unit and period: there is nothing to "
        "compare. Is it the right column?"
    ]
