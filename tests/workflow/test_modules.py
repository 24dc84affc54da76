"""A project's own Python files, as part of what a notebook runs."""

import pytest

from scale_impact.workflow.modules import local_modules
from scale_impact.workflow.runs import expand
from scale_impact.workflow.staleness import look
from tests.projects import QUICK, command


@pytest.fixture
def project(tmp_path):
    files = {
        "helpers.py": "import further\nimport numpy", "further.py": "x = 1", "unused.py": "", "once.py": "y = 2",
        "tools/__init__.py": "", "tools/deep.py": "import helpers", "scale_impact/__init__.py": "",
    }  # fmt: skip
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("source", "files"),
    [
        ("import numpy, json", []),
        ("import helpers", ["further.py", "helpers.py"]),
        ("def f():\n    from tools import deep", ["further.py", "helpers.py", "tools/__init__.py", "tools/deep.py"]),
        ("%matplotlib inline\nfrom further import x", ["further.py"]),
        ("%run once.py\n%run -i unused", ["once.py", "unused.py"]),
        ("%run ../outside.py", []),
        ("import scale_impact", []),
        ("import helpers as", []),
    ],
)
def test_files_that_cells_import_or_run_are_found_with_what_these_import(project, source, files):
    (project.parent / "outside.py").write_text("")
    assert [p.relative_to(project).as_posix() for p in local_modules([source], project)] == files


def test_an_edit_of_a_module_makes_its_runs_stale_and_plan_names_it(place):
    (place.root / "helpers.py").write_text("shift = 1\n")
    place.template(QUICK[0], "import helpers", *QUICK[1:])
    place.study(template="quick")
    assert command("run", "towns", cwd=place.root).code == 0
    (run,), _ = expand(["towns"], {})
    assert look(run).is_current
    (place.root / "helpers.py").write_text("shift = 2\n")
    assert look(run).reasons == ("helpers.py changed",)
