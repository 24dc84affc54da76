"""Addresses of files that lie elsewhere (``https://``, ``s3://``, whatever fsspec knows), which never carry a credential."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from scale_impact.core.words import nearest
from scale_impact.errors import ScaleImpactError

SECRET = re.compile(
    r"token|secret|passw|pwd|credential|auth|signature|^sig$|api[-_]?key|access[-_]?key|^key$|^x-(amz|goog|oss|cos)-|jwt|session",
    flags=re.IGNORECASE,
)
"""Names in a query that stand before a credential: those of signed addresses of the stores, and of common services."""

OBJECT_STORES = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss", "cos", "r2"})
"""Protocols without folders: making one there would make a bucket."""


def is_url(text: str) -> bool:
    """Whether a text is an address (``s3://bucket/x``, ``zip://x::https://...``) and not a path (``C:\\x`` is one)."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]+(://|::)", text) is not None


def protocol(url: str) -> str:
    """The protocol, in small letters: of ``zip://x::https://...`` it is zip."""
    return re.split(r"://|::", url, maxsplit=1)[0].lower()


def credentials_in(url: str) -> list[str]:
    """What of an address is a credential, in sentences that do not repeat it."""
    return [problem for part in url.split("::") for problem in _credentials(part)]


def _credentials(part: str) -> list[str]:
    if "://" not in part:
        return []
    problems = []
    if _has_password(part):
        problems.append(f"The address {without_secrets(part)} carries a user name or password. {_instead(part)}")
    split = urlsplit(part)
    for text in (split.query, split.fragment):
        named = [name for name, _ in parse_qsl(text, keep_blank_values=True) if SECRET.search(name)]
        if named:
            what = ", ".join(dict.fromkeys(named))
            problems.append(f"The address {without_secrets(part)} carries a credential ({what}). {_instead(part)}")
    return problems


def _has_password(part: str) -> bool:
    """Whether ``user:password@`` is in front, or anything of that kind where addresses have no user names.

    A key may hold a slash, so everything up to the query is looked at where what follows the colon is no port.
    """
    scheme, _, rest = part.partition("://")
    host = rest.split("/")[0]
    if "@" in host:
        return ":" in host.rpartition("@")[0] or scheme.lower() in ("http", "https", "s3", "s3a", "gs", "gcs")
    before, _, after = rest.split("?")[0].partition("@")
    return bool(after) and re.match(r"[^/\[\]:]+:(?!\d*/)", before) is not None


def _instead(part: str) -> str:
    """Where credentials belong."""
    amazon, google = "Amazon's driver reads ~/.aws and AWS_PROFILE", "Google's reads GOOGLE_APPLICATION_CREDENTIALS"
    places = {"s3": amazon, "s3a": amazon, "gs": google, "gcs": google}
    places |= dict.fromkeys(("http", "https"), "use an address that needs none, or put the file into the project")
    where = places.get(protocol(part), "fsspec reads ~/.config/fsspec/*.json")
    return f"Credentials stay on the machine and are written into no file of the project: {where}."


def without_secrets(text: str) -> str:
    """A text whose addresses have neither user names, queries nor fragments: fit for messages and logs."""
    bare = re.sub(r"([A-Za-z][A-Za-z0-9+.-]+://)[^\s'\"?#]*@", r"\1", text)
    return re.sub(r"([A-Za-z][A-Za-z0-9+.-]+://[^\s'\"?#]*)[?#][^\s'\"]*", r"\1", bare)


def opened(url: str, error: type[ScaleImpactError]) -> tuple[Any, str]:
    """The filesystem of an address, and the path there.

    Raises
    ------
    ScaleImpactError
        As the class given: no such protocol, or its driver is not installed.
    """
    import fsspec
    from fsspec.registry import known_implementations

    names = {p for part in url.split("::") if (p := protocol(part) if "://" in part else part.lower())}
    if unknown := sorted(names - set(fsspec.available_protocols())):
        raise error(f"There is no protocol {unknown[0]!r}. {nearest(unknown[0], fsspec.available_protocols())}")

    try:
        store, path = attempted(lambda: fsspec.core.url_to_fs(url), error, f"{without_secrets(url)} cannot be opened")
        return store, path
    except error as failed:
        if not isinstance(failed.__cause__, ImportError):
            raise
        known = [known_implementations.get(n, {}).get("err", "") for n in sorted(names)]
        advice = "; ".join(filter(None, known)) or str(failed.__cause__)
        raise error(f"{without_secrets(url)} needs a driver that is not installed. {advice}.") from failed.__cause__


def attempted(work: Callable[[], Any], error: type[ScaleImpactError], what: str) -> Any:
    """What work on a store gives; whatever its driver raises becomes an expected error without credentials."""
    try:
        return work()
    except ScaleImpactError:
        raise
    except Exception as raised:  # each driver raises errors of its own
        raise error(f"{what}: {reason(raised)}.") from raised


def reason(raised: BaseException) -> str:
    """Why a driver gave up, in words fit for a message."""
    plain = {PermissionError: "no permission", FileNotFoundError: "it is not there", TimeoutError: "no answer in time"}
    for kind, words in plain.items():
        if isinstance(raised, kind):
            return words
    text = " ".join(without_secrets(str(raised)).split()).rstrip(".")
    return f"{type(raised).__name__}: {text}"[:400] if text else type(raised).__name__
