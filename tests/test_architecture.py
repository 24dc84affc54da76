"""The house stands as described: each key has its file, its test and its line; rooms stay light; files agree."""

import ast
import importlib
import re
import subprocess
import sys
import tomllib

import pytest
from ruamel.yaml import YAML

import scale_impact
from scale_impact.cli import VERBS
from scale_impact.core import keys
from scale_impact.core.catalogue.indicator import load_indicators
from scale_impact.core.catalogue.measure import load_measure
from scale_impact.core.project import Project
from scale_impact.core.source import load_source
from scale_impact.core.study import Study
from tests.panels import ROOT

PACKAGE = ROOT / "scale_impact"
HEAVY = (
    "matplotlib", "linearmodels", "dowhy", "econml", "statsmodels", "sklearn", "scipy.stats", "papermill", "pydantic",
)  # fmt: skip


def loaded_after(statement, arguments=()):
    """Modules that a fresh Python has loaded after a statement."""
    code = f"import sys\nsys.argv[1:] = {list(arguments)!r}\ntry:\n    {statement}\nexcept SystemExit:\n    pass\nprint('LOADED', *sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.split("LOADED")[1].split())


# ---- the file name is the key ---------------------------------------------------------------------------


@pytest.mark.parametrize("room", ["estimators", "inference", "checks", "figures", "sources"])
def test_each_key_has_its_test_file(room):
    missing = [
        f"tests/{room}/test_{k}.py" for k in keys.names(room) if not (ROOT / f"tests/{room}/test_{k}.py").is_file()
    ]
    assert not missing


def test_each_verb_has_its_file_and_its_test_file():
    files = {p.stem for p in (PACKAGE / "cli").glob("*.py") if not p.stem.startswith("_")}
    assert files == set(VERBS)
    missing = [f"tests/cli/test_{v}.py" for v in VERBS if not (ROOT / f"tests/cli/test_{v}.py").is_file()]
    assert not missing


def test_each_estimator_and_check_has_its_row_in_the_docs_and_no_other_has():
    page = (ROOT / "docs" / "estimators.md").read_text(encoding="utf-8")
    for title, room in (("## Estimators", "estimators"), ("## Inference", "inference"), ("## Checks", "checks")):
        section = page.split(f"{title}\n", 1)[1].split("\n## ", 1)[0]
        rows = re.findall(r"^\| `([a-z0-9_]+)` \|", section, flags=re.MULTILINE)
        assert sorted(rows) == sorted(keys.names(room)), f"docs/estimators.md, {title}"


def function_of(room, name, function):
    """The function of a key; of several that do, those that its file has: a derived source builds what others parse."""
    if isinstance(function, str):
        return keys.load(room, name, function)
    module = importlib.import_module(f"scale_impact.{room}.{name}")
    return next(getattr(module, f) for f in function if hasattr(module, f))


@pytest.mark.parametrize(
    ("room", "function"),
    [
        ("estimators", "fit"),
        ("inference", "judge"),
        ("checks", "run"),
        ("figures", "draw"),
        ("sources", ("parse", "build")),
    ],
)
def test_each_key_has_its_function_with_a_docstring(room, function):
    for name in keys.names(room):
        found = function_of(room, name, function)
        assert found.__doc__, f"scale_impact/{room}/{name}.py: {function}"
        module = sys.modules[found.__module__]
        assert module.__doc__, f"scale_impact/{room}/{name}.py"


def test_the_docs_name_files_that_are_there():
    broken = []
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "studies").glob("*/README.md")]:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if "://" not in target and not target.startswith("mailto:") and not (page.parent / target).exists():
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert not broken


# ---- names of other files ---------------------------------------------------------------------------------


def test_studies_name_things_that_are_there():
    project = Project(ROOT)
    for slug in project.keys("studies"):
        study = Study.load(project.studies / slug)
        settings = study.settings
        assert settings.template in project.keys("templates")
        assert settings.source in project.keys("sources") or settings.kind == "scaleup"
        assert settings.measure in project.keys("measures") or settings.benchmark is not None
        for outcome in study.outcomes:
            assert study.indicator(outcome).indicator == outcome.indicator


def test_measures_expect_and_risk_indicators_that_are_in_the_catalogue():
    project = Project(ROOT)
    known = load_indicators(project.indicators)
    for name in project.keys("measures"):
        card = load_measure(project.measure(name))
        unknown = [i for i in (*card.expected, *card.risks) if i not in known]
        assert not unknown, f"data/measures/{name}.yaml"


def test_cards_name_a_kind_of_source_that_there_is():
    project = Project(ROOT)
    assert {load_source(project.source(s)).kind for s in project.keys("sources")} <= set(keys.names("sources"))


# ---- light rooms ------------------------------------------------------------------------------------------


def test_importing_the_package_loads_no_plotting_and_no_modelling_package():
    loaded = loaded_after("import scale_impact")
    assert not {h for h in HEAVY if h in loaded}


def test_the_names_of_the_package_load_no_plotting_and_no_modelling_package():
    loaded = loaded_after(
        "import scale_impact as si; si.Panel, si.Design, si.estimate, si.Effect, si.Cohorts, si.Check"
    )
    assert not {h for h in HEAVY if h in loaded}


def test_help_loads_neither_pandas_nor_anything_heavy():
    loaded = loaded_after("from scale_impact.cli import main; main()", ["--help"])
    assert not {h for h in ("pandas", "numpy", "duckdb", *HEAVY) if h in loaded}


def test_every_public_name_resolves():
    assert {n for n in scale_impact.__all__ if getattr(scale_impact, n, None) is None} == set()
    assert set(scale_impact.__all__) <= set(dir(scale_impact))


def test_an_unknown_public_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'Pannel'"):
        scale_impact.Pannel  # noqa: B018


# ---- how it is written ------------------------------------------------------------------------------------


def functions():
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield path.relative_to(ROOT), node


def test_no_function_is_longer_than_60_lines():
    long = [
        f"{path}: {n.name} has {n.end_lineno - n.lineno + 1}"
        for path, n in functions()
        if n.end_lineno - n.lineno >= 60
    ]
    assert not long


def test_half_of_the_functions_have_at_most_8_lines_of_code():
    def code(node):
        return (
            node.end_lineno - node.body[-1 if len(node.body) == 1 else 1 if ast.get_docstring(node) else 0].lineno + 1
        )

    sizes = sorted(code(n) for _, n in functions())
    assert sizes[len(sizes) // 2] <= 8


def test_every_module_says_what_it_is_for():
    without = [
        str(p.relative_to(ROOT))
        for p in PACKAGE.rglob("*.py")
        if not ast.get_docstring(ast.parse(p.read_text(encoding="utf-8")))
    ]
    assert not without


# ---- files that have to agree -----------------------------------------------------------------------------

CONDA = {"python-duckdb": "duckdb", "matplotlib-base": "matplotlib"}
"""Conda's names for packages that are called otherwise on PyPI."""


def requirement(text):
    """Name and the set of version bounds of ``numpy >=1.26,<3``."""
    name, bounds = re.fullmatch(r"([A-Za-z0-9._-]+)\s*(.*)", text.strip()).groups()
    name = re.sub(r"[-_.]+", "-", name).lower()
    return CONDA.get(name, name), frozenset(b.strip() for b in bounds.split(",") if b.strip())


def conda_requirements():
    content = YAML(typ="safe").load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert content["channels"] == ["conda-forge"]
    plain = [d for d in content["dependencies"] if isinstance(d, str)]
    (pip,) = [d["pip"] for d in content["dependencies"] if not isinstance(d, str)]
    assert "--editable ." in pip or "-e ." in pip
    return dict(requirement(d) for d in [*plain, *(p for p in pip if not p.startswith("-"))] if d != "pip")


def test_conda_and_pip_get_the_same_packages_in_the_same_ranges():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = dict(map(requirement, [*project["dependencies"], *project["optional-dependencies"]["lab"]]))
    wanted["python"] = frozenset(project["requires-python"].split(","))
    assert conda_requirements() == wanted


def test_imports_of_the_package_are_declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [d for extra in project["optional-dependencies"].values() for d in extra]
    declared = {requirement(d.split("[")[0])[0] for d in [*project["dependencies"], *extras]}
    brought = {
        "ipython": "ipykernel",
        "traitlets": "ipykernel",
        "jupyter_client": "ipykernel",
        "jupyter_core": "ipykernel",
        "sklearn": "scikit-learn",
        "markdown_it": "markdown-it-py",
        "yaml": "pyyaml",
    }
    used = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                used |= {a.name for a in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                used.add(str(node.module))
    roots = {"ruamel-yaml" if u.startswith("ruamel") else u.split(".")[0].lower() for u in used}
    outside = {r for r in roots if r not in sys.stdlib_module_names and r != "scale_impact"}
    assert {brought.get(r, r).replace("_", "-") for r in outside} <= declared


def test_version_licence_and_citation_agree():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    citation = YAML(typ="safe").load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert scale_impact.__version__ == project["version"] == str(citation["version"])
    assert project["license"] == citation["license"] == "MIT"
    assert (ROOT / "LICENSE").read_text(encoding="utf-8").startswith("MIT License")


def test_the_lock_file_is_of_this_project():
    locked = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))["package"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = {p["name"] for p in locked}
    assert {requirement(d)[0] for d in project["dependencies"]} <= names
    assert next(p for p in locked if p["name"] == "scale-impact")["version"] == project["version"]


def test_continuous_integration_runs_what_a_contributor_runs():
    text = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "make test" in text
