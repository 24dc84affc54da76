"""Data files of R, written byte by byte as R does (R Internals, 1.8: serialisation, version 2, XDR)."""

import gzip
import struct

NOTHING = struct.pack(">i", 254)
NA_NUMBER = struct.pack(">Q", 0x7FF00000000007A2)
NA_WHOLE = struct.pack(">i", -(2**31))


def _int(*values):
    return struct.pack(f">{len(values)}i", *values)


def _char(text):
    if text is None:
        return _int(9, -1)
    raw = text.encode()
    return _int(9 | 1 << 15, len(raw)) + raw


def _head(kind, attributes):
    return _int(kind | (1 << 9 if attributes else 0) | (1 << 8 if "class" in attributes else 0))


def _tail(attributes):
    return b"".join(_int(2 | 1 << 10) + _int(1) + _char(k) + v for k, v in attributes.items()) + (
        NOTHING if attributes else b""
    )


def texts(values, **attributes):
    return _head(16, attributes) + _int(len(values)) + b"".join(_char(v) for v in values) + _tail(attributes)


def numbers(values, **attributes):
    body = b"".join(NA_NUMBER if v is None else struct.pack(">d", v) for v in values)
    return _head(14, attributes) + _int(len(values)) + body + _tail(attributes)


def whole(values, kind=13, **attributes):
    body = b"".join(NA_WHOLE if v is None else _int(v) for v in values)
    return _head(kind, attributes) + _int(len(values)) + body + _tail(attributes)


def truths(values):
    return whole(values, kind=10)


def dates(days):
    return numbers(days, **{"class": texts(["Date"])})


def factor(codes, levels):
    return whole(codes, levels=texts(levels), **{"class": texts(["factor"])})


def frame(columns, rows, kinds=("tbl_df", "tbl", "data.frame")):
    """A data frame of columns that are written already."""
    attributes = {
        "names": texts(list(columns)),
        "class": texts(list(kinds)),
        "row.names": _int(13, 2) + NA_WHOLE + _int(-rows),
    }
    return _head(19, attributes) + _int(len(columns)) + b"".join(columns.values()) + _tail(attributes)


HEADER = b"X\n" + _int(2, 0x00040300, 0x00020300)


def rds(thing):
    return gzip.compress(HEADER + thing, mtime=0)


def rda(**things):
    body = b"".join(_int(2 | 1 << 10) + _int(1) + _char(name) + thing for name, thing in things.items())
    return gzip.compress(b"RDX2\n" + HEADER + body + NOTHING, mtime=0)
