"""What a plan for a pilot says, in sentences for who has to decide."""

from __future__ import annotations

import math

from scale_impact.core.check import Check
from scale_impact.core.pilot.plan import Option, PilotPlan
from scale_impact.core.pilot.question import said_of
from scale_impact.core.pilot.thresholds import power_at, smallest
from scale_impact.core.words import counted, effect_unit, number, plain, some

KEY = "pilot_design"
"""Name of the verdict on a plan in checks.jsonl."""

FEW = 0.005
"""Donor weights below this are not named."""


def sentences(plan: PilotPlan, unit: str) -> list[str]:
    """The recommendation with its reasons, what the pilot would miss, and what the numbers cannot say.

    ``unit`` is that of the outcome.
    """
    said = [f"Asked: {said_of(plan.question)}."]
    if plan.found is None:
        return [*said, _no_promise(plan), *plan.left_out.values(), *plan.notes]
    return [
        *said, verdict(plan, unit), _why(plan, plan.found, unit), _missed(plan, plan.found, unit), *_otherwise(plan, unit),
        *_of_donors(plan), _alarms(plan, plan.found), *(f"Not planned: {why}." for why in plan.left_out.values()), *plan.notes,
    ]  # fmt: skip


def verdict(plan: PilotPlan, unit: str) -> str:
    """The recommendation, or the smallest effect that can be reached."""
    found = plan.found
    if found is None:
        return _no_promise(plan)
    amount = _amount(plan, found, plan.promised(found).value, unit)
    if plan.reached:
        return f"Choose {_who(found)} and run for {counted(found.duration, 'period')}: an effect of {amount} would be noticed."
    if found.wanted is None:
        return f"{_who(found)}: per cent of an outcome that is not positive say nothing; in its unit {amount} would be noticed."
    return (
        f"An effect of {plan.question.wish} is out of reach: no plan notices it with power {plan.question.power:g} in the windows held "
        f"out. The nearest is {_who(found)} for {counted(found.duration, 'period')}, which notices {amount}. Run longer, take more "
        "pilots or units of comparison, or want a larger effect."
    )


def _no_promise(plan: PilotPlan) -> str:
    reasons = [plan.promised(o).reason or "" for o in plan.best]
    return f"No plan can promise power {plan.question.power:g}: {some(list(dict.fromkeys(reasons)), 2) or 'no duration fits'}."


def _who(option: Option) -> str:
    return " and ".join(option.names)


def _amount(plan: PilotPlan, option: Option, effect: float | None, unit: str) -> str:
    """An effect in the unit and in per cent."""
    if effect is None:
        return "none that is known"
    share = plan.per_cent(option, effect)
    own = "" if plan.question.log else f"{number(effect)} {effect_unit(unit)}"
    per_cent = "" if share is None else f"{number(share)} %"
    return f"{own} ({per_cent} of its outcome)" if own and per_cent else own or per_cent


def _why(plan: PilotPlan, found: Option, unit: str) -> str:
    many = len([o for o in plan.options if o.duration == found.duration])
    held = found.held_out
    assert held is not None
    pretended = f"pretended pilots of {counted(found.duration, 'period')}"
    chosen = _amount(plan, found, found.mde, unit)
    later = _amount(plan, found, smallest(held.thresholds, plan.question.power), unit)
    return (
        f"It is the best of {counted(many, 'set')} over all durations. In the {len(found.chosen_by)} {pretended} that it was chosen by "
        f"it noticed {chosen}. The best of many is best by luck too: in {len(held.thresholds)} later ones that did not choose it, it "
        f"noticed {later}. The larger of the two is the number to go by."
    )


def _missed(plan: PilotPlan, found: Option, unit: str) -> str:
    """How often smaller effects would be missed."""
    held = found.held_out
    assert held is not None
    target = found.wanted if found.wanted is not None else plan.promised(found).value
    assert target is not None
    power, half = power_at(held.thresholds, target), power_at(held.thresholds, target / 2)
    return (
        f"What it would miss: an effect of {_amount(plan, found, target, unit)} was noticed in {power:.0%} of the windows held out, one "
        f"of half that size in {half:.0%}. A pilot that finds nothing would not show that there is nothing."
    ).replace("%", " %").replace("  %", " %")  # fmt: skip


def _otherwise(plan: PilotPlan, unit: str) -> list[str]:
    """What shorter and longer pilots would notice."""
    found = plan.found
    assert found is not None
    others = [o for o in plan.best if o.duration != found.duration]
    said = [f"{counted(o.duration, 'period')}: {_amount(plan, o, plan.promised(o).value, unit)}" for o in others]
    missing = [
        o for o in others if o.duration > found.duration and (plan.promised(o).value or math.inf) > (o.wanted or 0.0)
    ]
    caution = (
        " Numbers scatter from one duration to the next, because windows are few: as some longer pilots would miss the wanted "
        "effect, take theirs for as likely."
    )
    return (
        [f"Other durations would notice: {'; '.join(said)}.{caution if plan.reached and missing else ''}"]
        if said
        else []
    )


def _of_donors(plan: PilotPlan) -> list[str]:
    """Who would be compared with the recommended pilots, and how well they follow."""
    shown = plan.shown
    if shown is None or shown.donors is None:
        return []
    said = []
    for name in shown.donors.columns:
        weights = shown.donors[name].sort_values(ascending=False, kind="stable")
        named = [f"{donor} {weight:.0%}".replace("%", " %") for donor, weight in weights.items() if weight >= FEW]
        said.append(f"{name} is compared with {some(named, 8)}")
    fit = [number(float(f)) for f in shown.pre_rmspe]
    return [f"{'; '.join(said)}. Root mean squared gap over all periods but the last: {some(fit)}."]


def _alarms(plan: PilotPlan, found: Option) -> str:
    held = found.held_out
    assert held is not None
    return (
        f"With {counted(held.placebos, 'set')} of cities in the pilots' place, the test found something in {held.false_alarms:.0%} of the "
        f"windows held out, in which nothing had begun; {plan.question.trial.alpha:.0%} would be expected."
    ).replace("%", " %") + _raised(held.raised)  # fmt: skip


def _raised(times: float) -> str:
    """That effects count as noticed beyond what was found where nothing was."""
    if times <= 1:
        return ""
    return (
        f" So an effect counted as noticed here only beyond {number(times)} times the test's limit; read a p-value near alpha as "
        "weaker than it says."
    )


def as_check(plan: PilotPlan, unit: str) -> Check:
    """The plan as a row of checks.jsonl: passed where the wanted effect is within reach in the windows held out."""
    found = plan.found
    if found is None or found.held_out is None:
        return Check(KEY, "inconclusive", verdict(plan, unit), details={"left_out": _left(plan)})
    power = None if found.wanted is None else power_at(found.held_out.thresholds, found.wanted)
    details = {
        "pilots": list(found.names), "periods": found.duration, "wanted": found.wanted, "power": plan.question.power,
        "alpha": plan.question.trial.alpha, "false_alarms": found.held_out.false_alarms, "left_out": _left(plan),
        "curve": [{k: float(v) for k, v in row.items()} for row in plan.power_curve(found).to_dict("records")],
    }  # fmt: skip
    return Check(KEY, "pass" if plan.reached else "fail", verdict(plan, unit), power, None, details)


def _left(plan: PilotPlan) -> list[str]:
    return [plain(why) for why in plan.left_out.values()]
