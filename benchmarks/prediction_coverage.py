"""How often intervals for the mean effect and for a new city's effect hold it.

    python -m benchmarks.prediction_coverage [samples]

Each world: true effects of k cities drawn around a mean of 1, estimates with normal errors of known variance (1 on average, from a
tenth to four times of it). *Small* differences between cities: tau2 = 0.25 (I2 about 20 %), *large*: 4 (80 %). *Normal* effects, and
*skewed* ones: exponential, skewness 2. *Shared controls*: half of each error's variance is common to all cities; pooled with that
covariance, and as if errors were independent. *Clusters*: three effects of each study, half of tau2 between studies; pooled by the
multilevel model, and as if effects were independent.

Columns are % of samples. For the mean: how often its interval (Hartung and Knapp; normal) holds the true mean. For the new city: how
much of the distribution of true effects lies in the mean's interval, and in prediction intervals: t with k - 1 degrees of freedom
(the default), with k - 2 (Higgins, Thompson and Spiegelhalter), both beside Hartung and Knapp's error, and normal (z throughout).
Width: median of the default prediction interval's, in those of the interval that holds 95 % if all were known.

A second table has *estimated* covariances, through the whole chain: panels of k treated cities (true effects normal around 1, of
standard deviation tau), n never-treated ones and twelve periods with shocks followed by 0.6 of them, from which ``city_effects`` makes
effects and the covariance that shared controls cause, and ``pool`` a mean. How often the mean's interval holds the true mean: with
the degrees of freedom that n controls leave it, and with k - 1 as if the covariance were known. How much of new cities the prediction
interval holds: with degrees of freedom by both parts of its variance, with k - 1, and with those of the mean. Last the
medians of half the width of both intervals of the mean.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

import numpy as np
import pandas as pd

from scale_impact.core.city_effects import CityEffects
from scale_impact.core.design import Design
from scale_impact.core.measuring_cities import city_effects
from scale_impact.core.panel import Panel
from scale_impact.synthesis.pooling import Pooled, pool

SAMPLES, SEED, LEVEL, MEAN = 2000, 20251122, 0.95, 1.0


@dataclass(frozen=True)
class World:
    """k cities, how much they differ, in what shape, and what errors or effects have in common."""

    k: int
    tau2: float
    skewed: bool = False
    shared: float = 0.0
    clustered: bool = False
    ignored: bool = False

    @property
    def name(self) -> str:
        """What stands in the table."""
        what = "skewed" if self.skewed else "normal"
        more = (
            ", shared controls" * (self.shared > 0)
            + ", clusters" * self.clustered
            + ", taken as independent" * self.ignored
        )
        return what + more

    def drawn(self, rng: np.random.Generator) -> CityEffects:
        """One sample."""
        k, tau = self.k, self.tau2**0.5
        groups = np.repeat(np.arange(k // 3), 3) if self.clustered else np.arange(k)
        own = self._shape(rng, k)
        true = MEAN + tau * ((self._shape(rng, k)[groups] + own) / 2**0.5 if self.clustered else own)
        variances = rng.permutation(np.geomspace(0.1, 4.0, k))
        variances /= variances.mean()
        errors = np.diag((1 - self.shared) * variances) + self.shared * np.sqrt(np.outer(variances, variances))
        y = true + np.sqrt((1 - self.shared) * variances) * rng.standard_normal(k)
        y += np.sqrt(self.shared * variances) * rng.standard_normal()
        names = tuple(f"study {g}" for g in groups) if self.clustered else None
        taken = np.diag(np.diag(errors)) if self.ignored else errors
        return CityEffects(tuple(map(str, range(k))), y, taken, clusters=names)

    def held(self, low: float | None, high: float | None) -> float:
        """Share of true effects of new cities within an interval."""
        if low is None or high is None:
            return np.nan
        ends = np.array([low, high])
        return float(np.diff(self._cdf((ends - MEAN) / self.tau2**0.5))[0])

    def _shape(self, rng: np.random.Generator, n: int) -> np.ndarray:
        return rng.exponential(size=n) - 1 if self.skewed else rng.standard_normal(n)

    def _cdf(self, z: np.ndarray) -> np.ndarray:
        from scipy.stats import norm

        return -np.expm1(-np.maximum(z + 1, 0)) if self.skewed else norm.cdf(z)


WORLDS = [World(k, tau2, skewed) for k in (5, 10, 30) for tau2 in (0.25, 4.0) for skewed in (False, True)]
RELATED = [
    World(k, tau2, shared=0.5, ignored=ignored) for k in (10, 30) for tau2 in (0.25, 4.0) for ignored in (False, True)
]
CLUSTERED = [World(30, 4.0, clustered=True, ignored=ignored) for ignored in (False, True)]


@dataclass(frozen=True)
class Panels:
    """k treated cities and n controls over twelve periods, and what pooling makes of them."""

    k: int
    n: int
    tau: float

    def effects(self, rng: np.random.Generator) -> CityEffects:
        """Measured effects of one panel."""
        m, periods = self.k + self.n, 12
        start = np.r_[rng.integers(5, 9, self.k).astype(float), np.full(self.n, np.inf)]
        shocks = rng.standard_normal((m, periods))
        for t in range(1, periods):
            shocks[:, t] = 0.6 * shocks[:, t - 1] + 0.8 * shocks[:, t]
        true = MEAN + self.tau * rng.standard_normal(m)
        y = shocks + 2 * rng.standard_normal((m, 1)) + np.cumsum(0.3 * rng.standard_normal(periods))
        y += np.where(np.arange(periods) >= start[:, None], true[:, None], 0.0)
        names, when = np.repeat(np.arange(m), periods), np.tile(np.arange(periods), m)
        frame = pd.DataFrame({"id": names, "t": when, "y": y.ravel(), "g": np.repeat(start, periods)})
        panel = Panel.from_frame(frame, unit="id", period="t", outcome="y")
        return city_effects(panel, Design.from_panel(panel, first_treated="g"))

    def sample(self, seed: list[int]) -> list[float]:
        """Mean held, with k - 1; share of new cities held by the prediction, with k - 1, with the mean's; half widths of the mean."""
        from scipy.stats import t

        found = pool(self.effects(np.random.default_rng(seed)), level=LEVEL)
        assert found.prediction_error is not None
        assert found.prediction_df is not None
        assert found.df is not None
        many, off = self.k - 1.0, abs(found.mean - MEAN)
        means = [float(t.ppf(0.5 + LEVEL / 2, df)) * found.std_error for df in (found.df, many)]
        ahead = [
            float(t.ppf(0.5 + LEVEL / 2, df)) * found.prediction_error for df in (found.prediction_df, many, found.df)
        ]
        world = World(self.k, self.tau**2)
        held = [world.held(found.mean - half, found.mean + half) for half in ahead]
        return [*(off <= half for half in means), *held, *means]


ESTIMATED = [
    Panels(k, n, tau) for k, n, tau in (
        (18, 2, 0.5), (18, 3, 0.5), (18, 4, 0.5), (18, 6, 0.5), (18, 10, 0.5), (18, 40, 0.5), (18, 4, 0.2), (18, 4, 1.5), (10, 3, 0.5),
        (5, 3, 0.5), (5, 5, 0.5), (40, 6, 0.5),
    )
]  # fmt: skip
OF_PANELS = (
    "cities", "controls", "tau", "mean held", "with k - 1", "new city held", "with k - 1", "with the mean's", "half width", "with k - 1",
)  # fmt: skip
HEADS = (
    "cities", "tau2", "effects", "mean held", "mean held, normal", "new city in the mean's interval", "new city, k - 1", "new city, k - 2",
    "new city, normal", "width",
)  # fmt: skip


def main(samples: int = SAMPLES) -> bool:
    """Print the table; there is no limit to keep."""
    error = 100 * np.sqrt(LEVEL * (1 - LEVEL) / samples)
    print(
        f"{samples:,} samples a row, a tenth with clusters (±{error:.1f} at 95 % for the mean, less for a new city)\n"
    )
    print(f"| {' | '.join(HEADS)} |\n|{'---|' * len(HEADS)}")
    started = time.perf_counter()
    for world in (*WORLDS, *RELATED, *CLUSTERED):
        n = max(samples // 10, 2) if world.clustered else samples
        rows = np.array([_sample(world, [SEED, i]) for i in range(n)])
        *shares, _ = np.nanmean(rows, axis=0)
        shown = [f"{100 * s:.1f}" for s in shares]
        print(
            f"| {world.k} | {world.tau2:g} | {world.name} | {' | '.join(shown)} | {np.median(rows[:, -1]):.2f} |",
            flush=True,
        )
    of_panels(samples // 4)
    print(f"\n{time.perf_counter() - started:.0f} s")
    return True


def of_panels(samples: int) -> None:
    """Print the table of estimated covariances."""
    print(f"\n{samples:,} samples a row\n\n| {' | '.join(OF_PANELS)} |\n|{'---|' * len(OF_PANELS)}")
    for world in ESTIMATED:
        rows = np.array([world.sample([SEED, i]) for i in range(samples)])
        shares, widths = 100 * rows[:, :5].mean(axis=0), np.median(rows[:, 5:], axis=0)
        told = [*(f"{s:.1f}" for s in shares), *(f"{w:.2f}" for w in widths)]
        print(f"| {world.k} | {world.n} | {world.tau:g} | {' | '.join(told)} |", flush=True)


def _sample(world: World, seed: list[int]) -> list[float]:
    effects = world.drawn(np.random.default_rng(seed))
    clusters = "ignore" if world.ignored else "auto"
    found = pool(effects, clusters=clusters, level=LEVEL)  # type: ignore[arg-type]
    normal = pool(effects, clusters="ignore", inference="normal", prediction="normal", level=LEVEL)
    low, high = _with_one_less(found)
    assert found.predicted_low is not None
    assert found.predicted_high is not None
    return [
        found.low <= MEAN <= found.high,
        normal.low <= MEAN <= normal.high,
        world.held(found.low, found.high), world.held(found.predicted_low, found.predicted_high),
        world.held(low, high), world.held(normal.predicted_low, normal.predicted_high),
        (found.predicted_high - found.predicted_low) / (2 * 1.959964 * world.tau2**0.5),
    ]  # fmt: skip


def _with_one_less(found: Pooled) -> tuple[float, float]:
    """The prediction interval with one degree of freedom less."""
    from scipy.stats import t

    assert found.prediction_df is not None
    assert found.prediction_error is not None
    half = float(t.isf((1 - LEVEL) / 2, found.prediction_df - 1)) * found.prediction_error
    return found.mean - half, found.mean + half


if __name__ == "__main__":
    sys.exit(0 if main(*(int(a.replace(",", "")) for a in sys.argv[1:2])) else 1)
