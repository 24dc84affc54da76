"""Candidates: rows of studies and papers that may count, and why the others do not."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scale_impact.core.project import Project
from scale_impact.core.words import some
from scale_impact.evidence.cards import Run
from scale_impact.evidence.duplicates import Piece, places_of, plain_name
from scale_impact.evidence.papers import paper_rows
from scale_impact.evidence.query import load, standings_of
from scale_impact.evidence.standing import KINDS, MARKS, Standing

Row = dict[str, Any]
Left = tuple[str, str]
"""What is left out, and why."""

POOLED = "meta_analysis"
"""Design of a paper that pools others: its number would count these twice."""


@dataclass(frozen=True)
class Found:
    """One row that may count, with what is known of where it is from.

    Attributes
    ----------
    row:
        The row of ``estimates`` or ``papers``.
    standing:
        Of the study's run; None of a paper.
    treated:
        Names of the treated places.
    """

    row: Row
    standing: Standing | None
    treated: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The study's run, or the paper."""
        return str(self.row["study"]) if self.standing is None else self.standing.name

    @property
    def where(self) -> str:
        """Where it can be corrected."""
        if self.standing is None:
            return f"data/evidence/{self.row['file']}.csv, line {self.row['line']}"
        return "/".join(
            ["studies", self.standing.study, "results", *([self.standing.variant] if self.standing.variant else [])]
        )

    def piece(self) -> Piece:
        """What tells whether another row is of the same city or data."""
        city = self.row["kind"] == "unit"
        if self.standing is None:
            places = [p for p in str(self.row["place"] or "").split(";") if p.strip()]
            data = {plain_name(self.row["data_set"])} if self.row["data_set"] else set[str]()
        else:
            places = [self.row["label"]] if city else list(self.treated)
            data = {plain_name(n) for n in self.standing.data_sets} | (
                {self.standing.data} if self.standing.data else set()
            )
        method = self.row["design"] if self.standing is None else self.row["estimator"]
        return Piece(
            str(self.row["study"]),
            frozenset(data),
            places_of(places),
            str(self.row["outcome"]),
            str(method),
            float(self.row["estimate"]),
        )


def candidates(
    project: Project, measure: str, indicator: str, studies: Sequence[str] | None, papers: Sequence[str] | None,
    include: Collection[str], cities: bool,
) -> tuple[list[Found], list[Left]]:  # fmt: skip
    """Rows that may count, and what was left out."""
    import duckdb

    with duckdb.connect(":memory:") as connection:
        load(connection, project.studies, ["estimates", "checks", "units"])
        known = {(s.study, s.variant): s for s in standings_of(connection, project.studies)}
        asked = "measure = ? AND indicator = ? AND estimate IS NOT NULL"
        rows = _rows(
            connection, f"SELECT rowid AS place, * FROM estimates WHERE {asked} ORDER BY rowid", [measure, indicator]
        )
        treated = _treated(connection)
    runs: dict[Run, list[Row]] = {}
    for row in rows:
        runs.setdefault((row["study"], row["variant"]), []).append(row)
    chosen, left_out = _chosen(runs, known, studies, include)
    found = list[Found]()
    for run in chosen:
        effects, without = _of_run(runs[run], known[run], cities, treated.get(run, ()))
        found += effects
        left_out += without
    published, more = _of_papers(project, measure, indicator, papers)
    return [*found, *published], [*left_out, *more]


def _rows(connection: Any, statement: str, values: Sequence[Any] = ()) -> list[Row]:
    """Rows of a query as mappings, with None where nothing stands."""
    found = connection.execute(statement, list(values))
    names = [c[0] for c in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _treated(connection: Any) -> dict[Run, tuple[str, ...]]:
    """The treated units of each run that publishes them."""
    found: dict[Run, tuple[str, ...]] = {}
    for row in _rows(
        connection,
        "SELECT study, variant, list(unit ORDER BY unit) AS units FROM units WHERE first_treated IS NOT NULL GROUP BY ALL",
    ):
        found[row["study"], row["variant"]] = tuple(row["units"])
    return found


def _chosen(
    runs: Mapping[Run, list[Row]], known: Mapping[Run, Standing],
    studies: Sequence[str] | None, include: Collection[str],
) -> tuple[list[Run], list[Left]]:  # fmt: skip
    """The runs that count, by name, and why the others do not."""
    left_out, taken = list[Left](), dict[str, Run]()
    for run in sorted(runs, key=lambda r: (r[0], r[1] or "")):
        standing = known[run]
        if studies is not None and not {standing.name, standing.study} & set(studies):
            continue
        named = studies is not None and standing.name in studies and standing.variant is not None
        if standing.kind != "measure":
            left_out.append((standing.name, f"no effects: {KINDS[standing.kind]}"))
        elif marks := [m for m in standing.marks if m not in include]:
            words = "; ".join(MARKS[m] + _which(m, standing) for m in marks)
            left_out.append((standing.name, f"{words} (to count it all the same: include {', '.join(marks)})"))
        elif run[0] in taken and not named:
            left_out.append((standing.name, f"another run of a study that counts once, by {known[taken[run[0]]].name}"))
        else:
            taken[standing.name if named else run[0]] = run
    return list(dict.fromkeys(taken.values())), left_out


def _which(mark: str, standing: Standing) -> str:
    return f" ({', '.join(standing.failed_checks)})" if mark == "failed_checks" else ""


def _of_run(
    rows: Sequence[Row], standing: Standing, cities: bool, treated: tuple[str, ...]
) -> tuple[list[Found], list[Left]]:
    """The effects of one run: of each outcome its cities, or its first overall effect."""
    found, left_out = list[Found](), list[Left]()
    for outcome in dict.fromkeys(r["outcome"] for r in rows):
        of = [r for r in rows if r["outcome"] == outcome]
        overall = sorted((r for r in of if r["kind"] == "overall"), key=lambda r: (r["role"] != "primary", r["place"]))
        if not overall:
            left_out.append((standing.name, f"{outcome}: no overall effect"))
            continue
        answer = overall[0]
        alike = [r for r in of if r["kind"] == "unit" and all(r[k] == answer[k] for k in ("estimator", "estimand"))]
        sure = [r for r in alike if _sure(r)]
        if cities and len(sure) > 1:
            found += [Found(r, standing, treated) for r in sure]
            missing = [str(r["label"]) for r in alike if not _sure(r)]
            left_out += [(standing.name, f"{outcome}, {some(missing)}: no standard error")] if missing else []
        elif _sure(answer):
            found.append(Found(answer, standing, treated))
        else:
            left_out.append(
                (standing.name, f"{outcome}: no standard error ({answer['inference'] or 'no reason is given'})")
            )
    return found, left_out


def _sure(row: Row) -> bool:
    return row["std_error"] is not None and math.isfinite(row["std_error"]) and math.isfinite(row["estimate"])


def _of_papers(
    project: Project, measure: str, indicator: str, names: Sequence[str] | None
) -> tuple[list[Found], list[Left]]:
    """Published numbers that may count: of each paper those of its cities, or the overall ones."""
    rows = [r for r in paper_rows(project, names) if r["measure"] == measure and r["indicator"] == indicator]
    with_cities = {r["study"] for r in rows if r["kind"] == "unit" and _sure(r)}
    found, left_out = list[Found](), list[Left]()
    for row in rows:
        why = _why_not(row, row["study"] in with_cities)
        if why:
            left_out.append((f"{row['study']} ({row['printed']})", why))
        else:
            found.append(Found(row, None))
    return found, left_out


def _why_not(row: Row, with_cities: bool) -> str:
    """Why a published number does not count; nothing where it does."""
    if row["role"] != "primary":
        return "a secondary number of its paper"
    if row["design"] == POOLED:
        return "a mean of other studies, which it would count twice"
    if row["design"] == "model":
        return "a model's forecast, and nothing observed"
    if with_cities and row["kind"] != "unit":
        return "its paper's cities are counted one by one"
    return "" if _sure(row) else "no standard error: the paper does not tell how sure it is"
