"""What a power analysis says, in sentences for who has to decide."""

from __future__ import annotations

import math

from scale_impact.core.check import Check
from scale_impact.core.experiment.power.plan import PowerPlan, Prospect
from scale_impact.core.words import effect_unit, number

KEY = "power_analysis"
"""Name of the verdict on a trial in checks.jsonl."""


def verdict(plan: PowerPlan, unit: str) -> str:
    """The smallest trial that suffices, or how far the largest is from it."""
    best, q = plan.best, plan.question
    amount = _amount(plan, best.mde.value, unit)
    if plan.reached:
        return (
            f"{best.trial.label}: an effect of {q.wish} would be noticed in {_share(best.power)} of such trials. It is the smallest of the "
            f"{len(plan.prospects)} that were considered which reaches {_share(q.power)}; its smallest effect noticed is {amount}."
        )
    return (
        f"No trial that was considered notices {q.wish} as often as {_share(q.power)}. The best, {best.trial.label}, does in "
        f"{_share(best.power)}; with that power it would notice {amount}. Take more cities or periods, or want a larger effect."
    )


def sentences(plan: PowerPlan, unit: str) -> list[str]:
    """The verdict, what it rests on, and what it cannot say."""
    q = plan.question
    kind = (
        "All cities start, at dates that are dealt"
        if q.trials[0].kind == "stepped_wedge"
        else "Some cities start at one date, the others never"
    )
    return [
        verdict(plan, unit),
        f"{kind}. Each of {len(q.trials)} trials was simulated {q.draws:,} times, dealt anew, with the study's own estimator and inference "
        f"at level {q.alpha:g}.",
        q.noise.words,
        _precision(plan.best, q.draws),
        _alarms(plan),
        *_of_formula(plan, unit),
        *plan.notes,
    ]


def _precision(best: Prospect, draws: int) -> str:
    error = math.sqrt(best.power * (1 - best.power) / draws)
    return f"Simulation leaves a power uncertain by about {196 * error:.0f} percentage points either way; take more `draws` for less."


def _alarms(plan: PowerPlan) -> str:
    q = plan.question
    error = math.sqrt(q.alpha * (1 - q.alpha) / q.draws)
    loud = [p for p in plan.prospects if p.false_alarms > q.alpha + 3 * error]
    rates = [p.false_alarms for p in plan.prospects]
    said = f"Without an effect one was found in {_share(min(rates))} to {_share(max(rates))} of simulated trials; {_share(q.alpha)} would be right."
    if not loud:
        return said
    return f"{said} In {loud[0].trial.label} that is too often: its power is flattered. Use another inference, such as randomisation."


def _of_formula(plan: PowerPlan, unit: str) -> list[str]:
    best = plan.best
    if best.formula is None:
        return []
    return [
        f"The formula of Hussey and Hughes (2007), which knows the variances, gives {_amount(plan, best.formula, unit)} for this trial: what "
        "the study's own estimator and inference cost beyond that is the difference."
    ]


def as_check(plan: PowerPlan, unit: str) -> Check:
    """The plan as a row of checks.jsonl."""
    best, q = plan.best, plan.question
    details = {
        "trial": best.trial.label, "power": best.power, "wanted": q.effect, "asked": q.power, "alpha": q.alpha, "draws": q.draws,
        "false_alarms": best.false_alarms,
    }  # fmt: skip
    return Check(KEY, "pass" if plan.reached else "fail", verdict(plan, unit), best.power, None, details)


def _amount(plan: PowerPlan, effect: float | None, unit: str) -> str:
    if effect is None:
        return "none that is known"
    share = plan.per_cent(effect)
    own = "" if plan.question.log else f"{number(effect)} {effect_unit(unit)}"
    per_cent = "" if share is None else f"{number(share)} %"
    return f"{own} ({per_cent} of the mean outcome)" if own and per_cent else own or per_cent


def _share(value: float) -> str:
    return f"{value:.0%}".replace("%", " %")
