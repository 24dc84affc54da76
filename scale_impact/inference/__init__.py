"""Inference for few clusters: one file a method, and the file name is the key.

``judge(panel, design, refit, effect, targets, *, seed, options) -> [Judgement | None]``, one for each
target, which is an estimate of the effect (the overall one is the first). A method brings interval and p-value, and its words,
in place of the t or normal distribution; ``refit(panel, design)`` estimates the effect again, so
that no method imports an estimator.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from scale_impact.core import keys
from scale_impact.core.analysis import NO_VARIATION, ROUGH
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect, Judgement
from scale_impact.core.panel import Panel
from scale_impact.core.targets import Target, family_at, overall_target, targets_of, with_judgements
from scale_impact.errors import ScaleImpactError, UsageError
from scale_impact.inference._auto import Rule, alone, choose, named, rest_on_few
from scale_impact.inference._auto import enough as enough

ALONE = (
    "Effects that rest on five treated clusters of their own or fewer (see the number's words) are judged by randomisation, which "
    "assumes that treated and untreated vary alike."
)

Refit = Callable[[Panel, Design], Effect]
Inference = str | Mapping[str, Mapping[str, Any] | None]


def names() -> tuple[str, ...]:
    """Keys of all methods."""
    return keys.names("inference")


def parsed(inference: Inference) -> tuple[str, dict[str, Any]]:
    """Method and options of ``name`` or ``{name: {option: value}}``.

    Raises
    ------
    UsageError
        No such method, or an option that it does not take.
    """
    if isinstance(inference, str):
        name, options = inference, {}
    elif isinstance(inference, Mapping) and len(inference) == 1:
        name, given = next(iter(inference.items()))
        options = dict(given or {})
    else:
        raise UsageError(f"inference is {inference!r}; write a method or {{method: {{option: value}}}}.")
    if problems := keys.wrong_inference(name, options):
        raise UsageError([f"inference: {p}" for p in problems])
    return name, options


def judged(
    effect: Effect,
    panel: Panel,
    design: Design,
    refit: Refit,
    inference: Inference = "auto",
    *,
    seed: int | None = None,
    primary: bool = True,
) -> Effect:
    """The effect with intervals and p-values that are valid with few clusters.

    Parameters
    ----------
    effect:
        As estimated.
    panel, design, refit:
        What it was estimated from, and how.
    inference:
        A method, ``{method: {option: value}}``, ``analytic`` (the effect stays as it is) or
        ``auto``: analytic from 40 clusters, 10 treated (in most cohorts) and 10 controls on; randomisation inference
        with up to five of either (Conley and Taber's method with normal noise, or the wild
        bootstrap, where there are too few assignments to reject anything); the wild cluster
        bootstrap in between (the jackknife for estimators that are not linear). An effect that names
        its method (``judged_by``) gets that one, or stays as it is where that is ``analytic``.
    seed:
        Of a method that draws, unless its options say one.
    primary:
        False: an effect beside the primary one stays analytic where the method does not suit it
        or would have to estimate it hundreds of times.

    Raises
    ------
    UsageError
        No such method or option.
    DesignError, EstimationError
        The method named cannot judge this effect; the message names one that can.
    """
    name, options = parsed(inference)
    nothing = effect.overall.value is None or effect.overall.reason == NO_VARIATION
    if name == "analytic" or nothing or (name == "auto" and _stays(effect, panel, design)):
        return effect
    try:
        targets = targets_of(effect, panel, design, refit)
        rule = _chosen(effect, panel, design, targets) if name == "auto" else Rule(name, options)
        if not primary and _slow(rule.method, effect, targets):
            return effect
        few = rest_on_few(panel, design, targets, rule) if name == "auto" else [False] * len(targets)
        return _with_method(effect, panel, design, refit, rule, targets, few, seed)
    except ScaleImpactError as error:
        if name != "auto" and primary:
            raise
        stays = "Intervals stay analytic" if effect.overall.std_error is not None else "There is no interval"
        return replace(effect, notes=(*effect.notes, f"{stays}: {error}"))


def _stays(effect: Effect, panel: Panel, design: Design) -> bool:
    """Whether ``auto`` leaves an effect as its estimator made it."""
    if effect.judged_by is not None:
        return effect.judged_by == "analytic"
    return enough(panel, design) or alone(panel, design)


def _chosen(effect: Effect, panel: Panel, design: Design, targets: list[Target]) -> Rule:
    """What ``auto`` takes for an effect that does not stay as it is."""
    return choose(panel, design, targets) if effect.judged_by is None else named(effect)


def _slow(method: str, effect: Effect, targets: list[Target]) -> bool:
    """Whether a method would estimate an effect hundreds of times."""
    if keys.marked("inference", method, "NEEDS_COUNTERFACTUAL"):
        return effect.counterfactual is not None and effect.counterfactual.again is None
    return method == "randomisation" and targets[0].loadings is None


def _with_method(
    effect: Effect,
    panel: Panel,
    design: Design,
    refit: Refit,
    rule: Rule,
    targets: list[Target],
    few: list[bool],
    seed: int | None,
) -> Effect:
    """The effect judged by a method; estimates that rest on few treated clusters of their own by randomisation."""

    def judge(method: str, options: Mapping[str, Any], chosen: list[Target]) -> list[Judgement | None]:
        by_method = keys.load("inference", method, "judge")
        given = ({} if seed is None else {"seed": seed}) | dict(options)
        return list(by_method(panel, design, refit, effect, chosen, **given)) if chosen else []

    most = iter(judge(rule.method, rule.options, [t for t, f in zip(targets, few, strict=True) if not f]))
    rest = iter(judge("randomisation", {}, [t for t, f in zip(targets, few, strict=True) if f]))
    found = [next(rest) if f else next(most) for f in few]
    notes = [n for n in effect.notes if ROUGH not in n]
    if rule.why is not None:
        notes.append(f"Interval and p-value are by {rule.method}, because {rule.why}")
    if any(few):
        notes.append(ALONE)
    if any(f is None and _has_error(effect, t) for t, f in zip(targets, found, strict=True)):
        notes.append("Where no method is named beside a number, its interval is analytic and rough.")
    return replace(with_judgements(effect, targets, found), notes=tuple(notes))


def _has_error(effect: Effect, target: Target) -> bool:
    """Whether an estimate has a standard error of its own."""
    family = family_at(effect, target.place)
    return (effect.overall if family is None else family[target.k]).std_error is not None


def overall_judge(
    effect: Effect,
    panel: Panel,
    design: Design,
    refit: Refit,
    inference: Inference = "auto",
    *,
    seed: int | None = None,
    draws: int = 999,
) -> Callable[[Effect, Panel, Design, Refit], Effect]:
    """What judges the overall effect of other data by the method that suits these.

    For checks that estimate hundreds of times: only the overall effect is judged, with ``draws``
    draws unless the method's options say how many. A method that would estimate hundreds of times
    itself leaves the analytic interval.

    Parameters are those of ``judged``.
    """
    name, options = parsed(inference)
    if name == "analytic" or (name == "auto" and _stays(effect, panel, design)):
        return lambda found, panel, design, refit: found
    targets = targets_of(effect, panel, design, refit)
    rule = _chosen(effect, panel, design, targets) if name == "auto" else Rule(name, options)
    if _slow(rule.method, effect, targets):
        return lambda found, panel, design, refit: found
    by_method = keys.load("inference", rule.method, "judge")
    given = {"draws": draws} if "draws" in keys.options("inference", rule.method, "judge") else {}
    given |= ({} if seed is None else {"seed": seed}) | dict(rule.options)
    linear = targets[0].loadings is not None

    def judge(found: Effect, panel: Panel, design: Design, refit: Refit) -> Effect:
        target = overall_target(found, panel, design, linear=linear)
        return replace(found, overall=found.overall.judge(by_method(panel, design, refit, found, [target], **given)[0]))

    return judge


@dataclass(frozen=True)
class Opinion:
    """What one method says of an overall effect.

    Attributes
    ----------
    method:
        Its key.
    judgement:
        Interval and p-value; None where it cannot judge this effect.
    reason:
        Why it cannot.
    valid:
        Whether it is the one that ``auto`` takes.
    """

    method: str
    judgement: Judgement | None
    reason: str | None
    valid: bool


def opinions(
    effect: Effect, panel: Panel, design: Design, refit: Refit, *, seed: int, draws: int, many: bool = False
) -> list[Opinion]:
    """What each method says of the overall effect, side by side; ``many``: only those that are quick with many clusters."""
    targets = targets_of(effect, panel, design, refit)[:1]
    rule = None if _stays(effect, panel, design) else _chosen(effect, panel, design, targets)
    suited = [n for n in names() if _suits(n, effect)]
    chosen = [n for n in suited if not many or n in ("wild_bootstrap", "conley_taber") or (rule and rule.method == n)]
    return [_opinion(n, rule, effect, panel, design, refit, targets, seed, draws) for n in chosen]


def _suits(method: str, effect: Effect) -> bool:
    """Whether a method is worth asking: those of the synthetic control family for effects of that family, others for others."""
    return keys.marked("inference", method, "NEEDS_COUNTERFACTUAL") == (effect.counterfactual is not None)


def _opinion(
    name: str,
    rule: Rule | None,
    effect: Effect,
    panel: Panel,
    design: Design,
    refit: Refit,
    targets: list[Target],
    seed: int,
    draws: int,
) -> Opinion:
    valid = rule is not None and rule.method == name
    own = keys.marked("inference", name, "NEEDS_COUNTERFACTUAL")  # each of their draws is a fit
    drawn = not own and "draws" in keys.options("inference", name, "judge")
    options: dict[str, Any] = {"seed": seed, **({"draws": draws} if drawn else {})}
    options |= dict(rule.options) if valid and rule is not None else {}
    try:
        found = keys.load("inference", name, "judge")(panel, design, refit, effect, targets, **options)[0]
    except ScaleImpactError as error:
        return Opinion(name, None, str(error), valid)
    return Opinion(name, found, None if found is not None else "no treated unit has part in the estimate", valid)
