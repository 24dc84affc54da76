"""Opening a crate from a stranger: unpacked safely, or refused with all that is wrong with it."""

import stat
import struct
import tempfile
import zipfile

import pytest

from scale_impact.errors import UsageError
from scale_impact.workflow.crate import names, opened, opening

METADATA = ("ro-crate-metadata.json", "{}")


def archive(path, *entries):
    """A zip of (name or ZipInfo, content) pairs."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in entries:
            file.writestr(name, content)
    return path


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    """The folder in which temporary folders are made."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def refused(path):
    """What a crate is refused with."""
    with pytest.raises(UsageError) as caught, opened(path):
        pass
    return "\n".join(caught.value.problems)


def test_a_crate_is_unpacked_into_a_folder_that_is_gone_afterwards(tmp_path, scratch):
    crate = archive(tmp_path / "x.zip", METADATA, ("data/", ""), ("data/a.csv", "a\n1\n"))
    with opened(crate) as root:
        assert root.is_relative_to(scratch)
        assert (root / "data/a.csv").read_text() == "a\n1\n"
        assert not (root / "data/a.csv").stat().st_mode & stat.S_IXUSR
    assert not list(scratch.iterdir())


def test_the_folder_is_gone_too_when_its_user_fails(tmp_path, scratch):
    crate = archive(tmp_path / "x.zip", METADATA)
    with pytest.raises(ZeroDivisionError), opened(crate):
        1 / 0  # noqa: B018
    assert not list(scratch.iterdir())


@pytest.mark.parametrize(
    "name",
    ["../x", "a/../../x", "/etc/x", "C:/x", "C:x", "a\\..\\..\\x", "a//b", "./a", "a\nb", "a\x00b", "..", "a" * 300, "b/" * 600 + "a"],
    ids=repr,
)  # fmt: skip
def test_a_name_that_may_lie_elsewhere_is_refused_and_nothing_is_written(tmp_path, scratch, name):
    info = zipfile.ZipInfo("placeholder")
    info.filename = name  # the constructor would mend it
    crate = archive(tmp_path / "x.zip", METADATA, (info, "x"))
    assert "The name " in refused(crate)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["scratch", "x.zip"]
    assert not list(scratch.iterdir())


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_devices_are_refused(tmp_path, scratch, kind):
    info = zipfile.ZipInfo("data/a.csv")
    info.create_system, info.external_attr = 3, (kind | 0o777) << 16
    assert "not a file" in refused(archive(tmp_path / "x.zip", METADATA, (info, "/etc/passwd")))


def test_two_names_that_are_one_file_on_some_systems_are_refused(tmp_path, scratch):
    crate = archive(tmp_path / "x.zip", METADATA, ("README.md", "a"), ("readme.md", "b"), ("é", "c"), ("e\u0301", "d"))
    assert refused(crate).count("are one file on some systems") == 2


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_stands_twice_is_refused(tmp_path, scratch):
    crate = archive(tmp_path / "x.zip", METADATA, ("a", "1"), ("a", "2"))
    assert "are one file" in refused(crate)


def test_a_file_where_another_name_has_a_folder_is_refused(tmp_path, scratch):
    assert "'a' is a file and a folder" in refused(archive(tmp_path / "x.zip", METADATA, ("a", "1"), ("a/b", "2")))


def test_all_problems_are_said_at_once(tmp_path, scratch):
    crate = archive(tmp_path / "x.zip", ("../x", "1"), ("a", "1"), ("A", "1"))
    said = refused(crate)
    assert "climbs out of its folder" in said
    assert "are one file on some systems" in said
    assert "It is no RO-Crate" in said


def test_a_hundred_problems_are_not_said_in_full(tmp_path, scratch):
    crate = archive(tmp_path / "x.zip", METADATA, *((f"../{k}", "1") for k in range(100)))
    assert refused(crate).splitlines()[-1] == "... and 80 more."


@pytest.mark.parametrize(
    ("module", "limit", "value", "said"),
    [
        (opening, "LARGEST", 1000, "GiB are unpacked"),
        (opening, "SMALL", 1000, "times its size"),
        (opening, "MOST", 1, "a crate has at most 1"),
    ],
)  # fmt: skip
def test_what_unfolds_without_end_is_refused(tmp_path, scratch, monkeypatch, module, limit, value, said):
    monkeypatch.setattr(module, limit, value)
    crate = archive(tmp_path / "x.zip", METADATA, ("zeros", bytes(1_000_000)))
    assert said in refused(crate)
    assert not list(scratch.iterdir())


def test_a_declared_size_that_is_too_small_gives_no_more_bytes_than_declared(tmp_path, scratch):
    crate = archive(tmp_path / "x.zip", METADATA, ("zeros", bytes(1_000_000)))
    content = bytearray(crate.read_bytes())
    entry = content.rindex(b"PK\x01\x02")  # of the central directory; its size stands 24 bytes in
    content[entry + 24 : entry + 28] = struct.pack("<I", 10)
    crate.write_bytes(content)
    assert "cannot be unpacked" in refused(crate)
    assert not list(scratch.iterdir())


def test_an_encrypted_entry_is_refused(tmp_path, scratch):
    crate = archive(tmp_path / "x.zip", METADATA)
    content = bytearray(crate.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    crate.write_bytes(content)
    assert "is encrypted" in refused(crate)


def test_a_damaged_entry_is_refused_and_nothing_stays(tmp_path, scratch):
    crate = archive(tmp_path / "x.zip", METADATA, (zipfile.ZipInfo("a.csv"), "unit,period\n" * 100))
    content = bytearray(crate.read_bytes())
    content[content.index(b"unit,period") + 3] ^= 1
    crate.write_bytes(content)
    assert "get it again" in refused(crate)
    assert not list(scratch.iterdir())


@pytest.mark.parametrize(
    ("content", "said"), [(None, "There is no file"), (b"", "no readable zip"), (b"PK\x03\x04torn", "no readable zip")]
)
def test_what_is_no_zip_is_refused(tmp_path, scratch, content, said):
    path = tmp_path / "x.zip"
    if content is not None:
        path.write_bytes(content)
    assert said in refused(path)


def test_a_folder_is_no_zip(tmp_path, scratch):
    assert "no readable zip" in refused(tmp_path)


def test_a_zip_without_metadata_at_its_root_is_no_crate(tmp_path, scratch):
    assert "It is no RO-Crate" in refused(archive(tmp_path / "x.zip", ("inner/ro-crate-metadata.json", "{}")))


def test_a_disk_without_room_is_said_before_anything_is_written(tmp_path, scratch, monkeypatch):
    usage = type("Usage", (), {"free": 10})
    monkeypatch.setattr(opening.shutil, "disk_usage", lambda folder: usage)
    crate = archive(tmp_path / "x.zip", METADATA, ("a", "0123456789"))
    assert "Name a folder with more room in the variable TMPDIR" in refused(crate)


def test_a_crate_has_at_most_four_gibibytes_and_a_hundred_thousand_files():
    assert (names.LARGEST, names.MOST) == (4 * 2**30, 100_000)
