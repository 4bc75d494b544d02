"""These tests run in virtual time: hours and days take as long as there is something to do."""

import asyncio
from collections.abc import Callable, Mapping

import pytest

from agent.services import evse, meter_watch
from tests.unit.services.smart_charging.charging_rig import POLL_S, RENEWAL_S
from tests.virtual_time import loop_factories


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return loop_factories()


@pytest.fixture(autouse=True)
def rare_routine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do rarely what changes nothing here: this guard trusts leases, this meter counts nothing."""
    monkeypatch.setattr(evse, "RENEWAL_S", RENEWAL_S)
    monkeypatch.setattr(meter_watch, "METER_POLL_S", POLL_S)
