"""Time and memory of all processes of a run."""

import subprocess
import sys
import time

import pytest

from scale_impact.errors import UsageError
from scale_impact.workflow.limits import Watchdog, in_bytes, memory, parsed_bytes, resident
from scale_impact.workflow.zygote import descendants

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc")

PARENT = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', sys.argv[1]]); time.sleep(60)"


def family(what):
    """A process with a child that does something, and a process above both."""
    code = (
        f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {PARENT!r}, {what!r}]); time.sleep(60)"
    )
    return subprocess.Popen([sys.executable, "-c", code])


@pytest.fixture
def started():
    made = []
    yield lambda what: made.append(family(what)) or made[-1]
    for process in made:
        process.kill()
        process.wait()


def until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_run_that_takes_too_long_is_killed_with_its_children(started):
    root = started("import time; time.sleep(60)").pid
    until(lambda: len(descendants(root)) == 2)
    with Watchdog(0.3, None, root) as dog:
        until(lambda: not descendants(root) or dog.reason)
        until(lambda: not [p for p in descendants(root) if resident(p)])
    assert dog.reason == "it was stopped after 0.3 s, its time limit. Give it more with --time-limit."


def test_a_run_that_takes_too_much_memory_in_a_child_is_killed(started):
    root = started("x = bytearray(b'x') * 300_000_000; import time; time.sleep(60)").pid
    with Watchdog(None, 200 * 2**20, root) as dog:
        until(lambda: dog.reason)
    assert "more than 200 MiB of memory" in dog.reason
    assert dog.peak > 200 * 2**20


def test_a_run_within_its_limits_is_left_alone(started):
    root = started("import time; time.sleep(60)").pid
    until(lambda: len(descendants(root)) == 2)
    with Watchdog(60, 2**33, root) as dog:
        time.sleep(0.5)
    assert dog.reason is None
    assert len(descendants(root)) == 2
    assert 10**6 < dog.peak < 10**9


@pytest.mark.parametrize(
    ("text", "size"), [("8G", 8 * 2**30), ("500 MiB", 500 * 2**20), ("1.5gb", 3 * 2**29), ("4096", 4096), ("1T", 2**40)]
)
def test_sizes_are_read(text, size):
    assert parsed_bytes(text) == size


@pytest.mark.parametrize("text", ["", "0", "-1G", "many", "8X", "0.1"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(UsageError, match="write a size such as 8G"):
        parsed_bytes(text)


def test_sizes_are_written_for_people():
    assert [in_bytes(n) for n in (12, 2048, 5 * 2**20, 3 * 2**29)] == ["12 bytes", "2 KiB", "5 MiB", "1.5 GiB"]


def test_the_machine_has_memory():
    total, free = memory()
    assert 0 < free <= total
