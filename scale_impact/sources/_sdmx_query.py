"""What a card asks an SDMX service for: the keys of its query, and the address that they make.

Source: SDMX-REST 1.5 (SDMX 2.1), ``data/{flow}/{key}?{params}``: the key has a place for each dimension, in the order of the
table's structure, codes joined by ``+``; an empty place means all codes.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from scale_impact.core.source import Source
from scale_impact.core.words import counted, nearest, some
from scale_impact.errors import SourceError
from scale_impact.sources._pulling.service import RefusedError, advice, asked, library

KEYS = ("key", "params", "columns_from")
PARAMS = (
    "startPeriod", "endPeriod", "updatedAfter", "firstNObservations", "lastNObservations", "dimensionAtObservation", "detail",
    "includeHistory", "format", "compressed", "lang", "labels",
)  # fmt: skip
"""Parameters of the standard, and of services; others are passed on, misspelt ones of these refused: services ignore them."""

DEAF = frozenset({"ESTAT", "ESTAT_COMEXT", "COMP", "EMPL", "GROW"})
"""Services that look at no header ``Accept`` (Eurostat's software): a parameter says that SDMX-CSV is wanted."""

TIME = "TIME_PERIOD"


@dataclass(frozen=True)
class Query:
    """The key ``query`` of a card."""

    key: str | Mapping[str, str]
    """Codes in the order of the structure, or by dimension, joined by ``+``."""
    params: Mapping[str, str]
    """The rest of the question."""
    columns_from: str | None
    """The dimension whose codes become columns."""


@dataclass(frozen=True)
class Structure:
    """The dimensions of a table in order, each with its codes (none where the service lists none)."""

    dimensions: Mapping[str, tuple[str, ...]]

    def words(self) -> str:
        """The dimensions with a few of their codes."""
        return "; ".join(f"{d}: {some(codes, 8) if codes else 'any'}" for d, codes in self.dimensions.items())


def query_of(source: Source) -> Query:
    """The card's query.

    Raises
    ------
    SourceError
        Keys are missing, unknown or of another type than they have to be; all problems at once.
    """
    raw = source.query if isinstance(source.query, dict) else {"key": source.query or ""}
    problems = [f"query.{k}: this key is not known. {nearest(k, KEYS)}" for k in raw if k not in KEYS]
    key, params, columns = raw.get("key") or "", raw.get("params") or {}, raw.get("columns_from")
    if not isinstance(key, (str, dict)):
        problems.append(
            f"query.key is {key!r}. Write codes by dimension, such as {{geo: [DE, FR]}}, or the key as text."
        )
    if not isinstance(params, dict):
        problems.append(f"query.params is {params!r}. Write {{startPeriod: 2010, endPeriod: 2020}}.")
        params = {}
    problems += [p for name in params if (p := _misspelt(str(name)))]
    if columns is not None and not isinstance(columns, str):
        problems.append(f"query.columns_from is {columns!r}. Name one dimension.")
    if problems:
        raise SourceError(problems)
    codes = key if isinstance(key, str) else {str(d): _codes(c) for d, c in key.items()}
    return Query(codes, {str(k): _text(v) for k, v in params.items()}, columns)


def _misspelt(name: str) -> str | None:
    """A parameter that is one of the standard's but for capitals or underscores would be ignored in silence."""
    meant = next((p for p in PARAMS if p.lower() == name.lower().replace("_", "")), name)
    return None if meant == name else f"query.params.{name}: this parameter is spelt {meant}."


def _codes(codes: Any) -> str:
    listed = codes if isinstance(codes, (list, tuple)) else [codes]
    return "+".join(_text(c) for c in listed if c is not None)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


# ---- the address ---------------------------------------------------------------------------------------


def address_of(source: Source, query: Query, folder: Path) -> str:
    """The address of the question; codes given by dimension are brought into the order of the table's structure.

    Raises
    ------
    SourceError
        The provider is not known, or the table has no such dimensions or codes.
    """
    key = query.key
    if not isinstance(key, str):
        key = ordered(key, structure_of(source, folder), str(source.dataflow))
    flow = str(source.dataflow)
    url: str = client_of(source).get("data", flow, key=key or None, dry_run=True).url
    params = {"format": "SDMX-CSV", **query.params} if source.provider in DEAF else query.params
    return f"{url}?{urlencode(params)}" if params else url


def client_of(source: Source) -> Any:
    """The client of a provider, which knows its address unless the card names another.

    Raises
    ------
    SourceError
        The card names no provider or table, or a provider that is not known.
    """
    _refuse_incomplete(source)
    sdmx = library("sdmx", "sdmx")
    known, provider = sdmx.list_sources(), str(source.provider)
    if provider in known:
        service = sdmx.get_source(provider)
    elif source.address is not None:
        service = sdmx.source.Source(id=provider, url=source.address, name=provider)
    else:
        raise SourceError(
            f"provider is {provider!r}. {nearest(provider, known)} Of another one, give the `address` of its service."
        )
    if sdmx.format.Version["2.1"] not in service.versions:
        others = sorted(s for s in known if s.startswith(provider.rstrip("3")) and s != provider)
        raise SourceError(
            f"provider is {provider!r}, which speaks SDMX 3.0 only. Use {some(others) or 'its SDMX 2.1 service'}."
        )
    client = sdmx.Client(provider) if provider in known else sdmx.Client()
    client.source = replace(service, url=(source.address or service.url).rstrip("/"))
    return client


def _refuse_incomplete(source: Source) -> None:
    needed = {"provider": "ESTAT", "dataflow": "urb_cpop1"}
    missing = [k for k in needed if not getattr(source, k)]
    if missing:
        raise SourceError(
            [f"{k}: this key is missing; a source of kind sdmx needs it, such as {needed[k]}." for k in missing]
        )


def ordered(codes: Mapping[str, str], structure: Structure, table: str) -> str:
    """A key in the order of a structure; every dimension and code that it does not have is a problem."""
    problems = []
    for dimension, text in codes.items():
        if dimension not in structure.dimensions:
            problems.append(
                f"query.key: {table} has no dimension {dimension!r}. {_alike(dimension, structure.dimensions)}"
            )
            continue
        known = structure.dimensions[dimension]
        unknown = [c for c in text.split("+") if c and known and c not in known]
        problems += [f"query.key.{dimension}: {table} has no code {c!r}. {_alike(c, known)}" for c in unknown]
    if problems:
        raise SourceError(problems)
    return ".".join(codes.get(d, "") for d in structure.dimensions)


def _alike(name: str, known: Sequence[str] | Mapping[str, Any]) -> str:
    """The known name that was meant; capitals are forgiven in the suggestion alone."""
    same = next((k for k in known if k.lower() == name.lower()), None)
    return f"Did you mean {same!r}?" if same else nearest(name, known)


# ---- the structure -------------------------------------------------------------------------------------


def structure_of(source: Source, folder: Path) -> Structure:
    """Ask the service for the dimensions of the card's table, and their codes.

    Raises
    ------
    SourceError
        There is no such table, or the service describes it in no way that can be read.
    """
    sdmx = library("sdmx", "sdmx")
    client, (agency, flow, version) = client_of(source), _flow(source)
    where = {k: v for k, v in (("agency_id", agency), ("version", version)) if v}
    with warnings.catch_warnings():  # its own hook for the OECD uses what it calls deprecated
        warnings.simplefilter("ignore", DeprecationWarning)
        url = client.get("dataflow", flow, params={"references": "descendants"}, dry_run=True, **where).url
    try:
        answer = asked(url, folder, ".structure")
    except RefusedError as refused:
        raise SourceError(
            f"{source.provider} does not describe a table {flow!r}: it answers {refused}. "
            f"{'Correct `dataflow`.' if refused.code == 404 else advice(refused.code)}"
        ) from refused
    try:
        with answer.path.open("rb") as file:
            return _dimensions(sdmx.read_sdmx(file), flow)
    except (LookupError, AttributeError, ValueError, AssertionError, sdmx.exceptions.XMLParseError) as error:
        raise SourceError(
            f"What {source.provider} says of the structure of {flow} cannot be read ({type(error).__name__}). Write `query.key` as text, its "
            "codes in the table's order."
        ) from error
    finally:
        answer.path.unlink()


def _flow(source: Source) -> tuple[str | None, str, str | None]:
    """Agency, table and version of ``AGENCY,TABLE,VERSION``, as the OECD names its tables."""
    parts = [p.strip() or None for p in str(source.dataflow).split(",")]
    if len(parts) == 1:
        return None, str(parts[0]), None
    return parts[0], str(parts[1]), parts[2] if len(parts) > 2 else None


def _dimensions(message: Any, flow: str) -> Structure:
    """The dimensions but time, in order."""
    flows = {k.lower(): v for k, v in message.dataflow.items()}
    named = flows[flow.lower()].structure
    full = next((s for s in message.structure.values() if s.id == named.id), named)
    dimensions = sorted((d for d in full.dimensions.components if d.id != TIME), key=lambda d: d.order or 0)
    if not dimensions:
        raise LookupError(flow)
    return Structure({d.id: _codelist(d) for d in dimensions})


def _codelist(dimension: Any) -> tuple[str, ...]:
    representation = dimension.local_representation
    if representation is None or representation.enumerated is None:
        representation = getattr(dimension.concept_identity, "core_representation", None)
    listed = getattr(representation, "enumerated", None)
    return tuple(str(c.id) for c in listed) if listed is not None else ()


def nothing_found(source: Source, query: Query, said: str | None, folder: Path) -> SourceError:
    """That a question has no answer, with what could be asked for if the service tells it."""
    asked_for = query.key if isinstance(query.key, str) else " ".join(f"{d}={c}" for d, c in query.key.items())
    quoted = f" It says: {said}" if said else ""
    limits = ", ".join(f"{k} {v}" for k, v in query.params.items() if k.endswith("Period"))
    try:
        known = structure_of(source, folder)
        shown = f" {source.dataflow} has {counted(len(known.dimensions), 'dimension')}, in this order: {known.words()}."
    except SourceError:  # the hint is all that is lost: the error that is raised says what went wrong
        shown = ""
    return SourceError(
        f"{source.provider} finds nothing in {source.dataflow} for {asked_for or 'all codes'}{', ' + limits if limits else ''}.{quoted}{shown} "
        "Correct `query`."
    )
