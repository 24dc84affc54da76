"""Files of source cards that name an address: downloaded once, kept by their hash within the project."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

from scale_impact.core.manifest import file_hash
from scale_impact.core.remote import credentials_in, reason, without_secrets
from scale_impact.core.source import Source
from scale_impact.errors import SourceError
from scale_impact.sources._pulling.first_bytes import ending
from scale_impact.sources._pulling.http import Patience, download

DOWNLOADS = ".scale-impact/downloads"
"""Where downloads are kept, from the project's folder: a folder a hash, with the file in it. It can be deleted."""

PATIENCE = Patience()
"""How often and how long a server is waited for."""


def is_remote(source: Source) -> bool:
    """Whether a card's file is an address."""
    return source.is_remote


def downloaded(source: Source, root: Path) -> Path:
    """The file of a card that names an address; it is fetched where it is not there yet.

    Raises
    ------
    SourceError
        The address carries a credential or is of this machine, nothing answers, or what comes is not the file of the
        card's hash.
    """
    url = source.file or ""
    _refuse_unfit(url)
    if source.sha256 is not None and (found := kept(root, source.sha256)) is not None:
        return found
    where = root / DOWNLOADS
    try:
        where.mkdir(parents=True, exist_ok=True)
        (where.parent / ".gitignore").write_text("*\n", encoding="utf-8")
        with tempfile.TemporaryDirectory(dir=where, prefix=".part-") as folder:
            return _keep(source, download(url, Path(folder), patience=PATIENCE).path, root)
    except OSError as error:
        raise SourceError(f"{without_secrets(url)} cannot be kept in {DOWNLOADS}: {reason(error)}.") from error


def _refuse_unfit(url: str) -> None:
    if problems := credentials_in(url):
        raise SourceError(problems)
    if set("*[") & set(url.partition("://")[2].split("?")[0]):
        raise SourceError(f"file is {url!r}: an address names one file, not a pattern. Make one file of them.")


def kept(root: Path, sha256: str) -> Path | None:
    """The file that was kept for a hash."""
    if not re.fullmatch(r"[0-9a-f]{64}", sha256):
        return None
    return next((p for p in sorted((root / DOWNLOADS / sha256).glob("[!.]*")) if p.is_file()), None)


def _keep(source: Source, part: Path, root: Path) -> Path:
    """Put a download to its hash, if that is the card's."""
    seen, shown = file_hash(part), without_secrets(source.file or "")
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
        name = _name(source.file or "", file.read(8))
    kept = root / DOWNLOADS / seen / name
    kept.parent.mkdir(exist_ok=True)
    os.replace(part, kept)
    return kept


def _name(url: str, head: bytes) -> str:
    """A name for the file of an address, with the ending that tells how it is compressed."""
    path = unquote(urlsplit(url.split("::")[0]).path or urlsplit(url.split("::")[0]).netloc)
    name = re.sub(r"[^\w.-]", "_", path.rstrip("/").rpartition("/")[2]).lstrip(".") or "data"
    found = ending(head)
    return name[-100:] if name.lower().endswith(found) else name[-100:] + found
