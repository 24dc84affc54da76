"""Decision: stop, adapt or scale, by rules that are tried in one order; the first that holds gives the answer.

| rule | when | answer |
|---|---|---|
| harm | the effect at scale is probably harmful | stop |
| loss | all together lose on average, and no measurement is worth its cost | stop |
| hopeless | all together seldom gain, and no measurement is worth its cost | stop |
| measure | a measurement is worth more than it costs | adapt |
| payer | a partner that has to agree probably loses | adapt |
| unsure | all together gain, but not surely enough | adapt |
| readiness | an item that stops a roll-out is answered with no | adapt |
| scale | none of these | scale |

Harm is asked of the effect itself: factors of voltage make a harm smaller, but no less of a harm.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from scale_impact.core.check import Check, Verdict
from scale_impact.core.scaleup_choices import ScaleUp
from scale_impact.core.words import some
from scale_impact.scaleup.effect import EffectToScale
from scale_impact.scaleup.information import Information
from scale_impact.scaleup.readiness import readiness
from scale_impact.scaleup.simulation import Simulated
from scale_impact.scaleup.words import money, percent

Answer = Literal["stop", "adapt", "scale"]

VERDICTS: Mapping[Answer, Verdict] = {"scale": "pass", "adapt": "inconclusive", "stop": "fail"}


@dataclass(frozen=True)
class Rule:
    """A rule: its name, what it answers, whether it holds, and the numbers in words."""

    rule: str
    decision: Answer
    holds: bool
    reason: str


@dataclass(frozen=True)
class Decision:
    """The answer, the rule that gave it, all rules in their order, and the measurements that could be made first with their worth."""

    decision: Answer
    rule: str
    reason: str
    rules: tuple[Rule, ...]
    measurements: tuple[Mapping[str, Any], ...] = ()

    def check(self) -> Check:
        """The check ``decision``: pass is scale, inconclusive adapt, fail stop."""
        rules, measurements = [asdict(r) for r in self.rules], [dict(m) for m in self.measurements]
        details = {"decision": self.decision, "rule": self.rule, "rules": rules, "measurements": measurements}
        return Check(
            "decision", VERDICTS[self.decision], f"{self.decision.capitalize()}. {self.reason}", details=details
        )


def decide(choices: ScaleUp, effect: EffectToScale, found: Simulated, known: Information) -> Decision:
    """Try the rules in their order."""
    harm = float((effect.improvement(found.worlds["effect"]) < 0).mean())
    tried = tuple(_rules(choices, found, known, harm))
    rules = (*tried, _scale(choices, found, tried))
    first = next(r for r in rules if r.holds)
    also = [r for r in rules if r.holds and r is not first and r.decision == first.decision]
    reason = " ".join([first.reason, *(r.reason for r in also)])
    return Decision(first.decision, first.rule, reason, rules, tuple(known.measurements.to_dict("records")))


def must_agree(choices: ScaleUp) -> tuple[str, ...]:
    """Partners without which nothing happens: by default all that pay anything."""
    payers = {p for flow in choices.flows for p in flow.paid_by or {}}
    return tuple(p.name for p in choices.partners if (p.name in payers if p.must_agree is None else p.must_agree))


def _rules(choices: ScaleUp, found: Simulated, known: Information, harm: float) -> Iterator[Rule]:
    """All rules but the last one; ``harm`` is the probability of it."""
    limits, mean, gains = choices.rules, float(found.npv.mean()), float((found.npv > 0).mean())
    worth = known.worth_it
    unmeasured = (
        " No measurement that the study names is worth its cost."
        if len(choices.measurements)
        else " The study names no measurement."
    )
    yield Rule(
        "harm", "stop", harm > limits.harm,
        f"The effect is harmful with a probability of {percent(harm)} (limit {percent(limits.harm)}).",
    )  # fmt: skip
    yield Rule(
        "loss", "stop", mean <= 0 and not len(worth),
        f"{_on_average(mean, choices)}.{unmeasured if mean <= 0 and not len(worth) else ''}",
    )  # fmt: skip
    yield Rule(
        "hopeless", "stop", gains < limits.hopeless and not len(worth),
        f"The net present value of all is above 0 with a probability of {percent(gains)} (at least {percent(limits.hopeless)} is asked for).",
    )  # fmt: skip
    yield _measure(choices, known)
    yield _payers(choices, found)
    yield Rule(
        "unsure", "adapt", gains < limits.sure,
        f"The net present value of all is above 0 with a probability of {percent(gains)} ({percent(limits.sure)} is asked for to scale).",
    )  # fmt: skip
    yield _readiness(choices)


def _scale(choices: ScaleUp, found: Simulated, tried: tuple[Rule, ...]) -> Rule:
    """Holds where none of the others does: the mean is above 0 then, for a loss stops it or is first measured."""
    told = _on_average(float(found.npv.mean()), choices)
    if held := [r.rule for r in tried if r.holds]:
        return Rule("scale", "scale", False, f"{told}, but other rules hold: {some(held, len(held))}.")
    gains = percent(float((found.npv > 0).mean()))
    return Rule(
        "scale", "scale", True, f"{told}, with a probability of {gains}; nobody who has to agree is likely to lose."
    )


def _on_average(mean: float, choices: ScaleUp) -> str:
    if mean == 0:
        return "All partners together neither gain nor lose on average"
    return f"All partners together {'lose' if mean < 0 else 'gain'} {money(abs(mean), choices)} on average"


def _measure(choices: ScaleUp, known: Information) -> Rule:
    worth = known.worth_it
    if not len(worth):
        return Rule("measure", "adapt", False, "No measurement is worth its cost.")
    first = worth.iloc[0]
    told = (
        f"Measure first: {first['name']} changes the decision with a probability of {percent(first['flips'])} and is worth "
        f"{money(first['after_delay'], choices)}, more than its cost of {money(first['cost'], choices)}."
    )
    return Rule("measure", "adapt", True, told)


def _payers(choices: ScaleUp, found: Simulated) -> Rule:
    limit = choices.rules.payer
    loses = {name: float((found.npv_of(name) < 0).mean()) for name in must_agree(choices)}
    losing = [f"{name} loses with a probability of {percent(p)}" for name, p in loses.items() if p > limit]
    if not losing:
        told = f"No partner that has to agree loses with a probability above {percent(limit)}."
        return Rule("payer", "adapt", False, told)
    told = f"{some(losing)}, and has to agree (accepted are {percent(limit)}): change who pays what."
    return Rule("payer", "adapt", True, told)


def _readiness(choices: ScaleUp) -> Rule:
    stops = readiness(choices.readiness).stops
    if not stops:
        return Rule("readiness", "adapt", False, "No item of the readiness checklist stops a roll-out.")
    return Rule("readiness", "adapt", True, f"The readiness checklist says no to {some([i.topic for i in stops])}.")
