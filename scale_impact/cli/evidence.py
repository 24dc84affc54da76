"""``scale-impact evidence``: all studies' results as one table."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from scale_impact.core.words import number

if TYPE_CHECKING:
    import pandas as pd

SHOWN = [
    "study", "variant", "outcome", "estimator", "role", "label", "estimate", "ci_low", "ci_high", "p_value", "outcome_unit",
    "inference",
]  # fmt: skip


class Format(StrEnum):
    """How rows are written."""

    table = "table"
    csv = "csv"
    json = "json"
    parquet = "parquet"


def evidence(
    where: Annotated[
        str | None, typer.Option("--where", help="Condition on estimates, such as \"role = 'primary'\".")
    ] = None,
    sql: Annotated[
        str | None,
        typer.Option("--sql", help='A whole query over the tables estimates and checks (quote the column "check").'),
    ] = None,
    format_: Annotated[
        Format, typer.Option("--format", help="table for reading; the others hold all columns.")
    ] = Format.table,
) -> None:
    """Show all studies' results as one table (by default the overall estimates).

    Example: scale-impact evidence --where "kind = 'event_time' and estimator = 'callaway_santanna'" --format csv
    """
    from scale_impact.core.evidence import to_line
    from scale_impact.core.project import Project
    from scale_impact.core.safe_csv import write_csv
    from scale_impact.evidence.query import as_parquet, query

    frame = query(Project.find().studies, where=where, sql=sql)
    if format_ is Format.table:
        nothing = "No row answers this." if where or sql else "No results yet. Run a study: scale-impact run"
        _table(frame if sql else frame[_shown(frame)], nothing)
    elif format_ is Format.csv:
        write_csv(frame, sys.stdout)
    elif format_ is Format.json:
        rows = [{k: _portable(v) for k, v in row.items()} for row in frame.to_dict(orient="records")]
        typer.echo("[\n" + ",\n".join(map(to_line, rows)) + "\n]")
    else:
        sys.stdout.buffer.write(as_parquet(frame))


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


def _portable(value: object) -> object:
    """What a query may give beyond texts and numbers, as JSON knows it: lists, dates, decimals."""
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
    if value is None or value != value:
        return ""
    if name == "p_value" and isinstance(value, float) and value < 0.001:
        return "<0.001"
    return number(value) if isinstance(value, float) else str(value)
