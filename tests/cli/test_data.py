"""``scale-impact data``: list, pull, verify, dictionary."""

import json
import re
import shutil
from html.parser import HTMLParser

import pytest

from tests.projects import sha256, towns, write_yaml
from tests.sources.web import Answer, digest
from tests.sources.web import web as web

TABLE = b"town,year,no2\n01,2001,41.5\n02,2001,39.0\n01,2002,40\n"
COLUMNS = {
    "town": {"unit": "none", "meaning": "Code <b>&</b>", "type": "text"},
    "year": {"unit": "year", "meaning": "Calendar year"},
    "no2": {"unit": "ug/m3", "meaning": "Annual mean", "type": "number", "minimum": 0},
}


@pytest.fixture
def few(place):
    """A project with the card `towns` alone."""
    for path in (place.root / "data/sources").glob("*.yaml"):
        if path.stem != "towns":
            path.unlink()
    return place


def card(place, name="air", **keys):
    said = {
        "title": "Air", "origin": "a test", "licence": "CC BY 4.0, see there", "kind": "csv", "columns": COLUMNS, **keys,
    }  # fmt: skip
    return write_yaml(place.root / f"data/sources/{name}.yaml", said)


def air(place, web, content=TABLE, **keys):
    return card(place, address=web.plan("/air.csv", content), **{"sha256": digest(TABLE), **keys})


# ---- list ------------------------------------------------------------------------------------------------


def test_the_list_says_what_there_is_and_who_uses_it(few, cli, web):
    air(few, web, vintage="2026-01", unit="town", period="year")
    answer = cli("data", "list")
    assert answer.code == 0
    lines = [" ".join(line.split()) for line in answer.out.splitlines()]
    assert lines[0] == "source units x periods size kind vintage licence"
    assert lines[1] == "air not pulled csv 2026-01 CC BY 4.0"
    assert lines[2].startswith("towns 12 x 6 ")
    assert lines[3] == "used by towns"
    assert lines[-1] == "Not pulled: scale-impact data pull NAME"
    cli("data", "pull", "air")
    assert "air 2 x 2 51 B csv 2026-01 CC BY 4.0" in " ".join(cli("data", "list").out.split())


def test_no_line_of_the_list_is_wider_than_a_hundred_columns(place, cli, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    card(place, "a_source_with_a_name_that_is_very_long_indeed", file="x.csv", licence="words " * 40)
    assert max(map(len, cli("data", "list").out.splitlines())) <= 100


def test_a_licence_that_forbids_handing_on_is_said_in_the_list(few, cli):
    few.data(text="town,year\n1,2001\n", redistribute=False, columns={"town": COLUMNS["town"], "year": COLUMNS["year"]})
    assert "not to be handed on" in cli("data", "list").out


def test_the_list_is_there_for_programs_too(few, cli, web):
    air(few, web)
    air_, towns = json.loads(cli("data", "list", "--json").out)
    assert (air_["name"], air_["here"], air_["rows"], air_["licence"]) == ("air", False, None, "CC BY 4.0, see there")
    assert (towns["units"], towns["periods"], towns["rows"], towns["used_by"]) == (12, 6, 72, ["towns"])


def test_counts_are_remembered_until_the_data_or_the_card_change(few, cli, monkeypatch):
    from scale_impact.sources._telling import listing

    reads = []
    read = listing.read
    monkeypatch.setattr(listing, "read", lambda *a: reads.append(a) or read(*a))
    cli("data", "list")
    cli("data", "list")
    assert len(reads) == 1
    few.data(text="town,year\n1,2001\n", columns={"town": COLUMNS["town"], "year": COLUMNS["year"]})
    assert "1 x 1" in cli("data", "list").out
    assert len(reads) == 2


@pytest.mark.parametrize(
    "content", ["", "[]", '{"towns": 3}', '{"towns": {"mark": 1}}', '{"towns": {"counts": {"x": 1}}}']
)
def test_counts_that_were_damaged_are_made_anew(few, cli, content):
    cli("data", "list")
    (few.root / ".scale-impact/data-counts.json").write_text(content)
    assert "12 x 6" in cli("data", "list").out


def test_a_broken_card_does_not_hide_the_others(few, cli):
    (few.root / "data/sources/bad.yaml").write_text("title: x\n")
    answer = cli("data", "list")
    assert answer.code == 11
    assert "towns" in answer.out
    assert "data/sources/bad.yaml" in answer.err


def test_data_that_cannot_be_read_are_listed_and_the_way_on_said(few, cli):
    few.data(text="town,year\n1,2001\n")
    answer = cli("data", "list")
    assert answer.code == 0
    assert "unreadable" in answer.out
    assert "Unreadable: scale-impact data verify NAME says why" in answer.out


def test_a_file_that_is_missing_is_listed_too_and_looked_for_again_next_time(few, cli):
    file = few.root / "data/files/towns.csv"
    content = file.read_bytes()
    file.unlink()
    assert "unreadable" in cli("data", "list").out
    file.write_bytes(content)
    assert "12 x 6" in cli("data", "list").out


def test_a_project_without_sources_says_how_to_begin(few, cli):
    (few.root / "data/sources/towns.yaml").unlink()
    assert "There is no source yet" in cli("data", "list").out


# ---- pull ------------------------------------------------------------------------------------------------


def test_a_pull_says_what_came_and_a_second_one_that_it_is_here(few, cli, web):
    air(few, web)
    answer = cli("data", "pull", "air")
    assert (answer.code, answer.out) == (0, "air: data/raw/air/undated/air.csv (51 B) fetched\n")
    assert cli("data", "pull", "air").out == "air: data/raw/air/undated/air.csv (51 B) is here already\n"
    assert cli("data", "pull", "air", "--again").out.endswith("fetched\n")
    assert len(web.asked) == 2


def test_a_mirror_needs_no_network(few, cli, tmp_path):
    card(few, address="http://127.0.0.1:9/air.csv", sha256=digest(TABLE))
    (tmp_path / "mirror/air").mkdir(parents=True)
    (tmp_path / "mirror/air/air.csv").write_bytes(TABLE)
    assert cli("data", "pull", "air", "--mirror", tmp_path / "mirror").code == 0
    assert cli("data", "verify", "air").out == "air: holds\n"


def test_what_cannot_be_pulled_does_not_stop_the_others_and_all_is_said(few, cli, web):
    air(few, web)
    card(few, "noise", address=f"{web.address}/noise.csv", sha256=digest(TABLE))
    card(few, "trees", address=f"{web.address}/trees.csv", sha256=digest(TABLE))
    answer = cli("data", "pull", "--all")
    assert answer.code == 11
    assert answer.out == "air: data/raw/air/undated/air.csv (51 B) fetched\n"
    assert "data/sources/noise.yaml" in answer.err
    assert "data/sources/trees.yaml" in answer.err
    assert "Traceback" not in answer.err


def test_a_changed_file_ends_with_eleven_and_says_what_to_write(few, cli, web):
    air(few, web, b"town,year,NO2_mean\n01,2001,41.5\n")
    answer = cli("data", "pull", "air")
    assert answer.code == 11
    said = " ".join(answer.err.split())
    assert "'no2' is missing; found 'NO2_mean'" in said
    assert re.search(r"write into the card: vintage: \d{4}-\d\d-\d\d-[0-9a-f]{8}, sha256: [0-9a-f]{64}\.", said)
    assert not (few.root / "data/raw/air/undated").exists()


def test_a_card_without_a_hash_is_told_it(few, cli, web):
    air(few, web, sha256="")
    card(few, address=f"{web.address}/air.csv")
    assert f"add to the card: sha256: {digest(TABLE)}" in cli("data", "pull", "air").out


def test_waits_are_said_on_the_error_stream(few, cli, web):
    card(few, address=web.plan("/air.csv", Answer(b"", 429, {"Retry-After": "0"}), Answer(TABLE)), sha256=digest(TABLE))
    answer = cli("data", "pull", "air")
    assert answer.code == 0
    assert "429 Too Many Requests; next try in 0 seconds, as the server asks" in answer.err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["pull"], 2, "Name the sources to pull, or say --all."), (["pull", "towns", "--all"], 2, "Name the sources to pull"),
        (["pull", "twons"], 11, "Did you mean 'towns'?"), (["pull", "towns", "--mirror", "nowhere"], 2, "no such folder"),
        (["verify", "twons"], 11, "Did you mean 'towns'?"), (["pul"], 2, "No such command"), ([], 2, "Usage"),
        (["dictionary", "--out", "."], 2, "is a folder"),
    ],
)  # fmt: skip
def test_what_is_asked_wrongly_is_said(few, cli, arguments, code, said):
    answer = cli("data", *arguments)
    assert answer.code == code
    assert said in " ".join((answer.out + answer.err).split())
    assert "Traceback" not in answer.err


def test_what_needs_no_pull_says_so(few, cli):
    assert "there is nothing to pull" in cli("data", "pull", "towns").out


@pytest.mark.parametrize("verb", ["list", "pull", "verify", "dictionary"])
def test_the_help_of_each_part_shows_an_example(cli, verb):
    assert f"Example: scale-impact data {verb}" in " ".join(cli("data", verb, "--help").out.split())


# ---- verify ----------------------------------------------------------------------------------------------


def test_data_that_hold_are_said_and_what_is_not_here_is_no_error_unless_named(few, cli, web):
    air(few, web)
    answer = cli("data", "verify")
    assert (answer.code, answer.out) == (0, "air: not pulled\ntowns: holds\n")
    answer = cli("data", "verify", "air")
    assert answer.code == 11
    assert "Get it: scale-impact data pull air" in answer.err


def test_all_that_does_not_hold_is_said_at_once(few, cli, web):
    for name in ("air", "noise"):
        files = [
            {"file": f"{k}.csv", "address": web.plan(f"/{name}{k}", TABLE), "sha256": digest(TABLE)} for k in (1, 2)
        ]
        card(few, name, files=files)
        cli("data", "pull", name)
        for k in (1, 2):
            (few.root / f"data/raw/{name}/undated/{k}.csv").write_bytes(b"x")
    few.data(text="town,year\n1,2001\n")
    answer = cli("data", "verify")
    assert answer.code == 11
    assert len(re.findall(r"is not the file that the card describes", answer.err)) == 4
    assert "data/sources/towns.yaml" in answer.err
    assert answer.out == ""


def test_corrections_that_do_not_fit_any_more_are_found(few, cli, web):
    wrong = {"where": {"town": "01", "year": 2001}, "column": "no2", "expects": 7, "value": 8, "reason": "a test"}
    air(few, web, corrections=[wrong])
    cli("data", "pull", "air")
    answer = cli("data", "verify", "air")
    assert answer.code == 11
    assert re.search(r"holds .?41\.5.?, the card expects .?7", answer.err)


def test_verify_downloads_nothing(few, cli, web):
    card(few, file=web.plan("/air.csv", TABLE), sha256=digest(TABLE))
    assert "air: not pulled" in cli("data", "verify").out
    assert web.asked == []
    cli("data", "pull", "air")
    assert "air: holds" in cli("data", "verify").out
    assert len(web.asked) == 1


# ---- dictionary ------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """Which elements are open, which ids and links there are, and the text."""

    VOID = {"meta", "br", "wbr", "link", "img"}

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.targets, self.words, self.seen = [], [], [], [], set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        given = dict(attrs)
        self.ids += [given["id"]] if "id" in given else []
        self.targets += [given["href"]] if "href" in given else []
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def test_the_dictionary_is_one_whole_page_on_sources_indicators_and_measures(place, cli):
    answer = cli("data", "dictionary")
    assert (answer.code, answer.out) == (0, "written: data-dictionary.html\n")
    text = (place.root / "data-dictionary.html").read_text()
    page = Page(text)
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert {t[1:] for t in page.targets if t.startswith("#")} <= set(page.ids)
    assert not {"script", "img", "link", "iframe"} & page.seen
    assert {"source-towns", "dimension-economy", "indicator-jobs", "measure-enterprise_zone"} <= set(page.ids)
    said = " ".join(" ".join(page.words).split())
    assert "Claims for unemployment insurance in the year" in said
    assert "The licence does not allow to hand these data on" in said
    assert sha256(place.root / "data/files/towns.csv") in said


def test_the_dictionary_escapes_what_cards_say_and_shows_what_was_changed_and_pulled(few, cli, web):
    right = {
        "where": {"town": "01", "year": 2001},
        "column": "no2",
        "expects": 41.5,
        "value": None,
        "reason": "typing <error>",
    }
    left = {"where": {"town": "02"}, "reason": "a total & no town"}
    air(few, web, corrections=[right], exclude=[left], title="<script>alert(1)</script>")
    cli("data", "pull", "air")
    cli("data", "dictionary", "--out", "pages/d.html")
    text = (few.root / "pages/d.html").read_text()
    assert "<script>" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    said = " ".join(" ".join(Page(text).words).split())
    assert "Code <b>&</b>" in said
    assert "town 01, year 2001 no2 41.5 nothing typing <error>" in said
    assert "town 02 a total & no town" in said
    assert "at least 0" in said
    assert re.search(r"pulled \d{4}-\d\d-\d\dT", said)
    assert f"from {web.address}/air.csv" in said


def test_the_dictionary_says_all_problems_of_cards_and_writes_nothing(few, cli):
    for name in ("bad", "worse"):
        (few.root / f"data/sources/{name}.yaml").write_text("title: x\n")
    answer = cli("data", "dictionary")
    assert answer.code == 11
    assert "data/sources/bad.yaml" in answer.err
    assert "data/sources/worse.yaml" in answer.err
    assert not (few.root / "data-dictionary.html").exists()


def test_a_source_that_a_grid_tries_is_used(place, cli):
    place.study(grid={"source": ["towns", "other"]})
    shutil.copy(place.root / "data/sources/towns.yaml", place.root / "data/sources/other.yaml")
    found = {entry["name"]: entry["used_by"] for entry in json.loads(cli("data", "list", "--json").out)}
    assert found["other"] == ["towns"]


def test_all_of_a_mirror_are_what_it_has(place, cli, tmp_path):
    mirror = tmp_path / "mirror"
    (mirror / "towns").mkdir(parents=True)
    (mirror / "towns/towns.csv").write_bytes((place.root / "data/files/towns.csv").read_bytes())
    place.data(towns(), address="https://example.org/towns.csv", file="towns.csv")
    shutil.rmtree(place.root / "data/sources")
    place.data(towns(), address="https://example.org/towns.csv", file="towns.csv")
    text = (place.root / "data/sources/towns.yaml").read_text()
    (place.root / "data/sources/lost.yaml").write_text(text)
    answer = cli("data", "pull", "--all", "--mirror", mirror)
    assert answer.code == 0
    assert "towns.csv" in answer.out
    assert "not in the mirror: data/sources/lost.yaml" in answer.err
    assert cli("data", "pull", "lost", "--mirror", mirror).code == 11
