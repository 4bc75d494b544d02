"""Waiting for something to become true, without asking the clock again and again."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


class Waiters:
    """Conditions that are looked at after each change, and the tasks that wait for them."""

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Future[Any], Callable[[], Any]] = {}

    async def wait_for(self, condition: Callable[[], T], timeout_s: float, what: str) -> T:
        """Return the condition's value as soon as it is true; raises TimeoutError naming `what`."""
        value = condition()
        if value:
            return value
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting[future] = condition
        try:
            async with asyncio.timeout(timeout_s):
                return await future
        except TimeoutError:
            msg = f"waited {timeout_s} s in vain for {what}"
            raise TimeoutError(msg) from None
        finally:
            self._waiting.pop(future, None)

    def changed(self) -> None:
        """Look at every condition again."""
        for future, condition in list(self._waiting.items()):
            if not future.done():
                _settle(future, condition)


def _settle(future: asyncio.Future[Any], condition: Callable[[], Any]) -> None:
    """Give the condition's value, or what it raised, to the task that waits."""
    try:
        value = condition()
    except Exception as error:  # noqa: BLE001 - handed on to the waiting task, not swallowed
        future.set_exception(error)
        return
    if value:
        future.set_result(value)
