"""YAML 1.2, read fast: scalars as its core schema says, codes with leading zeros as text.

The parser is libyaml's where PyYAML has it (many times the speed of Python's own). The values are
made here: PyYAML knows YAML 1.1 only, in which ``no`` is false, ``12:30`` is 750 and ``0123`` is 83.
One rule goes beyond the core schema: a number that starts with a needless zero is a text, because
``06037`` is the code of a county and ``6037`` is not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable
from functools import cache
from typing import Any

CORE = "tag:yaml.org,2002:"
PLAIN = "plain"
"""Tag of scalars that are not quoted and have no tag: the schema says what they are."""

DEEPEST = 100
LARGEST = 1_000_000
"""Levels, and values with those that aliases repeat: beyond, a file is an attack and no study."""

SCALARS: tuple[tuple[str, re.Pattern[str], Callable[[str], Any]], ...] = tuple(
    (kind, re.compile(rf"(?:{pattern})\Z"), value)
    for kind, pattern, value in (
        ("null", r"~|null|Null|NULL|", lambda _: None),
        ("bool", r"true|True|TRUE|false|False|FALSE", lambda text: text.lower() == "true"),
        ("int", r"[-+]?(?:0|[1-9][0-9]*)", int),
        ("int", r"0o[0-7]+", lambda text: int(text[2:], 8)),
        ("int", r"0x[0-9a-fA-F]+", lambda text: int(text[2:], 16)),
        ("float", r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", float),
        ("float", r"[-+]?\.(?:inf|Inf|INF)", lambda text: float(text.replace(".", ""))),
        ("float", r"\.(?:nan|NaN|NAN)", lambda _: float("nan")),
    )
)
"""The core schema (YAML 1.2.2, section 10.3.2), first match first."""

STARTS = frozenset("+-.0123456789~nNtTfF")
"""What a scalar that is no text starts with."""


class Unreadable(ValueError):
    """What is wrong with a text as YAML, and its line, counted from 1."""

    def __init__(self, problem: str, line: int | None = None) -> None:
        super().__init__(problem)
        self.problem, self.line = problem, line


def scalar(text: str, kind: str | None = None) -> Any:
    """A scalar without quotes: ``0.9`` a number, ``true`` a truth value, ``no``, ``12:30`` and ``06037`` texts.

    Raises
    ------
    Unreadable
        The text is not of the ``kind`` that is asked for.
    """
    if kind is None and text and text[0] not in STARTS:
        return text
    for name, pattern, value in SCALARS:
        if kind in (None, name) and pattern.match(text):
            return value(text) if len(text) < 4000 else text  # Python reads no whole number of more digits
    if kind == "float" and re.fullmatch(r"[-+]?[0-9]+", text):
        return float(text)
    if kind is not None:
        raise Unreadable(f"{text!r} is no {kind}")
    return text


def load(text: str, *, pure: bool = False) -> Any:
    """The value of a YAML text that holds one document; ``pure`` uses no C.

    Raises
    ------
    Unreadable
        It is not readable, holds several documents, a key twice, or a tag of more than plain data.
    """
    from yaml import YAMLError

    if _too_deep(text):
        raise Unreadable(f"it is nested more than {DEEPEST} levels deep")
    try:
        node = _parser(pure)(text).get_single_node()
        return None if node is None else _Values().of(node)
    except YAMLError as error:
        raise _unreadable(error) from error
    except RecursionError as error:
        raise Unreadable(f"it is nested more than {DEEPEST} levels deep") from error


def _unreadable(error: Exception) -> Unreadable:
    mark = getattr(error, "problem_mark", None)
    what = getattr(error, "problem", None) or getattr(error, "reason", None) or error
    if "another document" in str(what):
        what = "a second document starts here; write one a file"
    return Unreadable(str(what).splitlines()[0], None if mark is None else mark.line + 1)


def _too_deep(text: str) -> bool:
    """Whether brackets or indentation could go deeper than the parsers' own stacks."""
    deepest = depth = 0
    for sign in re.findall(r"[\[\]{}]", text):
        depth += 1 if sign in "[{" else -1
        deepest = max(deepest, depth)
    return deepest > DEEPEST or re.search(rf"(?:[-?:]\s+){{{DEEPEST}}}", text) is not None


@cache
def _parser(pure: bool) -> Any:
    """What makes nodes of a text; whether it is in C depends on how PyYAML was built."""
    import yaml
    from yaml.composer import Composer
    from yaml.nodes import ScalarNode
    from yaml.parser import Parser
    from yaml.reader import Reader
    from yaml.resolver import BaseResolver
    from yaml.scanner import Scanner

    def resolve(self: Any, kind: Any, value: Any, implicit: Any) -> str:
        return PLAIN if kind is ScalarNode and implicit[0] else str(BaseResolver.resolve(self, kind, value, implicit))

    in_c = not pure and getattr(yaml, "__with_libyaml__", False)
    parts: tuple[Any, ...] = (yaml.cyaml.CParser,) if in_c else (Reader, Scanner, Parser, Composer)

    def start(self: Any, text: str) -> None:
        parts[0].__init__(self, text)
        for part in (*parts[1:], BaseResolver):
            part.__init__(self)

    return type("NodeParser", (*parts, BaseResolver), {"__init__": start, "resolve": resolve})


class _Values:
    """Values of nodes; those that aliases repeat are made once."""

    def __init__(self) -> None:
        self._made: dict[int, tuple[Any, int]] = {}
        self._open: set[int] = set()

    def of(self, node: Any) -> Any:
        """The value of a node."""
        return self._sized(node)[0]

    def _sized(self, node: Any) -> tuple[Any, int]:
        """A value, and of how many values it consists."""
        if id(node) in self._open:
            raise Unreadable("it contains itself by an alias", _line(node))
        if id(node) not in self._made:
            self._open.add(id(node))
            self._made[id(node)] = made = self._make(node)
            self._open.remove(id(node))
            if made[1] > LARGEST:
                raise Unreadable(f"with its aliases it has more than {LARGEST:,} values", _line(node))
        return self._made[id(node)]

    def _make(self, node: Any) -> tuple[Any, int]:
        kind = node.tag.removeprefix(CORE)
        if node.id == "scalar":
            return _scalar_of(node, kind), 1
        if kind != {"sequence": "seq", "mapping": "map"}[node.id]:
            raise Unreadable(f"the tag {_tag(node)} is of no plain data", _line(node))
        if node.id == "mapping":
            return self._mapping(node)
        parts = [self._sized(n) for n in node.value]
        return [value for value, _ in parts], 1 + sum(n for _, n in parts)

    def _mapping(self, node: Any) -> tuple[dict[Any, Any], int]:
        own: dict[Any, Any] = {}
        merged: dict[Any, Any] = {}
        lines: dict[Any, int] = {}
        size = 1
        for key_node, value_node in node.value:
            key, (value, n) = self._key(key_node), self._sized(value_node)
            if key in lines:
                raise Unreadable(f"the key {_shown(key_node)} stands here and in line {lines[key]}", _line(key_node))
            lines[key], size = _line(key_node), size + n
            if key_node.tag == PLAIN and key == "<<":
                merged = _merged(value, value_node)
            else:
                own[key] = value
        return {**merged, **own}, size

    def _key(self, node: Any) -> Any:
        key = self.of(node)
        if not isinstance(key, Hashable):
            raise Unreadable("a list or mapping cannot be a key", _line(node))
        return key


def _merged(value: Any, node: Any) -> dict[Any, Any]:
    """What ``<<`` brings in: the keys of a mapping, or of several, of which the first wins."""
    several = value if isinstance(value, list) else [value]
    if not all(isinstance(v, dict) for v in several):
        raise Unreadable("`<<` takes a mapping, or a list of them", _line(node))
    return {key: v for mapping in reversed(several) for key, v in mapping.items()}


def _scalar_of(node: Any, kind: str) -> Any:
    if node.tag == PLAIN:
        return scalar(node.value)
    if kind == "str":
        return node.value
    if kind not in ("null", "bool", "int", "float"):
        raise Unreadable(f"the tag {_tag(node)} is of no plain data", _line(node))
    try:
        return scalar(node.value, kind)
    except Unreadable as error:
        raise Unreadable(error.problem, _line(node)) from error


def _line(node: Any) -> int:
    return int(node.start_mark.line) + 1


def _tag(node: Any) -> str:
    """A tag as it is written: !!python/name."""
    return str(node.tag.replace(CORE, "!!", 1))


def _shown(node: Any) -> str:
    return f'"{node.value}"' if node.id == "scalar" else "there"
