"""Scale-up: speed and memory, and how near worlds come to closed forms: ``python -m benchmarks.scale_up [--worlds 100000] [--draws]``.

Speed: 100,000 worlds, 20 years, 8 partners, 24 flows, every input with a range, a logistic curve and a fading effect in each world;
limit 2 s for the whole outlook (simulation, tables, tornado, value of information), of which the simulation is told apart; memory
under 1 GiB. Draws (``--draws``): net benefits that are normal have closed forms (Raiffa and Schlaifer 1961); the root mean square
error of the value of information over 200 seeds, and its bias.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np

from scale_impact.core.scaleup_choices import ScaleUp
from scale_impact.scaleup.effect import EffectToScale
from scale_impact.scaleup.information import curve, gain, preposterior
from scale_impact.scaleup.inputs import inputs_of
from scale_impact.scaleup.ledger import lines
from scale_impact.scaleup.outlook import look_ahead
from scale_impact.scaleup.simulation import simulate

PARTNERS = ("city", "utility", "operator", "vendor", "state", "old town", "harbour", "hills")
KINDS = ("city", "utility", "operator", "vendor", "state", "citizens", "citizens", "citizens")
LIMIT_SECONDS, LIMIT_MIB = 2.0, 1024


def wide(value: float) -> dict[str, float]:
    return {"value": value, "low": 0.6 * value, "high": 1.7 * value}


def large(worlds: int) -> ScaleUp:
    price = {"currency": "EUR", "year": 2024, "source": "made up"}
    flows = []
    for k, name in enumerate(PARTNERS):
        other = PARTNERS[(k + 1) % len(PARTNERS)]
        flows += [
            {"name": f"cost of {name}", "kind": "cost", "paid_by": name, "amount": wide(40), "per": "unit", **price},
            {"name": f"{name} to {other}", "kind": "transfer", "paid_by": name, "received_by": other, "amount": wide(1e5), "per": "year", **price},
            {"name": f"worth to {name}", "kind": "benefit", "received_by": name, "amount": wide(30), "per": "effect", **price},
        ]  # fmt: skip
    flows[0] |= {"per": "new_unit", "learns": True}
    reason = {"reason": "made up"}
    share = {"value": 0.8, "low": 0.5, "high": 0.95}
    return ScaleUp.model_validate({
        "city": "Testford", "effect": {"study": "made-up"}, "horizon": 20, "currency": "EUR", "year": 2024, "draws": worlds,
        "reach": {"units": wide(100_000), "unit": "households", "share": share, "source": "made up"},
        "adoption": {"curve": "logistic", "midpoint": wide(5), "years": wide(6), "ceiling": share, **reason},
        "dose": {"value": wide(1), **reason}, "decay": {"half_life": wide(6), **reason},
        "voltage": {k: {"factor": share, **reason} for k in ("false_positive", "population", "ingredients", "spillovers", "cost")},
        "learning": {"rate": {"value": 0.9, "low": 0.85, "high": 0.95}, "before": 500, **reason},
        "discount": {"rate": 0.03, "low": 0.01, "high": 0.05, "source": "made up"}, "optimism": {"costs": 0.2, "benefits": 0.1, **reason},
        "partners": [{"name": n, "kind": k} for n, k in zip(PARTNERS, KINDS, strict=True)], "flows": flows,
        "correlations": [{"between": ["cost of city", "cost of vendor"], "rho": 0.5, **reason}],
        "measurements": [{"name": "second pilot", "of": "effect", "std_error": 0.3, "cost": 1e5, **price}],
    })  # fmt: skip


def speed(worlds: int) -> None:
    import pandas  # noqa: F401
    import scipy.interpolate
    import scipy.special  # noqa: F401

    choices, effect = (
        large(worlds),
        EffectToScale(1.0, 0.6, df=9, unit="points", outcome_unit="points", label="made up"),
    )
    start, processor = time.perf_counter(), time.process_time()
    found = simulate(choices, effect, inputs_of(choices, effect, 0.95), lines(choices), seed=1)
    drawn, drawn_cpu = time.perf_counter() - start, time.process_time() - processor
    start, processor = time.perf_counter(), time.process_time()
    outlook = look_ahead(choices, effect, seed=1)
    whole, whole_cpu = time.perf_counter() - start, time.process_time() - processor
    mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{found.n:,} worlds, {choices.horizon} years, {len(PARTNERS)} partners, {len(choices.flows)} flows, {len(outlook.tornado)} inputs with a range"
    )
    print(
        f"  simulation {drawn:.2f} s ({drawn_cpu:.2f} s of processor, limit {LIMIT_SECONDS:g}), the whole outlook {whole:.2f} s ({whole_cpu:.2f}), "
        f"peak memory {mib:,.0f} MiB (limit {LIMIT_MIB:,})"
    )
    print(f"  {outlook!r}")


def draws(worlds: int, seeds: int = 200) -> None:
    from scipy.stats import norm

    def loss(mean: float, sd: float) -> float:
        d = abs(mean) / sd
        return float(sd * (norm.pdf(d) - d * norm.sf(d)))

    print(
        f"value of information of a normal net benefit, standard deviation 1, {worlds:,} worlds, {seeds} seeds: bias and root mean square error"
    )
    for mean in (0.0, 0.5, -1.5):
        for name, std_error in (("perfect", 0.0), ("as exact as what is known", 1.0), ("a third as exact", 3.0)):
            errors = []
            for seed in range(seeds):
                rng = np.random.default_rng([seed, 7])
                x = rng.normal(mean, 1, worlds)
                npv = x + rng.normal(0, 1, worlds)  # another input that stays unknown
                known = curve(x, npv)
                told = known if std_error == 0 else preposterior(x, known.values, std_error, rng.normal(size=worlds))
                errors.append(gain(told.values)[0] - loss(mean, 1 / np.sqrt(1 + std_error**2)))
            rms = np.sqrt(np.mean(np.square(errors)))
            print(f"  mean {mean:+.1f}, measurement {name}: {np.mean(errors):+.5f}, {rms:.5f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=100_000)
    parser.add_argument("--draws", action="store_true", help="closed forms instead of speed")
    given = parser.parse_args()
    draws(min(given.worlds, 20_000)) if given.draws else speed(given.worlds)


if __name__ == "__main__":
    main()
