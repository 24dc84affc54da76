"""Broken studies, rows, cards and notebooks: shown with what is wrong, and the rest of the report stands."""

import json
import re
import shutil

import pytest

from scale_impact.core.evidence import ESTIMATE_FIELDS
from scale_impact.core.project import Project
from scale_impact.evidence.store import read_row
from scale_impact.report.notebook import read_notebook
from scale_impact.report.own_files import picture_problem
from scale_impact.report.site import write_site
from tests.report.test_site import Reader
from tests.reports import MEASURE, SCALEUP, TRANSFER, VARIANTS, png, small


@pytest.fixture
def place(tmp_path):
    return small(tmp_path / "project")


def report(place):
    made = write_site(Project(place.root), place.root.parent / "site")
    pages = {p.relative_to(made.folder).as_posix(): Reader(p.read_text()).text for p in made.folder.rglob("*.html")}
    return made, pages


def lines(place, name="estimates.jsonl"):
    path = place.root / "studies" / MEASURE / "results" / name
    return path, path.read_text(encoding="utf-8").splitlines()


def test_rows_that_are_not_whole_are_left_out_and_told(place):
    path, rows = lines(place)
    path.write_text("\n".join([rows[0], '{"schema": 1, "stu', "[1, 2]", *rows[1:]]) + "\n")
    made, pages = report(place)
    page = pages[f"studies/{MEASURE}/index.html"]
    says = "line 2 is cut off or no JSON; line 3 is no row. Rows that are not whole are left out here."
    assert says in page
    assert "results not whole" in page
    assert "Jobs up by 1.2 jobs" in page
    assert any(says in problem for problem in made.problems)
    assert says in pages["index.html"]
    assert "Enterprise zone" in pages["map.html"]


@pytest.mark.parametrize("line, says", [
    ('{"schema": 1, "stu', "is cut off or no JSON"), ("[1, 2]", "is no row"), ('{"schema": 7}', "is of schema 7"), ("3", "is no row"),
    ('{"schema": 1}', "has no study, variant, run_id"), ("[" * 100_000, "is cut off or no JSON"),
])  # fmt: skip
def test_what_is_no_row_is_told(line, says):
    row, wrong = read_row(line, ESTIMATE_FIELDS)
    assert row is None
    assert says in wrong


@pytest.mark.parametrize("field, value", [
    ("estimate", "much"), ("estimate", True), ("ci_low", {}), ("study", None), ("kind", 3), ("label", ["a"]), ("outcome_unit", {"a": 1}), ("context", "x"),
    ("measure", 3), ("n_units", "many"), ("variant", 1),
])  # fmt: skip
def test_fields_of_another_kind_make_a_row_that_is_left_out(place, field, value):
    row, wrong = read_row(json.dumps({**json.loads(lines(place)[1][0]), field: value}), ESTIMATE_FIELDS)
    assert row is None
    assert wrong == f"has no such {field} as a run writes"


def test_a_row_without_a_study_breaks_no_page(place):
    path, rows = lines(place)
    path.write_text("\n".join([*rows, json.dumps({**json.loads(rows[0]), "study": None})]) + "\n")
    _, pages = report(place)
    assert "has no such study as a run writes" in pages[f"studies/{MEASURE}/index.html"]


def test_numbers_that_json_does_not_know_are_no_numbers(place):
    path, rows = lines(place)
    path.write_text(
        "\n".join(
            [
                *rows,
                rows[0].replace('"estimate": 1.2', '"estimate": NaN'),
                rows[0].replace('"estimate": 1.2', '"estimate": 1e999'),
            ]
        )
        + "\n"
    )
    _, pages = report(place)
    assert f"line {len(rows) + 1} is cut off or no JSON" in pages[f"studies/{MEASURE}/index.html"]
    assert f"line {len(rows) + 2} has no such estimate" in pages[f"studies/{MEASURE}/index.html"]


def test_bytes_that_are_no_text_are_told(place):
    lines(place)[0].write_bytes(b"\xff\xfe\x00")
    _, pages = report(place)
    assert "cannot be read (UnicodeDecodeError)" in pages[f"studies/{MEASURE}/index.html"]


def test_a_missing_or_damaged_manifest_and_missing_checks_are_told(place):
    results = place.root / "studies" / MEASURE / "results"
    (results / "manifest.json").write_text("{")
    (results / "checks.jsonl").unlink()
    _, pages = report(place)
    page = pages[f"studies/{MEASURE}/index.html"]
    assert "manifest.json is missing or not whole" in page
    assert "checks.jsonl is missing" in page
    assert "Jobs up by 1.2 jobs" in page


@pytest.mark.parametrize("text", ["{", "[]", '{"cells": 3}', '{"cells": ["a"]}', ""])
def test_what_is_no_notebook_is_known(text, tmp_path):
    (tmp_path / "executed.ipynb").write_text(text)
    with pytest.raises(ValueError):
        read_notebook(tmp_path / "executed.ipynb")


def test_a_notebook_that_is_none_is_told(place):
    (place.root / "studies" / MEASURE / "results" / "executed.ipynb").write_text('{"cells": 3}')
    _, pages = report(place)
    assert "executed.ipynb cannot be shown: it has no list of cells" in pages[f"studies/{MEASURE}/index.html"]
    assert f"studies/{MEASURE}/notebook.html" not in pages


@pytest.mark.parametrize("text, says", [
    ("title: [", "studies/zones-and-jobs/study.yaml"), ("title: A study\nmessure: x\n", "messure"), ("", "study.yaml"),
])  # fmt: skip
def test_a_study_whose_file_is_broken_keeps_its_results(place, text, says):
    place.study_text(text, slug=MEASURE)
    made, pages = report(place)
    page = pages[f"studies/{MEASURE}/index.html"]
    assert "What is wrong here" in page
    assert says in page
    assert "Jobs up by 1.2 jobs" in page
    assert made.studies == 6


def test_a_run_that_failed_since_is_marked(place):
    for slug in (MEASURE, "zones-not-run"):
        kept = place.root / "studies" / slug / "failed" / "executed.ipynb"
        kept.parent.mkdir()
        kept.write_text("{}")
    _, pages = report(place)
    assert "the last run failed : these results are of the one before" in pages[f"studies/{MEASURE}/index.html"]
    assert "the last run failed : there is no earlier one" in pages["studies/zones-not-run/index.html"]


def test_a_variant_that_was_never_run_is_said_to_be_so(place):
    shutil.rmtree(place.root / "studies" / VARIANTS / "results" / "late")
    _, pages = report(place)
    assert "not run yet" in pages[f"studies/{VARIANTS}/index.html"]
    assert "Not run yet" in pages[f"studies/{VARIANTS}/late/index.html"]


def test_cards_and_catalogue_that_cannot_be_read_are_told_on_the_first_page(place):
    (place.root / "data/measures/enterprise_zone.yaml").write_text("title: 3\n")
    (place.root / "data/sources/towns.yaml").write_text("title: [")
    made, pages = report(place)
    assert "data/measures/enterprise_zone.yaml" in " ".join(made.problems)
    assert "data/sources/towns.yaml" in pages["index.html"]
    assert "There is no readable card of this measure" in pages["measures/enterprise_zone.html"]
    assert "Jobs up by 1.2 jobs" in pages[f"studies/{MEASURE}/index.html"]


def test_papers_with_broken_lines_are_told_and_others_stand(place):
    (place.root / "data/evidence").mkdir(exist_ok=True)
    (place.root / "data/evidence/odd.csv").write_text("paper,measure\nx,y\n")
    made, pages = report(place)
    assert any("data/evidence/odd.csv" in problem for problem in made.problems)
    assert "Enterprise zone" in pages["map.html"]


def test_a_row_without_a_number_says_why(place):
    path, rows = lines(place)
    first = {
        **json.loads(rows[0]),
        "estimate": None,
        "ci_low": None,
        "ci_high": None,
        "inference": "one treated town has no standard error",
    }
    path.write_text("\n".join([json.dumps(first), *rows[1:]]) + "\n")
    _, pages = report(place)
    assert "No answer: one treated town has no standard error." in pages[f"studies/{MEASURE}/index.html"]


# ---- what a study reads --------------------------------------------------------------------------------


def simulate(place):
    """All data of the project are simulated, and the transfer reads the study of the measure."""
    card = place.root / "data/sources/towns.yaml"
    card.write_text(card.read_text(encoding="utf-8") + "simulated: true\n", encoding="utf-8")


def test_simulated_data_mark_what_reads_them_and_are_no_evidence(place):
    simulate(place)
    _, pages = report(place)
    for slug in (MEASURE, TRANSFER, SCALEUP):
        assert "simulated data : the data were simulated: a demonstration" in pages[f"studies/{slug}/index.html"]
    assert "(it rests on towns)" in pages[f"studies/{SCALEUP}/index.html"]
    (city,) = (text for name, text in pages.items() if name.startswith("cities/newtown~"))
    assert city.count("simulated data") >= 3
    assert re.search(r"(\d) studies \(\1 of simulated data\)", pages["measures/index.html"])


def test_a_failed_run_marks_the_decision_that_reads_it(place):
    folder = place.root / "studies" / MEASURE / "failed"
    folder.mkdir()
    (folder / "executed.ipynb").write_text("{}")
    _, pages = report(place)
    assert (
        f"a study that it reads failed : {MEASURE}: what is read is of the run before"
        in pages[f"studies/{SCALEUP}/index.html"]
    )
    assert "a study that it reads failed" not in pages[f"studies/{TRANSFER}/index.html"]
    (city,) = (text for name, text in pages.items() if name.startswith("cities/newtown~"))
    assert "a study that it reads failed" in city


def test_a_city_that_asks_has_a_page_before_there_is_an_answer(place):
    for slug in (TRANSFER, SCALEUP):
        shutil.rmtree(place.root / "studies" / slug / "results")
    _, pages = report(place)
    (city,) = (text for name, text in pages.items() if name.startswith("cities/newtown~"))
    assert "asks what it may expect; not answered yet" in city
    assert "not decided yet" in city
    assert "Decision card" not in city


def everything(folder):
    return b"".join(p.read_bytes() for p in folder.rglob("*") if p.is_file())


@pytest.mark.parametrize("name, there", [
    ("results/figures/evil.png", "figures/evil.png"), ("results/figures/evil.svg", "figures/evil.svg"), ("results/executed.ipynb", "files/executed.ipynb"),
    ("results/units.jsonl", "files/units.jsonl"), ("README.md", "files/README.md"), ("plan.md", "files/plan.md"), ("study.yaml", "files/study.yaml"),
    ("results/estimates.jsonl", "files/estimates.jsonl"), ("results/manifest.json", "files/manifest.json"),
])  # fmt: skip
def test_what_a_link_leads_to_is_not_handed_on(place, tmp_path, name, there):
    path, secret = place.root / "studies" / MEASURE / name, tmp_path / "secret"
    known = path.read_bytes() if path.exists() else png() if path.suffix == ".png" else b"<svg>"
    secret.write_bytes(known + b"\n# root:x:0:0")
    path.unlink(missing_ok=True)
    path.symlink_to(secret)
    made, pages = report(place)
    assert b"root:x:0:0" not in everything(made.folder)
    assert not (made.folder / "studies" / MEASURE / there).exists()
    says = f"studies/{MEASURE}/{name} is a link or lies behind one, so it may be anything: it is left out here."
    assert says in pages[f"studies/{MEASURE}/index.html"]
    assert any(says in problem for problem in made.problems)


@pytest.mark.parametrize("name", ["results/figures", "results", "."])
def test_folders_that_are_links_are_not_followed(place, tmp_path, name):
    folder = place.root / "studies" / MEASURE / name
    shutil.move(folder, tmp_path / "elsewhere")
    for path in (tmp_path / "elsewhere").rglob("*.svg"):
        path.write_text("<svg>root:x:0:0</svg>")
    (place.root / "studies" / MEASURE / name).symlink_to(tmp_path / "elsewhere")
    made, pages = report(place)
    assert b"root:x:0:0" not in everything(made.folder)
    assert "is a link or lies behind one" in pages[f"studies/{MEASURE}/index.html"]


@pytest.mark.parametrize("name, content, says", [
    ("a.png", b"root:x:0:0", "is no PNG by its first bytes"), ("a.svg", b"root:x:0:0", "is no SVG by how it begins"),
    ("a.svg", b"\xff\x00", "is no SVG: it is no text"), ("a.svg", b"<svg><script>alert(1)</script></svg>", "holds what acts"),
    ("a.svg", b"<?xml version='1.0'?><svg onload='x()'/>", "holds what acts"), ("a.svg", b"<svg><a href=' javascript:x()'/></svg>", "holds what acts"),
])  # fmt: skip
def test_figures_that_are_no_pictures_are_left_out_and_told(place, name, content, says):
    path = place.root / "studies" / MEASURE / "results/figures" / name
    path.write_bytes(content)
    made, pages = report(place)
    assert not (made.folder / "studies" / MEASURE / "figures" / name).exists()
    assert says in pages[f"studies/{MEASURE}/index.html"]


def test_texts_of_figures_that_look_like_code_are_no_code(tmp_path):
    path = tmp_path / "a.svg"
    path.write_text(
        "<?xml version='1.0'?>\n<!-- one = 1 -->\n<!DOCTYPE svg PUBLIC 'x' 'y'>\n<svg><text>online = 1, script, javascript: no</text></svg>"
    )
    assert picture_problem(path) == ""
