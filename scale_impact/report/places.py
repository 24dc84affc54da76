"""Cities and other places: who was studied, benchmarked or predicted, and where each has its page.

The same name may mean two places. A name that is a name (it has a letter) is one place within its kind of unit (the study's column, such as
`city`); a code is one place only within its source. What names a place in several sources is said on its page.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from scale_impact.core.evidence import NET_VALUE
from scale_impact.core.words import effect_unit
from scale_impact.evidence.cards import Cards
from scale_impact.report.answers import decision, kind_of, shown
from scale_impact.report.published import Row, RunRead
from scale_impact.report.slugs import hashed

MOST = 500
"""Places of one study that get a page, those first of which most is to tell; all are in its units.jsonl."""


@dataclass(frozen=True)
class Place:
    """A place: what it is called, what kind of unit it is, and of a code the source in which it means it."""

    name: str
    kind: str
    source: str = ""

    @property
    def slug(self) -> str:
        """Name of its page."""
        return hashed(self.name, self.name, self.kind, self.source)


@dataclass(frozen=True)
class Told:
    """What a run says of a place.

    Attributes
    ----------
    what:
        ``measure``, ``comparison``, ``benchmark``, ``prediction`` or ``decision``.
    marks:
        What a reader has to know first: simulated data, a run that failed since.
    card:
        Where the decision card is; empty where there is none.
    """

    place: Place
    what: str
    words: str
    source: str
    marks: tuple[str, ...] = ()
    card: str = ""


def place_of(run: RunRead, name: str) -> Place | None:
    """The place of a name in a run; None where no unit is followed and no city asks."""
    if run.study is None:
        return None
    settings = run.study.settings
    unit, source = settings.unit, settings.source
    if not unit and kind_of(run) in ("transfer", "scaleup"):
        unit, source = Cards(run.study.project).unit_asked(run.study.slug, run.variant, name)
    if not unit:
        return None
    known = any(c.isalpha() for c in name)
    return Place(name, str(unit).casefold(), "" if known else source)


def told(run: RunRead) -> list[Told]:
    """All that a run says of places; those with the measure first, then others."""
    kind = kind_of(run)
    if run.study is None:
        return []
    source = run.study.settings.source
    words = {"benchmark": _benchmark, "transfer": _transfer, "scaleup": _scaleup}.get(kind, _units)
    found = [
        Told(place, what, text, source) for name, what, text in words(run) if (place := place_of(run, name)) is not None
    ]
    return [*(t for t in found if t.what != "comparison"), *(t for t in found if t.what == "comparison")]


def _units(run: RunRead) -> Iterator[tuple[str, str, str]]:
    """Who had the measure and since when, who was compared."""
    own = {
        str(r["label"]): r
        for r in run.estimates
        if r["kind"] == "unit" and r["role"] == "primary" and r["estimate"] is not None
    }
    for unit in run.units:
        name = str(unit["unit"])
        if unit["first_treated"] is None:
            yield name, "comparison", "compared, without the measure"
        else:
            effect = f"; own effect {_numbers(own[name])}" if name in own else ""
            yield name, "measure", f"with the measure from {unit['first_treated']} on{effect}"


def _benchmark(run: RunRead) -> Iterator[tuple[str, str, str]]:
    """The place of each city, with what its interval allows."""
    by_city: dict[str, dict[str, Row]] = {}
    for row in run.estimates:
        if row["kind"] == "unit" and row["outcome"] == "index" and row["estimate"] is not None:
            by_city.setdefault(str(row["label"]), {})[str(row["estimand"])] = row
    for name, rows in by_city.items():
        parts = []
        if rank := rows.get("RANK"):
            parts.append(f"rank {shown(rank['estimate'])} of {rank['n_units'] or '?'}{_set(rank)}")
        if score := rows.get("SCORE"):
            parts.append(f"score {_numbers(score)}")
        if expected := rows.get("EXPECTED"):
            parts.append(f"its situation lets expect {_numbers(expected)}")
        if parts:
            yield name, "benchmark", "; ".join(parts)


def _transfer(run: RunRead) -> Iterator[tuple[str, str, str]]:
    """What a city may expect, and what each city of the evidence had; also a city that asks and has no answer yet."""
    predicted = [r for r in run.estimates if r["estimand"] == "PREDICTED" and r["kind"] == "overall"]
    for row in predicted:
        said = "no answer" if row["estimate"] is None else f"{_numbers(row)} {_unit(row)} (interval of a new city)"
        yield str(row["label"]), "prediction", f"may expect {said}"
    if not predicted and run.study is not None and run.study.settings.transfer is not None:
        yield str(run.study.settings.transfer.city), "prediction", "asks what it may expect; not answered yet"
    for row in run.estimates:
        if row["kind"] == "unit" and row["estimand"] not in ("HELD_OUT", "PREDICTED") and row["estimate"] is not None:
            yield str(row["label"]), "measure", f"own effect {_numbers(row)} {_unit(row)}"


def _scaleup(run: RunRead) -> Iterator[tuple[str, str, str]]:
    """What was decided for the city that asks, and what that is worth to all partners together."""
    city = None if run.study is None or run.study.settings.scaleup is None else run.study.settings.scaleup.city
    if not city:
        return
    decided = decision(run.checks)
    parts = [f"decision: {decided['word']}"] if decided else []
    for row in run.estimates:
        if row["estimand"] == NET_VALUE and row["kind"] == "overall" and row["estimate"] is not None:
            parts.append(f"net present value {_numbers(_three_digits(row))} {row['outcome_unit']}")
    yield city, "decision", "; ".join(parts) or "not decided yet"


def _unit(row: Row) -> str:
    return effect_unit(str(row["outcome_unit"]))


def _set(row: Row) -> str:
    if row["ci_low"] is None or row["ci_high"] is None:
        return ""
    return f" ({row['level'] * 100:g} % confidence set: {shown(row['ci_low'])} to {shown(row['ci_high'])})"


def _three_digits(row: Row) -> Row:
    """A row whose numbers are written as the answer of its study is."""
    return {**row, **{k: None if row[k] is None else float(f"{row[k]:.3g}") for k in ("estimate", "ci_low", "ci_high")}}


def _numbers(row: Row) -> str:
    if row["ci_low"] is None or row["ci_high"] is None:
        return shown(row["estimate"])
    return f"{shown(row['estimate'])} ({shown(row['ci_low'])} to {shown(row['ci_high'])})"
