"""Findings of the doctor: what a probe saw, whether a run works with it, and the command that mends it."""

from __future__ import annotations

import getpass
import os
import re
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

State = Literal["ok", "note", "missing"]


@dataclass(frozen=True)
class Finding:
    """What a probe saw.

    Attributes
    ----------
    topic:
        What was looked at: ``memory``, ``kernel``.
    state:
        ``ok``; ``note``: runs work, but slower, or something else does not; ``missing``: no run works before it is mended.
    found:
        What was seen, for people.
    mend:
        A command that mends it, to be copied as it is; None where nothing is to be done.
    """

    topic: str
    state: State
    found: str
    mend: str | None = None


def ok(topic: str, found: str) -> Finding:
    """All is well."""
    return Finding(topic, "ok", found)


def note(topic: str, found: str, mend: str | None = None) -> Finding:
    """Runs work, but something should be known."""
    return Finding(topic, "note", found, mend)


def missing(topic: str, found: str, mend: str | None = None) -> Finding:
    """No run works before this is mended."""
    return Finding(topic, "missing", found, mend)


def in_words(error: BaseException) -> str:
    """An exception in one line, with its kind."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def anonymous(finding: Finding, root: Path | None) -> Finding:
    """A finding that can be pasted into an issue: no home, no user, no machine's name."""
    found = _renamed(finding.found, root, user="<user>")
    return replace(finding, found=found, mend=finding.mend and _renamed(finding.mend, root, user="$USER"))


def _renamed(text: str, root: Path | None, *, user: str) -> str:
    for path, name in _places(root).items():
        text = re.sub(rf"{re.escape(path)}(?![\w.-])", name, text)
    if (login := _login()) not in ("", "root"):
        text = re.sub(rf"(?<=[/\\]){re.escape(login)}(?![\w.-])", lambda _: user, text)
    host = socket.gethostname()
    return re.sub(rf"\b{re.escape(host)}\b", "<host>", text) if host not in ("", "localhost") else text


def _places(root: Path | None) -> Mapping[str, str]:
    """Folders with the names that they are shown by; the deepest first, never the root of the disk."""
    named = {
        Path(sys.prefix): "<python>",
        Path(sys.base_prefix): "<python>",
        Path.home(): "~",
        Path.home().resolve(): "~",
    }
    if root is not None:
        named = {p: n for p, n in named.items() if not p.is_relative_to(root)} | {root: ".", root.resolve(): "."}
    deepest = sorted(named, key=lambda p: -len(p.parts))
    return {str(p): named[p] for p in deepest if len(p.parts) > 1}


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container may run a number that has no name
        return os.environ.get("USER", "")
