"""Source: where numbers come from, under which licence, and how to know that they did not change."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import field_validator

from scale_impact.core.remote import credentials_in
from scale_impact.core.yaml_file import Record, load_record
from scale_impact.errors import SourceError


class Column(Record):
    """A column of a source: its unit, what it means, and whether codes stay text."""

    unit: str
    meaning: str
    type: Literal["number", "text", "date"] | None = None


class Source(Record):
    """A card of ``data/sources/``.

    Attributes
    ----------
    title, origin, licence, citation:
        What it is, where it comes from, what one may do with it, how to cite it.
    redistribute:
        Whether the licence allows to hand the file on; ``scale-impact export`` leaves it out where not.
    kind:
        A file of ``scale_impact/sources/``: ``package``, ``csv`` or ``parquet``.
    package:
        For ``package``: the installed package that ships the file.
    file:
        The file, within the package or beside the project; for ``parquet`` also a folder or a
        pattern. Or an address (``https://``, ``s3://``) without credentials: it is downloaded once.
    sha256:
        Hash of the file; a file with another hash is refused. Of several files: hash of their
        hashes, sorted, one a line.
    separator, decimal, encoding, missing:
        How to read a CSV file; ``missing`` lists texts that mean "no value".
    stream:
        For ``parquet``: whether only moments are kept of the data; None: where they are large.
    columns:
        The columns that studies may use, with unit and meaning.
    """

    title: str
    origin: str
    licence: str
    citation: str | None = None
    redistribute: bool = True
    kind: str
    package: str | None = None
    file: str
    sha256: str | None = None
    separator: str = ","
    decimal: str = "."
    encoding: str = "utf-8"
    missing: tuple[str, ...] = ("", "NA", "NaN", "nan")
    stream: bool | None = None
    columns: dict[str, Column]

    @field_validator("file")
    @classmethod
    def _without_credentials(cls, file: str) -> str:
        if problems := credentials_in(file):
            raise ValueError(" ".join(problems))
        return file


def load_source(path: Path) -> Source:
    """Read a source card; all problems at once.

    Raises
    ------
    SourceError
        The card is missing or not as it should be.
    """
    return load_record(Source, path, SourceError, "source card")
