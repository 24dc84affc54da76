"""The held-out test in words: the sentences, the table, the check, and what a reader has to know."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from scale_impact.core.check import Check, Verdict
from scale_impact.core.city_effects import CityEffects
from scale_impact.core.words import counted, number, p_words, some

if TYPE_CHECKING:
    import pandas as pd

    from scale_impact.synthesis.held_out import HeldOut
    from scale_impact.synthesis.holding_out.pooled import Without
    from scale_impact.synthesis.holding_out.record import Coverage
    from scale_impact.synthesis.holding_out.rivals import Told

NAME = "held_out"

ENOUGH = 10
"""Of fewer cities even a record without a miss says little."""

NOISE = 0.2
"""Share of the interval's variance from which the measurement's own error is worth a word."""


def sentences(found: HeldOut) -> list[str]:
    """The track record."""
    if found.of_mean is None or found.of_prediction is None or found.of_measured is None:
        return [str(found.why_not)]
    level, what = f"{100 * found.level:.6g} %", "cluster" if found.left_out == "cluster" else "city"
    said = [
        f"Each {what} was left out once and predicted from the others. The {level} confidence interval of the others' mean held what was measured "
        f"in {found.of_mean.in_words()}; the {level} prediction interval did in {found.of_prediction.in_words()}.",
        _difference(found.of_mean, found.of_prediction),
        "What is measured errs too: the interval that counts this and the controls that cities share held "
        f"{found.of_measured.in_words()}.",
    ]
    if found.of_similarity is not None and found.of_similarity.n:
        said.append(f"The same by similarity held {found.of_similarity.in_words()}.")
    return [*said, *_errors(found), *(s.in_words() for s in (found.signs, found.targets) if s is not None)]


def _difference(mean: Coverage, prediction: Coverage) -> str:
    if mean.hits < prediction.hits:
        return (
            "The first says how well the average is known, not what a city gets: whoever reads it as a promise for one city is wrong in "
            f"{mean.n - mean.hits} of {mean.n} cities. The prediction interval is the one for a city."
        )
    return "Here both held as many: effects differ between cities by little more than their errors, or the average is hardly known."


def _errors(found: HeldOut) -> Iterator[str]:
    first = next(iter(found.errors.values()))
    if first.mae is not None and first.rmse is not None:
        unit = f" {found.effects.unit}" if found.effects.unit else ""
        true = ""
        if first.rmse_true is not None:
            true = f", {_plain(first.rmse_true)} without the errors of what was measured"
            true = true if first.rmse_true > 0 else ", all of which the errors of what was measured can explain"
        yield (
            f"The {first.predictor} missed by {_plain(first.mae)}{unit} on average (root mean square {_plain(first.rmse)}{true})."
        )
    rest = [e.in_words() for e in found.errors.values() if e.predictor != "use the mean"]
    yield "Mean squared error beside the plain mean of the others: " + "; ".join(rest) + "."


def _plain(value: float) -> str:
    return number(float(f"{value:.3g}"))


# ---- the check -----------------------------------------------------------------------------------------


def check(found: HeldOut) -> Check:
    """``fail`` where what is measured lies outside more often than the level allows; ``inconclusive`` of few cities."""
    held = found.of_measured
    if held is None or found.of_mean is None or found.of_prediction is None:
        return Check.inapplicable(NAME, str(found.why_not))
    if held.n == 0:
        why = "" if found.without is None else next(iter(found.without.why_not.values()), "")
        return Check.inapplicable(NAME, f"No city has a prediction interval. {why}".strip())
    p = _too_many_misses(held)
    return Check(
        NAME, _verdict(held, p), " ".join([*sentences(found)[:2], _judgement(held, p)]), held.share, p, details(found)
    )


def _too_many_misses(held: Coverage) -> float:
    """Probability of so few hits or fewer, were the level right."""
    from scipy import special

    return float(special.bdtr(held.hits, held.n, held.level))


def _verdict(held: Coverage, p: float) -> Verdict:
    if p < 0.05:
        return "fail"
    return "inconclusive" if held.n < ENOUGH else "pass"


def _judgement(held: Coverage, p: float) -> str:
    promise = f"Counting the errors of what was measured, {held.hits} of {held.n} lay within, and {100 * held.level:.6g} % were promised"
    if p < 0.05:
        return f"{promise}: more misses than chance explains ({p_words(p)}). Predictions for a new city are too sure."
    if held.n < ENOUGH:
        return f"{promise}: {counted(held.n, 'city', 'cities')} are too few to judge that."
    return f"{promise}: no more misses than chance explains ({p_words(p)})."


def details(found: HeldOut) -> dict[str, Any]:
    """Numbers of the record as JSON knows them."""
    of = {
        "mean": found.of_mean, "prediction": found.of_prediction, "measured": found.of_measured, "similarity": found.of_similarity,
    }  # fmt: skip
    return {
        "left_out": found.left_out,
        "coverage": {name: None if c is None else _counts(c) for name, c in of.items()},
        "calibration": [{"level": c.level, **_counts(c)} for c in found.calibration],
        "errors": {name: vars(e) | {} for name, e in found.errors.items()},
        "signs": None if found.signs is None else vars(found.signs) | {},
        "target": None if found.targets is None else vars(found.targets) | {},
        "missed": [label for label, missed in zip(found.effects.labels, found.missed, strict=True) if missed],
    }


def _counts(held: Coverage) -> dict[str, Any]:
    shares = {name: getattr(held, name) for name in ("share", "low", "high")}
    return {"hits": held.hits, "n": held.n, **{n: None if math.isnan(v) else v for n, v in shares.items()}}


# ---- table and notes -----------------------------------------------------------------------------------


def table(found: HeldOut) -> pd.DataFrame:
    """See ``HeldOut.table``; ``held`` is missing where there is no interval, with the reason."""
    import pandas as pd

    effects, without = found.effects, found.without
    frame = pd.DataFrame(
        {"city": list(effects.labels), "actual": effects.effects, "std_error": np.sqrt(effects.variances)}
    )
    if without is None:
        return frame.assign(reason=str(found.why_not))
    frame = frame.assign(
        mean=without.mean, low=without.low, high=without.high, tau2=without.tau2, predicted_low=without.predicted_low,
        predicted_high=without.predicted_high, measured_low=without.measured_low, measured_high=without.measured_high,
    )  # fmt: skip
    y = effects.effects
    for name, low, high in (
        ("in_mean", without.low, without.high), ("in_prediction", without.predicted_low, without.predicted_high),
        ("in_measured", without.measured_low, without.measured_high),
    ):  # fmt: skip
        known = np.isfinite(low) & np.isfinite(high)
        held = (low <= y) & (y <= high)
        frame[name] = pd.array([bool(h) if k else None for h, k in zip(held, known, strict=True)], dtype="boolean")
    for told in found.told.values():
        frame[told.name.replace(" ", "_")] = told.values
    frame["reason"] = [without.why_not.get(c, "") for c in effects.labels]
    return frame


def notes(effects: CityEffects, without: Without, told: Mapping[str, Told]) -> Iterator[str]:
    """What the record rests on."""
    yield "Cities are predicted from nearly the same others, so that their hits are not independent: intervals of shares are rough."
    share = float(np.nanmean(effects.variances / without.measured_error**2)) if len(effects) else 0.0
    if share > NOISE:
        yield (
            f"{100 * min(share, 1.0):.0f} % of the variance of what was measured around its prediction is the measurement's own error: a miss says less of "
            "the prediction, and a hit too."
        )
    if without.why_not:
        yield f"No prediction interval for {some(list(without.why_not))}: {next(iter(without.why_not.values()))}."
    for other in told.values():
        if other.missing and other.why_not is None:
            yield f"{other.name}: no prediction for {some(list(other.missing))}. {next(iter(other.missing.values()))}"
