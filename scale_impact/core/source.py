"""Source: where numbers come from, under which licence, and how to know that they did not change."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, Field, field_validator, model_validator

from scale_impact.core.building.recipe import Keep, Part
from scale_impact.core.catalogue.indicator import QUALITIES
from scale_impact.core.remote import credentials_in, is_url
from scale_impact.core.words import nearest, plain
from scale_impact.core.yaml_file import Record, load_record
from scale_impact.errors import SourceError

FOLDER_NAME = r"[A-Za-z0-9][\w.-]*"
"""What a folder of the store may be called: it is a folder of a mirror too."""

UNDATED = "undated"
"""Folder of the store for a card without a vintage."""


Scalar = bool | int | float | str | None
"""One value of a table, as a card writes it."""


Hash = Annotated[str, AfterValidator(lambda text: text.strip().lower())]
"""A SHA-256, as its author wrote it."""


class Column(Record):
    """A column of a source: its unit, what it means, whether codes stay text, and what it may hold."""

    unit: str
    """Unit of the numbers, as in the catalogue: %, ug/m3, log(claims)."""
    meaning: str
    """What the column says, in a sentence."""
    type: Literal["number", "text", "date"] | None = None
    """`text` keeps codes such as 06037; `number`; `date` as in 2024-07-31."""
    in_file: str | None = None
    """The column's name in the file, where it is another."""
    minimum: float | None = None
    """The least that is possible."""
    maximum: float | None = None
    """The most that is possible."""
    values: tuple[Any, ...] | None = None
    """All values that there may be."""
    pattern: str | None = None
    """Regular expression that each text has to match whole."""
    complete: bool = False
    """Whether no value may be missing."""
    quality: str | None = None
    """How good the values are, in the catalogue's six steps; default the indicator's usual one."""

    @field_validator("quality")
    @classmethod
    def _is_a_step(cls, quality: str | None) -> str | None:
        if quality is not None and quality not in QUALITIES:
            raise ValueError(f"there is no quality {quality!r}. {nearest(quality, QUALITIES)}")
        return quality

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        try:
            re.compile(pattern or "")
        except re.error as error:
            raise ValueError(f"{pattern!r} is no regular expression: {error}.") from error
        return pattern


class Rows(Record):
    """Rows that are left out, such as totals among the units, and why."""

    where: Annotated[dict[str, Any], Field(min_length=1)]
    """Column to value, or to a list of values."""
    reason: str
    """Why they are no rows of the panel."""


class Correction(Record):
    """A value put right, and the value that has to be there before."""

    where: Annotated[dict[str, Any], Field(min_length=1)]
    """Which rows: column to value, such as {city: Gary, year: 1984}."""
    column: str
    """The column that is put right."""
    expects: Scalar
    """What the file holds there; anything else is an error. null: nothing."""
    value: Scalar
    """What is right. null: nothing."""
    reason: str
    """How that is known."""


class SourceFile(Record):
    """One file of a source."""

    file: str
    """The file: within the project or package; of pulled data its name in the store."""
    address: str | None = None
    """Where `data pull` fetches it."""
    sha256: Hash | None = None
    """Hash of the file."""
    adds: dict[str, Scalar] = {}
    """Columns that the file lacks and each of its rows has, such as {year: 2019}."""
    lacks: tuple[str, ...] = ()
    """Columns of the card that this file does not have: missing in its rows."""
    original: str | None = None
    """How the file was made from what lies at the address, where it is not that itself."""
    values_sha256: str | None = None
    """Of such a file: digest of its values, by which one that is made anew is known. `data pull` says it."""

    @field_validator("file", "address")
    @classmethod
    def _without_credentials(cls, text: str | None) -> str | None:
        return without_credentials(text)


def without_credentials(text: str | None) -> str | None:
    """A path or an address; one that carries a credential is a ValueError."""
    if text is not None and (problems := credentials_in(text)):
        raise ValueError(" ".join(problems))
    return text


class Source(Record):
    """A card of ``data/sources/``; keys that only some kinds take are checked where the kind is."""

    title: str
    """What it is."""
    origin: str
    """Where it comes from."""
    licence: str
    """What one may do with it."""
    citation: str | None = None
    """How to cite it."""
    redistribute: bool = True
    """Whether the licence allows to hand the data on; exports and reports leave them out where not."""
    simulated: bool = False
    """Whether nobody measured them: what is found in them is no evidence of anything."""
    accessed: str | None = None
    """When it was fetched, as 2026-11-22."""
    vintage: str | None = None
    """Which edition it is, such as 2025-06 or v2; each lies in a folder of its own."""
    kind: str
    """How it is read: a file of scale_impact/sources/."""

    package: str | None = None
    """For `package`: the installed package that ships the file."""
    file: str = ""
    """The file, within the project or package; for `parquet` also a folder or a pattern. Or an address without credentials."""
    files: tuple[SourceFile, ...] = ()
    """Several files with the same columns, one below the other; for `sql` a table each, named as the file."""
    address: str | None = None
    """Where `data pull` fetches the file; for `ckan` the portal."""
    folder: str = ""
    """Folder of the store and of mirrors; default: the card's name."""
    sha256: Hash | None = None
    """Hash of the file; of several files of a folder or pattern: the hash of their hashes, sorted, one a line."""

    separator: str = ","
    """Between the cells of a CSV file."""
    decimal: str = "."
    """Decimal mark."""
    thousands: str | None = None
    """Mark between thousands."""
    encoding: str = "utf-8"
    """Of text files."""
    missing: tuple[str, ...] = ("", "NA", "NaN", "nan")
    """Texts that mean "no value"."""
    zeros: tuple[str, ...] = ()
    """Texts that mean exactly 0, such as the `-` of German offices."""
    markers: dict[str, str] = {}
    """Footnote marks beside numbers (`p`) or in place of them (`:`), each with its meaning."""
    skip: Annotated[int, Field(ge=0)] = 0
    """Lines above the header."""
    footer: Annotated[int, Field(ge=0)] = 0
    """Lines below the data."""
    sheet: str | int | None = None
    """For `excel`: the sheet; default the first."""
    header: Annotated[int, Field(ge=1)] = 1
    """For `excel`: lines of the header; of several, names are joined from top to bottom."""
    format: str | None = None
    """For `url` and `ckan`: what lies there (csv, excel, parquet, json, stata); default by its ending."""
    stream: bool | None = None
    """For `parquet`: whether only moments are kept of the data; default: where they are large."""

    provider: str | None = None
    """For `sdmx`: the statistical office, such as ESTAT or OECD."""
    dataflow: str | None = None
    """For `sdmx`: the table, such as urb_cpop1."""
    dataset: str | None = None
    """For `ckan`: the data set."""
    resource: str | None = None
    """For `ckan`: the file of the data set, by id or name."""
    query: str | dict[str, Any] | None = None
    """For `sql`: a SELECT; for `sdmx`: {key: {...}, params: {...}}."""
    database: str | None = None
    """For `sql`: a SQLAlchemy URL without credentials; without one, DuckDB over `tables` and `files`."""
    credentials: dict[str, str] = {}
    """For `sql`: environment variables that hold what the URL must not, such as {username: PGUSER, password: PGPASSWORD}."""
    tables: tuple[str, ...] = ()
    """For `sql`: other cards, each a table of its name."""
    parts: tuple[Part, ...] = ()
    """For `panel`: what is joined on unit and period."""
    keep: Keep = "first"
    """For `panel`: units and periods of the first part, of `all`, or those `common` to all."""

    unit: str | None = None
    """Column that names the unit."""
    period: str | None = None
    """Column of the period; unit and period together may stand once."""
    exclude: tuple[Rows, ...] = ()
    """Rows that are left out, such as totals."""
    corrections: tuple[Correction, ...] = ()
    """Values put right."""
    totals: Literal["refuse", "keep"] = "refuse"
    """Units that are called total, or that are the sum of all others: refused, or kept because they are units."""
    columns: dict[str, Column]
    """The columns that studies may use, with unit and meaning."""

    @field_validator("file", "address", "database")
    @classmethod
    def _without_credentials(cls, text: str | None) -> str | None:
        return without_credentials(text)

    @field_validator("folder", "vintage")
    @classmethod
    def _is_a_folder_name(cls, name: str | None) -> str | None:
        if name and not re.fullmatch(FOLDER_NAME, name):
            raise ValueError(f"{name!r} cannot name a folder. Use letters, digits, - . and _, such as 2025-06.")
        return name

    @model_validator(mode="after")
    def _roles_are_columns(self) -> Source:
        named = {"unit": self.unit, "period": self.period}
        lost = [
            f"{key} is {name!r}, which is no column here."
            for key, name in named.items()
            if name not in (None, *self.columns)
        ]
        if lost:
            raise ValueError(" ".join(lost))
        return self

    @model_validator(mode="after")
    def _names_columns_once(self) -> Source:
        asked = [c.in_file or name for name, c in self.columns.items()]
        problems = [
            f"columns {', '.join(n for n, c in self.columns.items() if (c.in_file or n) == twice)} are all {twice!r} in the file. Keep one."
            for twice in dict.fromkeys(a for a in asked if asked.count(a) > 1)
        ]
        unknown = dict.fromkeys(c for f in self.files for c in f.lacks if c not in self.columns)
        problems += [f"files: {c!r} is no column here." for c in unknown]
        if problems:
            raise ValueError(" ".join(problems))
        return self

    # ---- what it is made of -----------------------------------------------------------------

    @property
    def pieces(self) -> tuple[SourceFile, ...]:
        """Its files, in order; none where other cards are all that it is made of, or where a query names no file."""
        if self.parts:
            found = {one.file: one for part in self.parts for one in part.lookups}
            return tuple(SourceFile(file=one.file, sha256=one.sha256) for one in found.values())
        if self.files:
            return self.files
        name = self.file or self._stored_name()
        return () if name is None else (SourceFile(file=name, address=self.address, sha256=self.sha256),)

    def _stored_name(self) -> str | None:
        """What a file is called in the store that the card gives no name: that of its address, or of its query."""
        if self.kind in ("ckan", "sdmx") or (self.is_pulled and self.address is None):
            return f"{self.kind}-{self.query_key}"
        return (
            None
            if self.address is None
            else unquote(urlsplit(self.address).path).rstrip("/").rpartition("/")[2] or None
        )

    @property
    def components(self) -> tuple[str, ...]:
        """Names of the cards that it is made from."""
        return tuple(dict.fromkeys((*self.tables, *(p.source for p in self.parts))))

    @property
    def is_derived(self) -> bool:
        """Whether it is computed from other cards and files whenever it is read, and so has no file and hash of its own."""
        return self.kind == "panel" or (self.kind == "sql" and self.database is None)

    @property
    def is_pulled(self) -> bool:
        """Whether ``data pull`` fetches it, or part of it, into the store."""
        asked = (self.address, self.provider, self.database, self.dataset)
        return any(a is not None for a in asked) or any(f.address is not None for f in self.files)

    @property
    def is_remote(self) -> bool:
        """Whether its file is an address, downloaded when it is first read."""
        return is_url(self.file)

    @property
    def query_key(self) -> str:
        """Short hash of the full query: another query is another file of the store."""
        asked = {
            k: getattr(self, k)
            for k in ("kind", "address", "provider", "dataflow", "dataset", "resource", "query", "database", "format")
        }
        return sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()[:12]

    @property
    def edition(self) -> str:
        """Folder of the store for its vintage."""
        return self.vintage or UNDATED


UNUSED = frozenset({"accessed", "address", "citation", "file", "folder", "package", "sha256"})
"""Keys of a card that change no result: whence and where its file is; the file's content is an input of its own."""


def reading(source: Source) -> dict[str, Any]:
    """What a card says that can change a result, as JSON knows it; without defaults, so that new keys change no old card."""
    dumped = source.model_dump(mode="json", exclude=set(UNUSED), exclude_defaults=True)
    own = {"file": Path(source.file).name} if source.kind == "sql" else {}  # tables are named as their files
    names = [Path(piece.file).name if source.kind == "sql" else None for piece in source.files]
    files = [[n, p.adds, *p.lacks] for n, p in zip(names, source.files, strict=True)]
    return {**dumped, **own, **({"files": files} if files else {})}


def repairs(card: Source) -> list[str]:
    """What a card leaves out and puts right, each with its reason."""
    out = [f"leaves out {_selected(rows.where)} ({rows.reason.strip()})" for rows in card.exclude]
    right = [
        f"puts {c.column} at {_selected(c.where)} right: {plain(c.value)}, not {plain(c.expects)} ({c.reason.strip()})"
        for c in card.corrections
    ]
    return out + right


def _selected(where: Mapping[str, Any]) -> str:
    """The rows that a rule of a card means."""
    return ", ".join(f"{column} {plain(value)}" for column, value in where.items())


def load_source(path: Path) -> Source:
    """Read a source card; all problems at once.

    Raises
    ------
    SourceError
        The card is missing or not as it should be.
    """
    card = load_record(Source, path, SourceError, "source card")
    return card if card.folder else card.model_copy(update={"folder": path.stem})
