"""Data sets that an installed package ships."""

import sys

import pytest

from scale_impact.errors import SourceError
from scale_impact.sources import read
from tests.panels import ROOT
from tests.projects import Place, sha256, write_yaml


@pytest.fixture
def card(tmp_path, monkeypatch):
    """A package `townsdata` on the path, with a file and a trap in its code; writes cards for it."""
    package = tmp_path / "site" / "townsdata"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('the code of the package ran')\n")
    (package / "towns.csv").write_text("town,jobs\n01,5\n")
    monkeypatch.syspath_prepend(str(package.parent))
    columns = {"town": {"unit": "none", "meaning": "code", "type": "text"}, "jobs": {"unit": "jobs", "meaning": "jobs"}}

    def write(**changes):
        keys = {
            "title": "Towns", "origin": "x", "licence": "CC0", "kind": "package", "package": "townsdata",
            "file": "towns.csv", "sha256": sha256(package / "towns.csv"), "columns": columns, **changes,
        }  # fmt: skip
        return write_yaml(tmp_path / "data/sources/towns.yaml", {k: v for k, v in keys.items() if v is not ...})

    return write


def problem(path):
    with pytest.raises(SourceError) as caught:
        read(path, Place(path.parents[2]).root)
    (found,) = caught.value.problems
    return found


def test_a_file_of_a_package_is_read_without_running_its_code(card, tmp_path):
    assert read(card(), tmp_path).to_dict("list") == {"town": ["01"], "jobs": [5]}
    assert "townsdata" not in sys.modules


def test_a_package_that_is_not_installed_is_named_with_what_to_type(card):
    assert problem(card(package="nosuchdata")) == (
        "The package 'nosuchdata' is not installed. Install it: pip install nosuchdata"
    )


@pytest.mark.parametrize("name", ["nosuch.sub", ".x", "__main__", "sys", "a b"])
def test_what_is_no_package_is_refused(card, name):
    assert f"The package {name!r} is not installed." in problem(card(package=name))


def test_a_card_of_kind_package_without_a_package_is_refused(card):
    assert "needs the key `package`" in problem(card(package=...))


def test_a_file_that_the_package_does_not_ship_is_refused(card):
    assert "has no file datasets/towns.csv" in problem(card(file="datasets/towns.csv"))


def test_another_version_of_the_file_is_refused_with_both_hashes(card):
    found = problem(card(sha256="0" * 64))
    assert "0" * 64 in found
    assert "sha256 is " in found


@pytest.mark.parametrize(
    ("name", "shape", "first"),
    [
        ("indiana_enterprise_zones", (198, 5), {"city": 1, "year": 1980, "uclms": 166746, "ez": 0}),
        ("north_andover_houses", (321, 16), {"year": 1978, "rprice": 60000, "nearinc": 1}),
    ],
)
def test_a_shipped_source_is_read_as_its_authors_published_it(name, shape, first):
    # first rows as printed in Wooldridge's data descriptions of ezunem and kielmc
    frame = read(ROOT / f"data/sources/{name}.yaml", ROOT)
    assert frame.shape == shape
    assert {k: frame[k][0] for k in first} == first
