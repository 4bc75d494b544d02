"""The router: every command has exactly one handler, found by its type."""

import pytest

from agent.app.commands import CommandRouter
from agent.core.commands import (
    ACCEPTED,
    ChangeAvailability,
    DataTransfer,
    DataTransferStatus,
    Outcome,
    RequestStop,
)


async def _slowly(_command: RequestStop) -> Outcome:
    return ACCEPTED


async def test_a_handler_may_answer_at_once_or_later() -> None:
    router = CommandRouter()
    router.carries_out(ChangeAvailability, lambda _command: ACCEPTED)
    router.carries_out(RequestStop, _slowly)
    assert await router.handle(ChangeAvailability(operative=True)) is ACCEPTED
    assert await router.handle(RequestStop("t")) is ACCEPTED


@pytest.mark.requirement("P01.FR.05")
async def test_every_vendor_is_unknown() -> None:
    outcome = await CommandRouter().handle(DataTransfer("vendor"))
    assert outcome is DataTransferStatus.UNKNOWN_VENDOR_ID


def test_a_second_handler_of_a_command_is_refused() -> None:
    router = CommandRouter()
    router.carries_out(RequestStop, _slowly)
    with pytest.raises(ValueError, match="RequestStop has two handlers"):
        router.carries_out(RequestStop, _slowly)


def test_a_command_that_nobody_carries_out_is_named() -> None:
    with pytest.raises(LookupError, match="RequestStop"):
        CommandRouter().check_complete()
