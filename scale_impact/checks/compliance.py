"""Did the dealing change who received the measure? Where it hardly did, the effect per treatment received cannot be known.

Those assigned who do not receive it and others who do are no fault of the analysis, but they dilute the effect of assignment:
it is then smaller than that of the measure, by the share whom the dealing moved.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from scale_impact.core.check import Check, Verdict
from scale_impact.core.cohorts import Floats
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect
from scale_impact.core.experiment.dealing import deal
from scale_impact.core.experiment.rollout import Rollout, informative, rollout_of
from scale_impact.core.experiment.rollout_columns import Columns, columns_of, immediate, whitening
from scale_impact.core.experiment.rollout_regression import Regression, Solved, observed, regression
from scale_impact.core.keys import Column, Count, Share
from scale_impact.core.panel import Panel
from scale_impact.core.words import to_label

EXPOSURE = True

NAME = "compliance"

FAINT = 0.1
"""A dealing that moves a smaller share than this dilutes the effect of the measure more than tenfold."""

TIES = 1e-9
"""Statistics that differ by less than this share are equal."""

ASSIGNED, RECEIVED = 1, 2

Refit = Callable[[Panel, Design], Effect]


def run(
    panel: Panel,
    design: Design,
    refit: Refit,
    *,
    received: Column,
    strata: Sequence[Column] = (),
    weights: Column | None = None,
    alpha: Share = 0.05,
    draws: Count = 9_999,
    seed: int = 20251122,
) -> Check:
    """What assignment did to the treatment received.

    Parameters
    ----------
    panel, design, refit:
        The data and the design; the estimator has no part in it.
    received:
        Column with the treatment that each row received, 0/1 or a share.
    strata:
        Columns within which chance dealt.
    weights:
        Column that counts rows, such as people.
    alpha:
        The p-value from which on the dealing may have changed nothing.
    draws, seed:
        Of the dealings; all where they are no more.

    Returns
    -------
    Check that passes where the dealing moved at least a tenth (p below ``alpha``), fails where it may have moved nobody, inconclusive
    where it moved fewer. Statistic: the share moved, with effects of periods (and units, where dates were dealt). ``details.rows``: by
    period the shares that received it among the assigned and the others.

    Source: Angrist, Imbens and Rubin (1996); Imbens and Rosenbaum (2005) for the test by dealings.
    """
    rollout = rollout_of(panel, design, strata=strata)
    informative(rollout)
    data = columns_of(rollout, received=received, weights=weights)
    if not np.ptp(data.outcomes[:, RECEIVED]):
        return Check(
            NAME,
            "fail",
            f"All rows received the same ({received} is {data.outcomes[0, RECEIVED]:g}): the dealing moved nobody.",
            0.0,
        )
    whiten, absorbed = whitening(data, "unit" if rollout.adoption and panel.followed else "none")
    sums = regression(
        data.outcomes,
        immediate(rollout, data.period),
        data.nuisance,
        data.cluster,
        whiten,
        contrast=np.ones(1),
        absorbed=absorbed,
    )
    made = observed(sums, rollout.arms)
    p, how = _p(sums, made, rollout, draws, seed)
    return _check(rollout, data, float(made.values[0, RECEIVED]), p, how, alpha)


def _p(sums: Regression, made: Solved, rollout: Rollout, draws: int, seed: int) -> tuple[float, str]:
    """Share of the dealings that would have moved as many, studentised by cluster."""
    dealings = deal(rollout.arms, rollout.strata, draws=draws, seed=seed, thing=f"clusters ({rollout.clustered_by})")
    values, spreads = sums.through(dealings)
    own, spread = float(made.values[0, RECEIVED]), float(made.spreads[0, RECEIVED, RECEIVED])
    if not spread > 0:
        return dealings.share(np.abs(values[:, RECEIVED]) >= abs(own) * (1 - TIES)), dealings.words
    ahead = values[:, RECEIVED] ** 2 * spread >= own**2 * spreads[:, RECEIVED, RECEIVED] * (1 - TIES)
    return dealings.share(ahead), dealings.words


def _check(rollout: Rollout, data: Columns, moved: float, p: float, how: str, alpha: float) -> Check:
    verdict: Verdict = "fail" if p >= alpha else "pass" if abs(moved) >= FAINT else "inconclusive"
    rows = _by_period(rollout, data)
    took, others = (_mean(data, data.outcomes[:, ASSIGNED] == side) for side in (1, 0))
    text = (
        f"Assignment moved {moved:.1%} to the measure (p = {p:.3g}, {how}). Of those assigned {took:.1%} received it, of the others "
        f"{others:.1%}."
    )
    said = {
        "pass": "",
        "fail": " It may have moved nobody: the effect per treatment received cannot be known from it.",
        "inconclusive": f" The effect of assignment is that of the measure diluted {1 / max(abs(moved), 1e-12):.0f} times.",
    }
    details = {"moved": moved, "received_assigned": took, "received_others": others, "rows": rows}
    return Check(NAME, verdict, text + said[verdict], moved, p, details)


def _mean(data: Columns, rows: Floats) -> float:
    return float(np.average(data.outcomes[rows, RECEIVED], weights=data.weights[rows])) if rows.any() else float("nan")


def _by_period(rollout: Rollout, data: Columns) -> list[dict[str, Any]]:
    """Shares that received it by period; None where nobody is on that side."""
    found = []
    for t in np.unique(data.period):
        here = data.period == t
        sides = [here & (data.outcomes[:, ASSIGNED] == s) for s in (1, 0)]
        shares = [_mean(data, s) if s.any() else None for s in sides]
        found.append({"period": to_label(rollout.panel.periods[t]), "assigned": shares[0], "others": shares[1],
                      "n_assigned": int(sides[0].sum()), "n_others": int(sides[1].sum())})  # fmt: skip
    return found
