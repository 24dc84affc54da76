"""What robustness found, in plain words and as verdicts with their thresholds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scale_impact.core.check import Check, Verdict
from scale_impact.core.words import counted, number, some

if TYPE_CHECKING:
    from scale_impact.benchmark.robustness import Robustness
    from scale_impact.benchmark.trying.influence import ChoiceShares
    from scale_impact.benchmark.trying.reversal import Reversal

NARROW, WIDE = 0.10, 0.25
"""``weight_robustness``: the median band's width, as a share of all ranks; up to the first it passes, above the second it fails."""

LITTLE, MUCH = 0.05, 0.10
"""``choice_shares``: by how many places a city moves on average, as a share of all ranks; likewise."""

STEADY, SHAKY = 0.0, 0.02
"""``rank_reversal``: the largest move when one city leaves or a copy enters, as a share of all ranks; likewise."""


def checks(found: Robustness) -> tuple[Check, ...]:
    """The three verdicts."""
    return (_weight_check(found), _choice_check(found), _reversal_check(found))


def of_all(found: Robustness) -> tuple[str, ...]:
    """What was found of all cities."""
    said = [_width_sentence(found), _first_sentence(found)]
    if found.shares is not None:
        said += _share_sentences(found.shares, len(found.ranked))
    if found.reversal is not None:
        said += _reversal_sentences(found, found.reversal)
    return tuple(said)


def of_one(found: Robustness, label: str) -> tuple[str, ...]:
    """What was found of one city."""
    row = found.place(label)
    k, n = int(found.ranked[row]), len(found.ranked)
    low, high, rank = (int(v[k]) for v in (found.low, found.high, found.rank))
    band = f"ranks {low} of {n}" if low == high else f"ranks between {low} and {high} of {n}"
    said = [
        f"{_upper(found.weighting)}, {label} {band} in {_percent(found.band)} of cases; its rank by the given weights is {rank}."
    ]
    first = found.acceptability.counts[row, 0] / found.acceptability.draws
    if first > 0:
        said.append(f"It comes first under {_percent(float(first))} of these weights.")
    if (shares := found.shares) is not None and shares.deviation[row] > 0:
        at = int(np.argmax(shares.total[:, row]))
        said.append(
            f"Over all combinations of choices its rank has a standard deviation of {_places(float(shares.deviation[row]))} places; "
            f"{_called(shares.choices[at])} {_explain(shares.choices[at])} the most of it ({_percent(float(min(shares.total[at, row], 1.0)))}, with interplay)."
        )
    if (moved := found.reversal) is not None:
        said.append(_moved_sentence(found, moved, k))
    return tuple(said)


# ---- weights ------------------------------------------------------------------------------------------------


def width(found: Robustness) -> float:
    """Ranks in the band of the median city: its last less its first."""
    return float(np.nanmedian(found.high - found.low))


def _width_sentence(found: Robustness) -> str:
    n = len(found.ranked)
    return (
        f"{_upper(found.weighting)}, the {_percent(found.band)} rank band of the median city is {number(width(found))} of {n} ranks wide "
        f"({counted(found.acceptability.draws, 'weight set')} drawn)."
    )


def _first_sentence(found: Robustness) -> str:
    able = np.flatnonzero(found.acceptability.counts[:, 0])
    best = sorted(able, key=lambda k: (-found.acceptability.counts[k, 0], found.labels[int(k)]))[:3]
    named = [
        f"{found.labels[int(k)]} ({_percent(found.acceptability.counts[k, 0] / found.acceptability.draws)})"
        for k in best
    ]
    return f"{counted(len(able), 'city comes', 'cities come')} first under some of these weights, most often {some(named)}."


def _weight_check(found: Robustness) -> Check:
    share = width(found) / len(found.ranked)
    verdict = _verdict(share, NARROW, WIDE)
    advice = {"pass": "Weights hardly decide.", "inconclusive": "Name ranks with their bands.",
              "fail": "A rank says more about the weights than about the city: compare dimensions, or bands."}[verdict]  # fmt: skip
    details: dict[str, Any] = {
        "median_width": width(found), "ranks": len(found.ranked), "band": found.band, "draws": found.acceptability.draws,
        "weighting": found.weighting, "pass_up_to": NARROW, "fail_above": WIDE,
    }  # fmt: skip
    return Check("weight_robustness", verdict, f"{_width_sentence(found)} {advice}", statistic=share, details=details)


# ---- choices ---------------------------------------------------------------------------------------------------


def _share_sentences(shares: ChoiceShares, n: int) -> list[str]:
    tried = "; ".join(f"{c}: {', '.join(o)}" for c, o in shares.options.items())
    said = [
        f"Over all combinations of choices a city moves by {_places(shares.shift)} of {n} ranks on average{f' (tried: {tried})' if tried else ''}."
    ]
    if shares.overall is None:
        return [*said, "No combination moves ranks more or less than another, so there is nothing to share out."]
    order = np.argsort(-shares.overall.total, kind="stable")
    parts = [
        f"{_called(shares.choices[k])} {_explain(shares.choices[k])} {_percent(float(np.clip(shares.overall.first[k], 0, 1)))} alone and "
        f"{_percent(float(np.clip(shares.overall.total[k], 0, 1)))} with interplay (± {100 * shares.overall.total_error[k]:.0f})"
        for k in order
    ]
    return [*said, f"Of how much that varies between combinations (± at {_percent(shares.level)}), {'; '.join(parts)}."]


def _choice_check(found: Robustness) -> Check:
    shares = found.shares
    if shares is None:
        return Check.inapplicable("choice_shares", "No choices were asked for (choices: []).")
    n = len(found.ranked)
    details: dict[str, Any] = {
        "mean_shift": shares.shift, "ranks": n, "options": {c: list(o) for c, o in shares.options.items()}, "evaluations": shares.evaluations,
        "level": shares.level, "pass_up_to": LITTLE, "fail_above": MUCH, "left_out": list(shares.left_out),
    }  # fmt: skip
    if shares.overall is not None:
        details["rows"] = [
            {
                "choice": c,
                **{f: float(getattr(shares.overall, f)[k]) for f in ("first", "first_error", "total", "total_error")},
            }
            for k, c in enumerate(shares.choices)
        ]
    reason = " ".join(_share_sentences(shares, n))
    return Check(
        "choice_shares", _verdict(shares.shift / n, LITTLE, MUCH), reason, statistic=shares.shift / n, details=details
    )


# ---- cities that leave -------------------------------------------------------------------------------------------


def _reversal_sentences(found: Robustness, moved: Reversal) -> list[str]:
    tried = "" if moved.complete else f" ({len(moved.who)} of {len(found.ranked)} cities were tried, drawn at random)"
    if max(moved.largest, moved.largest_copied) == 0 and not moved.unanswered:
        return [f"Nobody moves when a city leaves or a copy of it enters{tried}."]
    said = []
    for moves, what, size in (
        (moved.left, "leaves", moved.largest),
        (moved.copied, "comes in a second time", moved.largest_copied),
    ):
        if size == 0:
            said.append(f"Nobody moves when a city {what}{tried}.")
            continue
        at = np.argwhere(np.abs(moves) == size)
        row, city = min(at, key=lambda a: (_label(found, moved.who[a[0]]), _label(found, a[1])))
        movers = int((np.abs(moves) > 0).any(axis=1).sum())
        said.append(
            f"When {_label(found, moved.who[row])} {what}, {_label(found, city)} moves by {counted(size, 'rank')}, though nothing has changed in it or "
            f"in any other; {counted(movers, 'city does', 'cities do')} so to others{tried}."
        )
    if moved.unanswered:
        said.append(f"No answer for {some(list(moved.unanswered))}: {next(iter(moved.unanswered.values()))}")
    return said


def _moved_sentence(found: Robustness, moved: Reversal, city: int) -> str:
    moves = moved.left[:, city]
    largest = np.flatnonzero(np.abs(moves) == np.abs(moves).max())
    row = min(largest, key=lambda k: _label(found, moved.who[k]))
    if moves[row] == 0:
        return "It keeps its place among the others whichever city leaves."
    way = "down" if moves[row] > 0 else "up"
    return f"It moves {way} by {counted(int(abs(moves[row])), 'rank')} when {_label(found, moved.who[row])} leaves."


def _reversal_check(found: Robustness) -> Check:
    moved = found.reversal
    if moved is None:
        return Check.inapplicable("rank_reversal", "Rank reversal was not asked for (leavers: 0).")
    n, largest = len(found.ranked), max(moved.largest, moved.largest_copied)
    share = largest / n
    verdict = _verdict(share, STEADY, SHAKY)
    unsure = not moved.complete or bool(moved.unanswered)
    details: dict[str, Any] = {
        "largest_left": moved.largest, "largest_copied": moved.largest_copied, "ranks": n, "tried": len(moved.who), "complete": moved.complete,
        "normaliser": found.scores.recipe.normaliser, "pass_up_to": STEADY, "fail_above": SHAKY, "unanswered": dict(moved.unanswered),
    }  # fmt: skip
    verdict = "inconclusive" if unsure and verdict == "pass" else verdict
    return Check(
        "rank_reversal", verdict, " ".join(_reversal_sentences(found, moved)), statistic=share, details=details
    )


# ---- words ---------------------------------------------------------------------------------------------------------


def _verdict(share: float, passes: float, fails: float) -> Verdict:
    return "pass" if share <= passes else "fail" if share > fails else "inconclusive"


def _label(found: Robustness, city: Any) -> str:
    return found.scores.cities.labels[int(city)]


def _called(choice: str) -> str:
    """A choice as it stands in a sentence."""
    names = {"weights": "weights", "normaliser": "the normaliser", "missing": "what stands for missing values", "outliers": "the treatment of outliers",
             "aggregation": "the mean"}  # fmt: skip
    return names[choice]


def _explain(choice: str) -> str:
    return "explain" if choice == "weights" else "explains"


def _places(value: float) -> str:
    """Places with one decimal, or as many as show that there are some."""
    return number(round(value, 1) if value >= 0.1 else float(f"{value:.1g}"))


def _upper(words: str) -> str:
    return words[:1].upper() + words[1:]


def _percent(share: float) -> str:
    """``34 %``; below one percent with a digit, never 0 for what happens."""
    hundred = 100 * share
    if 0 < hundred < 1:
        return "under 0.1 %" if hundred < 0.1 else f"{hundred:.1f} %"
    return f"{hundred:.0f} %" if hundred < 99.5 or hundred >= 100 else f"{hundred:.1f} %"
