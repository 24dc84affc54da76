"""``python -m benchmarks.slurm``: the script of ``scale-impact slurm``, submitted to a Slurm of one machine.

Needs slurmctld, slurmd and munged (Debian: ``apt-get install slurm-wlm munge``). They are started in a temporary folder,
with ports and a key of their own, and ended afterwards; a Slurm that the machine may have is not touched.
"""

from __future__ import annotations

import getpass
import os
import platform
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.batches import differing, results_of, small_project

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch")
RUNS, SHARDS = 12, 4

NOTED = "executed.log"
NOTE = f"with open('{NOTED}', 'a') as file:\n    _ = file.write(f'{{variant}}\\n')"
"""A cell that notes in the project's folder that it was executed."""

CONFIGURATION = """\
ClusterName=bench
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
SlurmUser={user}
SlurmdUser={user}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_interval=2,batch_sched_delay=0
MaxArraySize=1001
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=4096 State=UNKNOWN
PartitionName=short Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def main() -> bool:
    """Submit the array, count what it left; whether every run was executed exactly once."""
    if absent := [p for p in PROGRAMS if _program(p) is None]:
        print(f"Slurm: not measured, {', '.join(absent)} not installed")
        return True
    with tempfile.TemporaryDirectory(prefix="si-slurm-") as given:
        root = small_project(Path(given) / "project", RUNS, NOTE)
        with slurm(Path(given)) as environment:
            held = _measure(root, environment)
    return held


def _measure(root: Path, environment: dict[str, str]) -> bool:
    script = _told(
        ["scale-impact", "slurm", "--shards", str(SHARDS), "--cpus", "1", "--memory", "1G", "--time", "0:10:00"],
        root,
        environment,
    )
    (root / "array.sh").write_text(script, encoding="utf-8")
    print(_told(["sinfo", "--noheader", "--format=%P %t %c cores"], root, environment).strip())
    clock = time.perf_counter()
    _told(["sbatch", "--wait", "array.sh"], root, environment)
    seconds = time.perf_counter() - clock
    executed = Counter((root / NOTED).read_text(encoding="utf-8").split())
    found = results_of(root)
    _told(["scale-impact", "run", "--out", "local"], root, environment)
    other = differing(found, results_of(root, "local"))
    print(f"{'runs, shards':<40} {RUNS:6d} {SHARDS:6d}\n{'seconds for the array':<40} {seconds:6.1f}")
    print(f"{'results there':<40} {len(found):6d}\n{'executed, in all':<40} {executed.total():6d}")
    print(f"{'differ from a local batch':<40} {len(other):6d}")
    again = {name: files["manifest.json"] for name, files in found.items()}
    _told(["sbatch", "--wait", "array.sh"], root, environment)
    repeated = sum(files["manifest.json"] != again[name] for name, files in results_of(root).items())
    print(f"{'executed again by a second submission':<40} {repeated:6d}")
    return len(found) == RUNS == executed.total() == len(executed) and not other and not repeated


def _told(command: list[str], cwd: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=600)
    if done.returncode:
        logs = "\n".join(p.read_text(encoding="utf-8", errors="replace") for p in sorted(cwd.glob("*.log")))
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}{logs}")
    return done.stdout


@contextmanager
def slurm(folder: Path) -> Iterator[dict[str, str]]:
    """A Slurm of this machine; the environment in which its commands and ``scale-impact`` are found."""
    started: list[subprocess.Popen[bytes]] = []
    for name in ("state", "spool"):
        (folder / name).mkdir()
    host = platform.node().split(".")[0]
    conf = folder / "slurm.conf"
    conf.write_text(
        CONFIGURATION.format(
            host=host, ports=_free_ports(2), folder=folder, user=getpass.getuser(), cpus=os.cpu_count()
        ),
        encoding="utf-8",
    )
    environment = {**os.environ, "SLURM_CONF": str(conf), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    try:
        for command in (_munged(folder), [_program("slurmctld"), "-D", "-i"], [_program("slurmd"), "-D", "-N", host]):
            log = (folder / f"{len(started)}.out").open("wb")
            started.append(subprocess.Popen(list(map(str, command)), env=environment, stdout=log, stderr=log))
            time.sleep(1)
        _wait_until_idle(environment, folder)
        yield environment
    finally:
        for process in reversed(started):
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _munged(folder: Path) -> list[str]:
    key = folder / "munge.key"
    key.write_bytes(secrets.token_bytes(128))
    key.chmod(0o600)
    places = {
        "key-file": key,
        "socket": folder / "munge.socket",
        "pid-file": folder / "munge.pid",
        "seed-file": folder / "munge.seed",
    }
    places["log-file"] = folder / "munge.log"
    return [str(_program("munged")), "--foreground", "--force", *(f"--{k}={v}" for k, v in places.items())]


def _wait_until_idle(environment: dict[str, str], folder: Path) -> None:
    deadline = time.monotonic() + 60
    while (
        "idle"
        not in subprocess.run(
            ["sinfo", "-h", "-o", "%t"], env=environment, capture_output=True, text=True, check=False
        ).stdout
    ):
        if time.monotonic() > deadline:
            logs = [
                p.read_text(encoding="utf-8", errors="replace")[-2000:]
                for p in (*folder.glob("*.out"), *folder.glob("slurm*.log"))
            ]
            raise SystemExit("Slurm did not start:\n" + "\n".join(logs))
        time.sleep(0.5)


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
