"""Templates: pages that run in JupyterLab, by plain papermill and by `scale-impact run`."""

import ast
import json
import os
import shutil
import subprocess
import sys

import pytest

from scale_impact.core.source import load_source
from scale_impact.core.study import StudyFile
from scale_impact.sources import is_here
from tests.panels import ROOT, with_data

TEMPLATES = sorted((ROOT / "notebooks").glob("*.ipynb"))


def cells(path, kind=None):
    found = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [c for c in found if kind in (None, c["cell_type"])]


def source(cell):
    return "".join(cell["source"])


def defaults(path):
    body = ast.parse(source(cells(path, "code")[0])).body
    named = {(n.target if isinstance(n, ast.AnnAssign) else n.targets[0]).id: n.value for n in body}
    return {name: ast.literal_eval(value) for name, value in named.items()}


@pytest.fixture
def clean(monkeypatch):
    """An environment that says nothing about where results go."""
    for name in [n for n in os.environ if n.startswith("SCALE_IMPACT_")]:
        monkeypatch.delenv(name)


def ready(path):
    """The study that a template runs by default, with its data."""
    study = defaults(path)["study"]
    with_data(StudyFile.read(ROOT / "studies" / study).study().settings.source)
    return study


def width(rows):
    """The widths of all intervals together."""
    return sum(r["ci_high"] - r["ci_low"] for r in rows if None not in (r["ci_low"], r["ci_high"]))


each = pytest.mark.parametrize("path", TEMPLATES, ids=lambda p: p.stem)


def test_there_are_templates():
    assert {p.stem for p in TEMPLATES} >= {"staggered_did", "before_after_did"}


@each
def test_the_first_code_cell_is_tagged_parameters_and_no_other(path):
    tagged = ["parameters" in c["metadata"].get("tags", []) for c in cells(path, "code")]
    assert tagged == [True] + [False] * (len(tagged) - 1)


@each
def test_the_parameters_have_defaults_that_run(path):
    found = defaults(path)
    assert set(found) >= {"study", "variant", "out", "overrides"}
    assert (found["variant"], found["out"], found["overrides"]) == (None, None, {})
    assert (ROOT / "studies" / found["study"] / "study.yaml").is_file()


@each
def test_the_default_study_needs_nothing_that_has_to_be_pulled(path, tmp_path):
    shutil.copytree(ROOT / "data/sources", tmp_path / "data/sources")  # a fresh clone: cards and no data
    settings = StudyFile.read(ROOT / "studies" / defaults(path)["study"]).study().settings
    card = tmp_path / f"data/sources/{settings.source}.yaml"
    assert not settings.source or is_here(load_source(card), tmp_path, "card")  # a scale-up has none


@each
def test_a_template_is_stored_without_outputs_and_counts(path):
    for cell in cells(path, "code"):
        assert cell["outputs"] == [], source(cell)
        assert cell["execution_count"] is None, source(cell)


@each
def test_a_template_is_a_valid_notebook(path):
    import nbformat

    nbformat.validate(nbformat.read(path, as_version=4))


@each
def test_a_template_defines_no_functions(path):
    for cell in cells(path, "code"):
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
        defined = [n for n in ast.walk(ast.parse(source(cell))) if isinstance(n, kinds)]
        assert not defined, source(cell)


@each
def test_a_template_imports_the_session_alone(path):
    imports = [
        n
        for c in cells(path, "code")
        for n in ast.walk(ast.parse(source(c)))
        if isinstance(n, (ast.Import, ast.ImportFrom))
    ]
    assert [ast.unparse(n) for n in imports] == ["from scale_impact.session import open_session"]


@each
def test_code_cells_are_short_and_words_stand_between_them(path):
    assert max(len(source(c).splitlines()) for c in cells(path, "code")[1:]) <= 8
    assert len(cells(path, "markdown")) >= len(cells(path, "code")) / 2


@each
def test_a_template_ends_by_saving(path):
    assert source(cells(path, "code")[-1]).strip() == "session.save()"


@each
def test_a_template_runs_by_plain_papermill_and_a_plain_parameter_reaches_the_results(path, tmp_path, clean):
    study = ready(path)
    done = subprocess.run(
        [
            sys.executable, "-m", "papermill", f"notebooks/{path.name}", str(tmp_path / "out.ipynb"), "-p", "study",
            f"studies/{study}", "-p", "level", "0.9", "-p", "out", str(tmp_path / "results"), "--no-progress-bar",
        ],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    rows = [json.loads(line) for line in (tmp_path / "results/estimates.jsonl").read_text().splitlines()]
    assert {r["level"] for r in rows} == {0.9}
    published = [
        json.loads(line) for line in (ROOT / "studies" / study / "results/estimates.jsonl").read_text().splitlines()
    ]
    assert rows[0]["estimate"] == pytest.approx(published[0]["estimate"], rel=1e-8)
    # 90 % is narrower than 95 %; a set of ranks may be as wide as it can be at both
    assert width(rows) < width(published)
    assert rows[0]["estimand"] == "RANK" or rows[0]["ci_low"] > published[0]["ci_low"]
    assert (tmp_path / "results" / "figures").is_dir()


@each
def test_a_template_runs_as_in_jupyterlab_and_writes_nothing(path, clean):
    import nbformat
    from nbclient import NotebookClient

    ready(path)
    before = {p: p.stat().st_mtime_ns for p in ROOT.glob("studies/*/results/**/*")} | dict.fromkeys(
        (ROOT / "notebooks").iterdir()
    )
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook, resources={"metadata": {"path": str(path.parent)}}, kernel_name="python3", timeout=120
    ).execute()
    after = {p: p.stat().st_mtime_ns for p in ROOT.glob("studies/*/results/**/*")} | dict.fromkeys(
        (ROOT / "notebooks").iterdir()
    )
    assert after == before
    code = [c for c in notebook.cells if c.cell_type == "code"]
    assert [c.execution_count for c in code] == list(range(1, len(code) + 1))
    assert not [o for c in code for o in c.outputs if o.output_type == "error" or o.get("name") == "stderr"]
    assert "Nothing was written" in code[-1].outputs[0].data["text/plain"]
    assert [o for c in code for o in c.outputs if "image/png" in o.get("data", {})]
