"""``scale-impact data``: sources: what there is, get one, check them, a page on all of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import pandas as pd

    from scale_impact.core.project import Project
    from scale_impact.errors import ScaleImpactError
    from scale_impact.sources._pulling.pull import PulledFile, Ways
    from scale_impact.sources._telling.listing import Listed

data = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Sources: what there is, get one, check them, a page on all of them.\n\n\n\nExample: scale-impact data pull NAME",
)

WIDTH = 100
"""Columns of a table that goes to no screen."""


# ---- list ------------------------------------------------------------------------------------------------


@data.command("list")
def list_(json_: Annotated[bool, typer.Option("--json", help="The same for programs, in full.")] = False) -> None:
    """List all sources: units x periods, size, kind, vintage, licence, and which studies and cards use them.

    Example: scale-impact data list
    """
    from scale_impact.cli._output import leave_with
    from scale_impact.core.project import Project
    from scale_impact.sources._telling.listing import listing

    found, errors = listing(Project.find())
    if json_:
        typer.echo(_as_json(found))
    elif not found and not errors:
        typer.echo("There is no source yet: a card is a file data/sources/<name>.yaml (docs/files.md).")
    else:
        _show(found)
    leave_with(errors)


def _as_json(found: tuple[Listed, ...]) -> str:
    import json
    from dataclasses import asdict

    return json.dumps([asdict(entry) for entry in found], indent=2, ensure_ascii=False)


def _show(found: tuple[Listed, ...]) -> None:
    import shutil
    import textwrap

    width = max(shutil.get_terminal_size((WIDTH, 24)).columns, 60)
    for entry, line in zip((None, *found), _lines(found), strict=True):
        typer.echo(line if len(line) <= width else line[: width - 1] + "…")
        if entry is not None and entry.used_by:
            used = "used by " + ", ".join(entry.used_by)
            typer.echo(
                textwrap.fill(used, width, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False)
            )
    if any(entry.problem is not None for entry in found):
        typer.echo("Unreadable: scale-impact data verify NAME says why")
    if any(not entry.here for entry in found):
        typer.echo("Not pulled: scale-impact data pull NAME")


def _lines(found: tuple[Listed, ...]) -> list[str]:
    """A table of plain text, its head first."""
    from scale_impact.sources._telling.listing import extent, short_licence, size

    rows = [("source", "units x periods", "size", "kind", "vintage", "licence")]
    rows += [(e.name, extent(e), size(e.bytes), e.kind, e.vintage or "", short_licence(e)) for e in found]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(_padded(cell, w, k) for k, (cell, w) in enumerate(zip(row, widths, strict=True))).rstrip()
        for row in rows
    ]


def _padded(cell: str, width: int, column: int) -> str:
    """Numbers stand on the right."""
    return cell.rjust(width) if column in (1, 2) else cell.ljust(width)


# ---- pull ------------------------------------------------------------------------------------------------


@data.command()
def pull(
    names: Annotated[
        list[str] | None, typer.Argument(help="Names of cards; those that they are made from come too.")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="All that lie elsewhere.")] = False,
    mirror: Annotated[
        Path | None, typer.Option("--mirror", help="Read from this folder in place of the network.", show_default=False)
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Fetch what is here already, too.")] = False,
) -> None:
    """Fetch what a source's card says lies elsewhere, and keep it with its hash, vintage and date in data/raw/.

    What is not the card's file is kept beside, and what to write into the card is said.

    Example: scale-impact data pull nyc_congestion_pricing --mirror ../data
    """
    from scale_impact.cli._output import leave_with
    from scale_impact.core.project import Project
    from scale_impact.sources._pulling.http import Patience
    from scale_impact.sources._pulling.pull import Ways

    root = Project.find().root
    cards, errors = _cards(_chosen(names or [], all_), root)
    ways = Ways(mirror, again, Patience(say=lambda message: typer.echo(message, err=True)))
    for card in cards:
        errors += _pull_one(card, root, ways, quiet=all_)
    leave_with(_without_absent(errors) if all_ and mirror is not None else errors)


def _without_absent(errors: list[ScaleImpactError]) -> list[ScaleImpactError]:
    """Where all of a mirror are meant, cards that it does not have are named, and that is no mistake."""
    from scale_impact.errors import NotInMirrorError

    for error in errors:
        if isinstance(error, NotInMirrorError):
            typer.echo(f"not in the mirror: {error}", err=True)
    return [e for e in errors if not isinstance(e, NotInMirrorError)]


def _chosen(names: list[str], all_: bool) -> list[str]:
    from scale_impact.core.project import Project
    from scale_impact.errors import UsageError

    if bool(names) == all_:
        raise UsageError("Name the sources to pull, or say --all. What there is: scale-impact data list")
    return names or list(Project.find().keys("sources"))


def _cards(names: list[str], root: Path) -> tuple[list[str], list[ScaleImpactError]]:
    """The cards to pull, each once, with those that they are made from; and what cannot be."""
    from scale_impact.errors import SourceError
    from scale_impact.sources._pulling.pull import cards

    found: list[str] = []
    errors: list[ScaleImpactError] = []
    for name in names:
        try:
            found += cards(name, root)
        except SourceError as error:
            errors.append(error)
    return list(dict.fromkeys(found)), errors


def _pull_one(card: str, root: Path, ways: Ways, *, quiet: bool) -> list[ScaleImpactError]:
    from scale_impact.errors import SourceError
    from scale_impact.sources._pulling.pull import pull_card

    try:
        files = pull_card(card, root, ways)
    except SourceError as error:
        return [error]
    for file in files:
        if file.state != "project" or not quiet:
            typer.echo(_line(file))
    return []


def _line(file: PulledFile) -> str:
    from scale_impact.sources._telling.listing import size

    if file.state == "project":
        return f"{file.card}: {file.file} comes with the project or a package; there is nothing to pull"
    what = {"fetched": "fetched", "here": "is here already"}[file.state]
    advice = f"\n  {file.advice}" if file.advice else ""
    return f"{file.card}: {file.file} ({size(file.bytes)}) {what}{advice}"


# ---- verify ----------------------------------------------------------------------------------------------


@data.command()
def verify(
    names: Annotated[list[str] | None, typer.Argument(help="Names of cards; none means all.")] = None,
) -> None:
    """Check the data that are here: hashes of all files, columns, corrections and rules; all problems at once.

    Example: scale-impact data verify
    """
    from scale_impact.cli._output import leave_with
    from scale_impact.core.project import Project
    from scale_impact.errors import SourceError
    from scale_impact.sources._telling.verifying import verify as look

    found = look(Project.find(), tuple(names or ()))
    for entry in found:
        if entry.state != "broken":
            typer.echo(f"{entry.name}: {entry.state}")
    problems = dict.fromkeys(problem for entry in found for problem in entry.problems)
    leave_with([SourceError(problems)] if problems else [])


# ---- dictionary ------------------------------------------------------------------------------------------


@data.command()
def dictionary(
    out: Annotated[Path, typer.Option("--out", help="The file to write.")] = Path("data-dictionary.html"),
) -> None:
    """Write one page on all sources, indicators and measures: origin, licence, columns with units, corrections.

    Example: scale-impact data dictionary --out dictionary.html
    """
    from scale_impact.core.project import Project
    from scale_impact.errors import UsageError
    from scale_impact.sources._telling.dictionary import write

    if out.is_dir():
        raise UsageError(f"--out {out} is a folder. Name a file, such as {out / 'data-dictionary.html'}.")
    typer.echo(f"written: {write(Project.find(), out)}")


# ---- coverage --------------------------------------------------------------------------------------------

Unit = Annotated[str | None, typer.Option("--unit", help="Column of the unit; default the card's.", show_default=False)]
Period = Annotated[
    str | None, typer.Option("--period", help="Column of the period; default the card's.", show_default=False)
]
SHOWN = 20
"""Lines of a table that are shown."""


@data.command()
def coverage(
    name: Annotated[str, typer.Argument(help="Name of the card.")],
    unit: Unit = None,
    period: Period = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="A picture (.png, .svg), or a table of what is missing (.csv).")
    ] = None,
) -> None:
    """Say which units are observed when, column by column, and why values are missing.

    Example: scale-impact data coverage nyc_pm25_monthly --out coverage.png
    """
    from scale_impact.core.project import Project
    from scale_impact.core.source import load_source
    from scale_impact.sources import coverage_of

    project = Project.find()
    ending = _ending(out, (".png", ".svg", ".csv"))
    card = _card(project, name)
    found = coverage_of(card, project.root, unit, period)
    for sentence in found.sentences():
        typer.echo(sentence)
    typer.echo(
        "\n" + found.to_frame().to_string(index=False, float_format=lambda share: f"{share:.3f}", max_rows=SHOWN)
    )
    if out is not None and ending == ".csv":
        _write_table(found.missing, out)
    elif out is not None:
        from scale_impact.figures import figure, render

        picture = figure("coverage", found, unit="", source=load_source(card).title)
        _write(out, render(picture, "png" if ending == ".png" else "svg"))


@data.command()
def oddities(
    name: Annotated[str, typer.Argument(help="Name of the card.")],
    unit: Unit = None,
    period: Period = None,
    out: Annotated[Path | None, typer.Option("--out", help="The whole table (.csv).")] = None,
) -> None:
    """List values that look odd (outliers, slips of the decimal mark, breaks, values carried forward); none is changed.

    Example: scale-impact data oddities nyc_pm25_monthly
    """
    from scale_impact.core.project import Project
    from scale_impact.core.words import counted
    from scale_impact.sources import oddities_of

    project = Project.find()
    _ending(out, (".csv",))
    found = oddities_of(_card(project, name), project.root, unit, period)
    typer.echo(
        f"{counted(len(found), 'finding')}; nothing was changed. What a finding is: docs/sources.md. A shift that stays, in treated "
        "units from their first treated period on, may be the effect itself."
    )
    if len(found):
        typer.echo("\n" + found.head(SHOWN).to_string(index=False, max_colwidth=90))
    if len(found) > SHOWN and out is None:
        typer.echo(f"and {len(found) - SHOWN:,} more: --out oddities.csv writes all")
    if out is not None:
        _write_table(found, out)


def _card(project: Project, name: str) -> Path:
    """The card of a name; the nearest one is said where there is none."""
    from scale_impact.core.words import nearest
    from scale_impact.errors import SourceError

    known = project.keys("sources")
    if name not in known:
        raise SourceError(f"There is no source {name!r}. {nearest(name, known)}")
    return project.source(name)


def _ending(out: Path | None, known: tuple[str, ...]) -> str:
    from scale_impact.errors import UsageError

    if out is None or out.suffix.lower() in known:
        return "" if out is None else out.suffix.lower()
    raise UsageError(f"--out {out}: the file has to end in {' or '.join(known)}.")


def _write_table(table: pd.DataFrame, out: Path) -> None:
    import io

    from scale_impact.core.safe_csv import write_csv

    text = io.StringIO()
    write_csv(table, text)
    _write(out, text.getvalue().encode())


def _write(out: Path, content: bytes) -> None:
    from scale_impact.errors import UsageError

    try:
        out.write_bytes(content)
    except OSError as error:
        raise UsageError(f"--out {out} cannot be written: {error.strerror}.") from error
    typer.echo(f"written: {out}")
