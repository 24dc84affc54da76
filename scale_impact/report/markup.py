"""Texts of users as HTML: Markdown without raw HTML, tables of notebooks without anything that acts, links that are harmless."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

LINKED = re.compile(r"(?:https?://|mailto:)[^\s<>\"']+", re.IGNORECASE)
"""Addresses to which a page links. Others stand as text: a relative one leads nowhere outside of its folder."""

TABLE_TAGS = {
    "table", "thead", "tbody", "tfoot", "tr", "th", "td", "caption", "p", "br", "b", "strong", "i", "em", "code", "pre", "ul", "ol",
    "li", "sub", "sup", "span", "div", "dl", "dt", "dd", "small", "hr", "a",
}  # fmt: skip
TABLE_ATTRIBUTES = {"th": {"colspan", "rowspan", "scope"}, "td": {"colspan", "rowspan"}, "a": {"href"}}


def web_link(address: str) -> bool:
    """Whether an address may be a link: http, https or mailto, without anything that ends it."""
    return LINKED.fullmatch(address) is not None


def linked(text: object) -> Markup:
    """A text with its addresses as links; all else is escaped."""
    words, parts, at = str(text), [], 0
    for found in LINKED.finditer(words):
        address = found.group().rstrip(".,;:!?)]}")
        parts += [
            escape(words[at : found.start()]),
            Markup('<a href="{0}" rel="noopener noreferrer">{0}</a>').format(address),
        ]
        at = found.start() + len(address)
    return Markup("").join([*parts, escape(words[at:])])


@dataclass
class Outline:
    """Where the headings of a page stand: the next one is at most one level below the last, and never above ``top``."""

    top: int = 2
    last: int = 1

    def level(self, asked: int) -> int:
        """The level of a heading that asks for one (1 the highest)."""
        self.last = min(max(asked + self.top - 1, self.top), self.last + 1, 6)
        return self.last


def markdown(text: str, outline: Outline) -> Markup:
    """Markdown as HTML; raw HTML in it is shown as text, pictures as what they are called, headings go where the page's outline has room.

    Whatever the text holds, nothing of it is loaded and nothing acts.
    """
    html, outline.last = _rendered(text, outline.top, outline.last)
    return Markup(html)


@lru_cache(maxsize=4096)
def _rendered(text: str, top: int, last: int) -> tuple[str, int]:
    """HTML, and the level of the last heading: notebooks of one template say much alike."""
    outline = Outline(top, last)
    return _reader().render(text, {"outline": outline}), outline.last


@lru_cache(maxsize=1)
def _reader() -> MarkdownIt:
    from markdown_it import MarkdownIt

    made = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    made.validateLink = web_link  # type: ignore[method-assign, assignment]
    made.add_render_rule("image", _as_its_name)
    made.add_render_rule("link_open", _outside)
    for kind in ("heading_open", "heading_close"):
        made.add_render_rule(kind, _heading)
    made.add_render_rule("table_open", _scrolling)
    made.add_render_rule("table_close", lambda *_: "</table></div>\n")
    return made


def _as_its_name(_self: Any, tokens: Any, at: int, _options: Any, _env: Any) -> str:
    """A picture's name in place of the picture."""
    return str(escape(f"[{tokens[at].content or 'picture'}]"))


def _outside(self: Any, tokens: Any, at: int, options: Any, env: Any) -> str:
    """A link to the web, which learns nothing of the reader."""
    tokens[at].attrSet("rel", "noopener noreferrer")
    return str(self.renderToken(tokens, at, options, env))


def _heading(_self: Any, tokens: Any, at: int, _options: Any, env: Any) -> str:
    outline: Outline = env["outline"]
    if tokens[at].nesting < 0:
        return f"</h{outline.last}>\n"
    return f'<h{outline.level(int(tokens[at].tag[1]))} dir="auto">'


def _scrolling(*_: Any) -> str:
    return SCROLLED + "<table>"


SCROLLED = '<div class="scroll" role="group" aria-label="Table" tabindex="0">'
"""The box in which a wide table scrolls, so that the page does not."""


def table_html(html: str) -> Markup:
    """HTML that a notebook shows, without scripts, styles, pictures, events and addresses that act."""
    import nh3

    return Markup(
        nh3.clean(
            html, tags=TABLE_TAGS, attributes=TABLE_ATTRIBUTES, clean_content_tags={"script", "style", "iframe", "object", "svg", "math"},
            url_schemes={"http", "https", "mailto"}, link_rel="noopener noreferrer", attribute_filter=_absolute,
        )
    )  # fmt: skip


def _absolute(_tag: str, attribute: str, value: str) -> str | None:
    """Links that lead out of the folder by their own address; relative ones lead nowhere."""
    return None if attribute == "href" and not web_link(value) else value
