"""What was found, in sentences, and the verdict with the rule that gave it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from scale_impact.core.check import Check, Verdict
from scale_impact.core.words import counted, number, p_words

if TYPE_CHECKING:
    from scale_impact.synthesis.selection import Selection

FEW = 10
"""Effects below which a test of asymmetry can hardly see anything (Sterne et al. 2011)."""

SEEN = {
    "egger": "small studies found more favourable effects than large ones (Egger)",
    "model": "favourable significant effects are over-represented (selection model)",
    "early": "cities that started earlier had more favourable effects",
}
OTHER = {
    "egger": "small studies found less favourable effects than large ones (Egger)",
    "model": "favourable significant effects are under-represented (selection model)",
    "early": "cities that started later had more favourable effects",
}


def signs(found: Selection) -> dict[str, tuple[float, bool]]:
    """The tests that have an answer: p-value, and whether what is seen goes the way that favourable selection would."""
    told: dict[str, tuple[float, bool]] = {}
    if not found.egger.why_not:
        told["egger"] = found.egger.p_value, found.sign * found.egger.slope > 0
    if not found.model.why_not:
        told["model"] = found.model.test_p, found.model.weights[-1] < 1
    if not found.early.why_not:
        told["early"] = found.early.p_value, found.sign * found.early.trend < 0
    return told


def held_together(told: Mapping[str, tuple[float, bool]]) -> dict[str, float]:
    """Their p-values, adjusted for there being several (Holm 1979)."""
    order = sorted(told, key=lambda name: told[name][0])
    adjusted: dict[str, float] = {}
    last = 0.0
    for place, name in enumerate(order):
        last = max(last, min(1.0, (len(order) - place) * told[name][0]))
        adjusted[name] = last
    return adjusted


def check(found: Selection) -> Check:
    """Whether selection of favourable results or cities is seen, as the check ``selection``.

    ``fail``: seen, by a test that counts with the others (Holm) at ``alpha``. ``inconclusive``: not seen, but fewer than ten effects
    could hardly show it, or a pattern that selection of favourable results does not make. ``pass``: not seen among ten or more.
    ``inapplicable``: no test has an answer.
    """
    told = signs(found)
    details = _details(found)
    if not told:
        why = dict.fromkeys((found.egger.why_not, found.model.why_not, found.early.why_not))
        return Check("selection", "inapplicable", f"No test has an answer. {' '.join(why)}", details=details)
    adjusted = held_together(told)
    name = min(adjusted, key=lambda n: (adjusted[n], told[n][0]))
    verdict = _verdict(found, told, adjusted)
    reason = " ".join(s for s in (_finding(found, told, adjusted, verdict), *stress(found)) if s)
    return Check("selection", verdict, reason, _statistic(found, name), adjusted[name], details)


def _verdict(found: Selection, told: Mapping[str, tuple[float, bool]], adjusted: Mapping[str, float]) -> Verdict:
    sure = [name for name, p in adjusted.items() if p < found.alpha]
    if any(told[name][1] for name in sure):
        return "fail"
    return "inconclusive" if sure or len(found.effects) < FEW else "pass"


def _finding(
    found: Selection, told: Mapping[str, tuple[float, bool]], adjusted: Mapping[str, float], verdict: Verdict
) -> str:
    """What the tests say."""
    of = f"{counted(len(told), 'test')} of {counted(len(found.effects), 'effect')}"
    sure = [n for n, p in adjusted.items() if p < found.alpha]
    if sure:
        said = "; ".join(f"{(SEEN if told[n][1] else OTHER)[n]}, {p_words(adjusted[n])}" for n in sure)
        also = "" if verdict == "fail" else " Selection of favourable results does not make such a pattern."
        held = f" (held for {len(told)} tests together)" if len(told) > 1 else ""
        few = "" if len(found.effects) >= FEW else f" Of {counted(len(found.effects), 'effect')} that is rough."
        return f"{said[:1].upper()}{said[1:]}{held}.{also}{few}{_corrected(found)}"
    least = min(adjusted.values())
    weak = f" With fewer than {FEW} effects they could hardly see it." if verdict == "inconclusive" else ""
    return f"Selection is not seen by {of} (smallest {p_words(least)}).{weak}"


def _corrected(found: Selection) -> str:
    """What the mean would be instead."""
    parts = []
    if not found.model.why_not:
        parts.append(f"{_amount(found, found.model.estimate)} by the selection model")
    if not found.pet_peese.why_not:
        parts.append(f"{_amount(found, found.pet_peese.estimate)} by PET-PEESE")
    if not parts:
        return ""
    return f" The mean, {_amount(found, found.pooled.mean)}, would be {' and '.join(parts)}."


def stress(found: Selection) -> list[str]:
    """How much selection the conclusion bears."""
    return [s for s in (_if_picked(found), _if_published(found)) if s]


def _if_picked(found: Selection) -> str:
    picked = found.picked
    if picked.why_not or picked.to_zero == 0:
        return ""
    apart = f", {number(picked.to_zero / picked.unit)} standard deviations between cities" if picked.unit else ""
    return f"The mean is zero if pilots were picked so that their effects are {_amount(found, picked.to_zero)} better than others'{apart}."


def _if_published(found: Selection) -> str:
    often = found.published
    if often.why_not:
        return ""
    if math.isinf(often.to_zero):
        return "No preference for publishing favourable significant effects, however strong, brings it to zero."
    if often.to_zero <= 1:
        return ""
    return f"So it is if favourable significant effects are published {number(often.to_zero)} times as often as others."


def _amount(found: Selection, value: float) -> str:
    unit = f" {found.effects.unit}" if found.effects.unit else ""
    return f"{number(value)}{unit}"


def _statistic(found: Selection, name: str) -> float:
    statistics = {
        "egger": found.egger.statistic,
        "model": found.model.likelihood_ratio,
        "early": found.early.trend / found.early.std_error if found.early.std_error else math.nan,
    }
    return statistics[name]


def _details(found: Selection) -> dict[str, Any]:
    """All numbers as JSON knows them: None where there is none, with the reason beside it."""
    parts = {
        "egger": found.egger, "mixed": found.mixed, "begg": found.begg, "pet": found.pet, "peese": found.peese,
        "trim_and_fill": found.filled, "model": found.model, "early": found.early, "picked": found.picked, "published": found.published,
    }  # fmt: skip
    told = {name: {k: plain(v) for k, v in vars(part).items() if np.ndim(v) == 0} for name, part in parts.items()}
    tests = signs(found)
    adjusted = held_together(tests)
    return {
        "effects": len(found.effects),
        "favourable": found.favoured,
        "alpha": found.alpha,
        "mean": plain(found.pooled.mean),
        "tests": {
            n: {"p_value": plain(p), "adjusted": plain(adjusted[n]), "as_selection": way}
            for n, (p, way) in tests.items()
        },
        "pet_peese": found.pet_peese.method,
        "weights": [plain(w) for w in found.model.weights],
        "sites": [{name: plain(v) for name, v in vars(r).items()} for r in found.sites.rows],
        "sites_why_not": found.sites.why_not,
        "far_sites": [r.name for r in found.sites.far],
        **told,
        "notes": list(found.notes),
    }


def plain(value: Any) -> Any:
    """A value as JSON has it; what is no finite number is None, or ``infinite``."""
    if isinstance(value, (float, np.floating)):
        if math.isinf(value):
            return "infinite"
        return None if math.isnan(value) else float(value)
    return value.item() if hasattr(value, "item") else value
