"""Kernels: whether one starts and answers, whether sockets fit, whether warm ones work, what a user adds to each."""

from __future__ import annotations

import asyncio
import os
import platform
import socket
import sys
import time
from pathlib import Path
from typing import Any

from scale_impact.workflow.doctor.finding import Finding, in_words, missing, note, ok
from scale_impact.workflow.doctor.packages import NUMERIC, install

SECONDS = 20
"""After which a kernel that does not answer is given up."""

SLOW = 8.0
"""Seconds to the first answer above which something is wrong with the disk or the bytecode."""


def kernel(root: Path | None) -> list[Finding]:
    """Start a kernel as a run does, let it add 1 and 1, and import what a notebook imports."""
    started = time.perf_counter()
    mend = install("--force-reinstall ipykernel jupyter-client pyzmq", root=root)
    try:
        answer, imported = asyncio.run(asyncio.wait_for(_ask(root or Path.cwd()), SECONDS))
    except TimeoutError:
        return [missing("kernel", f"started, but gave no answer within {SECONDS} s", mend)]
    except Exception as error:  # whatever a broken installation raises is what is to be said
        return [missing("kernel", f"does not start: {in_words(error)}", mend)]
    seconds = time.perf_counter() - started
    return [_answered(answer, seconds, mend), _imported(imported)]


def _answered(answer: str, seconds: float, mend: str) -> Finding:
    if answer != "2":
        return missing("kernel", f"says that 1 + 1 is {answer}", mend)
    words = f"a new one started, answered 1 + 1 and imported scale_impact.session in {seconds:.1f} s"
    return note("kernel", f"{words}: slow", "unset PYTHONDONTWRITEBYTECODE") if seconds > SLOW else ok("kernel", words)


def _imported(problem: str) -> Finding:
    if problem:
        return missing("session", f"a notebook cannot import scale_impact.session: {problem}", "make setup")
    return ok("session", "a notebook can import scale_impact.session")


async def _ask(cwd: Path) -> tuple[str, str]:
    """What 1 + 1 is, and why the session could not be imported (empty: it could)."""
    from scale_impact.workflow.conditions import environment_of
    from scale_impact.workflow.kernel import Place, kernel_manager
    from scale_impact.workflow.scratch import scratch

    with scratch() as folder:
        manager = kernel_manager(Place(cwd, environment_of(1), folder))()
        try:
            await manager.start_kernel()
            summed, imported = await _answers(manager.client())
        finally:
            await manager.shutdown_kernel(now=True)
    value = summed["user_expressions"]["sum"].get("data", {}).get("text/plain", "nothing")
    return value, "" if imported["status"] == "ok" else f"{imported.get('ename')}: {imported.get('evalue')}"


async def _answers(client: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    client.start_channels()
    try:
        await client.wait_for_ready(timeout=SECONDS)
        return await _content(client, "", {"sum": "1 + 1"}), await _content(client, "import scale_impact.session", {})
    finally:
        client.stop_channels()


async def _content(client: Any, code: str, expressions: dict[str, str]) -> dict[str, Any]:
    reply = await client.execute(code, user_expressions=expressions, reply=True, timeout=SECONDS, stop_on_error=False)
    content: dict[str, Any] = reply["content"]
    return content


def sockets(root: Path | None) -> list[Finding]:
    """Whether Unix sockets can be made where runs make them: kernels are spoken to through them."""
    from scale_impact.workflow.scratch import scratch

    if not hasattr(socket, "AF_UNIX") or os.name != "posix":
        return [ok("sockets", "no Unix sockets here: kernels are spoken to over local TCP ports")]
    with scratch() as folder:
        name = f"{folder}/kernel-5"
        try:
            with socket.socket(socket.AF_UNIX) as made:
                made.bind(name)
        except OSError as error:
            why = f"a Unix socket cannot be made in {folder.parent} ({len(name)} characters with its name): {error}"
            return [missing("sockets", why, "export TMPDIR=/tmp")]
    return [ok("sockets", f"can be made in {folder.parent}")]


def warm(root: Path | None) -> list[Finding]:
    """Whether runs can start from a Python that has imported its packages already."""
    from scale_impact.workflow.warm import supported

    if supported():
        return [ok("warm kernels", "work here (Linux, fork, Unix sockets)")]
    return [note("warm kernels", f"not on {platform.system()}: every run starts a new Python, a few seconds each")]


def python_path(root: Path | None) -> list[Finding]:
    """Whether modules from elsewhere come before installed ones in every kernel."""
    if os.environ.get("PYTHONPATH"):
        return [note("PYTHONPATH", "is set: modules there hide installed ones", "unset PYTHONPATH")]
    return [ok("PYTHONPATH", "not set")]


def shadows(root: Path | None) -> list[Finding]:
    """Files of the project that hide a module of the same name: kernels start in the project's folder."""
    names = {*sys.stdlib_module_names, *NUMERIC, "sklearn", "papermill", "IPython", "ipykernel"}
    there = [] if root is None else [*root.glob("*.py"), *(p.parent for p in root.glob("*/__init__.py"))]
    hiding = sorted(p.relative_to(root).as_posix() for p in there if root and p.stem in names)
    if hiding:
        mend = f"git mv {hiding[0]} my_{hiding[0]} || mv {hiding[0]} my_{hiding[0]}"
        return [
            missing("own modules", f"{', '.join(hiding)} would be imported instead of Python's or a package's", mend)
        ]
    return [ok("own modules", "none hides a module that is needed")]
