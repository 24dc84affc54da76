"""Deal the exposure out at random: does the estimator find an effect where there is none, and is the study's estimate beyond that?

Two questions at once. Placebo estimates have to lie around zero: an estimator that finds effects of an exposure which nobody
had is wrong for these data. And the study's estimate has to lie beyond most of them: one in their middle could have come about
by who happened to be exposed.

The check says nothing of confounding. A confounder moves with the real exposure and not with the dealt one.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scale_impact.checks._refuters import Refit, drawn, effect_of, known, told
from scale_impact.core.causal.adjusted import Adjusted
from scale_impact.core.causal.cross_section import CrossSection
from scale_impact.core.causal.refutation.refute import SEED, Draws, Exchange, Floats, Kind, exchange, rank_p, summary
from scale_impact.core.causal.retrials import Retrials
from scale_impact.core.check import Check, Verdict
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect
from scale_impact.core.keys import Share
from scale_impact.core.panel import Panel
from scale_impact.core.words import number

NAME = "placebo_treatment"

EXPOSURE = True

FEW_BLOCKS = 6
"""With fewer blocks to change places there are hardly any other deals."""


def run(
    panel: Panel,
    design: Design,
    refit: Refit,
    *,
    kind: Kind = "permute",
    draws: Draws = 200,
    alpha: Share = 0.05,
    seed: int = SEED,
) -> Check:
    """The estimate with exposures that nobody had.

    Parameters
    ----------
    panel, design, refit:
        The data, the design, and an estimator that can be asked again.
    kind:
        ``permute``: exposures change places, within their group, by whole clusters where rows share them. ``random``: drawn anew,
        0 or 1 with equal chance; a whole number evenly between the least and the largest; any other number from the normal
        distribution with the exposure's mean and spread.
    draws:
        How many such exposures.
    alpha:
        Level of both questions.
    seed:
        Of the draws.

    Returns
    -------
    Check that fails where zero lies outside the placebo estimates' distribution (a two-sided percentile below ``alpha``), passes
    where it lies within and no more than a share ``alpha`` of them is as large as the study's estimate, and is inconclusive in
    between. ``statistic`` is their mean, ``p_value`` that share. Covariates tell who was exposed, and not to whom an exposure was
    dealt, so that placebos know more and spread less than the estimate: for the share they are widened to its standard error
    (``details.widened``, 1 where they spread as far).

    Source: DoWhy, placebo treatment refuter (Sharma and Kiciman 2020); the share without widening is Fisher's randomisation test.
    """
    effect = effect_of(NAME, panel, design, refit)
    if isinstance(effect, Check):
        return effect
    assert effect.adjusted is not None
    rows = effect.adjusted.rows
    how = exchange(rows)
    if (why := _hopeless(rows, how, kind)) is not None:
        return Check.inapplicable(NAME, why)
    found = drawn(effect, lambda adjusted, rng, b: _dealt(adjusted, how, kind, rng, b), draws, seed)
    if isinstance(found, str):
        return Check.inapplicable(NAME, found)
    return _judged(effect, found, {"kind": kind, "blocks": how.words, "alpha": alpha, "draws": draws})


def _hopeless(rows: CrossSection, how: Exchange, kind: str) -> str | None:
    """Why exposures cannot be dealt."""
    if rows.side is not None:
        return (
            "Nobody is followed, and who is treated is a group before and after the start: to deal the exposure without the group would compare "
            "something else. Use placebo_units and placebo_dates."
        )
    if kind == "permute" and how.n_blocks < FEW_BLOCKS:
        return f"Too few {how.words} can change places ({how.n_blocks}) for other deals of the exposure."
    return None


def _dealt(adjusted: Adjusted, how: Exchange, kind: str, rng: np.random.Generator, b: int) -> Retrials:
    rows = adjusted.rows
    if kind == "permute":
        return Retrials(exposure=how.permuted(rows.exposure, rng, b))
    return Retrials(exposure=how.drawn(lambda shape: _random(rows, rng, shape), b, len(rows)))


def _random(rows: CrossSection, rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """Exposures drawn anew, of the kind that they are."""
    d = rows.exposure
    if rows.binary:
        return rng.integers(0, 2, shape).astype(float)
    if (d == np.round(d)).all():
        return rng.integers(int(d.min()), int(d.max()) + 1, shape).astype(float)
    return np.asarray(d.mean() + d.std() * rng.standard_normal(shape))


def _judged(effect: Effect, every: Floats, said: dict[str, Any]) -> Check:
    (value, error), seen = told(effect), known(every)
    found = {**summary(value, every), **said, "p_zero": rank_p(0.0, seen), "widened": _widened(error, seen)}
    found["as_large"] = int((np.abs(seen) * found["widened"] >= abs(value) * (1 - 1e-9)).sum())
    p_value = (1 + found["as_large"]) / (1 + len(seen))
    biased, beyond = found["p_zero"] < said["alpha"], p_value <= said["alpha"]
    verdict: Verdict = "fail" if biased else "pass" if beyond else "inconclusive"
    return Check(NAME, verdict, _words(found, p_value, verdict), found["new_effect"], p_value, found)


def _widened(error: float | None, seen: Floats) -> float:
    """How many times as far as they do placebos have to spread to spread as the study's estimate does; at least 1."""
    spread = float(seen.std())
    return max(1.0, error / spread) if error and spread else 1.0


def _words(found: dict[str, Any], p_value: float, verdict: Verdict) -> str:
    dealt = f"dealt to other {found['blocks']}" if found["kind"] == "permute" else "drawn at random"
    low, high = (number(found["quantiles"][q]) for q in ("0.025", "0.975"))
    text = (
        f"With the exposure {dealt} ({found['draws']:,} times) the effect is {number(found['new_effect'])} on average, 95 % of them between {low} and "
        f"{high}; the study has {number(found['estimate'])}."
    )
    if verdict == "fail":
        return f"{text} Zero lies outside (p = {found['p_zero']:.3f}): the estimator finds an effect of an exposure that nobody had."
    wide = "" if found["widened"] == 1 else f", widened {found['widened']:.2f} times to the study's standard error,"
    are = "is" if found["as_large"] == 1 else "are"
    large = f"{found['as_large']:,} of them{wide} {are} as large as the study's (p = {p_value:.3f})"
    return f"{text} Zero lies within, and {large}" + (
        "." if verdict == "pass" else ": it could have come about by who happened to be exposed."
    )
