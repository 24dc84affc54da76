"""How long the held-out test takes, whether its record is right, and whether the errors of single cities' effects are.

    python -m benchmarks.held_out [samples]

*Speed*: 500 cities, each left out with tau2 by REML estimated anew, with independent errors, with errors that all share a part of,
and with context (nearest city).

*Record*: k cities with true effects (normal, or skewed: exponential) around 0.5 with standard deviation 0.6, errors from 0.1 to 0.6,
independent or with a shared part of 30 % of their variance. Columns: % of cities whose *measured* effect lies in the confidence interval
of the others' mean, in the prediction interval, in the interval of what is measured (95 % promised); whose *true* effect lies in
the prediction interval; root mean squared error of the pooled mean against what was measured, against the truth, and the second
as the record estimates it.

*Single cities*: panels with one start for each of several cohorts, autocorrelated shocks, no effect; % of cities whose interval
(t with the controls' degrees of freedom) holds 0, the correlation between the effects of two cities over samples, and that which the
covariance says; last the share of samples in which `like_controls` fails at 5 %, with treated shocks as large and 1.7 times as large.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy import stats

from benchmarks.timing import line, seconds
from scale_impact.core.city_effects import CityEffects
from scale_impact.core.design import Design
from scale_impact.core.measuring_cities import city_effects, like_controls
from scale_impact.core.panel import Panel
from scale_impact.synthesis.held_out import HeldOut, hold_out

SAMPLES, SEED, LIMIT = 300, 20251122, 2.0
MEAN, TAU = 0.5, 0.6
Draw = Callable[[np.random.Generator, int], np.ndarray]

TRUTHS: dict[str, Draw] = {
    "normal": lambda rng, k: MEAN + TAU * rng.standard_normal(k),
    "skewed": lambda rng, k: MEAN + TAU * (rng.exponential(size=k) - 1),
}


def cities(rng: np.random.Generator, k: int, truth: Draw, shared: float) -> tuple[CityEffects, np.ndarray]:
    """Measured effects of k cities, and their true effects."""
    s, theta = rng.uniform(0.1, 0.6, k), truth(rng, k)
    errors = np.sqrt(1 - shared) * rng.standard_normal(k) + np.sqrt(shared) * rng.standard_normal()
    covariance = (1 - shared) * np.diag(s**2) + shared * np.outer(s, s)
    return CityEffects(tuple(f"city {i}" for i in range(k)), theta + s * errors, covariance), theta


def speed() -> bool:
    """Times for 500 cities."""
    held = True
    for name, shared in (("independent errors", 0.0), ("errors that share a part", 0.3)):
        effects, _ = cities(np.random.default_rng(SEED), 500, TRUTHS["normal"], shared)
        took = min(seconds(lambda e=effects: hold_out(e)) for _ in range(3))  # type: ignore[misc]
        held &= line(f"500 cities left out one by one, {name}", took, LIMIT, "s")
    context = pd.DataFrame(np.random.default_rng(1).normal(size=(500, 4)), index=effects.labels, columns=list("abcd"))
    known = CityEffects(effects.labels, effects.effects, effects.covariance, context=context)
    return held & line(
        "the same with the nearest city by context", min(seconds(lambda: hold_out(known)) for _ in range(3)), LIMIT, "s"
    )


def record(samples: int) -> None:
    """Coverage and errors, as the record has them and as they are."""
    print(
        f"\n{'effects':<8}{'k':>4}{'shared':>8}{'mean':>8}{'predict':>9}{'measured':>10}{'truth':>8}{'rmse':>8}{'true':>8}{'said':>8}"
    )
    for name, truth in TRUTHS.items():
        for k in (5, 10, 30, 47):
            for shared in (0.0, 0.3):
                print(f"{name:<8}{k:>4}{shared:>8g}" + _row(samples, k, truth, shared))


def _row(samples: int, k: int, truth: Draw, shared: float) -> str:
    rng = np.random.default_rng(SEED)
    hits, squares = np.zeros(4), np.zeros(3)
    for _ in range(samples):
        effects, theta = cities(rng, k, truth, shared)
        found = hold_out(effects)
        hits += _hits(found, theta)
        squares += _squares(found, theta)
    shares, errors = 100 * hits / (samples * k), np.sqrt(squares / samples)
    return f"{shares[0]:8.1f}{shares[1]:9.1f}{shares[2]:10.1f}{shares[3]:8.1f}" + "".join(f"{e:8.3f}" for e in errors)


def _hits(found: HeldOut, theta: np.ndarray) -> np.ndarray:
    without = found.without
    assert without is not None
    of_truth = int(((without.predicted_low <= theta) & (theta <= without.predicted_high)).sum())
    of_measured = [c.hits for c in (found.of_mean, found.of_prediction, found.of_measured) if c is not None]
    return np.array([*of_measured, of_truth])


def _squares(found: HeldOut, theta: np.ndarray) -> np.ndarray:
    without, y = found.without, found.effects.effects
    assert without is not None
    against = [((without.mean - y) ** 2).mean(), ((without.mean - theta) ** 2).mean()]
    own = found.effects.variances - 2 * np.einsum("ij,ij->i", without.weights, found.effects.covariance)
    return np.array([*against, ((without.mean - y) ** 2 - own).mean()])


# ---- effects of single cities ------------------------------------------------------------------------------


def panel(rng: np.random.Generator, controls: int, larger: float) -> Panel:
    """Six treated cities of three cohorts and their controls over ten periods; shocks are followed by half of them."""
    start = np.r_[np.repeat([4.0, 6.0, 7.0], 2), np.full(controls, np.inf)]
    shocks = rng.standard_normal((6 + controls, 14)) * np.where(np.isfinite(start), larger, 1.0)[:, None]
    for t in range(1, 14):
        shocks[:, t] += 0.5 * shocks[:, t - 1]
    y = shocks[:, 4:] + 5 * rng.standard_normal((6 + controls, 1)) + np.arange(10) * 0.3
    frame = pd.DataFrame(
        {"id": np.repeat(np.arange(6 + controls), 10), "t": np.tile(np.arange(10), 6 + controls), "y": y.ravel()}
    )
    return Panel.from_frame(frame.assign(g=np.repeat(start, 10)), unit="id", period="t", outcome="y")


def single(samples: int) -> None:
    """Intervals of single cities, and what their errors share."""
    print(
        f"\n{'controls':>8}{'control':>9}{'base':>6}{'holds 0':>9}{'seen r':>8}{'said r':>8}{'fails':>8}{'larger':>8}"
    )
    for controls in (5, 12, 40):
        for control in ("never", "not_yet"):
            for base in ("last", "mean"):
                print(f"{controls:>8}{control:>9}{base:>6}" + _single(samples, controls, control, base))


def _single(samples: int, controls: int, control: str, base: str) -> str:
    rng = np.random.default_rng(SEED)
    found, said, held, fails = [], [], 0, np.zeros(2)
    for _ in range(samples):
        data = [panel(rng, controls, larger) for larger in (1.0, 1.7)]
        designs = [Design.from_panel(p, first_treated="g", control=control) for p in data]  # type: ignore[arg-type]
        effects = city_effects(data[0], designs[0], base=base)  # type: ignore[arg-type]
        assert effects.df is not None
        held += int((np.abs(effects.effects) <= stats.t.ppf(0.975, effects.df) * np.sqrt(effects.variances)).sum())
        found.append(effects.effects)
        said.append(effects.covariance)
        fails += [like_controls(p, d, draws=199).verdict == "fail" for p, d in zip(data, designs, strict=True)]
    seen, mean = np.cov(np.array(found), rowvar=False), np.mean(said, axis=0)
    return f"{100 * held / (6 * samples):9.1f}{_related(seen):8.3f}{_related(mean):8.3f}" + "".join(
        f"{100 * f / samples:8.1f}" for f in fails
    )


def _related(covariance: np.ndarray) -> float:
    """Mean correlation of two cities."""
    errors = np.sqrt(np.diag(covariance))
    r = covariance / np.outer(errors, errors)
    return float(r[~np.eye(len(r), dtype=bool)].mean())


if __name__ == "__main__":
    many = int(sys.argv[1]) if len(sys.argv) > 1 else SAMPLES
    kept = speed()
    record(many)
    single(3 * many)
    sys.exit(0 if kept else 1)
