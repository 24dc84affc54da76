"""Were those that chance dealt different things alike before? One test for all covariates, by the dealings themselves.

In a lottery differences are chance; a small p-value speaks of a lottery that was none, of strata that are not named, or of rows that were lost
after it. With many tests one by one something always differs; this is one test.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from scale_impact.core.check import Check, Verdict
from scale_impact.core.cohorts import Floats
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect
from scale_impact.core.experiment.dealing import Codes, Dealings, deal
from scale_impact.core.experiment.rollout import Rollout, informative, rollout_of
from scale_impact.core.experiment.rollout_balance import Before, Omnibus, before, standardised
from scale_impact.core.keys import Column, Count, Share
from scale_impact.core.panel import Panel
from scale_impact.core.words import counted, some

EXPOSURE = True

NAME = "randomisation_balance"

TIES = 1e-9
"""Statistics that differ by less than this share are equal."""

LEAST = 20
"""So many dealings, at least, are needed to reject anything at 5 %."""

Refit = Callable[[Panel, Design], Effect]


def run(
    panel: Panel,
    design: Design,
    refit: Refit,
    *,
    covariates: Sequence[Column] = (),
    strata: Sequence[Column] = (),
    alpha: Share = 0.05,
    draws: Count = 9_999,
    seed: int = 20251122,
) -> Check:
    """Compare clusters before anybody was treated, by what they were dealt.

    Parameters
    ----------
    panel, design, refit:
        The data and the design; the estimator has no part in it.
    covariates:
        Columns from before the dealing; where dates were dealt the outcome before joins them.
    strata:
        Columns within which chance dealt.
    alpha:
        The p-value from which on there is nothing to see.
    draws, seed:
        Of the dealings; all where they are no more.

    Returns
    -------
    Check that fails where the omnibus statistic is larger than in all but a share ``alpha`` of the dealings. ``details.rows``: standardised
    differences and p-values one by one (treated at some time against never, or earlier against later where all are).

    Source: Hansen and Bowers (2008).
    """
    rollout = rollout_of(panel, design, strata=strata)
    informative(rollout)
    early = before(rollout, covariates)
    if not early.names:
        return Check.inapplicable(
            NAME, "There is nothing to compare: name columns from before the dealing, `covariates: [...]`."
        )
    if len(early.values) < rollout.n_clusters:
        return Check.inapplicable(
            NAME, "Some clusters have no row before anybody was treated, so that what they were like is not known."
        )
    dealings = deal(rollout.arms, rollout.strata, draws=draws, seed=seed, thing=f"clusters ({rollout.clustered_by})")
    test = Omnibus.of(early.values, rollout.arms, rollout.strata)
    if not test.rank:
        return Check.inapplicable(NAME, "Covariates do not vary between clusters of a stratum.")
    own = float(test.of_dealings(rollout.arms[None])[0])
    p = dealings.share(test.through(dealings) >= own * (1 - TIES))
    rows = _rows(early, rollout, dealings)
    return _check(early, rollout, dealings, test, own, p, rows, alpha)


def _sides(arms: Codes, starts: Codes, split: int) -> Floats:
    """1 for clusters [..., C] that were dealt the earlier dates (or exposure)."""
    return np.asarray(starts[arms] < split, dtype=float)


def _split(rollout: Rollout) -> int:
    """The start that parts treated from never treated; the median one where all are treated some time."""
    starts = rollout.starts[rollout.arms]
    latest = int(starts.max())
    return (
        latest
        if latest >= rollout.panel.n_periods
        else int(np.median(starts)) + 1
        if np.median(starts) < latest
        else latest
    )


def _rows(early: Before, rollout: Rollout, dealings: Dealings) -> list[dict[str, Any]]:
    """Standardised differences one by one, with p-values by the dealings."""
    split = _split(rollout)
    own = standardised(early.values, _sides(rollout.arms, rollout.starts, split), rollout.strata)
    found = []
    for k, name in enumerate(early.names):
        test = Omnibus.of(early.values[:, [k]], _two(rollout.arms, rollout, split), rollout.strata)
        mine = float(test.of_dealings(_two(rollout.arms, rollout, split)[None])[0])
        all_of = np.concatenate([test.of_dealings(_two(b, rollout, split)) for b in dealings.blocks(len(rollout.arms))])
        found.append(
            {"covariate": name, "difference": float(own[k]), "p_value": dealings.share(all_of >= mine * (1 - TIES))}
        )
    return found


def _two(arms: Codes, rollout: Rollout, split: int) -> Codes:
    """Arms as two sides: 0 the earlier ones, 1 the others."""
    return np.asarray(rollout.starts[arms] >= split, dtype=np.int64)


def _check(
    early: Before, rollout: Rollout, dealings: Dealings, test: Omnibus, own: float, p: float, rows: list[dict[str, Any]],
    alpha: float,
) -> Check:  # fmt: skip
    from scipy import special

    few = dealings.every and len(dealings) < LEAST
    verdict: Verdict = "inconclusive" if few else "fail" if p < alpha else "pass"
    worst = max(rows, key=lambda r: abs(r["difference"]))
    text = (
        f"{'Clusters differ more' if verdict == 'fail' else 'Clusters differ no more'} before the dealing than chance makes them (p = {p:.3g} for "
        f"{counted(len(early.names), 'covariate')} together, {dealings.words}). Most apart: {worst['covariate']}, {worst['difference']:+.2f} standard "
        "deviations."
    )
    if few:
        text += f" With {len(dealings)} dealings nothing could have been noticed."
    if verdict == "fail":
        text += " Was it a lottery within these strata? Were rows lost after it?"
    details = {
        "rows": rows, "statistic": own, "df": test.rank, "p_value_chi_squared": float(special.chdtrc(test.rank, own)), "dealings": len(dealings),
        "clusters": rollout.n_clusters, "strata": len(np.unique(rollout.strata)), "notes": list(early.notes),
    }  # fmt: skip
    return Check(
        NAME, verdict, text + (f" Left out: {some(list(early.notes))}" if early.notes else ""), own, p, details
    )
