"""The target: drivers by role and by name, and a finish that reaches every one of them."""

from pathlib import Path

import pytest

from hil.bench_file import load
from hil.csms import CsmsDriver
from hil.drivers import CardDriver, DriverFailed, MeterDriver, PowerDriver, StationDriver
from hil.target import NotOnBench, Target

BENCH = """\
summary = "a test"
[resources.csms]
kind = "csms"
seen_as = "10.0.2.2"
[resources.station]
kind = "sim.station"
[resources.reader2]
kind = "sim.board_reader"
evses = [2]
"""


@pytest.fixture
def target(tmp_path: Path) -> Target:
    file = tmp_path / "bench.toml"
    file.write_text(BENCH)
    return Target(load(file))


def test_a_driver_is_found_by_each_of_its_roles(target: Target) -> None:
    assert target.driver(StationDriver) is target.driver(PowerDriver)
    assert target.driver(CardDriver).evses == (2,)


def test_a_role_that_nobody_has_is_a_reason_to_skip(target: Target) -> None:
    with pytest.raises(NotOnBench, match="bench 'bench' has no MeterDriver"):
        target.driver(MeterDriver)


def test_a_driver_is_found_by_its_name_and_a_wrong_one_gets_the_right_ones(target: Target) -> None:
    assert target.named("reader2", CardDriver).name == "reader2"
    with pytest.raises(DriverFailed, match=r"'reader1' .* there is reader2"):
        target.named("reader1", CardDriver)


def test_the_station_dials_the_csms_by_the_address_that_it_sees(target: Target) -> None:
    seen = target.driver(CsmsDriver).url_for_station("ws://127.0.0.1:8080/ocpp")
    assert seen == "ws://10.0.2.2:8080/ocpp"


async def test_a_driver_that_fails_keeps_no_other_from_finishing(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished: list[str] = []

    async def fail() -> None:
        raise DriverFailed("stuck")

    async def note() -> None:
        finished.append("csms")

    monkeypatch.setattr(target.driver(CsmsDriver), "finish", note)
    monkeypatch.setattr(target.named("reader2", CardDriver), "finish", fail)
    with pytest.raises(DriverFailed, match="stuck"):
        await target.finish()
    assert finished == ["csms"]
