"""The referee report: everything that was found, in JSON and on one page."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from scale_impact.errors import UsageError
from scale_impact.workflow.verify.again import Twice, Verification
from scale_impact.workflow.verify.compare import Comparison, Files, Finding
from scale_impact.workflow.verify.report import as_json, page, pair, refuse_unwritable, write_report
from scale_impact.workflow.verify.surroundings import Change
from scale_impact.workflow.verify.trace import Divergence, Parted

MOVED = Finding("estimates.jsonl", "jobs, twfe, overall", "estimate", -0.18, -0.17, "same sign", 0.0556)
LABEL = Finding("checks.jsonl", "<b>jobs</b>", "verdict", "pass", "fail & more", "different", None)

SOUND = Verification(
    "towns", Comparison({"identical": 295}, {"identical": 10}, ()), files=Files(("executed.ipynb",), ())
)
DIFFERENT = Verification(
    "towns/early", Comparison({"identical": 290, "same sign": 1}, {"different": 1}, (LABEL, MOVED)),
    damage=("estimates.jsonl was changed by hand.",), files=Files(("figures/a.svg",), ("figures/a.svg",)),
    surroundings=(Change("numpy", "2.4.6", "2.3.0"),), overrides={"level": 0.9}, seconds=3.2,
)  # fmt: skip
BROKEN = Verification("mills", reason="there is no template 'gone'.", notebook='{"cells": []}')
PARTED = Verification(
    "drawn",
    twice=Twice(Divergence(3, "x = draw()", (Parted("x", "float", "0.1", "0.2"),)), SOUND.comparison, SOUND.files),
)
ALL = [SOUND, DIFFERENT, BROKEN, PARTED, Verification("quiet")]


class Page(HTMLParser):
    """Text, tags and addresses of a page; complains about tags that are not closed."""

    def __init__(self, source):
        super().__init__()
        self.open, self.tags, self.text, self.addresses = [], [], [], []
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [v for k, v in attrs if k in ("href", "src")]
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    @property
    def words(self):
        return re.sub(r"\s+", " ", "".join(self.text))


def test_numbers_that_hold_do_not_make_up_for_a_file_changed_by_hand_or_executions_that_part():
    assert SOUND.holds
    by_hand = replace(SOUND, damage=("executed.ipynb was changed by hand.",))
    assert (by_hand.verdict, by_hand.holds) == ("identical", False)
    parted = replace(SOUND, twice=PARTED.twice)
    assert (parted.verdict, parted.holds) == ("identical", False)
    near = replace(SOUND, comparison=Comparison({"identical": 1, "within tolerance": 9}, {}, ()))
    assert (near.verdict, near.holds) == ("within tolerance", True)
    assert not replace(SOUND, comparison=Comparison({"identical": 9, "new": 1}, {}, ())).holds


def test_the_json_holds_every_verdict_and_finding():
    content = json.loads(json.dumps(as_json(ALL)))
    assert [(r["run"], r["verdict"], r["verified"]) for r in content["runs"]] == [
        ("towns", "identical", True), ("towns/early", "different", False), ("mills", "cannot be executed", False),
        ("drawn", "diverges", False), ("quiet", "never run", True),
    ]  # fmt: skip
    assert content["verified"] is False
    assert content["runs"][1]["numbers"]["findings"][1] == {
        "file": "estimates.jsonl", "about": "jobs, twfe, overall", "field": "estimate", "published": -0.18, "now": -0.17,
        "verdict": "same sign", "difference": 0.0556,
    }  # fmt: skip
    assert content["runs"][3]["twice"]["first_divergence"]["variables"][0]["name"] == "x"
    assert "1e-8 relative" in content["tolerances"]["estimates, standard errors, interval ends, statistics"]


def test_the_page_says_what_was_compared_what_moved_and_in_which_surroundings():
    shown = Page(page(as_json(ALL)))
    assert shown.open == []
    for words in (
        "Not verified: 2 of 5 runs without a difference", "295 numbers and 10 texts compared", "-0.18", "-0.17",
        "estimates.jsonl was changed by hand.", "level=0.9", "2.4.6", "2.3.0", "there is no template 'gone'.",
        "diverge first in cell 3", "never run", "Files that differ in bytes: 1 of 1 (figures/a.svg)", "1e-8 relative",
    ):  # fmt: skip
        assert words in shown.words, words


def test_the_page_of_a_sound_run_says_so():
    assert "Verified: 1 of 1 run without a difference" in Page(page(as_json([SOUND]))).words


def test_texts_are_escaped_and_nothing_is_fetched_from_elsewhere():
    source = page(as_json(ALL, about='<script>alert("x")</script>.zip'))
    shown = Page(source)
    assert "<b>jobs</b>" in shown.words
    assert not {"b", "script", "img", "link", "iframe"} & set(shown.tags)
    assert all(address.startswith("#") for address in shown.addresses)
    assert "@import" not in source
    assert "url(" not in source


def test_the_page_can_be_read_without_seeing_it():
    source = page(as_json(ALL))
    shown = Page(source)
    assert '<html lang="en">' in source
    assert shown.tags.count("table") == shown.tags.count("caption")
    assert shown.tags.count("h1") == 1
    assert 'scope="col"' in source
    assert 'scope="row"' in source


def test_the_report_is_written_with_the_notebooks_of_failures(tmp_path):
    written = write_report(tmp_path / "deep" / "referee", ALL)
    assert sorted(p.relative_to(tmp_path).as_posix() for p in written) == [
        "deep/referee/failed/mills.ipynb", "deep/referee/verification.html", "deep/referee/verification.json",
    ]  # fmt: skip
    assert sorted(p for p in tmp_path.rglob("*") if p.is_file()) == sorted(written)


def test_a_report_that_cannot_be_written_is_refused_before_anything_runs(tmp_path):
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "deeper"):
        with pytest.raises(UsageError, match="is a file"):
            refuse_unwritable(place)
    refuse_unwritable(tmp_path / "new" / "folder")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("published", "now", "expected"),
    [
        (-0.18, -0.17, ("-0.18", "-0.17")),
        (0.123456789, 0.123456999, ("0.1234568", "0.123457")),
        (1.0, None, ("1.0", "none")),
        (22, 21, ("22", "21")),
        (0.1, 0.1, ("0.1", "0.1")),
        ("pass", "fail", ("pass", "fail")),
    ],
)
def test_two_values_are_shown_with_the_digits_that_tell_them_apart(published, now, expected):
    assert pair(published, now) == expected
