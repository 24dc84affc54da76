"""Files of source cards that name an address: downloaded once, kept by their hash within the project."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote, urlsplit

from scale_impact.core.remote import attempted, credentials_in, is_url, opened, protocol, reason, without_secrets
from scale_impact.core.source import Source
from scale_impact.errors import SourceError

DOWNLOADS = ".scale-impact/downloads"
"""Where downloads are kept, from the project's folder: a folder a hash, with the file in it. It can be deleted."""

CHUNK = 1 << 20
PATIENCE = 60.0
"""Seconds without an answer after which a download is given up."""

LOCAL = ("file", "local")

ENDINGS = {
    b"\x1f\x8b": ".gz",
    b"BZh": ".bz2",
    b"PK\x03\x04": ".zip",
    b"\xfd7zXZ\x00": ".xz",
    b"\x28\xb5\x2f\xfd": ".zst",
}
"""How compressed files start; an address such as ``.../download/17`` does not say."""


def is_remote(source: Source) -> bool:
    """Whether a card's file is an address."""
    return is_url(source.file)


def downloaded(source: Source, root: Path) -> Path:
    """The file of a card that names an address; it is fetched where it is not there yet.

    Raises
    ------
    SourceError
        The address carries a credential or is of this machine, nothing answers, or what comes is not the file of the
        card's hash.
    """
    _refuse_unfit(source.file)
    if source.sha256 is not None and (kept := _kept(root, source.sha256)) is not None:
        return kept
    where = root / DOWNLOADS
    try:
        where.mkdir(parents=True, exist_ok=True)
        (where.parent / ".gitignore").write_text("*\n", encoding="utf-8")
        with tempfile.TemporaryDirectory(dir=where, prefix=".part-") as folder:
            return _keep(source, _fetch(source.file, Path(folder)), root)
    except OSError as error:
        raise SourceError(f"{without_secrets(source.file)} cannot be kept in {DOWNLOADS}: {reason(error)}.") from error


def _refuse_unfit(url: str) -> None:
    if problems := credentials_in(url):
        raise SourceError(problems)
    if any(protocol(part) in LOCAL or part.lower() in LOCAL for part in url.split("::")):
        raise SourceError(
            f"file is {url!r}, which other machines do not have. Name a path within the project, or an address."
        )
    if set("*[") & set(url.partition("://")[2].split("?")[0]):
        raise SourceError(f"file is {url!r}: an address names one file, not a pattern. Make one file of them.")


def _kept(root: Path, sha256: str) -> Path | None:
    """The file that was kept for a hash."""
    if not re.fullmatch(r"[0-9a-f]{64}", sha256):
        return None
    return next((p for p in sorted((root / DOWNLOADS / sha256).glob("[!.]*")) if p.is_file()), None)


def _keep(source: Source, fetched: tuple[Path, str], root: Path) -> Path:
    """Put a download to its hash, if that is the card's."""
    part, seen = fetched
    shown = without_secrets(source.file)
    if source.sha256 is None:
        raise SourceError(
            f"The card has no sha256, so a file that changes at {shown} would not be noticed. If the file there is the right "
            f"one now, add: sha256: {seen}"
        )
    if seen != source.sha256:
        raise SourceError(
            f"What {shown} gives is not the file that the card describes: sha256 is {seen}, the card says {source.sha256}. Find "
            "the file of the card (another version?), or check the change and write the new hash into the card."
        )
    with part.open("rb") as file:
        name = _name(source.file, file.read(8))
    kept = root / DOWNLOADS / seen / name
    kept.parent.mkdir(exist_ok=True)
    os.replace(part, kept)
    return kept


def _name(url: str, head: bytes) -> str:
    """A name for the file of an address, with the ending that tells how it is compressed."""
    path = unquote(urlsplit(url.split("::")[0]).path or urlsplit(url.split("::")[0]).netloc)
    name = re.sub(r"[^\w.-]", "_", path.rstrip("/").rpartition("/")[2]).lstrip(".") or "data"
    found = next((ending for start, ending in ENDINGS.items() if head.startswith(start)), "")
    return name[-100:] if name.lower().endswith(found) else name[-100:] + found


def _fetch(url: str, folder: Path) -> tuple[Path, str]:
    """Download to a folder; the file and its hash."""
    part, digest = folder / "part", hashlib.sha256()
    with part.open("wb") as file:
        for chunk in _chunks(url):
            file.write(chunk)
            digest.update(chunk)
    return part, digest.hexdigest()


def _chunks(url: str) -> Iterator[bytes]:
    """The bytes of an address, piece by piece."""
    what = f"{without_secrets(url)} cannot be downloaded"
    with contextlib.ExitStack() as stack:
        stream, size = _stream(url, stack, what)
        came = 0
        while chunk := attempted(lambda: stream.read(CHUNK), SourceError, what):
            came += len(chunk)
            yield chunk
    if size is not None and came < size:
        raise SourceError(f"{what}: the connection ended after {came:,} of {size:,} bytes. Try again.")


def _stream(url: str, stack: contextlib.ExitStack, what: str) -> tuple[IO[bytes] | Any, int | None]:
    """An open stream and its length. Python's own client serves the web: fsspec's needs another package."""
    if protocol(url) in ("http", "https"):
        answer = stack.enter_context(_asked(url, what))
        length = answer.headers.get("Content-Length")
        return answer, int(length) if length and length.isdecimal() else None
    filesystem, path = opened(url, SourceError)
    return stack.enter_context(attempted(lambda: filesystem.open(path, "rb"), SourceError, what)), None


def _asked(url: str, what: str) -> Any:
    request = urllib.request.Request(url, headers={"User-Agent": "scale-impact"})
    try:
        return urllib.request.urlopen(request, timeout=PATIENCE)
    except urllib.error.HTTPError as error:
        raise SourceError(f"{what}: the server answers {error.code} {error.reason}. {_advice(error.code)}") from error
    except (OSError, ValueError) as error:  # ValueError: an address that is none
        cause = getattr(error, "reason", error)
        said = reason(cause) if isinstance(cause, BaseException) else str(cause)
        raise SourceError(
            f"{what}: {said}. Check the address and the network; a file downloaded once needs neither."
        ) from error


def _advice(code: int) -> str:
    if code in (401, 403):
        return "It wants a login: put the file into the project, or use an address that needs none."
    return "Correct the address." if code in (404, 410) else "Try again later."
