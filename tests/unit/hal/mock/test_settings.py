"""How simulated EVSEs are built."""

import pytest

from hal.api import HardwareError
from hal.mock.settings import read_settings
from hal.mock.wire import EvseSettings

MOCK = {"backend": "mock"}


def build(settings: dict[str, object], **ports: dict[str, object]) -> EvseSettings:
    return read_settings({1: {"pilot": MOCK, "contactor": MOCK, "settings": settings, **ports}})[1]


def test_settings_are_taken_from_the_table() -> None:
    table = {"max_current_a": 16, "phases": 1, "cable": 20, "nominal_voltage_v": 120}
    assert build(table) == EvseSettings(16, 1, 120, 20, has_lock=True)


def test_without_settings_an_evse_is_a_three_phase_socket_with_a_lock() -> None:
    assert read_settings({1: {}})[1] == EvseSettings(32, 3, 230.0, 32, has_lock=True)


def test_an_attached_cable_has_no_lock_unless_one_is_configured() -> None:
    assert build({"cable": "attached"}) == EvseSettings(32, 3, 230.0, None, has_lock=False)
    assert build({"cable": "attached"}, lock=MOCK).has_lock


def test_the_connector_type_tells_the_kind_of_cable_unless_that_is_named() -> None:
    assert build({"connector_type": "cType2"}).cable_a is None
    assert build({"connector_type": "sType2"}).cable_a == 32
    assert build({"connector_type": "cType2", "cable": "socket"}).cable_a == 32


def test_the_contactors_are_one_for_each_phase_where_the_table_says_so() -> None:
    assert not build({}).per_phase
    assert not build({}, contactor=MOCK | {"strategy": "series"}).per_phase
    assert build({}, contactor=MOCK | {"strategy": "per_phase"}).per_phase


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"cable": "rope"}, "cable"),
        ({"cable": 15}, "cable"),
        ({"cable": True}, "cable"),
        ({"phases": 4}, "phases"),
        ({"phases": "3"}, "phases"),
        ({"max_current_a": 0}, "max_current_a"),
        ({"max_current_a": True}, "max_current_a"),
        ({"nominal_voltage_v": float("nan")}, "nominal_voltage_v"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(settings: dict[str, object], word: str) -> None:
    with pytest.raises(HardwareError, match=f"EVSE 1.*{word}"):
        build(settings)


def test_an_evse_number_that_fits_no_frame_is_refused() -> None:
    with pytest.raises(HardwareError, match="65536"):
        read_settings({65536: {}})
