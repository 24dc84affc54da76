"""Kernels for runs: this Python, a working folder and environment of their own, no network port."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


def kernel_manager(cwd: Path, environment: Mapping[str, str]) -> type[Any]:
    """A kernel manager class whose kernels start in ``cwd`` with ``environment`` added.

    Connections are by IPC where there are Unix sockets: with TCP, ports chosen by several
    processes at once collide. The sockets lie in Jupyter's runtime folder; their default names are
    relative to the working folder. The kernel is this Python whatever kernels a user has installed.
    """
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager
    from jupyter_core.paths import jupyter_runtime_dir
    from traitlets import Unicode

    class StudyKernelManager(AsyncKernelManager):
        """Starts kernels for one run."""

        transport = Unicode("ipc" if os.name == "posix" else "tcp")

        def _ip_default(self) -> str:
            found: str = super()._ip_default()
            return str(Path(jupyter_runtime_dir()) / "kernel") if self.transport == "ipc" else found

        @property
        def kernel_spec(self) -> Any:
            argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", "--log-level=CRITICAL"]
            return KernelSpec(argv=argv, display_name="Python 3", language="python")

        def start_kernel(self, **options: Any) -> Any:
            options["cwd"], options["env"] = str(cwd), {**_own_environment(), **environment}
            return super().start_kernel(**options)

    return StudyKernelManager


def _own_environment() -> dict[str, str]:
    """This environment with one thread a library and a fixed hash seed: same inputs, same bytes."""
    fixed = {**dict.fromkeys(THREADS, "1"), "PYTHONHASHSEED": "0"}
    return {**os.environ, **fixed}
