"""What clients of services share: their packages, downloads that hear what a service says, and its words."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from html import unescape
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from scale_impact.core.remote import credentials_in
from scale_impact.errors import SourceError
from scale_impact.sources._pulling.fetch import Fetched
from scale_impact.sources._pulling.http import Patience, download

USUAL = Patience()
PATIENCE = ContextVar("PATIENCE", default=USUAL)
"""How long services are waited for, and who is told."""


@contextmanager
def patiently(patience: Patience) -> Iterator[None]:
    """Wait for services as is said here; their clients' functions take no such argument."""
    token = PATIENCE.set(patience)
    try:
        yield
    finally:
        PATIENCE.reset(token)


def tell(message: str) -> None:
    """Tell whoever pulls of something that is no error; a warning where nobody listens."""
    say = PATIENCE.get().say
    if say is USUAL.say:
        warnings.warn(message, stacklevel=2)
    say(message)


class RefusedError(Exception):
    """A service answered, and it was no: the status and how the body starts."""

    def __init__(self, code: int, body: str) -> None:
        self.code, self.body = code, body
        super().__init__(f"{code} {message_in(body) or ''}".strip())


def library(name: str, kind: str) -> Any:
    """A client's package, imported when it is needed.

    Raises
    ------
    SourceError
        It is not installed; the extra that brings it is said.
    """
    logging.getLogger(name).setLevel(logging.ERROR)  # clients warn of what they can do without
    try:
        return import_module(name)
    except ImportError as error:
        raise SourceError(
            f"Sources of kind {kind} need a package that is not installed ({error}). Install it: pip install 'scale-impact[{kind}]'"
        ) from error


def asked(url: str, folder: Path, name: str, accept: str | None = None) -> Fetched:
    """Ask a service and write its answer to a file of the folder.

    Raises
    ------
    RefusedError
        It answers no, with a status that asking again does not change.
    SourceError
        It does not answer, is busy for long, gives a web page, or the address carries a credential.
    """
    if problems := credentials_in(url):
        raise SourceError(problems)
    patience = replace(PATIENCE.get(), refused=_refuse)
    return download(url, folder, name=name, headers={"Accept": accept} if accept else {}, patience=patience)


def file_at(address: str, folder: Path, name: str, expects: str | None) -> Fetched:
    """A file that a service names, fetched with the same patience; errors as ``download``."""
    return download(address, folder, name=name, expects=expects, patience=PATIENCE.get())


def _refuse(code: int, body: bytes) -> None:
    raise RefusedError(code, body.decode("utf-8", errors="replace"))


@dataclass(frozen=True)
class Reply:
    """An answer as clients made for the package requests look at it."""

    status_code: int
    text: str


@dataclass(frozen=True)
class Session:
    """Stands in for a session of requests, so that a client asks with the same patience as all downloads."""

    folder: Path

    def get(self, url: str, *, params: Mapping[str, Any] | None = None, **_: Any) -> Reply:
        """The answer, whole; errors as ``asked``, but a refusal is an answer too."""
        query = f"?{urlencode(params)}" if params else ""
        try:
            fetched = asked(url + query, self.folder, ".reply", accept="application/json")
        except RefusedError as refused:
            return Reply(refused.code, refused.body)
        text = fetched.path.read_text(encoding="utf-8", errors="replace")
        fetched.path.unlink()
        return Reply(200, text)

    def close(self) -> None:
        """Nothing stays open between two answers."""


MESSAGES = (
    r"<(?:\w+:)?faultstring[^>]*>(.*?)</",
    r"<(?:\w+:)?Text[^>]*>(.*?)</",
    r'"(?:label|message|title|detail)"\s*:\s*"((?:[^"\\]|\\.)+)"',
    r"<title[^>]*>(.*?)</title>",
)
"""Where services write what went wrong: SOAP faults, SDMX messages, JSON, web pages."""


def message_in(body: str) -> str | None:
    """What a service says went wrong, from the body of its answer."""
    found = next((m for p in MESSAGES if (m := re.search(p, body, flags=re.DOTALL | re.IGNORECASE))), None)
    text = found[1] if found else "" if re.match(r"\s*[<{]", body) else body
    return " ".join(unescape(text).split())[:300].rstrip(".") + "." if text.strip() else None


def advice(code: int) -> str:
    """What to do about a status."""
    if code in (401, 403, 407):
        return "It wants a login, which no card carries: get the file by hand, and give the card its `file`."
    return "Try again later." if code >= 500 else "Correct the card."
