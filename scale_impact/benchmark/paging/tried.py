"""What peers tried, in plain words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from scale_impact.core.words import counted, effect_unit, number, p_words, within_sentence

if TYPE_CHECKING:
    from scale_impact.benchmark.tried_by_peers import Adoption, Tried

ORDER = ("pass", "fail", "inconclusive", "inapplicable")
"""Verdicts in the order in which they are said."""

WHICH = {
    "multiple_testing": "multiple testing: among so many outcomes chance gives one as large",
    "placebo_units": "placebo units: effects as large are usual where nothing was done",
    "leave_one_out": "leave one out: without a single unit the answer is another",
}
"""What it means that a check failed, where it can be said in a line; other checks stand with their name."""

SAID = {"pass": "passed", "fail": "failed", "inconclusive": "inconclusive", "inapplicable": "not applicable"}


def told(m: Tried, n: int) -> Iterator[str]:
    """One measure in one study: who tried it, and what was found."""
    who = f" ({', '.join(f'{p} from {t} on' for p, t in m.by_peers.items())})" if m.by_peers else ""
    yield f"{_how_many(m, n)} this: {within_sentence(m.measure)}{who}{_others(m, n)}. This city {m.own}."
    if not m.by_peers:
        return
    everyone = max((a for a in m.found), key=lambda a: len(a.adopters))
    over = counted(len(everyone.adopters), "city that tried it", "cities that tried it")
    sample = f" ({everyone.sample})" if everyone.sample else ""
    several = f" Of {len(m.found)} outcomes some can seem to move by chance." if len(m.found) > 1 else ""
    yield f"What the study {m.study} found, on average over all {over}{sample}.{several}"
    for a in m.found:
        yield f"- {_effect(a)}{_checks(a)}{_alone(a, m.by_peers)}"


def _how_many(m: Tried, n: int) -> str:
    """How many peers tried it: whom no study followed may have, too."""
    tried, followed = len(m.by_peers), len(m.not_by_peers) == n
    if n == 1:
        return (
            "Its one peer tried"
            if tried
            else f"Its one peer {'did not try' if followed else 'is not known to have tried'}"
        )
    if not tried:
        return f"None of its {n} peers {'tried' if followed else 'is known to have tried'}"
    everyone = "Both" if n == 2 else f"All {n}"
    return f"{everyone} of its peers tried" if tried == n else f"{tried} of its {n} peers tried"


def _others(m: Tried, n: int) -> str:
    """What the study knows of the peers that did not try it."""
    if n == 1 and not m.by_peers:
        left = "".join(m.left_out.values())
        return (
            f"; it was left out by the study ({left})" if left else "" if m.not_by_peers else "; it is not in the study"
        )
    said = []
    if m.not_by_peers:
        said.append(f"{len(m.not_by_peers)} {'was' if len(m.not_by_peers) == 1 else 'were'} followed and did not")
    for reason in dict.fromkeys(m.left_out.values()):
        k = sum(r == reason for r in m.left_out.values())
        said.append(f"{k} {'was' if k == 1 else 'were'} left out by the study ({reason})")
    if m.not_studied:
        said.append(f"{len(m.not_studied)} {'is' if len(m.not_studied) == 1 else 'are'} not in the study")
    return f"; {', '.join(said)}" if said else ""


def _effect(a: Adoption) -> str:
    if a.effect is None:
        return f"{a.outcome}: no answer. {a.why_not}"
    if a.reading:
        return a.reading
    unit = effect_unit(a.unit)
    size = f"{a.outcome}: {_signed(a.effect)} {unit}".rstrip()
    if a.low is None or a.high is None:
        return f"{size}; how sure this is, is not known."
    sure = "told apart from no effect" if a.low > 0 or a.high < 0 else "not told apart from no effect"
    p = f", {p_words(a.p_value)}" if a.p_value is not None else ""
    return f"{size}, {100 * a.level:g} % interval {_signed(a.low)} to {_signed(a.high)}{p}: {sure}{_better(a)}."


def _better(a: Adoption) -> str:
    """Whether an effect that is told apart from none is a gain."""
    if a.effect is None or a.low is None or a.high is None or a.low <= 0 <= a.high or a.direction not in ("+", "-"):
        return ""
    return ", for the better" if (a.effect > 0) == (a.direction == "+") else ", for the worse"


def _signed(value: float) -> str:
    return f"{'+' if value > 0 else ''}{number(value)}".replace("-", "\N{MINUS SIGN}")


def _checks(a: Adoption) -> str:
    said = [f"{a.checks[v]} {SAID[v]}" for v in ORDER if a.checks.get(v)]
    if not said:
        return ""
    n = sum(a.checks.values())
    if len(said) == 1:
        verdict = said[0].split(" ", 1)[1]
        which = (
            f" ({'; '.join(WHICH.get(c, c.replace('_', ' ')) for c in a.failed)})"
            if a.failed and verdict == "failed"
            else ""
        )
        return f" Its one check: {verdict}{which}." if n == 1 else f" All {n} of its checks: {verdict}{which}."
    failed = f" ({'; '.join(WHICH.get(c, c.replace('_', ' ')) for c in a.failed)})" if a.failed else ""
    return f" Of its {counted(n, 'check')}, {', '.join(s + failed if s.endswith('failed') else s for s in said)}."


def _alone(a: Adoption, who: Mapping[str, str]) -> str:
    """What the study says of single peers."""
    parts = []
    for p in who:
        if (e := a.by_city.get(p)) is not None:
            ends = "" if e.low is None or e.high is None else f" ({_signed(e.low)} to {_signed(e.high)})"
            parts.append(f"{p} alone {_signed(e.value)} {effect_unit(a.unit)}{ends}")
    return f" {'; '.join(parts)}." if parts else ""
