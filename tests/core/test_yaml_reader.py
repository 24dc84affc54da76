"""YAML 1.2: scalars mean what they say, codes stay codes, and nothing but plain data is made."""

import math
import random
import re

import pytest
from ruamel.yaml import YAML

from scale_impact.core.yaml_file import parse_scalar
from scale_impact.core.yaml_reader import LARGEST, Unreadable, load

both = pytest.mark.parametrize("pure", [False, True], ids=["C", "Python"])


# ---- scalars ------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("06037", "06037"), ("00", "00"), ("-01", "-01"), ("06037.01", "06037.01"), ("0", 0), ("-0", 0), ("10", 10),
        ("no", "no"), ("yes", "yes"), ("on", "on"), ("Off", "Off"), ("y", "y"), ("12:30", "12:30"), ("1:30:00", "1:30:00"),
        ("1e5", 100000.0), ("1E-3", 0.001), ("1_000", "1_000"), ("0o17", 15), ("0x1F", 31), ("0b11", "0b11"), ("+12", 12),
        ("~", None), ("null", None), ("NULL", None), ("nULL", "nULL"), ("true", True), ("TRUE", True), ("tRue", "tRue"),
        ("False", False), (".5", 0.5), ("1.", 1.0), (".", "."), ("-.inf", -math.inf), ("+.INF", math.inf), (".Inf", math.inf),
        ("inf", "inf"), ("nan", "nan"), ("2003-07-01", "2003-07-01"), ("2019Q1", "2019Q1"), ("1.2.3", "1.2.3"),
        ("'5'", "5"), ('"true"', "true"), ("!!str 5", "5"), ("!!int '7'", 7), ("!!float 3", 3.0), ("!!null ''", None),
        ("123456789012345678901234567890", 123456789012345678901234567890),
    ],
)  # fmt: skip
def test_a_scalar_is_what_the_core_schema_says_and_a_code_is_text(text, value, pure):
    for found in (
        load(f"a: {text}", pure=pure)["a"],
        load(f"[{text}]", pure=pure)[0],
        next(iter(load(f"{{{text}: x}}", pure=pure))),
        load(text, pure=pure),
    ):
        assert found == value
        assert type(found) is type(value)


def test_not_a_number_is_read():
    assert math.isnan(load("a: .nan")["a"])
    assert math.isnan(load("a: .NAN")["a"])


@pytest.mark.parametrize("text", ["a:", "a: ", "{a: }", "{a}"])
def test_nothing_is_null(text):
    assert load(text) == {"a": None}


def test_a_setting_is_read_as_in_a_file():
    given = ["06037", "no", "0.9", "true", "", "a: b: c", "[1, 06037]", "2003-07-01", "1_000"]
    assert [parse_scalar(g) for g in given] == [
        "06037", "no", 0.9, True, None, "a: b: c", [1, "06037"], "2003-07-01", "1_000",
    ]  # fmt: skip


def drawn(rng):
    """Scalars that look like numbers, codes, times, words of YAML, and mixtures."""
    pieces = [
        "0",
        "1",
        "7",
        "9",
        "00",
        "12",
        "+",
        "-",
        ".",
        "e",
        "E",
        "_",
        ":",
        "0x",
        "0o",
        "0b",
        "a",
        "F",
        "~",
        "no",
        "on",
    ]
    pieces += ["true", "True", "null", "Null", ".inf", ".nan", "nan", "y", "2003-07-01", "Gary"]
    return "".join(rng.choice(pieces) for _ in range(rng.randint(1, 5)))


@both
def test_thousands_of_scalars_are_read_as_by_another_reader_of_yaml_1_2(pure):
    rng, reader, compared = random.Random(0), YAML(typ="safe", pure=True), 0
    for text in sorted({drawn(rng) for _ in range(3000 if pure else 6000)}):
        try:
            theirs = reader.load(f"a: {text}\n")
        except Exception:  # not a scalar, or one that ruamel cannot make a value of
            continue
        if not isinstance(theirs, dict) or differs_on_purpose(text, theirs["a"]):
            continue
        ours = load(f"a: {text}\n", pure=pure)["a"]
        assert repr(ours) == repr(theirs["a"]), text
        compared += 1
    assert compared > (1000 if pure else 2500)


def differs_on_purpose(text, theirs):
    """Codes with leading zeros and dates are texts here; 1_000, 0b1 and -0o7 are ruamel's own, beyond the core schema."""
    beyond = "_" in text or re.match(r"[-+]?0b|[-+]0[ox]", text)
    return bool(re.match(r"[-+]?0\d", text) or beyond or type(theirs).__name__ == "date")


# ---- structure ----------------------------------------------------------------------------------


@both
def test_anchors_and_merge_keys_are_followed_and_own_keys_win(pure):
    text = "base: &b {x: 1, y: 2}\nmore: &m {y: 5, z: 3}\none: {<<: *b, y: 9}\ntwo: {<<: [*b, *m], z: 0}\nthree: *b\n"
    found = load(text, pure=pure)
    assert found["one"] == {"x": 1, "y": 9}
    assert found["two"] == {"x": 1, "y": 2, "z": 0}
    assert found["three"] == {"x": 1, "y": 2}


def test_a_quoted_sign_of_merging_is_a_key():
    assert load("'<<': 1") == {"<<": 1}


@both
@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\nb: 2\na: 3", 3, 'the key "a" stands here and in line 1'),
        ("x:\n  a: 1\n  'a': 2", 3, 'the key "a" stands here and in line 2'),
        ("1: a\n1: b", 2, 'the key "1" stands here and in line 1'),
        ("a: 1\n---\nb: 2", 2, "a second document starts here"),
        ("a: !!python/object/apply:os.system [ls]", 1, "the tag !!python/object/apply:os.system is of no plain data"),
        ("a: !!python/name:os.system", 1, "of no plain data"),
        ("a: !env HOME", 1, "the tag !env is of no plain data"),
        ("a: !!binary aGVsbG8=", 1, "of no plain data"),
        ("a: !!set {x}", 1, "of no plain data"),
        ("a: !!int x", 1, "'x' is no int"),
        ("? [1, 2]\n: 3", 1, "cannot be a key"),
        ("a: 1\nb: &x [*x]", 2, "it contains itself"),
        ("<<: 3", 1, "`<<` takes a mapping"),
        ("a: *nowhere", 1, "undefined alias"),
        ("a: [1, 2\nb: 3", 2, ""),
        ("a: 'x", 1, ""),
    ],
)  # fmt: skip
def test_what_is_no_plain_data_is_refused_with_its_line(text, line, words, pure):
    with pytest.raises(Unreadable) as caught:
        load(text, pure=pure)
    assert words in caught.value.problem
    assert caught.value.line in (line, line + 1 if not words else line)


@both
def test_aliases_that_multiply_are_refused_at_once(pure):
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 10)}]" for k in range(1, 12)]
    with pytest.raises(Unreadable, match=f"more than {LARGEST:,} values"):
        load("\n".join(lines), pure=pure)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "[" * 4000 + "]" * 4000,
        "{a: " * 4000,
        "- " * 50_000,
        "\n".join(" " * k + "a:" for k in range(3000)),
    ],
    ids=["open brackets", "brackets", "braces", "dashes", "indented"],
)
def test_what_is_nested_too_deep_is_refused_and_ends_no_process(text):
    with pytest.raises(Unreadable, match="nested more than"):
        load(text)


def test_texts_over_several_lines_and_other_scripts_are_kept():
    assert load("a: |\n  x\n  y\nb: >\n  x\n  y\n") == {"a": "x\ny\n", "b": "x y\n"}
    assert load("\ufeffa: Städte — 城市 🏙\r\nb: 1\r\n") == {"a": "Städte — 城市 🏙", "b": 1}
