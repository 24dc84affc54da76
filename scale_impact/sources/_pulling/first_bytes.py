"""What a file is by its first bytes: data, or a web page in their place."""

from __future__ import annotations

import re
from html import unescape

HEAD = 4096
"""Bytes that are looked at."""

PACKED = {
    b"\x1f\x8b": ".gz",
    b"BZh": ".bz2",
    b"PK\x03\x04": ".zip",
    b"\xfd7zXZ\x00": ".xz",
    b"\x28\xb5\x2f\xfd": ".zst",
}
"""How compressed files start; an address such as ``.../download/17`` does not say."""

TITLES = {
    "csv": "CSV", "excel": "an Excel file", "parquet": "Parquet", "json": "JSON", "geojson": "GeoJSON", "stata": "a Stata file",
    "rds": "data of R", "zip": "a zip file", "gz": "compressed", "xml": "XML", "pdf": "a PDF",
}  # fmt: skip

FITS = {
    "csv": ("csv", "packed", "zip"), "excel": ("excel", "zip"), "parquet": ("parquet", "zip"), "json": ("json", "packed", "zip"),
    "geojson": ("json", "packed", "zip"), "stata": ("stata", "zip"), "rds": ("rds", "packed"),
}  # fmt: skip
"""What a file of a format may look like from its first bytes; a modern Excel file is a zip file."""


OFFICE = (b"[Content_Types].xml", b"_rels/", b"docProps/", b"xl/")
"""How the first name within a modern Excel file starts; it is a zip file."""


def ending(head: bytes) -> str:
    """The ending that tells how a file is compressed; empty where it is not."""
    return next((e for start, e in PACKED.items() if head.startswith(start)), "")


def misfit(head: bytes, expects: str | None) -> str | None:
    """Why what came is not data of the format expected, to follow its address in a sentence; None where it may be."""
    if not head.strip():
        return "gives an empty file. Is it the right address?"
    if _is_page(head):
        return (
            f"gives a web page{_title(head)}, not data. Is it a page about the data? Look for its download link, and write that "
            "address into the card."
        )
    seen = looks_like(head)
    if expects not in FITS or seen in FITS[expects]:
        return None
    return f"gives {_named(seen, head)}, and the card says {TITLES[expects]}. Correct the address, or the card's kind or format."


def looks_like(head: bytes) -> str:
    """csv (any text), excel, parquet, json, stata, rds, xml, pdf, zip or packed."""
    if head.startswith(b"PK\x03\x04"):
        return "excel" if head[30:].startswith(OFFICE) else "zip"
    starts = (
        (b"PAR1", "parquet"), (b"\xd0\xcf\x11\xe0", "excel"), (b"%PDF", "pdf"), (b"<stata_dta>", "stata"), (b"RDX", "rds"),
        (b"RDA", "rds"), (b"X\n\x00\x00", "rds"),
    )  # fmt: skip
    if found := next((kind for start, kind in starts if head.startswith(start)), None):
        return found
    if ending(head):
        return "packed"
    if 0x66 <= head[0] <= 0x73 and head[1:2] in (b"\x01", b"\x02") and head[2:3] == b"\x01":
        return "stata"
    return _kind_of_text(head)


def _kind_of_text(head: bytes) -> str:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith((b"{", b"[")):
        return "json"
    return "xml" if text.startswith(b"<?xml") else "csv"


TAGS = (
    b"html|head|body|title|meta|link|base|style|script|noscript|div|span|p|br|hr|pre|center|main|section|article|header|footer|nav|"
    b"form|table|iframe|font|img|ul|ol|h[1-6]|b|strong|em"
)
"""With what pages start, also those that a server makes in a hurry."""

PAGE = re.compile(rb"(?:\s|<!--.*?-->)*(?:<!doctype html|<(?:" + TAGS + rb")(?:\s[^<]*)?/?>)", re.DOTALL)


def _is_page(head: bytes) -> bool:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return PAGE.match(text) is not None or (
        text.startswith((b"<?xml", b"<!--", b"<!doctype", b"<head", b"<html")) and b"<html" in text
    )


def _title(head: bytes) -> str:
    found = re.search(
        r"<title[^>]*>(.*?)</title", head.decode("utf-8", errors="replace"), flags=re.IGNORECASE | re.DOTALL
    )
    text = " ".join(unescape(found[1]).split())[:80] if found else ""
    return f" (title {text!r})" if text else ""


def _named(seen: str, head: bytes) -> str:
    """What came, and of text how it starts: services say there what they did not like."""
    if seen not in ("json", "xml", "csv"):
        return "a compressed file" if seen == "packed" else TITLES[seen]
    start = " ".join(head.decode("utf-8", errors="replace").split())[:80]
    return f"{'text' if seen == 'csv' else TITLES[seen]} ({start!r})"
