"""The table of faults: complete, legal in every version, and written for people."""

import pytest

from agent.core.fault_taxonomy import (
    BY_NAME,
    FAULTS,
    INTERNAL,
    TEMPERATURE_LOST,
    FaultKind,
    Severity,
    by_seriousness,
    kind_of,
    stopped_reason,
)
from agent.core.snapshot import EvseSnapshot
from agent.core.vocabulary import StoppedReason
from hal.api import Fault

SUSPENDING = {
    *(Fault.OVER_TEMPERATURE, Fault.METER_LOST, Fault.READER_LOST, Fault.UNDER_VOLTAGE),
    *(Fault.LINES_LOST, Fault.GUARD_LOST),
    *(INTERNAL, TEMPERATURE_LOST),
}
WARNINGS = {Fault.READER_LOST, TEMPERATURE_LOST}
STANDARD_COMPONENTS = {
    *("PowerContactor", "RCD", "ElectricalFeed", "EmergencyStopSensor", "OverCurrentProtection"),
    *("ConnectorPlugRetentionLock", "TemperatureSensor", "CPPWMController"),
    *("Controller", "FiscalMetering", "EVSE", "TokenReader"),
}
STANDARD_VARIABLES = {"Problem", "Tripped", "Active"}


def test_every_fault_of_the_hardware_and_of_the_agent_is_in_the_table_once() -> None:
    names = [kind.name for kind in FAULTS]
    assert sorted(names) == sorted({fault.value for fault in Fault} | {INTERNAL, TEMPERATURE_LOST})


def test_every_fault_either_ends_or_suspends() -> None:
    suspending = {kind.name for kind in FAULTS if kind.stopped_reason is None}
    assert suspending == {str(fault) for fault in SUSPENDING}


@pytest.mark.parametrize("kind", FAULTS, ids=lambda kind: kind.name)
def test_a_warning_leaves_the_connector_usable_and_nothing_else_does(kind: FaultKind) -> None:
    faulted = EvseSnapshot(faults=frozenset({kind.name})).faulted
    assert faulted is kind.prevents_charging is (kind.name not in WARNINGS)


@pytest.mark.parametrize("kind", FAULTS, ids=lambda kind: kind.name)
def test_driver_and_installer_get_a_sentence_in_plain_words(kind: FaultKind) -> None:
    for sentence in (kind.driver, kind.remedy):
        assert sentence[0].isupper()
        assert sentence.endswith(".")
        assert "  " not in sentence
    assert kind.driver.isascii()
    assert len(kind.driver) <= 90


@pytest.mark.requirement("N07", "G05.FR.02")
@pytest.mark.parametrize("kind", FAULTS, ids=lambda kind: kind.name)
def test_a_fault_is_a_variable_of_a_component_of_the_standard(kind: FaultKind) -> None:
    assert kind.component in STANDARD_COMPONENTS
    assert kind.variable in STANDARD_VARIABLES
    assert Severity.DANGER <= kind.severity <= 9


def test_an_mrec_code_has_one_name_and_is_within_the_list() -> None:
    names: dict[str, set[str]] = {}
    for mrec in (kind.mrec for kind in FAULTS if kind.mrec is not None):
        names.setdefault(mrec.code, set()).add(mrec.name)
        assert 1 <= int(mrec.code.removeprefix("CX")) <= 26
    assert all(len(found) == 1 for found in names.values())


@pytest.mark.parametrize("fault", sorted(SUSPENDING))
def test_a_fault_that_may_pass_ends_nothing(fault: str) -> None:
    assert stopped_reason(frozenset({fault})) is None


def test_no_fault_ends_nothing() -> None:
    assert stopped_reason(frozenset()) is None


@pytest.mark.requirement("E06.FR.16", "S16-TXN-04")
@pytest.mark.parametrize("fault", sorted(BY_NAME.keys() - {str(fault) for fault in SUSPENDING}))
def test_a_fatal_fault_has_its_reason_whatever_comes_with_it(fault: str) -> None:
    reason = BY_NAME[fault].stopped_reason
    assert reason is not None
    assert stopped_reason(frozenset({fault, "over_temperature", "unheard_of"})) is reason


def test_a_reason_that_says_something_goes_before_other() -> None:
    assert stopped_reason(frozenset({"other", "over_current", "rcd"})) is StoppedReason.GROUND_FAULT
    assert stopped_reason(frozenset({"lock", "estop"})) is StoppedReason.EMERGENCY_STOP
    both = frozenset({"contactor_welded", "rcd"})
    assert stopped_reason(both) is StoppedReason.GROUND_FAULT
    assert by_seriousness(both)[0] == "contactor_welded"


def test_a_fault_that_nobody_knows_comes_last_and_has_sentences() -> None:
    assert by_seriousness({"zzz", "reader_lost", "aaa"}) == ["reader_lost", "aaa", "zzz"]
    assert kind_of("zzz").name == "zzz"
    assert kind_of("rcd") is BY_NAME["rcd"]
