"""Backend names and their factories."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from hal import registry
from hal.api import SafetyBoard
from hal.mock.backends import MockMeter, MockReader
from hal.registry import Backend, BackendRefused, Table

MOCK = {"backend": "mock"}
STATION = {1: {"pilot": MOCK, "contactor": MOCK, "settings": {"phases": 3}}}


@pytest.fixture
def real_meter(monkeypatch: pytest.MonkeyPatch) -> None:
    def check(port: str, table: Table) -> Iterable[str]:
        unknown = table.keys() - {"backend", "port"}
        return [f"{port} does not know {', '.join(unknown)}"] if unknown else []

    backends = {"mock": Backend("mock"), "modbus": Backend("real", check)}
    monkeypatch.setitem(registry._PORTS, "meter", backends)


def test_every_port_has_a_mock() -> None:
    documented = "pilot contactor meter reader proximity lock rcm indicator temperature"
    for port in (*documented.split(), "emergency_stop", "residual_current"):
        assert "mock" in registry.known_backends(port)


def test_an_unknown_port_is_refused_by_name() -> None:
    with pytest.raises(BackendRefused, match=r"'flux'.*pilot"):
        registry.known_backends("flux")
    with pytest.raises(BackendRefused, match=r"EVSE 1.*'flux'"):
        registry.open_safety_board({1: {"flux": MOCK}}, Path("unused"))


def test_an_unknown_backend_is_refused_with_those_that_exist() -> None:
    with pytest.raises(BackendRefused, match=r"EVSE 4.*meter.*'steam'.*mock"):
        registry.open_meter(4, {"backend": "steam"}, Path("unused"))


def test_a_table_without_a_backend_is_refused() -> None:
    with pytest.raises(BackendRefused, match=r"EVSE 1, 2: reader has no backend None"):
        registry.open_reader([1, 2], {}, Path("unused"))


def test_an_unknown_option_is_refused_by_name() -> None:
    with pytest.raises(BackendRefused, match=r"EVSE 1.*'mock' does not know colour.*no options"):
        registry.open_meter(1, {"backend": "mock", "colour": "red"}, Path("unused"))


def test_simulated_contactors_are_in_series_or_one_for_each_phase() -> None:
    for strategy in ("series", "per_phase"):
        assert registry.problems("contactor", {"backend": "mock", "strategy": strategy}) == ()
    for wrong in ({"strategy": "single"}, {"strategy": 3}, {"colour": "red"}):
        (problem,) = registry.problems("contactor", {"backend": "mock", **wrong})
        assert next(iter(wrong)) in problem


def test_a_backend_judges_its_own_options(real_meter: None) -> None:
    wrong = {"backend": "modbus", "port": "tty", "baud": 1}
    assert registry.problems("meter", wrong) == ("meter does not know baud",)
    assert registry.problems("meter", {"backend": "modbus", "port": "tty"}) == ()
    assert "steam" in registry.problems("meter", {"backend": "steam"})[0]


def test_simulated_and_real_safety_lines_do_not_mix(monkeypatch: pytest.MonkeyPatch) -> None:
    both = {"mock": Backend("mock"), "gpio": Backend("real")}
    monkeypatch.setitem(registry._PORTS, "contactor", both)
    mixed = {1: {"pilot": MOCK, "contactor": {"backend": "gpio"}}}
    with pytest.raises(BackendRefused, match=r"pilot of EVSE 1 \(mock\).*contactor of EVSE 1"):
        registry.open_safety_board(mixed, Path("unused"))


@pytest.mark.parametrize("missing", ["pilot", "contactor"])
def test_safety_lines_need_pilot_and_contactor(missing: str) -> None:
    tables = {1: {port: table for port, table in STATION[1].items() if port != missing}}
    with pytest.raises(BackendRefused, match=f"EVSE 1 has no {missing}"):
        registry.open_safety_board(tables, Path("unused"))


def test_a_station_without_evses_has_no_lines() -> None:
    with pytest.raises(BackendRefused, match="no EVSE"):
        registry.open_safety_board({}, Path("unused"))


async def test_instruments_come_from_their_backends(tmp_path: Path) -> None:
    meter = registry.open_meter(1, MOCK, tmp_path)
    reader = registry.open_reader([1], MOCK, tmp_path)
    assert isinstance(meter, MockMeter)
    assert isinstance(reader, MockReader)
    await meter.close()
    await reader.close()


def test_the_safety_board_comes_from_its_backend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[object] = []

    def open_board(tables: registry.EvseTables, state_dir: Path) -> SafetyBoard:
        opened.append((tables, state_dir))
        return NotImplemented

    monkeypatch.setitem(registry._BOARDS, "mock", open_board)
    registry.open_safety_board(STATION, tmp_path)
    assert opened == [(STATION, tmp_path)]
