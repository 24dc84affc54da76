"""Kernels for runs: this Python, a working folder and environment of their own, no network port; cold or warm."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from queue import Empty
from typing import Any, cast

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from jupyter_core.utils import ensure_async
from traitlets import Type, Unicode

PATIENCE = 120.0
"""Seconds in which a kernel has to be ready."""


@dataclass(frozen=True)
class Place:
    """Where and how a kernel runs.

    Attributes
    ----------
    cwd:
        Its working folder.
    environment:
        Its whole environment.
    scratch:
        A short folder for its sockets, settings and log.
    warm:
        Socket of warm kernels; None starts a new Python.
    started:
        Told the process whose descendants are the kernel and all that it starts.
    ended:
        Told the exit code of the kernel, once it is known.
    """

    cwd: Path
    environment: Mapping[str, str]
    scratch: Path
    warm: str | None = None
    started: Callable[[int], Any] = lambda root: None
    ended: Callable[[int], Any] = lambda code: None

    @property
    def log(self) -> Path:
        """What the kernel writes past the notebook: a crash, above all."""
        return self.scratch / "kernel.log"

    @property
    def kernel_environment(self) -> dict[str, str]:
        """The environment, with settings of IPython's that nobody has touched."""
        return {**self.environment, "IPYTHONDIR": str(self.scratch / "ipython")}


class StudyKernelClient(AsyncKernelClient):
    """A client that knows at once when its kernel is ready, where the usual one waits for silence."""

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """Ask until both channels have answered to the same question; RuntimeError where the kernel dies or is too slow."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + (timeout or 60)
        while loop.time() < deadline:
            asked = self.kernel_info()
            if await self._replied(asked) and await self._idle(asked):
                return
            if self.parent is not None and not await ensure_async(self.parent.is_alive()):
                raise RuntimeError("it died while it started")
        raise RuntimeError(f"it did not answer within {timeout or 60:g} s of its start")

    async def _replied(self, asked: str) -> bool:
        with contextlib.suppress(Empty):
            while True:
                message = await ensure_async(self.shell_channel.get_msg(timeout=1))
                if message["parent_header"].get("msg_id") == asked:
                    self._handle_kernel_info_reply(message)
                    return True
        return False

    async def _idle(self, asked: str) -> bool:
        """Whether the output channel, which connects later, saw the question through."""
        with contextlib.suppress(Empty):
            while True:
                message = await ensure_async(self.iopub_channel.get_msg(timeout=0.005))
                idle = message["content"].get("execution_state") == "idle"
                if idle and message["parent_header"].get("msg_id") == asked:
                    return True
        return False


class StudyProvisioner(LocalProvisioner):
    """Starts a warm kernel where there is one to be had, else a new Python."""

    async def launch_kernel(self, cmd: list[str], **options: Any) -> Any:
        """Start the process."""
        manager: Any = self.parent
        place: Place = manager.place
        warm = None if place.warm is None else await asyncio.to_thread(ask, place, manager.connection_file)
        if warm is None:
            with place.log.open("ab") as log:
                await super().launch_kernel(cmd, **{**options, "stdout": log, "stderr": log})
            place.started(os.getpid())
        else:
            process: Any = warm  # what it has of a Popen is what is asked of one
            self.process, self.pid, self.pgid, self.cwd = process, warm.pid, warm.pid, place.cwd
            place.started(warm.guard)
        await self._bound()
        return self.connection_info

    async def _bound(self) -> None:
        """Wait until the kernel's sockets are there: a connection that fails is tried again only after 0.1 s."""
        manager, process = cast(Any, self.parent), cast(Any, self.process)
        if manager.transport != "ipc":
            return
        ports = [getattr(manager, f"{channel}_port") for channel in ("shell", "iopub", "stdin", "hb", "control")]
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while process.poll() is None and not all(os.path.exists(f"{manager.ip}-{port}") for port in ports):
            if asyncio.get_running_loop().time() > deadline:
                raise RuntimeError(f"it did not open its sockets within {PATIENCE:g} s of its start")
            await asyncio.sleep(0.003)

    async def poll(self) -> int | None:
        """Its exit code, which is passed on; None while it runs."""
        code = await super().poll()
        if code is not None and self.process is not None:
            cast(Any, self.parent).place.ended(code)
        return code

    async def wait(self) -> int | None:
        """Wait for its end, with shorter naps than usual."""
        while self.process is not None and self.process.poll() is None:
            await asyncio.sleep(0.005)
        return await super().wait()


class StudyKernelManager(AsyncKernelManager):
    """Starts kernels at a place.

    Connections are by IPC where there are Unix sockets: with TCP, ports chosen by several
    processes at once collide. The kernel is this Python whatever kernels a user has installed; users' start-up files and
    histories play no part.
    """

    place: Place
    transport = Unicode("ipc" if os.name == "posix" else "tcp")
    client_factory = Type(klass="jupyter_client.client.KernelClient", default_value=StudyKernelClient)

    def _ip_default(self) -> str:
        found: str = super()._ip_default()
        return str(self.place.scratch / "kernel") if self.transport == "ipc" else found

    def _connection_file_default(self) -> str:
        return str(self.place.scratch / "kernel.json")

    @property
    def kernel_spec(self) -> Any:
        """This Python."""
        arguments = ["-f", "{connection_file}", *ARGUMENTS]
        return KernelSpec(argv=[*_python(), *arguments], display_name="Python 3", language="python")

    async def _async_wait(self, pollinterval: float = 0.005) -> None:
        """Wait for its end, with shorter naps than usual."""
        await super()._async_wait(pollinterval)

    def start_kernel(self, **options: Any) -> Any:
        """Start the kernel."""
        self.place.log.touch()
        options["cwd"] = str(self.place.cwd)
        options["env"] = self.place.kernel_environment
        self.provisioner = StudyProvisioner(kernel_id=self.kernel_id, kernel_spec=self.kernel_spec, parent=self)
        return super().start_kernel(**options)


def kernel_manager(place: Place) -> type[StudyKernelManager]:
    """A kernel manager class whose kernels start at a place."""
    return type("StudyKernelManager", (StudyKernelManager,), {"place": place})


ARGUMENTS = (
    "--log-level=CRITICAL",
    "--HistoryManager.enabled=False",
    "--IPKernelApp.exec_lines=__import__('warnings').filterwarnings('ignore', message='IProgress not found')",
)
"""Quiet, without a history; and without what tqdm, of which progress bars are off, says when dowhy imports it."""


def _python() -> list[str]:
    """A Python that is killed when the process that started it ends, where the system can do that."""
    if sys.platform != "linux":
        return [sys.executable, "-m", "ipykernel_launcher"]
    code = (
        "import ctypes, runpy, sys; ctypes.CDLL(None).prctl(1, 9, 0, 0, 0); sys.argv[0] = 'ipykernel_launcher'; "
        "runpy.run_module('ipykernel_launcher', run_name='__main__', alter_sys=True)"
    )
    return [sys.executable, "-c", code]


class WarmKernel:
    """A kernel's process behind a zygote's socket, as `subprocess.Popen` would show it."""

    stdin = stdout = stderr = None

    def __init__(self, connection: socket.socket, answer: Mapping[str, int]) -> None:
        self._connection = connection
        self.pid, self.guard = answer["pid"], answer["guard"]
        self.returncode: int | None = None
        connection.setblocking(False)

    def poll(self) -> int | None:
        """Exit code; None while it runs."""
        if self.returncode is None:
            try:
                said = self._connection.recv(4096)
            except BlockingIOError:
                return None
            except OSError:
                said = b""
            self.returncode = json.loads(said)["exit"] if said else -signal.SIGKILL
            self._connection.close()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the exit code."""
        if self.returncode is None:
            self._connection.settimeout(timeout)
            said = self._connection.recv(4096)
            self.returncode = json.loads(said)["exit"] if said else -signal.SIGKILL
            self._connection.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal to the kernel."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill the kernel."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask the kernel to end."""
        self.send_signal(signal.SIGTERM)


def ask(place: Place, connection_file: str) -> WarmKernel | None:
    """Ask for a warm kernel; None where there is none to be had (any more)."""
    request = {
        "connection_file": connection_file,
        "arguments": list(ARGUMENTS),
        "cwd": str(place.cwd),
        "env": place.kernel_environment,
        "log": str(place.log),
    }
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(str(place.warm))
        connection.sendall(json.dumps(request).encode() + b"\n")
        line = connection.makefile("rb").readline()
        return WarmKernel(connection, json.loads(line)) if line else None
    except OSError:
        connection.close()
        return None
