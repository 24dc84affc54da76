"""Files of open-data portals that run CKAN: found by data set and name, fetched by ``data pull``, read by their format."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pandas as pd

from scale_impact.core.remote import credentials_in, protocol, without_secrets
from scale_impact.core.source import Source
from scale_impact.core.words import counted, nearest, some
from scale_impact.errors import SourceError
from scale_impact.sources import csv, url
from scale_impact.sources._pulling.fetch import Fetched
from scale_impact.sources._pulling.first_bytes import HEAD, ending, looks_like
from scale_impact.sources._pulling.service import Session, file_at, library, tell

locate = csv.locate

NEEDED = {"address": "https://ckan.govdata.de", "dataset": "the name in the data set's address"}

RESTRICTIONS = {
    "nc": "nc", "noncommercial": "nc", "nd": "nd", "noderivatives": "nd", "noderivs": "nd", "sa": "sa", "sharealike": "sa",
}  # fmt: skip
"""Words that make another licence of one."""
FILLERS = frozenset(
    {"http", "https", "www", "org", "licence", "license", "licenses", "version", "v", "the", "def", "ap", "dcat"}
)
"""Words of licences that tell none from another."""
PLAIN = ("csv", "excel", "parquet", "json", "stata")
"""Formats that are known by how a file starts."""
SPELLINGS = {r"\bcc[ -]?zero\b": "cc0", r"open government licen[cs]e": "ogl", r"(\d)[.-]0\b": r"\1"}
"""Spellings of one licence; a version's last zero is as often left out."""
UNNAMED = frozenset({"", "notspecified", "none", "other"})


# ---- asking --------------------------------------------------------------------------------------------


def fetch(source: Source, folder: Path) -> Fetched:
    """Find the file at the portal and fetch it. A licence there that is not the card's is told.

    Raises
    ------
    SourceError
        The portal has no such data set or file, or does not answer; the file is of another format than the card says.
    """
    _refuse_incomplete(source)
    package = _package(source, folder)
    resource = _resource(package, source)
    _compare_licences(package, resource, source)
    address = _address(resource, source)
    name = source.pieces[0].file.rpartition("/")[2]
    fetched = file_at(address, folder, name, source.format)
    _refuse_unnamed(fetched.path, source)
    shown = without_secrets(address) if credentials_in(address) else address
    return Fetched(fetched.path, shown, fetched.etag, fetched.last_modified, _edition(package, resource))


def _refuse_incomplete(source: Source) -> None:
    if missing := [k for k in NEEDED if not getattr(source, k)]:
        raise SourceError([f"{k}: this key is missing; a source of kind ckan needs it: {NEEDED[k]}." for k in missing])


def _package(source: Source, folder: Path) -> dict[str, Any]:
    """What the portal says of the data set."""
    ckanapi = library("ckanapi", "ckan")
    errors = ckanapi.errors
    portal, where = (
        ckanapi.RemoteCKAN(source.address, get_only=True, session=Session(folder)),
        without_secrets(str(source.address)),
    )
    root = "The key `address` has to be the portal's root, below which its api/action/ lies, such as https://ckan.govdata.de."
    try:
        found = portal.call_action("package_show", {"id": source.dataset})
    except errors.NotFound as error:
        raise SourceError(f"There is no data set {source.dataset!r} at {where}. {_meant(portal, source)}") from error
    except errors.NotAuthorized as error:
        raise SourceError(
            f"The data set {source.dataset!r} at {where} wants a login, which no card carries. Get the file by hand, and give the card its `file`."
        ) from error
    except (errors.CKANAPIError, errors.ServerIncompatibleError) as error:
        raise SourceError(f"{where} does not answer as CKAN does ({_short(error)}). {root}") from error
    except SourceError as error:
        raise SourceError([*error.problems[:-1], f"{error.problems[-1]} {root}"]) from error
    if not isinstance(found, dict) or not isinstance(found.get("resources"), list):
        raise SourceError(f"What {where} says of the data set {source.dataset!r} names no files. {root}")
    return found


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:160] or type(error).__name__


def _meant(portal: Any, source: Source) -> str:
    """Data sets of the portal with a like name."""
    errors = library("ckanapi", "ckan").errors
    try:
        found = portal.call_action("package_autocomplete", {"q": source.dataset, "limit": 5})
        names = [str(p["name"]) for p in found]
    except (errors.CKANAPIError, errors.ServerIncompatibleError, SourceError, KeyError, TypeError):
        names = []  # a hint that not every portal gives; the error says what is wrong without it
    return nearest(source.dataset, names) if names else "Its name is the end of the address of its page."


# ---- the file ------------------------------------------------------------------------------------------


def _resource(package: dict[str, Any], source: Source) -> dict[str, Any]:
    """The one file that the card means, by id or name; its format decides between files of one name."""
    listed: list[dict[str, Any]] = package["resources"]
    found = [r for r in listed if source.resource in (None, r.get("id"), _name(r))]
    if len(found) > 1 and source.format is not None:
        found = [r for r in found if str(r.get("format", "")).lower() in _spellings(source.format)] or found
    if len(found) == 1:
        return found[0]
    shown = some([_shown(r) for r in listed], 20)
    if not listed:
        raise SourceError(f"The data set {source.dataset!r} has no file. Use another.")
    if source.resource is None:
        raise SourceError(
            f"The data set {source.dataset!r} has {counted(len(found), 'file')}: {shown}. Name one as `resource`."
        )
    if not found:
        raise SourceError(f"The data set {source.dataset!r} has no file {source.resource!r}. It has: {shown}.")
    raise SourceError(
        f"The data set {source.dataset!r} has {counted(len(found), 'file')} of the name {source.resource!r}: {some([_shown(r) for r in found], 20)}. "
        "Name its id as `resource`, or its `format`."
    )


def _name(resource: dict[str, Any]) -> str:
    return str(resource.get("name") or resource.get("title") or "")


def _shown(resource: dict[str, Any]) -> str:
    return f"{_name(resource)!r} ({resource.get('format') or 'no format'}, id {resource.get('id')})"


def _spellings(wanted: str) -> tuple[str, ...]:
    """How portals write a format."""
    return {"excel": ("xlsx", "xls", "excel", "spreadsheet"), "stata": ("dta", "stata")}.get(wanted, (wanted,))


def _address(resource: dict[str, Any], source: Source) -> str:
    """Where the file lies; a portal may name it from its own root."""
    address = urljoin(f"{str(source.address).rstrip('/')}/", str(resource.get("url") or ""))
    if protocol(address) not in ("http", "https") or not resource.get("url"):
        raise SourceError(
            f"The portal names {resource.get('url')!r} as the address of {_shown(resource)}; only http and https are fetched. Get the file by "
            "hand, and give the card its `file`."
        )
    return address


def _edition(package: dict[str, Any], resource: dict[str, Any]) -> str | None:
    """When the portal says that the file changed last."""
    said = resource.get("last_modified") or resource.get("revision_timestamp") or package.get("metadata_modified")
    return str(said) if said else None


# ---- licences ------------------------------------------------------------------------------------------


def _compare_licences(package: dict[str, Any], resource: dict[str, Any], source: Source) -> None:
    """Tell where the portal's licence is not the card's: names are written in many ways, so a person has to look."""
    named = [
        resource.get("license"),
        resource.get("license_id"),
        package.get("license_id"),
        package.get("license_title"),
    ]
    said = [str(n) for n in named if n and str(n).lower() not in UNNAMED]
    if not said:
        tell(f"{source.address} names no licence for {source.dataset!r}; the card says {source.licence!r}.")
    elif not any(same_licence(s, source.licence) for s in said):
        tell(
            f"{source.address} gives {source.dataset!r} the licence {said[0]!r}, the card says {source.licence!r}. Correct the card if they "
            "are not the same."
        )


def same_licence(one: str, other: str) -> bool:
    """Whether two ways of writing may mean one licence: one has all words of the other, and the same restrictions."""
    a, b = _words(one), _words(other)
    return _restrictions(a) == _restrictions(b) and bool(a and b) and (a <= b or b <= a)


def _words(licence: str) -> frozenset[str]:
    text = re.sub(r"^https?://[^/]+/", "", licence.lower())
    for pattern, spelling in SPELLINGS.items():
        text = re.sub(pattern, spelling, text)
    return frozenset(re.findall(r"[a-z]+|\d+", text)) - FILLERS


def _restrictions(words: frozenset[str]) -> set[str]:
    return {RESTRICTIONS[w] for w in words if w in RESTRICTIONS}


# ---- reading -------------------------------------------------------------------------------------------


def parse(path: Path, source: Source) -> pd.DataFrame:
    """Read it as the card's `format` says, otherwise as it looks; errors as kind `url`, which reads zip files too."""
    _refuse_unnamed(path, source)
    seen = _seen(path)
    plain = source.format or (seen if seen in PLAIN else None)
    return url.parse(path, source.model_copy(update={"format": plain}))


def _seen(path: Path) -> str:
    with path.open("rb") as file:
        return looks_like(file.read(HEAD) or b" ")


def _refuse_unnamed(path: Path, source: Source) -> None:
    """A compressed file is known by its name, which the store has from the card."""
    with path.open("rb") as file:
        packed = ending(file.read(HEAD))
    if _seen(path) == "packed" and not path.suffix:
        raise SourceError(
            f"The file is compressed. Name it in the card, such as `file: {source.dataset}.csv{packed}`, and pull it again."
        )
