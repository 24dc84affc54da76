"""Manifests of all versions are read; what is none is said to be none."""

import json
from dataclasses import replace

import pytest

from scale_impact.core.manifest import Manifest, data_hash, file_hash, text_hash

OLD = {
    "run_id": "cb993d66af78769c", "study": "towns", "variant": None, "inputs": {"template": "3d29"},
    "environment": {"python": "3.11.7"}, "seed": 1, "started": "2026-11-22T09:07:58+00:00", "seconds": 1.5,
    "outputs": {"estimates.jsonl": "f680"},
}  # fmt: skip
"""As versions before this one wrote it."""


def test_what_is_written_is_read(tmp_path):
    manifest = replace(
        Manifest(**OLD), details={"study": {"level": 0.95}}, threads=2, warm=True, peak_memory=10, format=2
    )
    manifest.write(tmp_path / "manifest.json")
    assert Manifest.read(tmp_path / "manifest.json") == manifest


def test_earlier_and_later_versions_are_read(tmp_path):
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(OLD))
    earlier = Manifest.read(path)
    assert (earlier.format, earlier.details, earlier.run_id) == (1, {}, OLD["run_id"])
    path.write_text(json.dumps({**OLD, "format": 9, "a_key_of_the_future": 1}))
    assert Manifest.read(path).format == 9


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"run_id": "a"}', json.dumps({**OLD, "outputs": []}), "\x00"])
def test_what_is_no_manifest_is_none(tmp_path, text):
    path = tmp_path / "manifest.json"
    path.write_text(text)
    assert Manifest.read(path) is None


def test_a_manifest_that_is_no_text_is_none(tmp_path):
    (tmp_path / "manifest.json").write_bytes(b"\xff\xfe\x00")
    assert Manifest.read(tmp_path / "manifest.json") is None
    assert Manifest.read(tmp_path / "absent.json") is None


def test_several_parquet_files_are_hashed_as_one_whatever_their_order(tmp_path):
    for name, content in (("a.parquet", b"1"), ("b.parquet", b"2")):
        (tmp_path / name).write_bytes(content)
    hashes = sorted(file_hash(tmp_path / name) for name in ("a.parquet", "b.parquet"))
    assert data_hash(tmp_path) == text_hash("\n".join(hashes))
