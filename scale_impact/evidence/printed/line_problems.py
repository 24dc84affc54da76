"""What is wrong with a line of published numbers as a whole: conversions without what they need, units, tests that contradict each other."""

from __future__ import annotations

from collections.abc import Iterator

from scale_impact.core.catalogue.indicator import Indicator
from scale_impact.core.words import nearest
from scale_impact.evidence.printed.columns import Cells
from scale_impact.evidence.printed.line import NEEDS, RATIOS, SHARES, printed_of
from scale_impact.evidence.printed.precision import contradictions


def problems_of(cells: Cells, indicator: Indicator) -> Iterator[str]:
    """What is wrong with a line as a whole; its cells are in order one by one."""
    name = cells["conversion"]
    if name not in NEEDS:
        yield f"there is no conversion {name!r}. {nearest(name, NEEDS)}"
        return
    needed, _ = NEEDS[name]
    missing = [c for c in needed if cells.number(c) is None]
    yield from (f"conversion is {name}, and {c} is empty. {ADVICE[c]}" for c in missing)
    yield from _unused(cells, name)
    found = [*missing, *_impossible(cells, name)]
    yield from found[len(missing) :]
    units = list(_unit_problems(cells, name, indicator))
    yield from units
    if not found and not units:
        yield from _doubtful(cells, name)


ADVICE = {
    "standard_deviation": "Give the outcome's standard deviation within the groups, in the indicator's unit.",
    "df": "Give the degrees of freedom, usually the number of observations less 2.",
    "factor": "Write what one unit of the paper is in the indicator's unit.",
}


def _unused(cells: Cells, name: str) -> Iterator[str]:
    """Columns that say something which the conversion does not use: it was probably meant to be another one."""
    uses = {c for part in NEEDS[name] for c in part}
    for column in ("base_rate", "standard_deviation", "factor"):
        if cells.number(column) is not None and column not in uses:
            users = [c for c, parts in NEEDS.items() if column in parts[0] or column in parts[1]]
            yield f"{column} is given, and conversion {name} does not use it (used by: {', '.join(users)}). Correct the conversion, or leave it out."
    if (
        name == "odds_ratio"
        and cells.number("base_rate") is not None
        and cells.number("standard_deviation") is not None
    ):
        yield (
            "base_rate and standard_deviation are both given: the one makes a difference of shares of an odds ratio, the other one of a "
            "quantity that was cut in two. Leave one out."
        )


def _impossible(cells: Cells, name: str) -> Iterator[str]:
    """Numbers that a ratio or a change in per cent cannot be, and a test whose sign is the other way."""
    for column in ("estimate", "ci_low", "ci_high"):
        value = cells.number(column)
        if value is None:
            continue
        if name in RATIOS and value <= 0:
            yield f"{column} is {cells[column]}, and conversion {name}: a ratio is above 0. Is it a logarithm (log_points), or a change (per_cent)?"
        if name == "per_cent" and value <= -100:
            yield f"{column} is {cells[column]} %: nothing can fall by 100 % and have a logarithm. Give the effect in the indicator's unit."
    if name in RATIOS and cells.number("std_error") is not None and not cells["std_error_of"]:
        yield (
            "std_error is given for a ratio, and std_error_of does not say of what. Write log (of its logarithm, the coefficient) or ratio "
            "(of the ratio itself)."
        )
    base, ratio = cells.number("base_rate"), cells.number("estimate")
    if name == "risk_ratio" and base is not None and ratio is not None and base * ratio >= 1:
        yield f"base_rate {cells['base_rate']} times the ratio {cells['estimate']} is a share of 1 or more. Is it an odds ratio?"
    if name not in RATIOS and cells["std_error_of"]:
        yield f"std_error_of is {cells['std_error_of']}, and {name} is no ratio. Leave it empty."
    estimate, t = cells.number("estimate"), cells.number("t_value")
    tested = None if estimate is None else estimate - 1 if name in RATIOS else estimate
    if tested is not None and t is not None and tested * t < 0:
        yield f"t_value is {cells['t_value']}, and the effect goes the other way ({cells['estimate']}). Correct the one or the other."
    if tested == 0 and (t is not None or cells.number("p_value") is not None) and not _has_error(cells):
        yield "estimate is no effect at all: neither a t value nor a p value gives a standard error of 0. Give one, or an interval."


def _has_error(cells: Cells) -> bool:
    return cells.number("std_error") is not None or cells.number("ci_low") is not None


def _unit_problems(cells: Cells, name: str, indicator: Indicator) -> Iterator[str]:
    """A unit that is not the indicator's, or a conversion that its unit does not have."""
    key, own, given = indicator.indicator, indicator.unit, cells["unit"]
    share = own in SHARES
    if (
        name == "percentage_points" or (name == "odds_ratio" and cells.number("standard_deviation") is None)
    ) and not share:
        yield f"conversion is {name}, and {key} is in {own}, which is no share. Correct the indicator or the conversion."
    if name == "risk_ratio" and cells.number("base_rate") is not None and not share:
        yield f"base_rate is given, and {key} is in {own}, which is no share. Leave it empty: the ratio becomes log points."
    if name == "none" and own == "%":
        yield f"{key} is in %: say whether the paper's number is in percentage_points or per_cent of what would have been (conversion)."
    if name in ("none", "log_points") and given and given not in _allowed(name, own):
        yield (
            f"unit is {given!r}, and {key} is in {own!r} (data/indicators/catalogue.csv). Write conversion: factor, and as factor what one "
            f"{given} is in {own}; or name another indicator."
        )


def _allowed(name: str, own: str) -> tuple[str, ...]:
    return (f"log({own})", own, "log points") if name == "log_points" else (own,)


def _doubtful(cells: Cells, name: str) -> Iterator[str]:
    """Intervals that lie unevenly, and things that contradict each other."""
    printed = printed_of(cells, name)
    if not printed.even and cells.word("interval") == "even":
        scale = " as a logarithm" if name in RATIOS else ""
        yield (
            f"the interval {cells['ci_low']} to {cells['ci_high']} does not lie evenly around {cells['estimate']}{scale}. Is it of a ratio, or of "
            "another number? Where the paper's interval is uneven (bootstrap, inverted test), write interval: uneven; its width then gives "
            "the standard error, roughly."
        )
    elif cells.word("interval") == "even":
        yield from contradictions(printed)
