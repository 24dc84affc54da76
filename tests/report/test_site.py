"""The report as files: what is written, that it is whole, the same each time, and asks for nothing from elsewhere."""

import csv
import io
import json
import re
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import duckdb
import pytest

from scale_impact.core.evidence import CHECK_FIELDS, ESTIMATE_FIELDS
from scale_impact.core.project import Project
from scale_impact.errors import UsageError
from scale_impact.report.pages import LIMIT
from scale_impact.report.site import write_site
from scale_impact.report.writing import write_mark, written_aside
from tests.panels import ROOT
from tests.reports import BENCHMARK, MEASURE, NOT_RUN, SCALEUP, TRANSFER, VARIANTS, large, small


class Reader(HTMLParser):
    """Links, headings, ids, words and pictures of a page."""

    def __init__(self, text):
        super().__init__()
        self.links, self.headings, self.ids, self.pictures, self.words, self.tags = [], [], set(), [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags.append((tag, found))
        self.links += [found[key] for key in ("href", "src") if found.get(key)]
        self.ids |= {found["id"]} if "id" in found else set()
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag == "img":
            self.pictures.append(found)

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def snapshot(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A project with a study of each kind, and its report. Tests only read them."""
    place = small(tmp_path_factory.mktemp("report") / "project")
    place.written = write_site(Project(place.root), place.root.parent / "site")
    return place


@pytest.fixture(scope="module")
def pages(made):
    folder = made.written.folder
    return {p.relative_to(folder).as_posix(): Reader(p.read_text(encoding="utf-8")) for p in folder.rglob("*.html")}


def test_it_says_what_was_written(made, pages):
    written = made.written
    assert (written.studies, written.pages, written.problems) == (6, len(pages), ())
    assert written.start == written.folder / "index.html"
    assert written.size == sum(p.stat().st_size for p in written.folder.rglob("*") if p.is_file())


def test_every_link_leads_to_a_file_of_the_report(made, pages):
    folder = made.written.folder
    checked = 0
    for name, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme:
                assert parts.scheme in ("http", "https", "mailto") or link == "data:,", (name, link)
                continue
            target = (folder / name).parent / unquote(parts.path) if parts.path else folder / name
            assert target.is_file(), (name, link)
            assert target.resolve().is_relative_to(folder), (name, link)
            if parts.fragment and "=" not in parts.fragment:
                assert parts.fragment in pages[target.resolve().relative_to(folder).as_posix()].ids
            checked += 1
    assert checked > 400


def test_every_page_stands_alone_and_loads_nothing_from_elsewhere(pages):
    for name, page in pages.items():
        assert page.headings[0] == 1, name
        assert page.headings.count(1) == 1, name
        assert all(after - before <= 1 for before, after in zip(page.headings, page.headings[1:], strict=False)), name
        assert ("html", {"lang": "en"}) in page.tags
        policy = next(a["content"] for t, a in page.tags if t == "meta" and a.get("http-equiv"))
        assert policy.startswith("default-src 'none'")
        assert not any("style" in a or any(k.startswith("on") for k in a) for _, a in page.tags), name
        for tag, attributes in page.tags:
            if tag in ("img", "script", "link"):
                assert not urlsplit(attributes.get("src") or attributes["href"]).netloc


def test_pictures_say_in_a_sentence_what_they_show(pages):
    pictures = [p for page in pages.values() for p in page.pictures]
    assert pictures
    assert all(len(p["alt"].split()) > 3 for p in pictures)


def test_a_study_of_a_measure_shows_question_answer_estimates_checks_data_and_how_to_make_it_again(pages):
    text = pages[f"studies/{MEASURE}/index.html"].text
    assert "Did the zones of six towns bring jobs?" in text
    assert "Jobs up by 1.2 jobs, 95 % interval +0.416 jobs to +1.984 jobs: zero is excluded." in text
    assert "callaway santanna (primary)" in text
    assert "pre trends ✓ passed" in text
    assert "leave one out ✗ failed" in text
    assert "honest did – not applicable" in text
    assert "No analysis plan was frozen before the outcome was looked at." in text
    assert "CC0" in text
    assert "data/sources/towns.yaml" in text
    assert f"scale-impact verify {MEASURE}" in text
    assert "run id" in text


def test_each_kind_of_study_words_its_own_answer(pages):
    assert "Newtown: rank 3 of 12; 95 % confidence set: ranks 1 to 7." in pages[f"studies/{BENCHMARK}/index.html"].text
    transfer = pages[f"studies/{TRANSFER}/index.html"].text
    assert (
        "up by 0.8 jobs; what a single city gets lies, with a probability of about 95 %, between −1.51 jobs and +3.11 jobs (prediction interval)."
        in transfer
    )
    assert "Probability of harm 21 %" in transfer
    assert "the mean of all" in transfer
    decision = pages[f"studies/{SCALEUP}/index.html"].text
    assert "Net present value, all partners: −2,140,000 EUR of 2024" in decision
    assert "Decision: stop." in decision
    assert "Who gains and who loses" in decision
    assert "decision-card.html" in pages[f"studies/{SCALEUP}/index.html"].links
    assert "scale-impact run zones-not-run" in pages[f"studies/{NOT_RUN}/index.html"].text


def test_variants_have_a_page_each_and_one_that_compares_them(pages):
    page = pages[f"studies/{VARIANTS}/index.html"]
    assert {"early/index.html", "late/index.html"} <= set(page.links)
    assert "Jobs up by 0.5 jobs" in page.text
    assert "variant early" in pages[f"studies/{VARIANTS}/early/index.html"].text


def test_a_measure_shows_its_card_and_what_was_found(pages):
    page = pages["measures/enterprise_zone.html"]
    assert "How it should work" in page.text
    assert "credibility" in page.text
    assert f"../studies/{MEASURE}/index.html" in page.links
    assert "no evidence here" in page.text


def test_a_city_shows_what_was_tried_there_where_it_stands_and_what_it_may_expect(pages):
    town = [p.text for name, p in pages.items() if name.startswith("cities/newtown~")]
    assert len(town) == 1
    assert "Among other cities" in town[0]
    assert "rank 1 of 12 (95 % confidence set: 1 to 4)" in town[0]
    assert "may expect 0.8" in town[0]
    assert "(−1.51 to 3.11)" in town[0]
    assert not re.search(r"[^\w]-\d", town[0])
    tried = [p.text for name, p in pages.items() if name.startswith("cities/00002~")]
    assert "with the measure from 2003 on" in tried[0]


def test_a_city_that_decides_has_its_decision_its_card_and_its_place_in_the_search(made, pages):
    (name,) = (n for n in pages if n.startswith("cities/newtown~"))
    page = pages[name]
    assert "Whether to scale here" in page.text
    assert "decision: stop; net present value −2,140,000 (−4,710,000 to 428,000) EUR of 2024" in page.text
    assert f"../studies/{SCALEUP}/index.html" in page.links
    assert f"../studies/{SCALEUP}/decision-card.html" in page.links
    assert f"../../{name}" in pages[f"studies/{SCALEUP}/index.html"].links
    script = (made.written.folder / "assets/studies.js").read_text(encoding="utf-8")
    known = json.loads(script.partition("=")[2].rstrip(";\n"))
    (place,) = (k for k, city in enumerate(known["cities"]) if city == "Newtown")
    found = {s["html"].partition("studies/")[2].partition("/")[0] for s in known["studies"] if place in s["cities"]}
    assert {SCALEUP, TRANSFER} <= found


def test_numbers_beside_an_answer_have_their_intervals(pages):
    text = pages[f"studies/{TRANSFER}/index.html"].text
    assert "Share of the differences that is no chance 71 % (20 % to 90 %)" in text


def test_the_map_shows_evidence_and_gaps(pages):
    page = pages["map.html"]
    assert "Enterprise zone" in page.text
    assert "Gaps" in page.text
    assert any(link.startswith("index.html#measure=enterprise_zone&dimension=economy") for link in page.links)


def test_all_rows_are_there_as_csv_json_and_parquet(made):
    folder = made.written.folder / "data"
    files = sorted((made.root / "studies").glob("*/results/**/estimates.jsonl"))
    rows = [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    given = json.loads((folder / "estimates.json").read_text(encoding="utf-8"))
    assert sorted(map(str, given)) == sorted(str({f: row.get(f) for f in ESTIMATE_FIELDS}) for row in rows)
    read = duckdb.sql(f"SELECT * FROM '{folder / 'estimates.parquet'}'").df()
    assert list(read.columns) == list(ESTIMATE_FIELDS)
    assert read["estimate"].tolist() == pytest.approx([r["estimate"] for r in given], nan_ok=True)
    table = list(csv.DictReader(io.StringIO((folder / "estimates.csv").read_text(encoding="utf-8"))))
    assert [r["study"] for r in table] == [r["study"] for r in given]
    checks = json.loads((folder / "checks.json").read_text(encoding="utf-8"))
    assert set(checks[0]) == set(CHECK_FIELDS)


def test_the_files_of_a_study_are_as_they_were_published(made):
    own = made.written.folder / "studies" / MEASURE / "files"
    results = made.root / "studies" / MEASURE / "results"
    for name in ("estimates.jsonl", "checks.jsonl", "units.jsonl", "manifest.json", "executed.ipynb"):
        assert (own / name).read_bytes() == (results / name).read_bytes()


def test_the_same_project_gives_the_same_bytes_whatever_the_number_of_processes(tmp_path, monkeypatch):
    monkeypatch.setattr("scale_impact.report.site.ALONE", 4)
    place = large(tmp_path / "project", 9)
    one = snapshot(write_site(Project(place.root), tmp_path / "one", processes=1).folder)
    two = snapshot(write_site(Project(place.root), tmp_path / "two", processes=2).folder)
    assert one == two
    assert not [name for name, content in one.items() if str(tmp_path).encode() in content]


def test_an_earlier_report_is_replaced_whole(made, tmp_path):
    target = tmp_path / "site"
    write_site(Project(made.root), target)
    earlier = json.loads((target / "report.json").read_text())
    (target / "left.html").write_text("of an earlier one")
    (target / "report.json").write_text(json.dumps({**earlier, "files": [*earlier["files"], "left.html"]}))
    (target / ".DS_Store").write_text("of a file manager")
    again = write_site(Project(made.root), target)
    assert snapshot(again.folder) == snapshot(made.written.folder)
    assert [p.name for p in tmp_path.iterdir()] == ["site"]


def test_what_somebody_has_put_into_a_report_is_never_lost(made, tmp_path):
    target = tmp_path / "site"
    write_site(Project(made.root), target)
    for name in (".git/HEAD", "CNAME", "data/mine.csv"):
        (target / name).parent.mkdir(exist_ok=True)
        (target / name).write_text("mine")
    (target / "linked").symlink_to(tmp_path)
    before = snapshot(target)
    with pytest.raises(
        UsageError, match=r"site holds what no report wrote: \.git, CNAME, data/mine\.csv, linked\. It would be lost"
    ):
        write_site(Project(made.root), target)
    assert snapshot(target) == before
    assert [p.name for p in tmp_path.iterdir()] == ["site"]


def test_what_is_put_there_while_pages_are_written_is_kept_too(tmp_path):
    target = tmp_path / "site"
    with written_aside(target) as aside:
        write_mark(aside)
    with pytest.raises(UsageError, match="CNAME"), written_aside(target) as aside:  # noqa: PT012
        write_mark(aside)
        (target / "CNAME").write_text("mine")
    assert sorted(p.name for p in target.iterdir()) == ["CNAME", "report.json"]
    assert [p.name for p in tmp_path.iterdir()] == ["site"]


def test_what_a_killed_report_left_is_removed_and_one_that_is_being_written_is_not(tmp_path):
    target = tmp_path / "site"
    for name in (".site.abcdefgh.part", ".site.abcdefgh.part.mine", ".other.abcdefgh.part"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "page.html").write_text("half")
    (tmp_path / ".site.abcdefgi.part-old").mkdir()
    (tmp_path / ".site.abcdefgi.part-old/report.json").write_text('{"made_by": "scale-impact report", "files": []}')
    with written_aside(target) as first:
        assert (target / "report.json").is_file()  # killed between two renames: put back
        with written_aside(target) as second:
            write_mark(second)
        assert first.is_dir()
        write_mark(first)
    assert sorted(p.name for p in tmp_path.iterdir()) == [".other.abcdefgh.part", ".site.abcdefgh.part.mine", "site"]


def test_a_folder_that_is_no_report_is_left_alone(made, tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match="is a folder that is no report"):
        write_site(Project(made.root), mine)
    assert snapshot(mine) == {"thesis.txt": b"years of work"}


@pytest.mark.parametrize("out, says", [
    ("studies/site", "lies in studies/"), (".", "holds the project itself"), ("..", "holds the project itself"), ("no/such/place", "There is no folder"),
    ("data/files/towns.csv", "is a file"),
])  # fmt: skip
def test_places_where_no_report_belongs_are_refused(made, out, says):
    with pytest.raises(UsageError, match=says):
        write_site(Project(made.root), made.root / out)


def test_a_failure_leaves_the_earlier_report_as_it_was(made, tmp_path, monkeypatch):
    target = tmp_path / "site"
    before = snapshot(write_site(Project(made.root), target).folder)
    monkeypatch.setattr("scale_impact.report.site.write_cities", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_site(Project(made.root), target)
    assert snapshot(target) == before
    assert [p.name for p in tmp_path.iterdir()] == ["site"]


def test_processes_are_counted_from_one(made, tmp_path):
    with pytest.raises(UsageError, match="give 1 or more"):
        write_site(Project(made.root), tmp_path / "site", processes=0)


def test_an_empty_project_has_a_report_that_says_so(tmp_path):
    for folder in ("notebooks", "studies", "data/sources", "data/measures"):
        (tmp_path / "project" / folder).mkdir(parents=True)
    written = write_site(Project(tmp_path / "project"), tmp_path / "site")
    assert written.studies == 0
    assert "0 studies" in Reader(written.start.read_text()).text
    assert any("catalogue" in problem for problem in written.problems)


def test_a_crate_stands_among_the_downloads_where_one_is_made(made, tmp_path):
    def crate(slug, folder):
        if slug != MEASURE:
            return None
        (folder / "zones.crate.zip").write_bytes(b"zip")
        return "zones.crate.zip"

    folder = write_site(Project(made.root), tmp_path / "site", crate=crate).folder
    assert "zones.crate.zip" in Reader((folder / "studies" / MEASURE / "index.html").read_text()).links
    assert (folder / "studies" / MEASURE / "zones.crate.zip").read_bytes() == b"zip"


def test_pages_of_the_shipped_studies_are_small(tmp_path):
    written = write_site(Project(ROOT), tmp_path / "site", processes=1)
    sizes = {p.relative_to(written.folder).as_posix(): p.stat().st_size for p in written.folder.rglob("*.html")}
    assert len(sizes) == written.pages
    assert {name: size for name, size in sizes.items() if size >= LIMIT} == {}
