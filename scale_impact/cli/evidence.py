"""``scale-impact evidence``: all studies' results as one table."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scale_impact.core.words import number

if TYPE_CHECKING:
    import pandas as pd

SHOWN = [
    "study", "variant", "outcome", "estimator", "role", "label", "estimate", "ci_low", "ci_high", "p_value", "outcome_unit",
    "inference",
]  # fmt: skip
SHOWN_OF = {
    "studies": [
        "study", "variant", "kind", "measure", "indicator", "estimator", "frozen", "failed", "failed_checks", "simulated", "credibility",
        "marks",
    ],
    "papers": [
        "study", "measure", "indicator", "place", "design", "role", "estimate", "std_error", "ci_low", "ci_high", "outcome_unit",
        "credibility", "source", "page",
    ],
}  # fmt: skip
"""Columns of the other tables that are shown; of those that do not stand here all."""

NOTHING = {
    "papers": "No published numbers yet. Enter them in data/evidence/<name>.csv (docs/evidence.md).",
    "units": "No run has published who was studied.",
}


class From(StrEnum):
    """The tables."""

    estimates = "estimates"
    checks = "checks"
    units = "units"
    studies = "studies"
    papers = "papers"


class Columns(StrEnum):
    """Columns of the map."""

    dimension = "dimension"
    indicator = "indicator"


class Format(StrEnum):
    """How rows are written."""

    table = "table"
    csv = "csv"
    json = "json"
    parquet = "parquet"


def evidence(
    where: Annotated[
        str | None, typer.Option("--where", help="Condition on the table, such as \"role = 'primary'\".")
    ] = None,
    sql: Annotated[
        str | None,
        typer.Option(
            "--sql",
            help='A whole query over the tables estimates, checks (quote the column "check"), units, studies, papers.',
        ),
    ] = None,
    format_: Annotated[
        Format, typer.Option("--format", help="table for reading; the others hold all columns.")
    ] = Format.table,
    from_: Annotated[
        From | None,
        typer.Option(
            "--from", help="The table: of studies what is to be known of each run, of papers what others published."
        ),
    ] = None,
    map_: Annotated[
        bool,
        typer.Option("--map", help="Measures by dimensions: how many studies, how strong, what they find, and gaps."),
    ] = False,
    by: Annotated[Columns | None, typer.Option("--by", help="Columns of the map; default dimension.")] = None,
    figure: Annotated[Path | None, typer.Option("--figure", help="Draw the map into this .png or .svg file.")] = None,
) -> None:
    """Show all studies' results as one table (by default the overall estimates).

    Example: scale-impact evidence --where "kind = 'event_time' and estimator = 'callaway_santanna'" --format csv
    """
    from scale_impact.core.project import Project
    from scale_impact.errors import UsageError
    from scale_impact.evidence.query import query

    if map_:
        if where or sql or from_:
            raise UsageError("--map counts all evidence: leave out --where, --sql and --from.")
        return _map(by, figure, format_)
    if by or figure:
        raise UsageError(f"{'--by' if by else '--figure'} belongs to the map: add --map.")
    if sql and from_:
        raise UsageError("Give --from or --sql, not both: a whole query names its tables itself.")
    table = from_ or From.estimates
    frame = query(Project.find().studies, where=where, sql=sql, table=table.value)
    nothing = NOTHING.get(table, "No results yet. Run a study: scale-impact run")
    shown = frame if sql else frame[_shown(frame) if table is From.estimates else SHOWN_OF.get(table, list(frame))]
    if format_ is Format.table and table is From.estimates and not sql and len(frame):
        shown = _marked(shown, frame)
    _write(frame, shown, format_, "No row answers this." if where or sql else nothing)


def _marked(shown: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """Rows for reading with what is against each: simulated, failed since, not frozen, failed checks."""
    from scale_impact.core.project import Project
    from scale_impact.evidence.query import query

    known = query(Project.find().studies, table="studies")
    marks = {
        (s, v if isinstance(v, str) else None): m
        for s, v, m in zip(known["study"], known["variant"], known["marks"], strict=True)
    }
    of = [(s, v if isinstance(v, str) else None) for s, v in zip(frame["study"], frame["variant"], strict=True)]
    return shown.assign(marks=[marks.get(run) for run in of])


def _write(frame: pd.DataFrame, shown: pd.DataFrame, format_: Format, nothing: str) -> None:
    """Write rows: those shown for reading, all columns for programs."""
    from scale_impact.core.evidence import to_line
    from scale_impact.core.safe_csv import write_csv
    from scale_impact.evidence.query import as_parquet

    if format_ is Format.table:
        _table(shown, nothing)
    elif format_ is Format.csv:
        write_csv(frame, sys.stdout)
    elif format_ is Format.json:
        rows = [{k: _portable(v) for k, v in row.items()} for row in frame.to_dict(orient="records")]
        typer.echo("[\n" + ",\n".join(map(to_line, rows)) + "\n]")
    else:
        sys.stdout.buffer.write(as_parquet(frame))


def _map(by: Columns | None, figure: Path | None, format_: Format) -> None:
    """Write the evidence map: as a table, its cells, or a picture."""
    from scale_impact.core.project import Project
    from scale_impact.errors import UsageError
    from scale_impact.evidence.map import evidence_map

    if figure is not None and figure.suffix not in (".png", ".svg"):
        raise UsageError(f"--figure {figure}: a picture is a .png or .svg file.")
    found = evidence_map(Project.find(), by="dimension" if by is None else by.value)
    if figure is not None:
        from scale_impact import figures

        picture = figures.figure("evidence_map", found, unit="", source="all studies of this project; data/evidence")
        try:
            figure.parent.mkdir(parents=True, exist_ok=True)
            figure.write_bytes(figures.render(picture, "svg" if figure.suffix == ".svg" else "png"))
        except OSError as error:
            raise UsageError(f"--figure {figure}: it cannot be written ({error.strerror}).") from error
        typer.echo(f"{figure}: {len(found.measures)} measures by {len(found.columns)} {found.by}s")
        return
    cells = found.cells.assign(**{k: found.cells[k].map("; ".join) for k in ("expected", "risks", "names")})
    _write(cells, found.table().reset_index(), format_, "No measure has a card that names an indicator.")
    if format_ is Format.table:
        for note in found.notes:
            typer.echo(f"Note: {note}")


def _shown(frame: pd.DataFrame) -> list[str]:
    """Columns of the table: labels where rows are of other kinds than overall, variants where there are any.

    What a planned pilot would notice and a city's rank are no effects: where there is such a row, the estimands are shown too.
    """
    from scale_impact.core.evidence import NOTICED, RANKED

    noticed = bool(frame["estimand"].isin((NOTICED, RANKED)).any())
    without = {"label"} if (frame["kind"] == "overall").all() and not noticed else set()
    without |= {"variant"} if frame["variant"].isna().all() else set()
    shown = [name for name in SHOWN if name not in without]
    return [*shown[: shown.index("estimate")], "estimand", *shown[shown.index("estimate") :]] if noticed else shown


def _absent(value: object) -> bool:
    """Whether nothing stands in a cell: None, NaN, or the NA of whole numbers, of which nothing can be asked."""
    return value is None or type(value).__name__ == "NAType" or value != value


def _portable(value: object) -> object:
    """What a query may give beyond texts and numbers, as JSON knows it: lists, dates, decimals."""
    if type(value).__name__ == "NAType":
        return None
    if hasattr(value, "tolist"):
        return value.tolist()
    if hasattr(value, "isoformat"):
        return value.isoformat() if value == value else None
    return value if value is None or isinstance(value, (str, bool, int, float, list, dict)) else str(value)


def _table(frame: pd.DataFrame, nothing: str) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for column in frame.columns:
        table.add_column(Text(str(column)))
    for row in frame.itertuples(index=False):
        table.add_row(*(Text(_cell(name, value)) for name, value in zip(frame.columns, row, strict=True)))
    console = Console() if sys.stdout.isatty() else Console(width=1000)
    console.print(table if len(frame) else nothing)


def _cell(name: str, value: object) -> str:
    if _absent(value):
        return ""
    if name == "p_value" and isinstance(value, float) and value < 0.001:
        return "<0.001"
    return number(value) if isinstance(value, float) else str(value)
