"""How a causal graph is written: arrows between names (``a -> b <- c``, ``a <-> b``) or DOT.

Both readers return the same value, ``Written``: what the text says, before it is asked whether it makes sense.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

Pair = tuple[str, str]

ARROWS = {"->": "->", "<-": "<-", "<->": "<->", "→": "->", "←": "<-", "↔": "<->"}
_QUOTED = r'"(?:\\.|[^"\\])*"'
_ARROW = r"<->|->|<-|↔|→|←"
_CHAIN = re.compile(rf"\s*(?:(?P<quoted>{_QUOTED}|'[^']*')|(?P<arrow>{_ARROW})|(?P<plain>(?:(?!{_ARROW}|\").)+))")
_DOT = re.compile(
    rf"(?P<skip>\s+|//[^\n]*|/\*.*?\*/|\#[^\n]*)|(?P<quoted>{_QUOTED})|(?P<arrow>{_ARROW}|--)|(?P<mark>[{{}}\[\];,=:+])"
    r"|(?P<plain>-?(?:\.\d+|\d+(?:\.\d*)?)(?![\w.])|[^\W\d]\w*(?:\.\w+)*|\d\w*)",
    re.DOTALL,
)


@dataclass
class Written:
    """What a text says: names in order of appearance, arrows, unobserved common causes, unobserved names, what is wrong."""

    nodes: dict[str, None] = field(default_factory=dict)
    edges: dict[Pair, None] = field(default_factory=dict)
    common: dict[Pair, None] = field(default_factory=dict)
    unobserved: dict[str, None] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def arrow(self, left: str, kind: str, right: str) -> None:
        """Add ``left kind right``, where kind is ``->``, ``<-`` or ``<->``."""
        self.nodes.update({left: None, right: None})
        if kind == "<->":
            if (right, left) not in self.common:
                self.common[left, right] = None
        else:
            self.edges[(left, right) if kind == "->" else (right, left)] = None

    def add(self, other: Written) -> None:
        """Add all that another text says."""
        for name in ("nodes", "edges", "common", "unobserved"):
            getattr(self, name).update(getattr(other, name))
        self.problems.extend(other.problems)


# ---- arrows ------------------------------------------------------------------------------------


def from_edges(lines: Sequence[str]) -> Written:
    """Read chains such as ``a -> b <- c``; each line that cannot be read is a problem of its own."""
    written = Written()
    if isinstance(lines, str) or not all(isinstance(line, str) for line in lines):
        written.problems.append(f"edges are {lines!r}; they have to be a list of texts such as 'weekend -> score'.")
        return written
    for line in lines:
        _chain(line, written)
    return written


def _chain(line: str, written: Written) -> None:
    parts = [_part(m) for m in _CHAIN.finditer(line)]
    parts = [p for p in parts if p[1] or p[0] == "quoted"]
    names, arrows = parts[::2], parts[1::2]
    good = len(parts) >= 3 and len(parts) % 2 == 1
    good = good and all(kind != "arrow" and _is_name(kind, text) for kind, text in names)
    good = good and all(kind == "arrow" for kind, _ in arrows)
    if not good or _leftover(line):
        written.problems.append(
            f"edge {line!r} {_fault(parts)}. Write 'a -> b', 'b <- a', 'a <-> b' or a chain of them."
        )
        return
    for k, (_, arrow) in enumerate(arrows):
        written.arrow(names[k][1], ARROWS[arrow], names[k + 1][1])


def _part(found: re.Match[str]) -> Pair:
    kind = found.lastgroup or "plain"
    text = found.group(kind).strip()
    return kind, _unquoted(text) if kind == "quoted" else text


def _is_name(kind: str, text: str) -> bool:
    """Whether a text is a name and no slip of an arrow, such as ``a -`` of ``a --> b``."""
    return bool(text) and (kind == "quoted" or not (set("-=<>") & {text[0], text[-1]}))


def _leftover(line: str) -> bool:
    """Whether something between the parts was not read: a quotation mark that is not closed."""
    return bool(_CHAIN.sub("", line).strip())


def _fault(parts: list[Pair]) -> str:
    if not any(kind == "arrow" for kind, _ in parts):
        return "has no arrow"
    if odd := [text for kind, text in parts if kind == "plain" and not _is_name(kind, text)]:
        return f"has {odd[0]!r} where a name is expected"
    neighbours = pairwise(parts)
    missing = parts[0][0] == "arrow" or parts[-1][0] == "arrow" or any(a[0] == b[0] == "arrow" for a, b in neighbours)
    return "lacks a name beside an arrow" if missing else "cannot be read (a quotation mark that is not closed?)"


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1].replace("\\\n", "")).strip()


# ---- DOT ---------------------------------------------------------------------------------------


def from_dot(text: str) -> Written:
    """Read a DOT digraph: chains, groups ``{a b} -> c``, subgraphs, quoted names, attributes, comments.

    A node with the attribute ``latent``, ``unobserved`` or ``hidden``, or with ``observed=no``, is unobserved; an edge with
    ``dir=both``, or ``a <-> b`` as dagitty writes it, is an unobserved common cause.
    """
    reader = _DotReader(text)
    try:
        reader.graph()
    except _SyntaxError as error:
        reader.written.problems.append(f"dot, {error}")
    return reader.written


class _SyntaxError(Exception):
    """Where DOT cannot be read on, and why."""


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    at: int


class _DotReader:
    """One pass over a DOT text by recursive descent; a reader remembers where it is, hence no frozen value."""

    def __init__(self, text: str) -> None:
        self.text, self.written, self.at = text, Written(), 0
        self.tokens: list[_Token] = []
        self.defaults: dict[str, dict[str, str]] = {"node": {}, "edge": {}, "graph": {}}

    # -- tokens

    def fault(self, what: str, at: int) -> _SyntaxError:
        """The error that names line and column."""
        before = self.text[:at]
        line = before.count("\n") + 1
        return _SyntaxError(f"line {line}, column {at - before.rfind(chr(10))}: {what}")

    def scan(self) -> Iterator[_Token]:
        """Tokens with their positions; ends in one of kind ``end``."""
        at = 0
        while at < len(self.text):
            found = _DOT.match(self.text, at)
            if found is None:
                raise self.fault(
                    f"{self.text[at]!r} cannot be read. Put names with special characters in double quotes.", at
                )
            kind = found.lastgroup or "plain"
            if kind != "skip":
                text = _unquoted(found.group()) if kind == "quoted" else found.group()
                yield _Token("name" if kind in ("quoted", "plain") else kind, text, at)
            at = found.end()
        yield _Token("end", "the end of the text", at)

    @property
    def next(self) -> _Token:
        """The token to be read."""
        return self.tokens[self.at]

    def take(self, *texts: str) -> bool:
        """Read the next token if it is one of these marks."""
        found = self.next.kind in ("mark", "arrow") and self.next.text in texts
        self.at += found
        return found

    def need(self, text: str) -> None:
        """Read a mark that has to come."""
        if not self.take(text):
            raise self.fault(f"{text!r} is expected, and {self.next.text!r} comes.", self.next.at)

    def name(self) -> str:
        """Read a name."""
        if self.next.kind != "name":
            raise self.fault(f"a name is expected, and {self.next.text!r} comes.", self.next.at)
        self.at += 1
        text = self.tokens[self.at - 1].text
        return text + self.name() if self.take("+") else text

    def word(self, *words: str) -> str | None:
        """Read one of these key words, in any case."""
        lower = self.next.text.lower()
        if self.next.kind != "name" or lower not in words or self.text[self.next.at] == '"':
            return None
        self.at += 1
        return lower

    # -- grammar

    def graph(self) -> None:
        """``[strict] digraph [name] { ... }``."""
        self.tokens = list(self.scan())
        self.word("strict")
        if self.word("graph"):
            raise self.fault("`graph` has no directions. Write `digraph { a -> b; }`.", self.tokens[self.at - 1].at)
        if not self.word("digraph", "dag"):
            raise self.fault(f"`digraph {{` is expected, and {self.next.text!r} comes.", self.next.at)
        if self.next.kind == "name":
            self.name()
        self.need("{")
        self.statements()
        if self.next.kind != "end":
            raise self.fault(f"the graph has ended, and {self.next.text!r} comes. Give one graph.", self.next.at)

    def statements(self) -> list[str]:
        """Statements up to the closing brace; the names in them."""
        names: dict[str, None] = {}
        while not self.take("}"):
            if self.next.kind == "end":
                raise self.fault("a brace is not closed: '}' is missing.", self.next.at)
            names.update(dict.fromkeys(self.statement()))
            self.take(";", ",")
        return list(names)

    def statement(self) -> list[str]:
        """One statement: a default, an assignment, a node or a chain of edges; the names in it."""
        if (word := self.word("node", "edge", "graph")) is not None:
            self.defaults[word] = {**self.defaults[word], **self.attributes()}
            return []
        if (
            self.next.kind == "name"
            and self.tokens[self.at + 1].text == "="
            and self.tokens[self.at + 1].kind == "mark"
        ):
            self.name()
            self.need("=")
            self.name()
            return []
        return self.chain()

    def chain(self) -> list[str]:
        """Endpoints joined by arrows, with attributes; a single endpoint declares nodes."""
        ends, arrows = [self.endpoint()], []
        single = self.tokens[self.at - 1].text != "}"
        while self.next.kind == "arrow":
            arrows.append(self.direction())
            ends.append(self.endpoint())
        given = self.attributes()
        if arrows:
            self.join(ends, arrows, {**self.defaults["edge"], **given})
        elif single and _latent({**self.defaults["node"], **given}):
            self.written.unobserved[ends[0][0]] = None
        return [name for end in ends for name in end]

    def direction(self) -> str:
        """Read an arrow."""
        token = self.next
        self.at += 1
        if token.text == "--":
            raise self.fault("'--' has no direction. Write '->', or '<->' for an unobserved common cause.", token.at)
        return ARROWS[token.text]

    def endpoint(self) -> list[str]:
        """A name with its port, or the names of a group in braces."""
        named = self.word("subgraph")
        if named and self.next.kind == "name":
            self.name()
        if named or (self.next.kind == "mark" and self.next.text == "{"):
            return self.group()
        found = self.name()
        while self.take(":"):
            self.name()
        if found not in self.written.nodes and _latent(self.defaults["node"]):
            self.written.unobserved[found] = None
        self.written.nodes[found] = None
        return [found]

    def group(self) -> list[str]:
        """Statements in braces; what they set as default ends with them."""
        outside = dict(self.defaults)
        self.need("{")
        names = self.statements()
        self.defaults = outside
        return names

    def join(self, ends: list[list[str]], arrows: list[str], given: dict[str, str]) -> None:
        """Add an arrow from each name of a group to each of the next."""
        turned = {"both": "<->", "back": "<-"}.get(given.get("dir", "").lower())
        for left, kind, right in zip(ends, arrows, ends[1:], strict=False):
            for a in left:
                for b in right:
                    self.written.arrow(a, turned or kind, b)

    def attributes(self) -> dict[str, str]:
        """``[key=value, key]``, any number of them; a key without value is ``true``."""
        found: dict[str, str] = {}
        while self.take("["):
            while not self.take("]"):
                key = self.name()
                found[key.lower()] = self.name() if self.take("=") else "true"
                self.take(",", ";")
        return found


def _latent(attributes: dict[str, str]) -> bool:
    no = ("no", "false", "0")
    hidden = any(attributes.get(key, "no").lower() not in no for key in ("latent", "unobserved", "hidden"))
    return hidden or attributes.get("observed", "yes").lower() in no


def quoted(names: Iterable[str]) -> str:
    """Names for a sentence, each in backticks: `a`, `b` and `c`."""
    listed = [f"`{n}`" for n in names]
    return " and ".join([", ".join(listed[:-1]), listed[-1]] if len(listed) > 1 else listed)
