"""The station's configuration, written by a bench, is one that the station reads."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.config.load import load
from hil.drivers import StationPlan
from hil.station_file import Place, _value, station_toml

MOCK = {"backend": "mock"}
LINES = dict.fromkeys(("pilot", "contactor", "proximity", "lock", "meter", "reader"), MOCK)
VALUES = st.recursive(
    st.booleans() | st.integers(-(2**62), 2**62) | st.floats(-1e9, 1e9) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def place(evses: int) -> Place:
    return Place(
        state_dir="state",
        evses=dict.fromkeys(range(1, evses + 1), LINES),
        min_closing_interval_s=1.0,
        bench={"socket": "bench.sock", "real_instruments": True},
    )


@pytest.mark.parametrize("cable", ["socket", "attached"])
@pytest.mark.parametrize("evses", [1, 2])
def test_the_station_reads_what_the_bench_writes(tmp_path: Path, evses: int, cable: str) -> None:
    plan = StationPlan(
        csms_url="ws://127.0.0.1:9/ocpp",
        versions=("ocpp1.6",),
        variables={"TxCtrlr.EVConnectionTimeOut": "20"},
        evses=evses,
        cable=cable,
    )
    file = tmp_path / "station.toml"
    file.write_text(station_toml(plan, place(evses)))
    config = load(file)
    assert [evse.cable for evse in config.evses] == [cable] * evses
    assert config.guard.min_closing_interval_s == 1.0
    assert config.bench is not None
    assert config.bench.real_instruments


def test_each_evse_may_have_a_connector_of_its_own(tmp_path: Path) -> None:
    plan = StationPlan(
        csms_url="ws://127.0.0.1:9/ocpp",
        versions=("ocpp2.1",),
        evses=2,
        connector_types=("sType2", "sType3"),
    )
    evses = tomllib.loads(station_toml(plan, place(2)))["evse"]
    assert [evse["connector_type"] for evse in evses] == ["sType2", "sType3"]


@given(VALUES)
def test_whatever_is_written_is_read_back(value: object) -> None:
    assert tomllib.loads(f"x = {_value(value)}")["x"] == value


def test_what_toml_has_no_word_for_is_refused() -> None:
    with pytest.raises(TypeError, match="cannot be written"):
        _value(None)
