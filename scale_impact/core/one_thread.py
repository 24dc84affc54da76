"""One thread for matrix products, where they are small and many."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any


def one_thread(small: bool) -> AbstractContextManager[Any]:
    """Keep BLAS to one thread where products are ``small``: beside other work its threads would wait for each other, up to ten times as long."""
    if not small:
        return nullcontext()
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[Any] = threadpool_limits(1, user_api="blas")
    return limits
