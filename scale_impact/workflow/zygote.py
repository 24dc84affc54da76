"""The parent of warm kernels: imports what notebooks import once, then forks a kernel per request.

Run as a script by its path, with Python's ``-P``: it must not import scale_impact, whose edits a kernel has to see, and
uses the standard library alone until it preloads. Linux only.

One connection over a Unix socket is one kernel:

    client -> {"connection_file": ..., "cwd": ..., "env": {...}, "log": ...}
    zygote -> {"pid": kernel, "guard": guard}    ... when it ended ... {"exit": code}

A guard stands between zygote and kernel. What the kernel leaves behind, daemons too, falls to the guard, which kills it
when the kernel ends or the client's connection closes. The zygote ends with its standard input, and its kernels with it.
"""

import builtins
import contextlib
import ctypes
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
import threading
import types
from collections.abc import Iterator
from typing import Any, NoReturn

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36

KERNEL = (
    "ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.zmqshell", "ipykernel.debugger", "IPython.core.completerlib",
    "IPython.extensions.storemagic", "IPython.core.magics.pylab", "IPython.core.magics.execution",
    "IPython.core.magics.ast_mod", "IPython.core.oinspect", "IPython.core.debugger", "IPython.utils.module_paths",
    "IPython.core.pylabtools", "sqlite3", "psutil", "tornado.platform.asyncio", "comm",
)  # fmt: skip
"""What ipykernel imports when it starts and with its first cell. Never ``matplotlib_inline.backend_inline``: it ties itself
to the shell that is running when it is imported."""


def prctl(option: int, value: int) -> None:
    """Ask the kernel of Linux for a property of this process."""
    ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def preload(modules: list[str]) -> list[str]:
    """Import, never run; the names of those that could not be imported."""
    failed = []
    gc.disable()  # imports make no garbage worth a search
    with in_a_kernel():
        for name in modules:
            try:
                importlib.import_module(name)
            except Exception:  # a notebook that needs it will say why it cannot be imported
                failed.append(name)
    return failed


def settle() -> None:
    """Leave what is imported alone from now on: a search for garbage would copy it page by page into each kernel."""
    gc.freeze()
    gc.enable()


@contextlib.contextmanager
def in_a_kernel() -> Iterator[None]:
    """While it lasts, modules that ask at their import whether they are in a kernel (pandas does) hear yes."""
    builtins.get_ipython = lambda: types.SimpleNamespace(kernel=True, config={"IPKernelApp": {}})  # type: ignore[attr-defined]
    try:
        yield
    finally:
        del builtins.get_ipython  # type: ignore[attr-defined]


def single_threaded() -> bool:
    """Whether a fork is safe: a lock that another thread holds would never be released in the child."""
    return threading.active_count() == 1 and len(os.listdir("/proc/self/task")) == 1


def descendants(pid: int) -> list[int]:
    """Processes below a process."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children", encoding="ascii") as file:
                found += [int(child) for child in file.read().split()]
    return [*found, *(below for child in found for below in descendants(child))]


def kill_all_below(pid: int) -> None:
    """Kill until nothing is left: what is killed may just have started something."""
    while left := [p for p in descendants(pid) if not _is_dead(p)]:
        for process in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        _reap()


def _is_dead(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def _reap() -> dict[int, int]:
    """Exit codes of children that ended."""
    ended = {}
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            ended[pid] = os.waitstatus_to_exitcode(status)
    return ended


def become_kernel(request: dict[str, Any]) -> None:
    """Turn this process into an ipykernel, as ``python -m ipykernel_launcher`` would."""
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    _reseed()
    for fd, path, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, request["log"], os.O_WRONLY | os.O_APPEND),
        (2, request["log"], os.O_WRONLY | os.O_APPEND),
    ):
        opened = os.open(path, flags)
        os.dup2(opened, fd)
        os.close(opened)
    sys.path[:] = ["", *(p for p in sys.path if p)]
    sys.argv = ["ipykernel_launcher", "-f", request["connection_file"], *request["arguments"]]
    from ipykernel.kernelapp import IPKernelApp

    app = IPKernelApp.instance()
    app.initialize(sys.argv[1:])  # type: ignore[no-untyped-call]
    app.start()  # type: ignore[no-untyped-call]


def _reseed() -> None:
    """Random states of its own: kernels would otherwise share the zygote's."""
    import random

    random.seed()
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed()


def _quiet_signals() -> None:
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.set_wakeup_fd(-1)


def kernel(request: dict[str, Any]) -> NoReturn:
    """The forked kernel; never returns."""
    os.setsid()
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    _quiet_signals()
    code = 1
    try:
        become_kernel(request)
        code = 0
    except SystemExit as leave:
        code = leave.code if isinstance(leave.code, int) else 1
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        import atexit

        with contextlib.suppress(BaseException):
            atexit._run_exitfuncs()
        os._exit(code)


def guard(connection: socket.socket, request: dict[str, Any], zygote: int) -> NoReturn:
    """Start a kernel, report its end, and leave nothing behind; never returns."""
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    if os.getppid() != zygote:
        os._exit(1)
    _quiet_signals()
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    request["env"]["JPY_PARENT_PID"] = str(os.getpid())
    pid = os.fork()
    if pid == 0:
        connection.close()
        os.close(woken)
        os.close(wake)
        kernel(request)
    say(connection, {"pid": pid, "guard": os.getpid()})
    code = _until_end(connection, woken, pid)
    kill_all_below(os.getpid())
    say(connection, {"exit": -signal.SIGKILL if code is None else code})
    os._exit(0)


def _until_end(connection: socket.socket, woken: int, pid: int) -> "int | None":
    """Exit code of the kernel; None where the client went away first."""
    chooser = selectors.DefaultSelector()
    chooser.register(connection, selectors.EVENT_READ, "client")
    chooser.register(woken, selectors.EVENT_READ, "child")
    while True:
        for key, _ in chooser.select():
            if key.data == "child":
                os.read(woken, 4096)
                ended = _reap()
                if pid in ended:
                    return ended[pid]
            elif not _still_there(connection):
                return None


def _still_there(connection: socket.socket) -> bool:
    try:
        return bool(connection.recv(4096))
    except OSError:
        return False


def say(connection: socket.socket, what: dict[str, Any]) -> None:
    """Send a line of JSON; the client may be gone."""
    with contextlib.suppress(OSError):
        connection.sendall(json.dumps(what).encode() + b"\n")


def serve(listener: socket.socket) -> None:
    """Fork a guard for each request, until standard input closes."""
    chooser = selectors.DefaultSelector()
    chooser.register(listener, selectors.EVENT_READ, "client")
    chooser.register(0, selectors.EVENT_READ, "owner")
    while True:
        for key, _ in chooser.select(timeout=1.0):
            if key.data == "owner" and not os.read(0, 4096):
                return
            if key.data == "client":
                _answer(listener, chooser)
        _reap()


def _answer(listener: socket.socket, chooser: selectors.BaseSelector) -> None:
    connection, _ = listener.accept()
    connection.settimeout(10)
    with connection, contextlib.suppress(OSError, ValueError):
        request = json.loads(connection.makefile("rb").readline())
        connection.settimeout(None)
        zygote = os.getpid()
        if os.fork() == 0:
            chooser.close()
            listener.close()
            guard(connection, request, zygote)


def main(path: str, modules: str) -> None:
    """Listen first, so that clients may connect meanwhile; import, then what else the owner names; then serve."""
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    listener = socket.socket(socket.AF_UNIX)
    before = os.umask(0o077)
    listener.bind(path)
    os.umask(before)
    listener.listen(128)
    failed = preload([*KERNEL, *modules.split(",")])
    further = os.fdopen(os.dup(0), "rb", buffering=0).readline()
    failed += preload(json.loads(further) if further else [])
    settle()
    print(json.dumps({"ready": single_threaded(), "failed": failed}), flush=True)
    if further and single_threaded():
        serve(listener)
    os.unlink(path)
    kill_all_below(os.getpid())
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
