"""What is wrong with the `scaleup:` block of a study, all at once: each problem with the place that it is at.

The checks look at the block as it was written, so that what stands across keys (a partner that no flow names) is told beside
what is wrong within one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from scale_impact.core.scaleup_correlations import impossible
from scale_impact.core.words import nearest, number, some

ROW, GIVEN = "<published row>", "<given>"
"""Names of the two ways to say an effect; they stand in no message."""

Place = tuple[str | int, ...]
Problem = tuple[Place, str]

ADVICE = {
    "currency": "say in which currency, such as currency: EUR.",
    "year": "say of which year the prices are, such as year: 2024.",
    "source": "say where the number comes from, such as source: \"budget 2024, page 31\".",
    "reason": "say why, in a sentence.",
    "amount": "say how much, such as amount: {value: 12, low: 8, high: 20}.",
    "per": "say what the amount is for: once, year, new_unit, unit or effect.",
    "false_positive": "say how much of the effect is left when luck is taken off: {factor: ..., reason: ...}; 1 has a reason too.",
    "population": "say how much is left among those who were not in the pilot: {factor: ..., reason: ...}; 1 has a reason too.",
    "ingredients": "say how much is left without what does not scale: {factor: ..., reason: ...}; 1 has a reason too.",
    "spillovers": "say what the effect is multiplied by when many take part: {factor: ..., reason: ...}; 1 has a reason too.",
    "cost": "say what costs at scale are multiplied by: {factor: ..., reason: ...}; 1 has a reason too.",
    "voltage": "say what large scale does to the effect, by five factors with reasons: false_positive, population, ingredients, spillovers, cost.",
    "decay": "say how long the effect lasts: {half_life: 5, reason: ...}, or {half_life: null, reason: ...} where it does not fade.",
    "dose": "say how much of the measure a unit gets beside the pilot: {value: 1, reason: ...}.",
    "optimism": "say what is added to costs and taken off benefits: {costs: 0.2, benefits: 0.1, reason: ...}; 0 has a reason too.",
    "discount": "say the social discount rate: {rate: 0.03, source: ...}.",
    "partners": "say who pays or gains: a list of {name: ..., kind: city}.",
}  # fmt: skip
"""What to write where a key is missing."""

OF_CURVE = {
    "at_once": (), "linear": ("years",), "logistic": ("midpoint", "years"), "bass": ("innovation", "imitation"), "table": ("shares",),
}  # fmt: skip
"""What each adoption curve needs."""

INPUTS = {
    "reach.units": ("reach", "units"), "reach.share": ("reach", "share"), "adoption.ceiling": ("adoption", "ceiling"),
    "adoption.years": ("adoption", "years"), "adoption.midpoint": ("adoption", "midpoint"),
    "adoption.innovation": ("adoption", "innovation"), "adoption.imitation": ("adoption", "imitation"), "dose": ("dose", "value"),
    "voltage.false_positive": ("voltage", "false_positive", "factor"), "voltage.population": ("voltage", "population", "factor"),
    "voltage.ingredients": ("voltage", "ingredients", "factor"), "voltage.spillovers": ("voltage", "spillovers", "factor"),
    "voltage.cost": ("voltage", "cost", "factor"), "decay.half_life": ("decay", "half_life"), "learning.rate": ("learning", "rate"),
    "baseline": ("baseline", "value"),
}  # fmt: skip
"""Uncertain inputs beside the effect and the flows, each with its place in the block."""


RESERVED = ("effect", "discount rate", "all partners", "all partners, weighted")
"""Names of results, which no partner and no flow can have."""


def quantity_problem(value: float | None, low: float | None, high: float | None, shape: str) -> str | None:
    """What is wrong with a number and its range, or None."""
    if (low is None) != (high is None):
        return f"low and high go together; {'low' if low is None else 'high'} is missing."
    if low is None or high is None:
        return "this needs a number: value, or low and high." if value is None else None
    if low > high:
        return f"low ({low:g}) is above high ({high:g})."
    if value is None:
        needs = shape in ("triangular", "pert") and low < high
        return f"a {shape} shape needs the best estimate too: value." if needs else _positive(low, shape)
    if not low <= value <= high:
        return f"value ({value:g}) does not lie between low ({low:g}) and high ({high:g})."
    return _positive(low, shape) or _off_centre(value, low, high, shape)


def _positive(low: float, shape: str) -> str | None:
    return (
        f"a lognormal shape holds numbers above 0 only (low is {low:g})." if shape == "lognormal" and low <= 0 else None
    )


def _off_centre(value: float, low: float, high: float, shape: str) -> str | None:
    """A symmetric shape whose best estimate is not in the middle."""
    middle = {"normal": (low + high) / 2, "uniform": (low + high) / 2, "lognormal": abs(low * high) ** 0.5}.get(shape)
    if middle is None or abs(value - middle) <= 0.02 * (high - low):
        return None
    return f"the value of a {shape} shape from {low:g} to {high:g} is {middle:g}, not {value:g}; leave it out, or use shape: pert or triangular."


# ---- all at once ----------------------------------------------------------------------------------------


def advised(errors: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Errors of pydantic to be raised again: without its names for kinds of an effect, and what is missing in our words."""
    found = []
    for error in errors:
        place = tuple(part for part in error["loc"] if part not in (ROW, GIVEN))
        if error["type"] == "missing" and error["loc"] and error["loc"][-1] in ADVICE:
            found.append(_detail(place, f"this key is missing: {ADVICE[str(error['loc'][-1])]}"))
        else:
            found.append({k: v for k, v in error.items() if k in ("type", "ctx", "input")} | {"loc": place})
    return found


def problems_in(block: Any) -> list[Any]:
    """What is wrong across the keys of a block, as errors for pydantic; a block that is already read has none."""
    if not isinstance(block, Mapping):
        return []
    raw = _as_written(block)
    parts: tuple[Callable[[Mapping[str, Any]], Iterator[Problem]], ...] = (
        _partners, _flows, _ledger, _prices, _adoption, _discount, _effect, _correlations, _measurements,
    )  # fmt: skip
    return [_detail(place, text) for part in parts for place, text in part(raw)]


def _detail(place: Place, text: str) -> dict[str, Any]:
    return {"type": "value_error", "loc": place, "input": None, "ctx": {"error": ValueError(text)}}


def _as_written(part: Any) -> Any:
    """Records within a block that Python code wrote, as keys and values again."""
    if hasattr(part, "model_dump"):
        return part.model_dump()
    if isinstance(part, Mapping):
        return {k: _as_written(v) for k, v in part.items()}
    return [_as_written(v) for v in part] if isinstance(part, (list, tuple)) else part


def _listed(raw: Mapping[str, Any], key: str) -> list[tuple[int, Mapping[str, Any]]]:
    entries = raw.get(key)
    return [(k, e) for k, e in enumerate(entries if isinstance(entries, list) else []) if isinstance(e, Mapping)]


def _within(raw: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    part = raw.get(key)
    return part if isinstance(part, Mapping) else {}


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _range(raw: Any) -> tuple[float, float] | None:
    """Low and high of a quantity as it was written; None where it is none."""
    if (known := _number(raw)) is not None:
        return known, known
    if not isinstance(raw, Mapping):
        return None
    low, high, value = (_number(raw.get(k)) for k in ("low", "high", "value"))
    if low is not None and high is not None:
        return low, high
    return None if value is None else (value, value)


def _twice(entries: Sequence[tuple[int, Mapping[str, Any]]], key: str, thing: str) -> Iterator[Problem]:
    seen: dict[Any, int] = {}
    for k, entry in entries:
        name = entry.get("name")
        if isinstance(name, str) and name in seen:
            yield (key, k, "name"), f"{thing} {name!r} stands twice, at {seen[name]} and {k}. Give each its own name."
        if isinstance(name, str):
            seen.setdefault(name, k)


# ---- partners and flows ---------------------------------------------------------------------------------


def _shares(flow: Mapping[str, Any], side: str) -> dict[str, Any]:
    named = flow.get(side)
    return (
        {named: 1.0}
        if isinstance(named, str)
        else {str(k): v for k, v in named.items()}
        if isinstance(named, Mapping)
        else {}
    )


def _partners(raw: Mapping[str, Any]) -> Iterator[Problem]:
    partners = _listed(raw, "partners")
    yield from _twice(partners, "partners", "the partner")
    named = {p for _, flow in _listed(raw, "flows") for side in ("paid_by", "received_by") for p in _shares(flow, side)}
    for k, partner in partners:
        if partner.get("name") in RESERVED:
            yield ("partners", k, "name"), f"{partner['name']!r} is what the sum is called. Use another name."
        name, weight = partner.get("name"), _number(partner.get("weight"))
        if isinstance(name, str) and name not in named:
            yield ("partners", k), f"{name!r} is in no flow. Say what it pays or gains, or leave it out."
        if weight is not None and weight != 1 and not partner.get("weight_reason"):
            yield ("partners", k, "weight_reason"), f"say why a unit of money counts {weight:g} for {name!r}."
        if partner.get("group") and partner.get("kind") != "citizens":
            yield ("partners", k, "group"), f"only citizens have a group; {name!r} is of kind {partner.get('kind')}."


def _flows(raw: Mapping[str, Any]) -> Iterator[Problem]:
    flows = _listed(raw, "flows")
    known = [p["name"] for _, p in _listed(raw, "partners") if isinstance(p.get("name"), str)]
    yield from _twice(flows, "flows", "the flow")
    for k, flow in flows:
        if flow.get("name") in (*INPUTS, *RESERVED):
            yield ("flows", k, "name"), f"{flow['name']!r} is the name of another input. Use another name."
        for part in (_sides(flow, known), _amount(flow), _years(flow, raw), _options(flow, raw)):
            yield from ((("flows", k, *place), text) for place, text in part)


SIDES = {"cost": ("paid_by",), "benefit": ("received_by",), "transfer": ("paid_by", "received_by")}
"""Who stands in a flow of each kind."""


def _sides(flow: Mapping[str, Any], known: Sequence[str]) -> Iterator[Problem]:
    kind = flow.get("kind")
    for side in ("paid_by", "received_by"):
        shares = _shares(flow, side)
        if kind in SIDES and side in SIDES[kind] and not shares:
            yield (side,), f"a {kind} needs {side}: the name of a partner."
        if kind in SIDES and side not in SIDES[kind] and shares:
            told = (
                "a cost that somebody receives is a transfer"
                if kind == "cost"
                else "a benefit that somebody pays is a transfer"
            )
            yield (side,), f"a {kind} has no {side}; {told}."
        yield from (((side,), f"there is no partner {p!r}. {nearest(p, known)}") for p in shares if p not in known)
        numbers = [_number(v) for v in shares.values()]
        if shares and None not in numbers and abs((total := sum(n for n in numbers if n is not None)) - 1) > 1e-9:
            yield (side,), f"shares sum to {total:g}, not to 1 ({some([f'{p} {v}' for p, v in shares.items()])})."
    both = sorted(set(_shares(flow, "paid_by")) & set(_shares(flow, "received_by")))
    if kind == "transfer" and both:
        yield (), f"{some(both)} would pay to itself."


def _amount(flow: Mapping[str, Any]) -> Iterator[Problem]:
    ends, kind = _range(flow.get("amount")), flow.get("kind")
    if ends is not None and ends[1] < 0 and kind in SIDES:
        instead = {
            "cost": "a cost below 0 is a benefit",
            "benefit": "a benefit below 0 is a cost",
            "transfer": "turn the direction round",
        }[kind]
        yield (
            ("amount",),
            f"this is below 0 ({ends[0]:g}{'' if ends[0] == ends[1] else f' to {ends[1]:g}'}): {instead}.",
        )
    uplift = _number(flow.get("optimism"))
    if uplift is not None and kind == "transfer":
        yield ("optimism",), "a transfer is a cost to one and a gain to another; it takes no optimism."
    if uplift is not None and kind == "benefit" and uplift > 1:
        yield ("optimism",), f"no more than all of a benefit can be taken off: at most 1 (it is {uplift:g})."


def _years(flow: Mapping[str, Any], raw: Mapping[str, Any]) -> Iterator[Problem]:
    starts, ends, horizon = flow.get("starts", 1), flow.get("ends"), raw.get("horizon")
    if isinstance(starts, int) and isinstance(ends, int) and ends < starts:
        yield ("ends",), f"the flow ends in year {ends}, before it starts ({starts})."
    for key, year in (("starts", starts), ("ends", ends)):
        if isinstance(year, int) and isinstance(horizon, int) and year > horizon:
            yield (
                (key,),
                f"year {year} is after the last of the horizon ({horizon}). Years count from 1, the first of the horizon.",
            )


def _options(flow: Mapping[str, Any], raw: Mapping[str, Any]) -> Iterator[Problem]:
    per = flow.get("per")
    if flow.get("every") is not None and per != "once":
        yield ("every",), f"only a flow per once comes again every so many years (this is per {per})."
    if flow.get("ends") is not None and per == "once" and flow.get("every") is None:
        yield ("ends",), "a flow per once has no last year; leave `ends` out, or say `every`."
    if flow.get("learns") and (flow.get("kind") != "cost" or per not in ("unit", "new_unit")):
        yield ("learns",), "only costs per unit and per new_unit fall with what has been made."
    if flow.get("learns") and raw.get("learning") is None:
        yield ("learns",), "say by how much: learning: {rate: 0.9, before: 500, reason: ...}."


def _ledger(raw: Mapping[str, Any]) -> Iterator[Problem]:
    flows = [flow for _, flow in _listed(raw, "flows")]
    if flows and not any(f.get("per") == "effect" for f in flows):
        yield (
            ("flows",),
            (
                "no flow says what the effect is worth. Add one {kind: benefit, per: effect, amount: ...}: money for one unit of improvement of "
                "the outcome, for one reached unit and one year."
            ),
        )
    if flows and isinstance(raw.get("learning"), Mapping) and not any(f.get("learns") for f in flows):
        yield ("learning",), "no flow has learns: true. Say which unit costs fall, or leave learning out."


def _prices(raw: Mapping[str, Any]) -> Iterator[Problem]:
    """Money of other currencies or years than the block's, for which nothing says what it is worth."""
    own = (raw.get("currency"), raw.get("year"))
    rates = [(k, (c.get("currency"), c.get("year"))) for k, c in _listed(raw, "convert")]
    for k, price in rates:
        if price == own:
            yield ("convert", k), f"{_price(price)} is what results are in already."
        if price in [p for j, p in rates if j < k]:
            yield ("convert", k), f"{_price(price)} is converted twice."
    known = [own, *(p for _, p in rates)]
    for key in ("flows", "measurements"):
        for k, entry in _listed(raw, key):
            price = (entry.get("currency"), entry.get("year"))
            if None not in (*price, *own) and price not in known:
                yield (
                    (key, k),
                    (
                        f"the amount is in {_price(price)}, results are in {_price(own)}. Say what it is worth: "
                        f"convert: [{{currency: {price[0]}, year: {price[1]}, factor: ..., source: ...}}]."
                    ),
                )


def _price(price: tuple[Any, Any]) -> str:
    return f"{price[0]} of {price[1]}"


# ---- the other keys -------------------------------------------------------------------------------------


def _adoption(raw: Mapping[str, Any]) -> Iterator[Problem]:
    adoption, horizon = _within(raw, "adoption"), raw.get("horizon")
    curve, starts = adoption.get("curve"), adoption.get("starts")
    given = {k for needed in OF_CURVE.values() for k in needed if adoption.get(k) is not None}
    needed = OF_CURVE.get(curve) if isinstance(curve, str) else None
    if needed is not None:
        yield from ((("adoption", k), f"a {curve} curve needs this key.") for k in needed if k not in given)
        yield from ((("adoption", k), f"a {curve} curve takes no such key.") for k in sorted(given - set(needed)))
    if isinstance(starts, int) and isinstance(horizon, int) and starts > horizon:
        yield ("adoption", "starts"), f"year {starts} is after the last of the horizon ({horizon})."
    decay = _within(raw, "decay")
    if decay.get("half_life") is None and _number(decay.get("floor")):
        yield ("decay", "floor"), "an effect that does not fade has no floor; say half_life, or leave floor out."


def _discount(raw: Mapping[str, Any]) -> Iterator[Problem]:
    discount = _within(raw, "discount")
    rate, low, high = (_number(discount.get(k)) for k in ("rate", "low", "high"))
    if rate is not None and low is not None and low > rate:
        yield ("discount", "low"), f"the lowest rate ({low:g}) is above the rate ({rate:g})."
    if rate is not None and high is not None and high < rate:
        yield ("discount", "high"), f"the highest rate ({high:g}) is below the rate ({rate:g})."
    before: tuple[float, float | None] = (0, rate)
    for k, step in _listed(discount, "declines"):
        after, then = _number(step.get("after")), _number(step.get("rate"))
        if after is not None and after <= before[0]:
            yield (
                ("discount", "declines", k, "after"),
                f"year {after:g} does not come after the one before ({before[0]:g}).",
            )
        if then is not None and before[1] is not None and then > before[1]:
            yield (
                ("discount", "declines", k, "rate"),
                f"the rate rises from {before[1]:g} to {then:g}; a schedule declines.",
            )
        before = (after if after is not None else before[0], then if then is not None else before[1])


def _effect(raw: Mapping[str, Any]) -> Iterator[Problem]:
    effect = _within(raw, "effect")
    if "estimate" not in effect or "study" in effect:
        return
    if effect.get("scale") == "log" and raw.get("baseline") is None:
        yield (
            ("baseline",),
            "the effect is one on logarithms: say the level without the measure: {value: ..., unit: ..., year: ..., source: ...}.",
        )
    if effect.get("scale", "level") == "level" and raw.get("baseline") is not None:
        yield ("baseline",), "only an effect on a log scale needs a baseline; leave it out."


def uncertain(raw: Mapping[str, Any]) -> dict[str, bool]:
    """Names of all inputs of a block, and whether each has a range."""
    found = {"effect": _number(_within(raw, "effect").get("std_error")) != 0}
    for name, place in INPUTS.items():
        part: Any = raw
        for key in place:
            part = part.get(key) if isinstance(part, Mapping) else None
        if (ends := _range(part)) is not None:
            found[name] = ends[0] < ends[1]
    for _, flow in _listed(raw, "flows"):
        if isinstance(flow.get("name"), str) and (ends := _range(flow.get("amount"))) is not None:
            found[flow["name"]] = ends[0] < ends[1]
    return found


def _known(name: Any, inputs: Mapping[str, bool]) -> str | None:
    if name not in inputs:
        return f"there is no input {name!r}. {nearest(name, inputs)}"
    return None if inputs[name] else f"{name!r} is one number without a range: give it low and high, or leave this out."


def _correlations(raw: Mapping[str, Any]) -> Iterator[Problem]:
    inputs, pairs = uncertain(raw), dict[tuple[str, str], float]()
    clean = True
    for k, entry in _listed(raw, "correlations"):
        between, rho = entry.get("between"), _number(entry.get("rho"))
        if (
            not isinstance(between, list)
            or len(between) != 2
            or not all(isinstance(b, str) for b in between)
            or rho is None
        ):
            continue
        wrong = [text for name in between if (text := _known(name, inputs))]
        pair = (min(between), max(between))
        wrong += [f"{pair[0]!r} stands beside itself."] if pair[0] == pair[1] else []
        wrong += [f"the pair {pair[0]}, {pair[1]} stands twice."] if pair in pairs else []
        yield from ((("correlations", k, "between"), text) for text in wrong)
        clean = clean and not wrong and abs(rho) <= 1
        pairs.setdefault(pair, rho)
    if clean and pairs and (problem := impossible(pairs)):
        yield ("correlations",), problem


def _measurements(raw: Mapping[str, Any]) -> Iterator[Problem]:
    inputs, horizon = uncertain(raw), _number(raw.get("horizon"))
    yield from _twice(_listed(raw, "measurements"), "measurements", "the measurement")
    for k, entry in _listed(raw, "measurements"):
        if isinstance(entry.get("of"), str) and (text := _known(entry["of"], inputs)):
            yield ("measurements", k, "of"), text
        delay = _number(entry.get("delay"))
        if delay is not None and horizon is not None and delay >= horizon:
            yield (
                ("measurements", k, "delay"),
                f"the decision would wait {number(delay)} years, as long as the horizon ({number(horizon)}).",
            )
