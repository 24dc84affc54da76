"""Downloads: one address to one file, whole or not at all, politely, and with the reason where it fails.

Python's own client serves http and https; other protocols (``s3://`` ...) go through fsspec. What is kept are the bytes of
the file: a compression that only the way from server to client has (``Content-Encoding``) is undone, so that the hash is that
of the file, however a server sends it.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib import import_module
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, urlsplit

from scale_impact.core.remote import attempted, opened, protocol, reason, without_secrets
from scale_impact.core.words import counted
from scale_impact.errors import SourceError
from scale_impact.sources._pulling.fetch import Fetched
from scale_impact.sources._pulling.first_bytes import HEAD, misfit

CHUNK = 1 << 20

AGAIN = frozenset({202, 408, 425, 429, 500, 502, 503, 504})
"""Answers that may be another one a moment later."""

LOCAL = ("file", "local")

LONGEST = 365 * 86_400.0
"""Seconds above which it is of no use to say how much longer a server asks to wait."""

LARGEST = 20 * 1024**3
"""Bytes of a file above which somebody should know what they do: a mirror takes any size."""


def _quietly(message: str) -> None:
    """Say nothing."""


def _unheard(code: int, body: bytes) -> None:
    """Leave an answer to the words for its code."""


@dataclass(frozen=True)
class Patience:
    """How often and how long a server is waited for."""

    tries: int = 4
    """Requests at most."""
    first_wait: float = 1.0
    """Seconds before the second request; doubled each time, unless the server says how long (Retry-After)."""
    longest_wait: float = 120.0
    """Seconds that are waited because a server asks for it; who asks for more is not asked again."""
    between: float = 60.0
    """Seconds without a byte after which a connection counts as broken."""
    overall: float = 3600.0
    """Seconds for one file, waits included."""
    largest: int = LARGEST
    """Bytes at most."""
    sleep: Callable[[float], None] = time.sleep
    """What waits."""
    say: Callable[[str], None] = _quietly
    """What is told of waits."""
    refused: Callable[[int, bytes], None] = _unheard
    """What is told of an answer that is none and not repeated: its code and how it starts; may raise what fits better."""


class _BrokenError(Exception):
    """A request that failed and may be repeated: why, and how long to wait if the server said so."""

    def __init__(self, why: str, wait: float | None = None) -> None:
        self.why, self.wait = why, wait
        super().__init__(why)


def download(
    address: str,
    folder: Path,
    *,
    name: str = "part",
    expects: str | None = None,
    headers: Mapping[str, str] | None = None,
    patience: Patience | None = None,
) -> Fetched:
    """Fetch what lies at an address into a folder.

    Parameters
    ----------
    address:
        Without credentials.
    folder, name:
        Where the file goes; nothing is left there on failure.
    expects:
        What it has to be by its first bytes: csv, excel, parquet, json, geojson, stata, rds; None: anything but a web page.
    headers:
        Sent to this server alone: a redirection to another one does not pass them on.

    Raises
    ------
    SourceError
        The address is of this machine, nobody answers, the answer is none or breaks off, or it is no such file. Said in words, without secrets.
    """
    _refuse_local(address)
    patience = patience or Patience()
    path, what = folder / name, f"{without_secrets(address)} cannot be downloaded"
    try:
        if protocol(address) not in ("http", "https"):
            return _checked(_from_store(address, path, what, patience), expects)
        return _checked(_persistently(address, path, headers or {}, patience, what), expects)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _refuse_local(address: str) -> None:
    """Refuse files of this machine, also where they are packed (``zip://x::file:///...``)."""
    if any(protocol(part) in LOCAL or part.lower() in LOCAL for part in address.split("::")):
        raise SourceError(
            f"The address {address!r} is of this machine, which other machines do not have. Name a path within the project, or an "
            "address that all can reach."
        )


def _checked(fetched: Fetched, expects: str | None) -> Fetched:
    """Refuse what is empty, a web page or of another format."""
    with fetched.path.open("rb") as file:
        head = file.read(HEAD)
    if wrong := misfit(head, expects):
        raise SourceError(f"{without_secrets(fetched.address)} {wrong}")
    return fetched


# ---- again, where that may help ------------------------------------------------------------------------


def _persistently(address: str, path: Path, headers: Mapping[str, str], patience: Patience, what: str) -> Fetched:
    """Ask until the file is here, the patience is at its end, or asking again is of no use."""
    end = time.monotonic() + patience.overall
    for tried in range(1, patience.tries + 1):
        try:
            return _once(address, path, headers, patience, end, what)
        except _BrokenError as broken:
            if tried == patience.tries:
                raise SourceError(f"{what}: {broken.why}, {counted(tried, 'time')} asked. Try again later.") from broken
            _wait(broken, tried, patience, end, what)
    raise AssertionError("the last try returns or raises")


def _wait(broken: _BrokenError, tried: int, patience: Patience, end: float, what: str) -> None:
    seconds = broken.wait if broken.wait is not None else patience.first_wait * 2 ** (tried - 1)
    if seconds > patience.longest_wait:
        raise SourceError(
            f"{what}: {broken.why}, and the server asks to wait {_duration(seconds)} first. Try again then."
        ) from broken
    if time.monotonic() + seconds > end:
        raise SourceError(f"{what}: {broken.why}, and {_duration(patience.overall)} are over.") from broken
    asked = ", as the server asks" if broken.wait is not None else ""
    patience.say(f"{what.partition(' cannot')[0]}: {broken.why}; next try in {_duration(seconds)}{asked}")
    patience.sleep(seconds)


def _duration(seconds: float) -> str:
    if seconds >= 2 * 86_400:
        return counted(round(seconds / 86_400), "day")
    return counted(round(seconds), "second") if seconds < 120 else counted(round(seconds / 60), "minute")


def retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """Seconds to wait by a header Retry-After: a number of seconds or a date; None where it says neither.

    Source: RFC 9110, 10.2.3.
    """
    text = (value or "").strip()
    if text.isdecimal():
        return min(float(text), LONGEST)
    try:
        until = parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return None
    until = until if until.tzinfo is not None else until.replace(tzinfo=UTC)
    return min(max(0.0, (until - (now or datetime.now(UTC))).total_seconds()), LONGEST)


# ---- one request ---------------------------------------------------------------------------------------


def _once(address: str, path: Path, headers: Mapping[str, str], patience: Patience, end: float, what: str) -> Fetched:
    with _answer(address, headers, patience, what) as answer:
        size = _length(answer)
        _refuse_too_large(size, path, patience, what)
        with path.open("wb") as file:
            _write(_decoded(_pieces(answer, size, end, patience, what), answer, what), file, patience.largest, what)
        return Fetched(path, address, answer.headers.get("ETag"), answer.headers.get("Last-Modified"))


@contextlib.contextmanager
def _answer(address: str, headers: Mapping[str, str], patience: Patience, what: str) -> Iterator[Any]:
    """The open answer of a server that has the file."""
    opener = urllib.request.build_opener(_Redirects(what, frozenset(headers)))
    sent = {
        "User-Agent": f"scale-impact/{import_module('scale_impact').__version__}",
        "Accept-Encoding": "identity",
        **headers,
    }
    try:
        request = urllib.request.Request(_quoted(address), headers=sent)
        answer = opener.open(request, timeout=patience.between)
    except urllib.error.HTTPError as error:
        with error:
            if error.code not in AGAIN:
                patience.refused(error.code, _start(error))
            _refuse_or_repeat(error.code, error.reason, error.headers, what)
    except (OSError, ValueError, http.client.HTTPException) as error:  # ValueError: an address that is none
        _unreachable(error, what)
    with answer:
        if answer.status not in (200, 204):  # 204: no content, which is said as of any empty answer
            _refuse_or_repeat(answer.status, answer.reason, answer.headers, what)
        yield answer


def _start(error: urllib.error.HTTPError) -> bytes:
    """How the body of a refusal starts; nothing where it does not come."""
    try:
        return error.read(HEAD * 16)
    except (OSError, http.client.HTTPException):  # the code alone has to do
        return b""


def _quoted(address: str) -> str:
    """An address as the protocol wants it: blanks and letters beyond ASCII written by its rules, all else as it is."""
    split = urlsplit(address)
    host = split.netloc if split.netloc.isascii() else split.netloc.encode("idna").decode()
    return quote(split._replace(netloc=host).geturl(), safe="%/:=&?~#+!$,;'@()*[]-._|")


def _refuse_or_repeat(code: int, words: str, headers: Any, what: str) -> None:
    said = f"the server answers {code} {words}".rstrip()
    if code in AGAIN:
        raise _BrokenError(said, retry_after(headers.get("Retry-After")))
    raise SourceError(f"{what}: {said}. {_advice(code)}")


def _advice(code: int) -> str:
    if code in (401, 403, 407):
        return "It wants a login: put the file into the project, or use an address that needs none."
    return "Try again later." if code >= 500 else "Correct the address."


LATER = (ConnectionResetError, ConnectionAbortedError, BrokenPipeError, TimeoutError, http.client.HTTPException)
"""Ends of a connection after which a second one may fare better; a server that is not there is no such end."""


def _unreachable(error: Exception, what: str) -> None:
    """Say why nobody answers, or that it is worth another try."""
    cause = getattr(error, "reason", error)
    said = reason(cause) if isinstance(cause, BaseException) else str(cause)
    if isinstance(cause, LATER):
        raise _BrokenError(f"the connection broke ({said})") from error
    raise SourceError(
        f"{what}: {said}. Check the address and the network; a file downloaded once needs neither."
    ) from error


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirections, but never from https to what can be read on the way, and never with headers for another server."""

    def __init__(self, what: str, private: frozenset[str]) -> None:
        self.what, self.private = what, private

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        """The next request; SourceError where it leads astray."""
        old, new = urlsplit(req.full_url), urlsplit(newurl)
        if new.scheme not in ("http", "https") or (old.scheme, new.scheme) == ("https", "http"):
            raise SourceError(self._astray(newurl))
        following = super().redirect_request(req, fp, code, msg, headers, newurl)
        if following is not None and (old.scheme, old.netloc) != (new.scheme, new.netloc):
            for name in self.private:
                following.remove_header(name.capitalize())
        return following

    def http_error_302(self, req: Any, fp: Any, code: int, msg: str, headers: Any) -> Any:
        """Follow; a circle is an expected error."""
        try:
            return super().http_error_302(req, fp, code, msg, headers)
        except urllib.error.HTTPError as error:
            if error.msg.startswith(self.inf_msg):
                raise SourceError(
                    f"{self.what}: the server leads in a circle ({error.code}). Correct the address."
                ) from error
            raise SourceError(self._astray(headers.get("Location") or headers.get("URI") or "")) from error

    def _astray(self, url: str) -> str:
        return (
            f"{self.what}: the server leads on to {without_secrets(url)!r}, which is not followed: neither from https to what others "
            "can read on the way, nor to other protocols. Use the address of the file itself."
        )

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


# ---- the body ------------------------------------------------------------------------------------------


def _length(answer: Any) -> int | None:
    length = answer.headers.get("Content-Length")
    chunked = "chunked" in (answer.headers.get("Transfer-Encoding") or "").lower()
    return int(length) if length and length.isdecimal() and not chunked else None


def _refuse_too_large(size: int | None, path: Path, patience: Patience, what: str) -> None:
    if size is None:
        return
    if size > patience.largest:
        raise SourceError(_too_large(what, patience.largest))
    stat = os.statvfs(path.parent) if hasattr(os, "statvfs") else None
    if stat is not None and size > stat.f_bavail * stat.f_frsize:
        raise SourceError(
            f"{what}: it has {size:,} bytes, and the disk has no room for them. Make room, and try again."
        )


def _too_large(what: str, most: int) -> str:
    return (
        f"{what}: it has more than {most:,} bytes. Fetch it by other means into a folder, and read it from there: scale-impact "
        "data pull NAME --mirror DIR."
    )


def _pieces(answer: Any, size: int | None, end: float, patience: Patience, what: str) -> Iterator[bytes]:
    """The body as it comes; an end before the end is a broken connection."""
    came = 0
    while chunk := _piece(answer, came, size):
        came += len(chunk)
        if time.monotonic() > end:
            raise SourceError(
                f"{what}: {came:,} bytes came in {_duration(patience.overall)}, then it was given up. Try again when the server "
                "is faster."
            )
        yield chunk
    if size is not None and came < size:
        raise _BrokenError(_cut(came, size))


def _piece(answer: Any, came: int, size: int | None) -> bytes:
    """What has come, without waiting for more: a server that drips is noticed."""
    try:
        chunk: bytes = answer.read1(CHUNK)
        return chunk
    except TimeoutError as error:
        raise _BrokenError(f"nothing more came after {came:,} bytes") from error
    except (http.client.HTTPException, OSError) as error:
        raise _BrokenError(_cut(came, size)) from error


def _cut(came: int, size: int | None) -> str:
    return f"the connection ended after {came:,} {'' if size is None else f'of {size:,} '}bytes"


def _write(pieces: Iterator[bytes], file: IO[bytes], most: int, what: str) -> None:
    for piece in pieces:
        file.write(piece)
        if file.tell() > most:
            raise SourceError(_too_large(what, most))


def _decoded(pieces: Iterator[bytes], answer: Any, what: str) -> Iterator[bytes]:
    """The bytes of the file, without a compression of the way."""
    encoding = (answer.headers.get("Content-Encoding") or "identity").strip().lower()
    if encoding == "identity" or _is_itself_compressed(answer):
        return pieces
    if encoding not in ("gzip", "x-gzip"):
        raise SourceError(f"{what}: the server sends it encoded as {encoding!r}, which it was not asked for.")
    return _unzipped(pieces)


def _is_itself_compressed(answer: Any) -> bool:
    """Whether a server calls the file's own compression one of the way, as many do with files that end in .gz."""
    kind = (answer.headers.get("Content-Type") or "").split(";")[0].strip().lower()
    path = urlsplit(answer.geturl()).path.lower()
    return path.endswith((".gz", ".tgz")) or kind in ("application/gzip", "application/x-gzip")


def _unzipped(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Undo gzip (several members too), piece by piece."""
    unzip, came = zlib.decompressobj(31), 0
    for piece in pieces:
        came += len(piece)
        while piece:
            try:
                yield unzip.decompress(piece)
            except zlib.error as error:
                raise _BrokenError(f"what came is no gzip after {came:,} bytes ({error})") from error
            piece = unzip.unused_data
            unzip = zlib.decompressobj(31) if piece else unzip
    if came and not unzip.eof:
        raise _BrokenError(_cut(came, None))


# ---- other protocols -----------------------------------------------------------------------------------


def _from_store(address: str, path: Path, what: str, patience: Patience) -> Fetched:
    """What fsspec's drivers fetch; they repeat requests by themselves."""
    filesystem, inner = opened(address, SourceError)
    with attempted(lambda: filesystem.open(inner, "rb"), SourceError, what) as stream, path.open("wb") as file:
        _write(
            iter(lambda: attempted(lambda: stream.read(CHUNK), SourceError, what), b""), file, patience.largest, what
        )
    return Fetched(path, address)
