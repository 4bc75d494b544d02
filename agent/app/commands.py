"""Which service carries out which command."""

from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Any, TypeVar, get_args

from agent.core.commands import (
    Command,
    CommandOutcome,
    DataTransfer,
    DataTransferStatus,
)

C = TypeVar("C", bound=Command)
Handler = Callable[[C], CommandOutcome | Awaitable[CommandOutcome]]


class CommandRouter:
    """Hands every command of the CSMS to its service, by the command's type."""

    def __init__(self) -> None:
        self._handlers: dict[type, Handler[Any]] = {}
        self.carries_out(DataTransfer, _unknown_vendor)

    def carries_out(self, command: type[C], handler: Handler[C]) -> None:
        """Name the one handler of a command; raises `ValueError` if it has one already."""
        if command in self._handlers:
            raise ValueError(f"{command.__name__} has two handlers")
        self._handlers[command] = handler

    def check_complete(self) -> None:
        """Raise `LookupError` if a command that a codec may decode has no handler."""
        if left := [c.__name__ for c in get_args(Command) if c not in self._handlers]:
            raise LookupError(f"nobody carries out {', '.join(left)}")

    async def handle(self, command: Command) -> CommandOutcome:
        """Carry a command out and return what came of it."""
        outcome = self._handlers[type(command)](command)
        return await outcome if isawaitable(outcome) else outcome


def _unknown_vendor(_command: DataTransfer) -> DataTransferStatus:
    """Refuse: no vendor extension is installed, so every vendor is unknown (P01.FR.05)."""
    return DataTransferStatus.UNKNOWN_VENDOR_ID
