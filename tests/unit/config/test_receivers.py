"""`[[smart_charging.receiver]]`: what is read, and every mistake named."""

from pathlib import Path

import pytest

from agent.app.hardware import backend_problems
from agent.config.load import load
from agent.config.model import StationConfig
from agent.config.problems import ConfigError
from agent.config.receivers import LimitAmount, ReceiverSource

STATION = """\
[station]
vendor = "V"
model = "M"
serial_number = "1"
[csms]
url = "ws://127.0.0.1:1/"
identity = "CS"
security_profile = 0
allow_insecure = true
[[evse]]
id = 1
connector_type = "cType2"
max_current_a = 32
phases = 3
pilot = { backend = "mock" }
contactor = { backend = "mock" }
meter = { backend = "mock" }
[bench]
socket = "bench.sock"
"""
MOCK = '{ backend = "mock" }'
RECEIVER = {
    "id": '"grid"',
    "fail_safe_a": "6",
    "relays": f"{{ k1 = {MOCK}, k2 = {MOCK} }}",
    "states": '[{ on = [] }, { on = ["k1"], limit_w = 4200.5 }, { on = ["k2"], limit_a = 0 }]',
}


def loaded(folder: Path, *receivers: dict[str, str]) -> StationConfig:
    tables = [
        "\n".join(("[[smart_charging.receiver]]", *(f"{k} = {v}" for k, v in one.items())))
        for one in receivers
    ]
    file = folder / "station.toml"
    file.write_text(STATION + "\n".join(tables) + "\n", encoding="utf-8")
    return load(file, check_backend=backend_problems)


def test_a_receiver_has_relays_states_and_a_fail_safe_limit(tmp_path: Path) -> None:
    more = {"evse": "1", "source": '"EMS"', "grid_critical": "false", "debounce_s": "1"}
    config = loaded(tmp_path, RECEIVER | more)
    (receiver,) = config.smart_charging.receivers
    assert (receiver.id, receiver.evse, receiver.source) == ("grid", 1, ReceiverSource.EMS)
    assert (receiver.grid_critical, receiver.debounce_s) == (False, 1.0)
    assert list(receiver.relays) == ["k1", "k2"]
    assert receiver.relay_name("k1") == "grid.k1"
    assert receiver.fail_safe == LimitAmount(limit_a=6)
    assert {tuple(state.on): state.amount for state in receiver.states} == {
        (): LimitAmount(),
        ("k1",): LimitAmount(limit_w=4200.5),
        ("k2",): LimitAmount(limit_a=0),
    }
    shown = "\n".join(config.describe())
    assert "smart_charging.receiver[grid].fail_safe = 6 A" in shown
    assert 'smart_charging.receiver[grid].on ["k1"] = 4200.5 W' in shown


def test_by_default_it_is_the_grid_that_limits_the_station_at_once(tmp_path: Path) -> None:
    (receiver,) = loaded(tmp_path, RECEIVER).smart_charging.receivers
    assert (receiver.evse, receiver.source) == (0, ReceiverSource.SO)
    assert (receiver.grid_critical, receiver.debounce_s) == (True, 0.3)


@pytest.mark.parametrize(
    ("wrong", "key", "words"),
    [
        ({"id": '"Grid!"'}, "id", "lower-case"),
        ({"fail_safe_a": None}, "fail_safe_w", "is missing"),
        ({"fail_safe_w": "4200"}, "fail_safe_w", "two ways"),
        ({"fail_safe_a": "nan"}, "fail_safe_a", "between"),
        ({"fail_safe_a": "-1"}, "fail_safe_a", "between"),
        ({"relays": None}, "relays", "1 to 8 relays"),
        ({"relays": f"{{ K1 = {MOCK}, k1 = {MOCK}, k2 = {MOCK} }}"}, "relays.K1", "lower-case"),
        ({"relays": '{ k1 = { backend = "steam" }, k2 = { backend = "mock" } }'}, "grid.k1", "ste"),
        (
            {"relays": '{ k1 = { backend = "keys" }, k2 = { backend = "mock" } }'},
            "grid.k1",
            "device is missing",
        ),
        ({"states": None}, "states", "at least one"),
        ({"states": "[{ limit_a = 6 }]"}, "states[1].on", "is missing"),
        ({"states": '[{ on = ["k3"] }]'}, "states[1].on", "no relay of this receiver"),
        ({"states": "[{ on = [] }, { on = [], limit_a = 6 }]"}, "states[2].on", "another state"),
        ({"states": "[{ on = [], limit_a = 6, limit_w = 1 }]"}, "states[1].limit_w", "two ways"),
        ({"states": "[{ on = [], amps = 6 }]"}, "states[1].amps", "unknown key"),
        ({"evse": "2"}, "evse", "one of its 1 EVSEs"),
        ({"source": '"CSO"'}, "source", "must be one of SO, EMS, Other"),
        ({"debounce_s": "60"}, "debounce_s", "between"),
        ({"delay": "1"}, "delay", "unknown key"),
    ],
)
def test_a_mistake_is_named_with_its_key(
    tmp_path: Path, wrong: dict[str, str | None], key: str, words: str
) -> None:
    receiver = {k: v for k, v in {**RECEIVER, **wrong}.items() if v is not None}
    with pytest.raises(ConfigError) as refused:
        loaded(tmp_path, receiver)
    assert any(p.key.endswith(key) and words in p.reason for p in refused.value.problems), [
        f"{p.key} {p.reason}" for p in refused.value.problems
    ]


def test_a_simulated_relay_does_not_limit_a_real_station_nor_a_real_one_a_simulated(
    tmp_path: Path,
) -> None:
    real = (
        '{ k1 = { backend = "keys", device = "button@b", key = 704 }, k2 = { backend = "mock" } }'
    )
    with pytest.raises(ConfigError) as refused:
        loaded(tmp_path, RECEIVER | {"relays": real})
    (problem,) = refused.value.problems
    assert problem.key == "smart_charging.receiver.grid.k1"
    assert "either simulated or real" in problem.reason


def test_two_receivers_have_names_and_places_of_their_own(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        loaded(tmp_path, RECEIVER, RECEIVER)
    assert {p.key for p in refused.value.problems} == {
        "smart_charging.receiver[2].id",
        "smart_charging.receiver[2].source",
    }
    loaded(tmp_path, RECEIVER, RECEIVER | {"id": '"ems"', "source": '"EMS"'})
