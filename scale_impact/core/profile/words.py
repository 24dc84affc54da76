"""A profile in words: gains, harms, what is open, what nobody looked at."""

from __future__ import annotations

import math
from collections.abc import Sequence

from scale_impact.core.catalogue.small_counts import advice
from scale_impact.core.effect import Estimate
from scale_impact.core.profile.profile import IndexLine, Line, Profile
from scale_impact.core.words import counted

HEADS = {
    "gain": "Gains",
    "harm": "Harms",
    "changed": "Changes that nobody judges",
    "open": "Not told apart from no effect",
    "context": "Context, which is not counted",
    "unknown": "Without an answer",
}


def sentences(profile: Profile) -> list[str]:
    """What a profile says, one sentence an entry: outcomes, dimensions, what was not looked at, how it was tested."""
    return [
        _scope(profile),
        *(said for side in HEADS if (said := _of_side(profile, side))),
        *_only_alone(profile),
        *_of_indices(profile),
        *_small_counts(profile),
        *_missing(profile),
        _testing(profile),
    ]


def _scope(profile: Profile) -> str:
    looked = [d for d in profile.dimensions if d != "context"]
    everything = len(looked) + len(profile.missing)
    return (
        f"{counted(len(profile.lines), 'outcome')} in {len(looked)} of {counted(everything, 'dimension')}. Sizes are in standard "
        "deviations of untreated units (SD); positive is better."
    )


def _of_side(profile: Profile, side: str) -> str:
    """The outcomes of one verdict; gains and harms are named also where there are none."""
    found = [line for line in profile.lines if line.side(profile.alpha) == side]
    if not found and side not in ("gain", "harm"):
        return ""
    words = "; ".join(_outcome(profile, line) for line in found) or "none"
    counted_in = " that stay when all outcomes are counted" if side in ("gain", "harm", "changed") else ""
    return f"**{HEADS[side]}{counted_in}:** {words}."


def _outcome(profile: Profile, line: Line) -> str:
    """An outcome with its size, or why it has none."""
    level, name = profile.level, f"{''.join(profile.name(line))} ({line.dimension})"
    if line.judged.value is None:
        return f"{name}: {(line.why_not or line.judged.reason or 'no reason is given').rstrip('.')}"
    if line.context and line.p_value is not None:
        return f"{name} {_size(line.size, level)}, p = {line.p_value:.3f} by itself"
    if line.adjusted is None:
        return f"{name}: {_size(line.size, level)}, no p-value ({(line.judged.reason or 'none was made').rstrip('.')})"
    near = " nearer to the target" if line.indicator.direction == "target" and (line.size.value or 0) > 0 else ""
    return f"{name} {_size(line.size, level)}{near}"


def _size(estimate: Estimate, level: float) -> str:
    """A size with its interval, such as ``+0.31 SD [0.10, 0.52]``."""
    if estimate.value is None:
        return f"without a size in SD ({(estimate.reason or '').rstrip('.')})"
    ends = estimate.interval(level)
    bounded = ends is not None and all(map(math.isfinite, ends))
    interval = f" [{ends[0]:.2f}, {ends[1]:.2f}]" if ends is not None and bounded else ""
    return f"{estimate.value:+.2f} SD{interval}".replace("-", "\N{MINUS SIGN}")


def _only_alone(profile: Profile) -> list[str]:
    """Outcomes that would be findings if they were the only ones."""
    alone = [
        "".join(profile.name(line))
        for line in profile.lines
        if line.adjusted and line.adjusted.p_value <= profile.alpha < line.adjusted.stepdown
    ]
    if not alone:
        return []
    return [f"By itself, but not among all outcomes, told apart from no effect: {', '.join(alone)}."]


def _of_indices(profile: Profile) -> list[str]:
    """The dimensions in which several outcomes are put together."""
    several = [i for i in profile.indices if i.kind == "anderson" and len(i.weights) > 1]
    none = [i for i in profile.indices if i.kind == "anderson" and i.estimate.value is None]
    said = [
        f"{i.dimension} {_size(i.estimate, profile.level)}{_mark(i, profile.alpha)}" for i in several if i not in none
    ]
    reasons = [
        f"No index of {i.dimension}: {(i.estimate.reason or '').removeprefix('no index: ').rstrip('.')}." for i in none
    ]
    cautions = [f"Index of {i.dimension}: {caution}" for i in several if i not in none for caution in i.cautions]
    told = [f"**Dimensions as one** (Anderson's index): {'; '.join(said)}."] if said else []
    return [*told, *cautions, *reasons]


def _mark(index: IndexLine, alpha: float) -> str:
    words = {"gain": ", a gain", "harm": ", a harm"}
    return words.get(index.side(alpha), "")


def _small_counts(profile: Profile) -> list[str]:
    """The outcomes of which a year by itself says little."""
    return [advice(line.indicator) for line in profile.lines if line.indicator.small_count]


def _missing(profile: Profile) -> list[str]:
    if not profile.missing:
        return []
    return [f"**Not looked at:** {_listed(profile.missing)}: no outcome in this study, so nothing is known there."]


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _testing(profile: Profile) -> str:
    """How all outcomes were counted, and what the share of false findings is among those with a small q."""
    known = [line.adjusted for line in profile.lines if line.adjusted]
    if not known:
        return "No outcome that is counted has a p-value."
    by_q = sum(a.q_value <= profile.alpha for a in known)
    by_p = sum(a.stepdown <= profile.alpha for a in known)
    return (
        f"Of {counted(len(known), 'p-value')}, {by_p} {'is' if by_p == 1 else 'are'} at most {profile.alpha:g} after {profile.words}; "
        f"{by_q} {'has' if by_q == 1 else 'have'} a Benjamini-Hochberg q-value of at most {profile.alpha:g}."
    )
