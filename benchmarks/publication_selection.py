"""How often tests of selection find it, where there is none and where there is, and what corrected means are worth.

    python -m benchmarks.publication_selection [samples]

Each world: k effects around a mean of 0.2 with standard errors from 0.05 to 0.5 (uniform in precision's root) and a standard deviation
between cities of tau. *Published*: effects that are favourable and significant (one-sided p <= 0.025) always, the others with the
probability given; draws go on until k are published. Tests: % with p < 0.05, of the samples in which the test has an answer
(``answers``: % of the samples in which the selection model has one). ``check``: % of verdicts ``fail`` with alpha 0.1, several tests
held together, of all samples. Means: bias, and % of 95 % intervals that hold the true mean before selection.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass

import numpy as np
from scipy import special

from scale_impact.core.city_effects import CityEffects
from scale_impact.synthesis.pooling import pool
from scale_impact.synthesis.selecting.asymmetry import begg, conditional, egger, egger_mixed, limit
from scale_impact.synthesis.selecting.filled import trim_and_fill
from scale_impact.synthesis.selecting.step_model import fit

SAMPLES, SEED, LEVEL, MEAN = 1000, 20251122, 0.95, 0.2


@dataclass(frozen=True)
class World:
    """k published effects, the standard deviation between cities, and the probability that a disappointing effect is published."""

    k: int
    tau: float
    published: float

    def drawn(self, rng: np.random.Generator) -> CityEffects:
        """The first k effects that are published."""
        effects: list[float] = []
        errors: list[float] = []
        while len(effects) < self.k:
            error = float(rng.uniform(math.sqrt(0.05), math.sqrt(0.5)) ** 2)
            effect = float(rng.normal(MEAN, math.hypot(error, self.tau)))
            if special.ndtr(-effect / error) <= 0.025 or rng.random() < self.published:
                effects.append(effect)
                errors.append(error)
        return CityEffects.of(effects, errors)


WORLDS = [World(k, tau, share) for share in (1.0, 0.2, 0.05) for tau in (0.0, 0.1, 0.3) for k in (10, 20, 50)]
TESTS = ("egger", "mixed", "begg", "model")
MEANS = ("pooled", "PET-PEESE", "trim and fill", "model")
HEADS = (
    "published",
    "tau",
    "k",
    *TESTS,
    "answers",
    "check",
    *(f"{m}: {of}" for m in MEANS for of in ("bias", "holds")),
)


def main(samples: int = SAMPLES) -> bool:
    """Print the table."""
    print(f"{samples:,} samples a row (a rate of 5 % is known to ±{196 * math.sqrt(0.05 * 0.95 / samples):.1f})\n")
    print(f"| {' | '.join(HEADS)} |\n|{'---|' * len(HEADS)}")
    for world in WORLDS:
        rows = [sample(world, [SEED, n]) for n in range(samples)]
        print(
            f"| {100 * world.published:.0f} % | {world.tau:g} | {world.k} | {' | '.join(summary(rows))} |", flush=True
        )
    return True


def sample(world: World, seed: list[int]) -> dict[str, float]:
    """p-values, and each mean with its ends, of one sample."""
    effects = world.drawn(np.random.default_rng(seed))
    model = fit(
        effects.effects, effects.variances, cuts=[0.025], sided="one-sided", least=4, level=LEVEL, profile=False
    )
    slope = egger(effects)
    found = {
        "egger": slope.p_value,
        "mixed": egger_mixed(effects).p_value,
        "begg": begg(effects).p_value,
        "model": model.test_p,
    }
    found["check"] = float(
        _seen(slope.p_value, slope.slope > 0, model.test_p, bool(model.weights) and model.weights[-1] < 1)
    )
    pet = conditional(limit(effects, "pet", level=LEVEL), limit(effects, "peese", level=LEVEL))
    means = {
        "pooled": pool(effects, level=LEVEL),
        "PET-PEESE": pet,
        "trim and fill": trim_and_fill(effects, level=LEVEL),
        "model": model,
    }
    for name, mean in means.items():
        centre = mean.mean if name == "pooled" else mean.estimate  # type: ignore[union-attr]
        found |= {
            f"{name} at": centre,
            f"{name} holds": float(mean.low <= MEAN <= mean.high) if centre == centre else math.nan,
        }
    return found


def _seen(egger_p: float, egger_up: bool, model_p: float, model_down: bool) -> bool:
    """Whether the check fails (Holm's rule for two tests; one where the model has no answer)."""
    told = sorted((p, way) for p, way in ((egger_p, egger_up), (model_p, model_down)) if p == p)
    sure = []
    for place, (p, way) in enumerate(told):
        if p * (len(told) - place) >= 0.1:
            break
        sure.append(way)
    return any(sure)


def summary(rows: list[dict[str, float]]) -> list[str]:
    """Cells of a row."""
    column = {name: np.array([r[name] for r in rows]) for name in rows[0]}
    answers = [column[t][~np.isnan(column[t])] for t in TESTS]
    cells = [f"{100 * np.mean(p < 0.05):.1f}" if len(p) else "" for p in answers]
    cells += [f"{100 * np.mean(~np.isnan(column['model'])):.0f}", f"{100 * column['check'].mean():.1f}"]
    for name in MEANS:
        at, holds = (column[f"{name} {what}"][~np.isnan(column[f"{name} at"])] for what in ("at", "holds"))
        cells += [f"{at.mean() - MEAN:+.3f}", f"{100 * holds.mean():.1f}"] if len(at) else ["", ""]
    return cells


if __name__ == "__main__":
    main(*(int(a) for a in sys.argv[1:]))
