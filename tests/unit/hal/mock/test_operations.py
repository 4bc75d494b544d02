"""Bench operations on a plant."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hal.api import Fault
from hal.mock import wire
from hal.mock.operations import BENCH_FAULTS, Bench, Swipe
from hal.mock.plant import Evse, Plant
from hal.mock.wire import EvseSettings, LineOutputs
from tests.examples import examples

S = 1_000_000_000
OPERATIONS = (
    "plug_in",
    "plug_out",
    "pause",
    "resume",
    "swipe",
    "contract",
    "error",
    "meter",
    "vehicle",
    "tamper",
    "relay",
    "power_fail",
    "power_on",
    "state",
)


class Station:
    """A bench on two EVSEs: a socket and an attached cable."""

    def __init__(self) -> None:
        self.plant = Plant()
        self.swipes: list[Swipe] = []
        self.power_failures = 0
        self.plant.add(1, Evse(EvseSettings(), 10**9, 0), 0)
        self.plant.add(2, Evse(EvseSettings(cable_a=None, has_lock=False), 10**9, 0), 0)
        self.bench = Bench(self.plant, self._present, self._fail_power)
        self.now_ns = 0

    def operate(self, op: str, **request: object) -> dict[str, Any]:
        return self.send({"op": op} | request)

    def send(self, request: object) -> dict[str, Any]:
        return self.bench.perform(request, self.now_ns)

    def evse_state(self, evse: int = 1) -> dict[str, Any]:
        state: dict[str, Any] = self.operate("state", evse=evse)["evses"][0]
        return state

    def _present(self, swipe: Swipe) -> int:
        self.swipes.append(swipe)
        return 1

    def _fail_power(self) -> None:
        self.power_failures += 1


@pytest.fixture
def station() -> Station:
    return Station()


def charge(station: Station, until_ns: int = 10 * S) -> None:
    station.plant.evses[1].drive(LineOutputs(duty=16 / 60, coil=True), 0)
    station.operate("plug_in")
    station.now_ns = until_ns
    station.plant.advance(until_ns)


def test_plugging_in_and_out_moves_the_pilot_state(station: Station) -> None:
    station.plant.evses[1].drive(LineOutputs(duty=1.0), 0)
    assert station.operate("plug_in", evse=1) == {"ok": True}
    assert station.evse_state()["pilot_state"] == "B"
    assert station.evse_state()["plugged"] is True
    assert station.operate("plug_out", evse=1) == {"ok": True}
    assert station.evse_state()["pilot_state"] == "A"


def test_an_operation_without_an_evse_means_the_first(station: Station) -> None:
    station.operate("plug_in")
    assert station.plant.evses[1].vehicle.plugged
    assert not station.plant.evses[2].vehicle.plugged


def test_pause_and_resume_leave_and_enter_state_c(station: Station) -> None:
    charge(station)
    assert station.evse_state()["pilot_state"] == "C"
    station.operate("pause")
    assert station.evse_state()["pilot_state"] == "B"
    station.operate("resume")
    assert station.evse_state()["pilot_state"] == "C"


def test_the_state_shows_what_an_observer_could_measure(station: Station) -> None:
    charge(station, 60 * S)
    state = station.evse_state()
    assert state["duty"] == pytest.approx(16 / 60)
    assert state["offered_a_by_duty"] == 16.0
    assert state["coil"] is state["contactor_closed"] is True
    assert (state["pilot_high_v"], state["pilot_low_v"]) == (6.0, -12.0)
    assert state["meter"]["current_a"] == pytest.approx([16, 16, 16], abs=1e-3)
    assert state["meter"]["power_w"] == pytest.approx(3 * 16 * 229.36, abs=1)
    assert state["delivered_wh"] == pytest.approx(state["meter"]["energy_wh"] - 1000, abs=2e-3)
    assert state["meter"]["energy_wh"] == round(state["meter"]["energy_wh"], 3)
    assert state["vehicle"] == {
        "wants": True,
        "asks": True,
        "draws": True,
        "max_a": 32.0,
        "phases": 3,
        "legacy": False,
        "simplified": False,
    }
    assert (state["connected_phases"], state["moved_under_load"]) == (3, 0)
    assert state["fed_phases"] == [1, 2, 3]
    assert state["shut_off"] is state["tampered"] is False


def test_the_state_of_a_station_names_every_evse(station: Station) -> None:
    state = station.operate("state")
    assert [one["evse"] for one in state["evses"]] == [1, 2]
    assert state["mains"] is True


def test_a_swipe_reaches_all_evses_unless_told_otherwise(station: Station) -> None:
    assert station.operate("swipe", token="04a1b2c3") == {"ok": True, "heard_by": 1}
    station.operate("swipe", token="1234", type="KeyCode", evses=[2])
    station.operate("swipe", token="secret", type="Local", evse=1)
    assert station.swipes == [
        Swipe("04A1B2C3", "ISO14443", frozenset({1, 2})),
        Swipe("1234", "KeyCode", frozenset({2})),
        Swipe("secret", "Local", frozenset({1})),
    ]


def test_only_a_vehicle_that_is_plugged_in_presents_a_contract(station: Station) -> None:
    contract = {"emaid": "NLTNM012345678", "chain": "PEM"}
    refused = station.operate("contract", evse=2, **contract)
    assert refused["ok"] is False
    assert "no vehicle" in refused["error"]
    station.operate("plug_in", evse=2)
    assert station.operate("contract", evse=2, **contract) == {"ok": True, "heard_by": 1}
    assert station.swipes == [Swipe("NLTNM012345678", "eMAID", frozenset({2}), "PEM")]
    for wrong in ({"emaid": ""}, {"emaid": "E" * 37}, {"chain": ""}, {"chain": "x" * 20_001}):
        assert station.operate("contract", evse=2, **contract | wrong)["ok"] is False


@pytest.mark.parametrize("code", BENCH_FAULTS)
def test_every_error_code_can_be_set_and_cleared(station: Station, code: str) -> None:
    assert station.operate("error", code=code, on=True) == {"ok": True}
    assert station.evse_state()["faults"] == [code]
    assert station.operate("error", code=code, on=False) == {"ok": True}
    assert station.evse_state()["faults"] == []


def test_the_bench_cannot_break_what_is_not_part_of_the_board(station: Station) -> None:
    assert station.operate("error", code="guard_lost")["ok"] is False
    refused = station.operate("error", evse=2, code="lock")
    assert refused == {"ok": False, "error": "this EVSE has no lock that could fail"}


def test_the_reaction_to_a_fault_is_shown_in_milliseconds(station: Station) -> None:
    charge(station)
    station.operate("error", code="rcd")
    station.plant.evses[1].drive(LineOutputs(duty=16 / 60), station.now_ns + 8_250_000)
    station.now_ns += S
    assert station.evse_state()["last_fault_to_open_ms"] == 8.25
    assert station.evse_state()["last_leave_to_open_ms"] is None


@pytest.mark.parametrize("energy_wh", [5_000_000, 12.345])
def test_the_register_can_be_turned_forward_and_back(station: Station, energy_wh: float) -> None:
    assert station.operate("meter", energy_wh=energy_wh) == {"ok": True}
    assert station.evse_state()["meter"]["energy_wh"] == energy_wh


def test_displayed_values_are_fixed_until_cleared_by_null(station: Station) -> None:
    station.operate("meter", power_w=11_000, voltage_v=231.5, current_a=[16, 15.5, 16])
    meter = station.evse_state()["meter"]
    assert meter["power_w"] == 11_000
    assert meter["voltage_v"] == [231.5, 231.5, 231.5]
    assert meter["current_a"] == [16, 15.5, 16]
    station.operate("meter", power_w=None)
    assert station.evse_state()["meter"]["power_w"] == 0.0
    assert station.evse_state()["meter"]["current_a"] == [16, 15.5, 16]
    station.operate("meter", voltage_v=None, current_a=None, energy_wh=None)
    assert station.evse_state()["meter"]["voltage_v"] == [230.0] * 3
    assert station.evse_state()["meter"]["current_a"] == [0.0] * 3


def test_a_refused_meter_request_changes_nothing(station: Station) -> None:
    refused = station.operate("meter", power_w=1.0, energy_wh=-1)
    assert refused["ok"] is False
    assert station.evse_state()["meter"]["power_w"] == 0.0


def test_another_vehicle_draws_what_it_can(station: Station) -> None:
    charge(station)
    station.operate("vehicle", max_a=10, phases=1, legacy=True)
    assert station.evse_state()["meter"]["current_a"] == [10.0, 0.0, 0.0]
    station.operate("vehicle", cable_a=13, max_a=32)
    assert station.evse_state()["cable_a"] == 13
    assert station.plant.evses[1].vehicle.phases == 1


def test_a_vehicle_may_be_of_an_odd_kind(station: Station) -> None:
    station.operate("vehicle", legacy=True)
    station.operate("vehicle", simplified=True)
    vehicle = station.evse_state()["vehicle"]
    assert (vehicle["legacy"], vehicle["simplified"]) == (True, True)
    assert station.operate("vehicle", simplified="no")["ok"] is False


def test_the_lid_opens_and_closes(station: Station) -> None:
    station.operate("tamper", evse=2)
    assert [one["tampered"] for one in station.operate("state")["evses"]] == [False, True]
    station.operate("tamper", evse=2, on=False)
    assert not station.plant.evses[2].tampered


def test_a_relay_that_somebody_looks_at_is_switched_and_breaks(station: Station) -> None:
    reply = station.operate("relay", relay="grid.k1", on=True)
    assert reply["error"] == "nobody looks at a relay 'grid.k1'; there is none"
    surroundings = station.bench.surroundings
    assert surroundings.relay("grid.k1") is False
    for on in (True, None, False):
        assert station.operate("relay", relay="grid.k1", on=on)["ok"]
        assert surroundings.relay("grid.k1") is on
        assert station.operate("state")["relays"] == {"grid.k1": on}
    assert not station.operate("relay", relay="grid.k1", on="yes")["ok"]


def test_a_power_failure_takes_the_mains_until_they_are_given_back(station: Station) -> None:
    charge(station)
    assert station.operate("power_fail") == {"ok": True}
    assert station.power_failures == 1
    assert station.operate("state")["mains"] is False
    assert station.evse_state()["coil"] is False
    station.operate("power_on")
    assert station.operate("state")["mains"] is True


@pytest.mark.parametrize(
    ("request_", "word"),
    [
        (None, "JSON object"),
        ([], "JSON object"),
        ({}, "'op'"),
        ({"op": 5}, "'op'"),
        ({"op": "explode"}, "explode"),
        ({"op": "plug_in", "evse": 7}, "no EVSE 7"),
        ({"op": "plug_in", "evse": "1"}, "whole number"),
        ({"op": "plug_in", "evse": True}, "whole number"),
        ({"op": "plug_in", "evse": 1.0}, "whole number"),
        ({"op": "state", "evse": None}, "whole number"),
        ({"op": "error", "code": "meltdown"}, "meltdown"),
        ({"op": "error", "code": None}, "'code'"),
        ({"op": "error", "code": "rcd", "on": 1}, "'on'"),
        ({"op": "swipe"}, "'token'"),
        ({"op": "swipe", "token": ""}, "'token'"),
        ({"op": "swipe", "token": "a\n"}, "'token'"),
        ({"op": "swipe", "token": "A" * 256}, "'token'"),
        ({"op": "swipe", "token": "A", "type": ""}, "'type'"),
        ({"op": "swipe", "token": "A", "evses": [1, 9]}, "no EVSE 9"),
        ({"op": "swipe", "token": "A", "evses": [[1]]}, "whole number"),
        ({"op": "meter", "energy_wh": "5"}, "'energy_wh'"),
        ({"op": "meter", "energy_wh": 1e13}, "'energy_wh'"),
        ({"op": "meter", "power_w": float("nan")}, "finite"),
        ({"op": "meter", "power_w": 10**400}, "finite"),
        ({"op": "meter", "current_a": []}, "'current_a'"),
        ({"op": "meter", "current_a": [1, 2, 3, 4]}, "'current_a'"),
        ({"op": "meter", "voltage_v": [None]}, "'voltage_v'"),
        ({"op": "vehicle", "max_a": -1}, "'max_a'"),
        ({"op": "vehicle", "max_a": None}, "'max_a'"),
        ({"op": "vehicle", "phases": 0}, "'phases'"),
        ({"op": "vehicle", "phases": True}, "'phases'"),
        ({"op": "vehicle", "phases": [3]}, "'phases'"),
        ({"op": "vehicle", "cable_a": 14}, "'cable_a'"),
        ({"op": "vehicle", "cable_a": [13]}, "'cable_a'"),
        ({"op": "vehicle", "cable_a": 13.0}, "'cable_a'"),
        ({"op": "vehicle", "evse": 2, "cable_a": 13}, "attached"),
        ({"op": "error", "code": "contactor_welded", "phase": 2}, "where each phase"),
    ],
)
def test_a_wrong_request_is_answered_with_a_sentence(
    station: Station, request_: object, word: str
) -> None:
    reply = station.send(request_)
    assert reply["ok"] is False
    assert word in reply["error"]


def test_the_contactor_of_one_phase_welds_where_each_has_one(station: Station) -> None:
    station.plant.add(3, Evse(EvseSettings(per_phase=True), 10**9, 0), 0)
    weld = {"op": "error", "evse": 3, "code": "contactor_welded"}
    assert station.send(weld | {"phase": 2}) == {"ok": True}
    state = station.evse_state(3)
    assert (state["contactor_closed"], state["fed_phases"]) == (True, [2])
    assert station.send(weld | {"on": False}) == {"ok": True}
    assert station.evse_state(3)["fed_phases"] == []
    for wrong in ({"phase": 0}, {"phase": True}, {"phase": 1, "code": "rcd"}):
        assert "'phase'" in station.send(weld | wrong)["error"]


def test_an_operation_on_a_board_without_evses_says_so() -> None:
    bench = Bench(Plant(), lambda _: 0, lambda: None)
    assert "none yet" in str(bench.perform({"op": "plug_in"}, 0)["error"])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
plausible = st.sampled_from(
    [1, 2, 13.0, 16, 230.5, "rcd", "lock", "DEADBEEF", [1], [16, 16], True, None]
)
KEYS = (
    "evse",
    "code",
    "on",
    "token",
    "type",
    "evses",
    "energy_wh",
    "power_w",
    "voltage_v",
    "current_a",
    "max_a",
    "phases",
    "cable_a",
    "legacy",
    "simplified",
    "phase",
)
requests = st.fixed_dictionaries(
    {"op": st.sampled_from(OPERATIONS) | json_values},
    optional=dict.fromkeys(KEYS, plausible | json_values),
)


def reply_of(perform: Callable[[object], dict[str, Any]], request: object) -> dict[str, Any]:
    reply = perform(request)
    assert reply["ok"] is True or (reply["ok"] is False and isinstance(reply["error"], str))
    return reply


@settings(max_examples=examples(100), deadline=None)
@given(series=st.lists(requests | json_values, max_size=12))
def test_no_series_of_requests_breaks_the_board(series: list[object]) -> None:
    station = Station()
    for request in series:
        reply_of(station.send, request)
        station.now_ns += S // 3
        station.plant.advance(station.now_ns)
    state = reply_of(station.send, {"op": "state"})
    assert state["ok"] is True
    known = {fault.value for fault in Fault}
    lines = {number: evse.read_lines() for number, evse in station.plant.evses.items()}
    assert wire.decode_inputs(wire.parse(wire.encode_inputs(lines, 1))) == lines
    json.dumps(state, allow_nan=False)
    assert all(set(one["faults"]) <= known for one in state["evses"])
