"""A crate held against its own hashes."""

import hashlib
import json

import pytest

from scale_impact.workflow.crate import contents_problems


def sha256(content):
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def crate(tmp_path):
    """A small unpacked crate: data, and results with a manifest."""
    root = tmp_path / "crate"
    files = {"data/a b.csv": b"a\n1\n", "studies/x/results/estimates.jsonl": b'{"estimate": 1.0}\n'}
    manifest = {"outputs": {"estimates.jsonl": sha256(files["studies/x/results/estimates.jsonl"])}}
    files["studies/x/results/manifest.json"] = json.dumps(manifest).encode()
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    describe(root, *({"@id": n.replace(" ", "%20"), "@type": "File", "sha256": sha256(c)} for n, c in files.items()))
    return root


def describe(root, *entities):
    (root / "ro-crate-metadata.json").write_text(json.dumps({"@graph": entities}))


def entities(root):
    return json.loads((root / "ro-crate-metadata.json").read_text())["@graph"]


def test_a_crate_that_holds_what_it_says_has_no_problem(crate):
    assert contents_problems(crate) == []


def test_a_changed_number_is_found_by_both_hashes(crate):
    (crate / "studies/x/results/estimates.jsonl").write_text('{"estimate": 1.1}\n')
    changed, rewritten = contents_problems(crate)
    assert changed.startswith("studies/x/results/estimates.jsonl was changed: its sha256 is ")
    assert rewritten.startswith("studies/x/results/estimates.jsonl is not as the run wrote it: its sha256 is ")


def test_a_number_changed_with_its_hash_in_the_metadata_is_found_by_the_manifest(crate):
    path = crate / "studies/x/results/estimates.jsonl"
    path.write_text('{"estimate": 1.1}\n')
    described = entities(crate)
    described[1]["sha256"] = sha256(path.read_bytes())
    describe(crate, *described)
    (problem,) = contents_problems(crate)
    assert "is not as the run wrote it" in problem


def test_files_that_are_missing_and_files_that_were_added_are_named(crate):
    (crate / "data/a b.csv").rename(crate / "data/c.csv")
    assert contents_problems(crate) == [
        "data/a b.csv is missing.",
        "data/c.csv is not described in ro-crate-metadata.json.",
    ]


def test_a_missing_output_is_named_by_the_manifest_too(crate):
    (crate / "studies/x/results/estimates.jsonl").unlink()
    assert "studies/x/results/estimates.jsonl is missing; the run wrote it." in contents_problems(crate)


def test_a_link_is_no_file_of_the_crate(crate, tmp_path):
    (tmp_path / "outside.csv").write_bytes(b"a\n1\n")
    (crate / "data/a b.csv").unlink()
    (crate / "data/a b.csv").symlink_to(tmp_path / "outside.csv")
    assert contents_problems(crate) == ["data/a b.csv is missing."]


@pytest.mark.parametrize("identity", ["../outside.csv", "%2e%2e/outside.csv", "/etc/hostname", "a%00b", "a\\b"])
def test_metadata_that_names_a_file_elsewhere_are_not_followed(crate, tmp_path, identity):
    (tmp_path / "outside.csv").write_text("secret")
    describe(crate, *entities(crate), {"@id": identity, "@type": "File", "sha256": "0"})
    (problem,) = contents_problems(crate)
    assert "describes a file whose name" in problem


def test_a_manifest_that_names_a_file_elsewhere_is_not_followed(crate, tmp_path):
    (tmp_path / "outside.csv").write_text("secret")
    path = crate / "studies/x/results/manifest.json"
    path.write_text(json.dumps({"outputs": {"../../../../outside.csv": "0"}}))
    problems = contents_problems(crate)
    assert any("climbs out of its folder" in p for p in problems)
    assert not any(sha256(b"secret") in p for p in problems)


def test_a_file_without_a_hash_is_said(crate):
    described = [{k: v for k, v in e.items() if k != "sha256"} for e in entities(crate)]
    describe(crate, *described)
    assert sum("gives no sha256" in p for p in contents_problems(crate)) == 3


def test_files_on_the_web_are_no_files_of_the_crate(crate):
    describe(crate, *entities(crate), {"@id": "https://example.org/a.csv", "@type": "File"})
    assert contents_problems(crate) == []


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "[" * 100_000, '"x"', "\ud800"], ids=["empty", "torn", "list", "deep", "text", "no UTF-8"]
)
def test_metadata_that_cannot_be_read_are_one_problem(crate, text):
    (crate / "ro-crate-metadata.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    (problem,) = contents_problems(crate)
    assert problem.startswith("ro-crate-metadata.json ")


@pytest.mark.parametrize(
    "graph", [None, 3, {}, ["x", 3, {"@id": 3}, {"@type": "File"}, {"@id": ["a"], "@type": ["File"]}]]
)
def test_metadata_that_describe_nothing_leave_every_file_undescribed(crate, graph):
    (crate / "ro-crate-metadata.json").write_text(json.dumps({"@graph": graph}))
    assert sum("is not described" in p for p in contents_problems(crate)) == 3


@pytest.mark.parametrize("text", ["{", "{}", '{"outputs": []}'])
def test_a_manifest_that_does_not_say_what_the_run_wrote_is_a_problem(crate, text):
    path = crate / "studies/x/results/manifest.json"
    path.write_text(text)
    described = entities(crate)
    described[2]["sha256"] = sha256(path.read_bytes())
    describe(crate, *described)
    (problem,) = contents_problems(crate)
    assert problem.startswith("studies/x/results/manifest.json ")
