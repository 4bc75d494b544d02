import os
import re
from pathlib import Path

import pytest

from agent.config.backend import BackendConfig
from agent.config.load import load
from agent.config.model import (
    AuthorizationKeyEncoding,
    Cable,
    HardwareRole,
    LogLevel,
    SignedValueWrapping,
    StationConfig,
)
from agent.config.problems import ConfigError
from agent.core.variable_access import Assignment
from agent.core.variable_definition import ComponentKey, ComponentVariable, VariableKey
from hal.guard.settings import load as load_guard

EXAMPLE = Path(__file__).parents[3] / "config" / "station.toml"
CONTRACT = """
[station]
vendor = "Example"
model = "AC22"
serial_number = "0001"
state_dir = "/var/lib/stationd"
[csms]
url = "ws://127.0.0.1:9000/ocpp"
identity = "CS001"
versions = ["ocpp2.1", "ocpp2.0.1", "ocpp1.6"]
security_profile = 0
allow_insecure = true
[[evse]]
id = 1
connector_type = "sType2"
max_current_a = 32
phases = 3
pilot = { backend = "mock" }
contactor = { backend = "mock" }
meter = { backend = "mock" }
reader = { backend = "mock" }
[bench]
socket = "/run/stationd/bench.sock"
[variables]
"OCPPCommCtrlr.HeartbeatInterval" = 300
[ocpp16_keys]
MeterValueSampleInterval = 60
"""
REAL_EVSE = """
[[evse]]
id = 1
connector_type = "cType2"
max_current_a = 32
phases = 3
pilot = { backend = "pwm" }
contactor = { backend = "gpio" }
meter = { backend = "modbus", port = "/dev/ttyUSB0", address = 1, registers = [1, 2] }
"""


def write(folder: Path, text: str) -> Path:
    file = folder / "station.toml"
    file.write_text(text)
    return file


def edited(folder: Path, *changes: tuple[str, str]) -> Path:
    text = CONTRACT
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return write(folder, text)


def problems(file: Path) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        load(file)
    found = {problem.key: problem.reason for problem in caught.value.problems}
    assert len(found) == len(caught.value.problems), "a key is complained about twice"
    return found


def test_the_documented_example_is_valid() -> None:
    config = load(EXAMPLE)
    assert config.station.vendor == "Example"
    assert config.csms.versions == ("ocpp2.1", "ocpp2.0.1", "ocpp1.6")


def test_the_documented_example_shows_every_default(tmp_path: Path) -> None:
    """Apart from what it sets for show, the example says what an almost empty file means."""
    shown = load(EXAMPLE)
    short = edited(tmp_path, ('state_dir = "/var/lib/stationd"\n', ""))
    text = short.read_text().replace("[bench]", "[unused]").split("[unused]")[0]
    assumed = load(write(tmp_path, text))
    assert (shown.station, shown.csms) == (assumed.station, assumed.csms)
    assert (shown.guard, shown.local_api) == (assumed.guard, assumed.local_api)
    assert (shown.log, shown.ocpp16, shown.evses) == (assumed.log, assumed.ocpp16, assumed.evses)
    assert shown.smart_charging == assumed.smart_charging


def test_every_key_is_in_the_documented_example_under_its_section() -> None:
    sections = re.split(r"^\[+([a-z0-9_]+)\]+", EXAMPLE.read_text(), flags=re.MULTILINE)
    written = {
        (section, key)
        for section, text in zip(sections[1::2], sections[2::2], strict=True)
        for key in re.findall(r"^(?:# )?([a-z0-9_]+) = ", text, flags=re.MULTILINE)
    }
    for line in load(EXAMPLE).describe():
        section, key = re.sub(r"\[\d+\]", "", line.partition(" = ")[0]).split(".", 1)
        if section not in {"variables", "ocpp16_keys"}:
            assert (section, key) in written, f"[{section}] {key} is not documented"
    for role in HardwareRole:
        assert ("evse", role.value) in written


def test_the_contract_is_read_as_written(tmp_path: Path) -> None:
    config = load(write(tmp_path, CONTRACT))
    assert config.csms.url == "ws://127.0.0.1:9000/ocpp"
    assert config.csms.security_profile == 0
    assert config.station.state_dir == Path("/var/lib/stationd")
    assert config.bench is not None
    assert config.bench.socket == Path("/run/stationd/bench.sock")
    (evse,) = config.evses
    assert (evse.id, evse.connector_type, evse.max_current_a, evse.phases) == (1, "sType2", 32, 3)
    assert evse.hardware[HardwareRole.READER] == BackendConfig(backend="mock")
    heartbeat = ComponentVariable(ComponentKey("OCPPCommCtrlr"), VariableKey("HeartbeatInterval"))
    assert config.variables == (Assignment(heartbeat, "300"),)
    assert config.ocpp16_keys == {"MeterValueSampleInterval": "60"}
    assert config.is_mock


def test_the_defaults_are_the_documented_ones(tmp_path: Path) -> None:
    config = load(write(tmp_path, CONTRACT))
    guard = config.guard
    assert (guard.grace_s, guard.fallback_limit_a, guard.tick_s) == (60.0, 6, 0.02)
    assert guard.start_with_agent is False
    assert config.evses[0].nominal_voltage_v == 230
    assert config.evses[0].rated_power_w == 22080
    assert config.log.level is LogLevel.INFO
    assert config.ocpp16.signed_value_wrapper is SignedValueWrapping.OCA
    assert config.ocpp16.authorization_key_encoding is AuthorizationKeyEncoding.HEX


def test_all_problems_are_named_at_once(tmp_path: Path) -> None:
    file = edited(
        tmp_path,
        ('vendor = "Example"', 'vendr = "Example"'),
        ("phases = 3", 'phases = "three"'),
        ("max_current_a = 32", "max_current_a = 100"),
        ('identity = "CS001"', 'identity = "CS:001"'),
        ("allow_insecure = true", "allow_insecure = false"),
        ("[ocpp16_keys]", "[ocpp17_keys]"),
    )
    found = problems(file)
    assert found["station.vendor"] == "is missing"
    assert found["station.vendr"] == 'unknown key, did you mean "vendor"?'
    assert found["evse[1].phases"] == "must be an integer, not a string"
    assert "between 6 and 80" in found["evse[1].max_current_a"]
    assert "csms.identity" in found
    assert "allow_insecure" in found["csms.security_profile"]
    assert "ocpp16_keys" in found["ocpp17_keys"]
    assert len(found) == 7


def test_a_problem_is_told_with_file_key_and_reason(tmp_path: Path) -> None:
    file = edited(tmp_path, ("phases = 3", "phases = 2"))
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert str(caught.value) == f"{file}: evse[1].phases: must be 1 or 3"


@pytest.mark.parametrize(
    ("phases", "more", "key"),
    [
        (3, "phase_switching = true\nusual_phases = 2", "evse[1].usual_phases"),
        (1, "phase_switching = true", "evse[1].phase_switching"),
        (3, "usual_phases = 1", "evse[1].usual_phases"),
    ],
)
def test_phases_are_switched_only_where_there_are_some(
    tmp_path: Path, phases: int, more: str, key: str
) -> None:
    file = edited(tmp_path, ("phases = 3", f"phases = {phases}\n{more}"))
    assert set(problems(file)) == {key}


def test_an_evse_may_switch_phases(tmp_path: Path) -> None:
    switching = "phases = 3\nphase_switching = true\nusual_phases = 1"
    config = load(edited(tmp_path, ("phases = 3", switching)))
    assert config.evses[0].phase_switching
    assert config.evses[0].usual_phases == 1


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('vendor = "Example"', f'vendor = "{"x" * 21}"', "station.vendor"),
        ('vendor = "Example"', 'vendor = ""', "station.vendor"),
        ('vendor = "Example"', 'vendor = "Exämple"', "station.vendor"),
        ('model = "AC22"', f'model = "{"x" * 21}"', "station.model"),
        ('serial_number = "0001"', f'serial_number = "{"x" * 26}"', "station.serial_number"),
        ('serial_number = "0001"', "serial_number = 1", "station.serial_number"),
        ('identity = "CS001"', f'identity = "{"x" * 49}"', "csms.identity"),
        ('identity = "CS001"', 'identity = "CS 001"', "csms.identity"),
        ('identity = "CS001"', 'identity = "CS/001"', "csms.identity"),
        ('"ocpp1.6"', '"ocpp1.5"', "csms.versions"),
        ('"ocpp1.6"', '"ocpp2.1"', "csms.versions"),
        ('["ocpp2.1", "ocpp2.0.1", "ocpp1.6"]', "[]", "csms.versions"),
        ('["ocpp2.1", "ocpp2.0.1", "ocpp1.6"]', '"ocpp1.6"', "csms.versions"),
        ('["ocpp2.1", "ocpp2.0.1", "ocpp1.6"]', "[1.6]", "csms.versions"),
        ("security_profile = 0", "security_profile = 4", "csms.security_profile"),
        ("security_profile = 0", "security_profile = true", "csms.security_profile"),
        ("ws://127", "wss://127", "csms.url"),
        ("ws://127", "http://127", "csms.url"),
        ("ws://127", "ws://user:secret@127", "csms.url"),
        ("9000/ocpp", "9000/ocpp?x=1", "csms.url"),
        ("9000/ocpp", "9000/ocpp#x", "csms.url"),
        ("9000/ocpp", "99999/ocpp", "csms.url"),
        ("9000/ocpp", "9000/ö", "csms.url"),
        ("9000/ocpp", "9000/o cpp", "csms.url"),
        ("127.0.0.1:9000", "", "csms.url"),
        ("id = 1\n", "id = 2\n", "evse"),
        ("id = 1\n", "id = 0\n", "evse[1].id"),
        ("sType2", "cCCS2", "evse[1].connector_type"),
        ('"sType2"', '"cType2"\ncable = "socket"', "evse[1].cable"),
        ('"sType2"', '"sType2"\ncable = "sokcet"', "evse[1].cable"),
        ("max_current_a = 32", "max_current_a = 5", "evse[1].max_current_a"),
        ("max_current_a = 32", "max_current_a = 32.5", "evse[1].max_current_a"),
        ("phases = 3", "phases = 3\nnominal_voltage_v = 12", "evse[1].nominal_voltage_v"),
        ("phases = 3", "phases = 1\nphase_switching = true", "evse[1].phase_switching"),
        ("phases = 3", "phases = 3\nphase_pause_s = 2", "evse[1].phase_pause_s"),
        ("phases = 3", "phases = 3\nwake_up = 1", "evse[1].wake_up"),
        ("phases = 3", "phases = 3\nwake_up_after_s = 29", "evse[1].wake_up_after_s"),
        ("phases = 3", "phases = 3\nwake_up_s = 2.9", "evse[1].wake_up_s"),
        (
            "phases = 3",
            "phases = 3\nsimplified_pilot_limit_a = 5",
            "evse[1].simplified_pilot_limit_a",
        ),
        ('pilot = { backend = "mock" }\n', "", "evse[1].pilot"),
        ('pilot = { backend = "mock" }', "pilot = {}", "evse[1].pilot.backend"),
        ('pilot = { backend = "mock" }', 'pilot = "mock"', "evse[1].pilot"),
        ('reader = { backend = "mock" }', 'raeder = { backend = "mock" }', "evse[1].raeder"),
        ('socket = "/run/stationd/bench.sock"', "", "bench.socket"),
        ("[bench]", "[guard]\ngrace_s = -1\n[bench]", "guard.grace_s"),
        ("[bench]", "[guard]\ntick_s = nan\n[bench]", "guard.tick_s"),
        ("[bench]", "[guard]\nfallback_limit_a = 5\n[bench]", "guard.fallback_limit_a"),
        ("[bench]", '[log]\nlevel = "loud"\n[bench]', "log.level"),
        (
            "[bench]",
            '[ocpp16]\nsigned_value_wrapper = "has2be"\n[bench]',
            "ocpp16.signed_value_wrapper",
        ),
        ('"OCPPCommCtrlr.HeartbeatInterval"', "HeartbeatInterval", "variables.HeartbeatInterval"),
        ("Interval = 60", "Interval = 2024-01-01", "ocpp16_keys.MeterValueSampleInterval"),
        ("[station]", "[[station]]", "station"),
    ],
)
def test_wrong_values_are_named_by_their_key(tmp_path: Path, old: str, new: str, key: str) -> None:
    assert key in problems(edited(tmp_path, (old, new)))


SUPPLY_KEYS = """phases = 3
phase_switching = true
phase_pause_s = 7
simplified_pilot_limit_a = 10
wake_up = true
wake_up_after_s = 45
wake_up_s = 3.5"""


@pytest.mark.parametrize("keys", ["phases = 3", SUPPLY_KEYS])
@pytest.mark.parametrize("strategy", ["series", "per_phase"])
def test_agent_and_guard_read_the_same_rules_of_supply(
    tmp_path: Path, keys: str, strategy: str
) -> None:
    contactor = 'contactor = { backend = "mock" }'
    choice = f'contactor = {{ backend = "mock", strategy = "{strategy}" }}'
    file = edited(tmp_path, ("phases = 3", keys), (contactor, choice))
    (evse,) = load(file).evses
    supply = evse.supply
    (setup,) = load_guard(file).setups
    assert evse.phase_choice is setup.phase_choice
    assert setup.phase_choice is (setup.phase_switching and strategy == "per_phase")
    assert (evse.phase_switching, supply.phase_pause_s, supply.simplified_pilot_limit_a) == (
        setup.phase_switching,
        setup.phase_pause_s,
        setup.simplified_limit_a,
    )
    assert (supply.wake_up, supply.wake_up_after_s, supply.wake_up_s) == (
        setup.wake_up.enabled,
        setup.wake_up.after_s,
        setup.wake_up.state_f_s,
    )


def test_the_guard_accepts_the_example_file() -> None:
    assert load_guard(EXAMPLE).setups[0].phases == 3


def test_one_wrong_value_is_one_problem(tmp_path: Path) -> None:
    file = edited(tmp_path, ("security_profile = 0\n", ""))
    assert problems(file) == {"csms.security_profile": "is missing"}


def test_a_station_has_an_evse(tmp_path: Path) -> None:
    text = CONTRACT.split("[[evse]]", maxsplit=1)[0]
    assert "at least one" in problems(write(tmp_path, text))["evse"]


def test_evse_ids_have_no_gaps(tmp_path: Path) -> None:
    second = CONTRACT[CONTRACT.index("[[evse]]") : CONTRACT.index("[bench]")]
    gap = problems(write(tmp_path, CONTRACT + second.replace("id = 1", "id = 3")))
    assert gap == {"evse": "ids must be 1 to 2, each once, not 1, 3"}
    config = load(write(tmp_path, CONTRACT + second.replace("id = 1", "id = 2")))
    assert [evse.id for evse in config.evses] == [1, 2]


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"\xff\xfe", "UTF-8"), (b"[station", "TOML"), (b"a = 1\na = 2", "TOML"), (None, "cannot be")],
)
def test_a_file_that_cannot_be_read_is_a_problem(
    tmp_path: Path, content: bytes | None, reason: str
) -> None:
    file = tmp_path / "station.toml"
    if content is not None:
        file.write_bytes(content)
    assert reason in problems(file)[""]


def test_an_empty_file_names_everything_required(tmp_path: Path) -> None:
    found = problems(write(tmp_path, ""))
    assert {"station.vendor", "csms.url", "csms.security_profile", "evse"} <= found.keys()


def test_the_bench_drives_mock_hardware_only(tmp_path: Path) -> None:
    text = (
        CONTRACT.split("[[evse]]", maxsplit=1)[0] + REAL_EVSE + '[bench]\nsocket = "bench.sock"\n'
    )
    assert problems(write(tmp_path, text)).keys() == {"bench"}


def test_a_bench_with_simulated_lines_may_have_real_instruments(tmp_path: Path) -> None:
    real = ('meter = { backend = "mock" }', 'meter = { backend = "modbus" }')
    assert problems(edited(tmp_path, real)).keys() == {"evse[1].meter"}
    allowed = ("[bench]\n", "[bench]\nreal_instruments = true\n")
    assert load(edited(tmp_path, real, allowed)).is_mock


READER = 'reader = { backend = "serial", protocol = "pn532", port = "/dev/serial/by-id/r" }\n'


def two_evses(first: str, second: str) -> str:
    start = CONTRACT.split("[[evse]]", maxsplit=1)[0]
    return start + REAL_EVSE + first + REAL_EVSE.replace("id = 1", "id = 2") + second


def test_evses_that_share_a_reader_have_the_same_table(tmp_path: Path) -> None:
    assert len(load(write(tmp_path, two_evses(READER, READER))).evses) == 2
    other = READER.replace("pn532", "twn4")
    found = problems(write(tmp_path, two_evses(READER, other)))
    assert found.keys() == {"evse[2].reader"}
    assert (
        "is on the port of evse[1].reader: a token reader has its port" in found["evse[2].reader"]
    )


def test_a_reader_is_not_on_the_bus_of_the_meters(tmp_path: Path) -> None:
    on_bus = READER.replace("serial/by-id/r", "ttyUSB0")
    found = problems(write(tmp_path, two_evses(on_bus, "")))
    assert found.keys() == {"evse[1].reader", "evse[2].meter"}


def test_a_simulated_pilot_never_goes_with_a_real_contactor(tmp_path: Path) -> None:
    text = CONTRACT.replace('contactor = { backend = "mock" }', 'contactor = { backend = "gpio" }')
    found = problems(write(tmp_path, text.replace("[bench]", "[log]").replace("socket =", "#")))
    assert found.keys() == {"evse[1].contactor"}


def test_a_real_socket_outlet_needs_proximity_and_lock(tmp_path: Path) -> None:
    text = CONTRACT.split("[[evse]]", maxsplit=1)[0] + REAL_EVSE.replace("cType2", "sType2")
    assert problems(write(tmp_path, text)).keys() == {"evse[1].proximity", "evse[1].lock"}


def test_a_simulated_socket_outlet_gets_simulated_proximity_and_lock(tmp_path: Path) -> None:
    (evse,) = load(write(tmp_path, CONTRACT)).evses
    assert evse.cable is Cable.SOCKET
    assert evse.hardware[HardwareRole.LOCK].backend == "mock"
    assert evse.hardware[HardwareRole.PROXIMITY].backend == "mock"


def test_backend_options_are_kept_as_written_and_cannot_be_changed(tmp_path: Path) -> None:
    config = load(write(tmp_path, CONTRACT.split("[[evse]]", maxsplit=1)[0] + REAL_EVSE))
    meter = config.evses[0].hardware[HardwareRole.METER]
    assert meter.options == {"port": "/dev/ttyUSB0", "address": 1, "registers": (1, 2)}
    with pytest.raises(TypeError):
        meter.options["port"] = "other"  # type: ignore[index]
    assert not config.is_mock


def test_backend_options_may_be_nested(tmp_path: Path) -> None:
    options = "scale = { power = 0.1 }, on = true, since = 2024-01-01"
    text = CONTRACT.replace(
        'meter = { backend = "mock" }', f'meter = {{ backend = "mock", {options} }}'
    )
    meter = load(write(tmp_path, text)).evses[0].hardware[HardwareRole.METER]
    assert meter.options == {"scale": {"power": 0.1}, "on": True, "since": "2024-01-01"}
    table = "scale = { power = 0.1 }"
    shown = f'evse[1].meter = {{ backend = "mock", {table}, on = true, since = "2024-01-01" }}'
    assert shown in load(write(tmp_path, text)).describe()


def test_an_evse_is_a_table(tmp_path: Path) -> None:
    file = write(tmp_path, "evse = [1]\n" + CONTRACT.split("[[evse]]", maxsplit=1)[0])
    assert problems(file) == {"evse": "must be tables: [[evse]]"}


def test_the_registry_judges_backends(tmp_path: Path) -> None:
    def check(role: HardwareRole, backend: BackendConfig) -> list[str]:
        return [f"no backend {backend.backend}"] if role is HardwareRole.METER else []

    file = write(tmp_path, CONTRACT)
    with pytest.raises(ConfigError) as caught:
        load(file, check_backend=check)
    (problem,) = caught.value.problems
    assert (problem.key, problem.reason) == ("evse[1].meter", "no backend mock")


SECURE = ('url = "ws://127.0.0.1:9000/ocpp"', 'url = "wss://csms.example/ocpp"')


def secured(folder: Path, profile: int, extra: str = "") -> Path:
    changes = [("security_profile = 0", f"security_profile = {profile}\n{extra}")]
    return edited(folder, *changes, *([SECURE] if profile > 1 else []))


def credentials(folder: Path, mode: int = 0o600) -> str:
    (folder / "password").write_text("correct-horse-battery\n")
    (folder / "password").chmod(mode)
    (folder / "root.pem").write_text("certificate")
    return 'password_file = "password"\nca_file = "root.pem"\n'


@pytest.mark.requirement("A00.FR.004", "A00.FR.004 (1.6)")
def test_passwords_and_certificates_fit_the_security_profile(tmp_path: Path) -> None:
    files = credentials(tmp_path)
    password, ca, _ = files.split("\n")
    for profile, needed in ((1, password), (2, files), (3, ca)):
        assert load(secured(tmp_path, profile, needed)).csms.security_profile == profile
    assert problems(secured(tmp_path, 1)).keys() == {"csms.password_file"}
    assert problems(secured(tmp_path, 2)).keys() == {"csms.password_file", "csms.ca_file"}
    assert problems(secured(tmp_path, 3)).keys() == {"csms.ca_file"}


def test_tls_profiles_need_a_tls_address(tmp_path: Path) -> None:
    files = credentials(tmp_path)
    file = edited(tmp_path, ("security_profile = 0", f"security_profile = 2\n{files}"))
    assert problems(file) == {"csms.url": "must begin with wss:// in security profile 2"}


def test_relative_files_are_taken_from_the_folder_of_the_file(tmp_path: Path) -> None:
    config = load(secured(tmp_path, 2, credentials(tmp_path)))
    assert config.csms.password_file == tmp_path / "password"


def test_a_password_file_open_to_others_is_refused(tmp_path: Path) -> None:
    file = secured(tmp_path, 2, credentials(tmp_path, mode=0o640))
    assert "chmod 600" in problems(file)["csms.password_file"]


def test_missing_files_are_named(tmp_path: Path) -> None:
    files = credentials(tmp_path)
    file = secured(tmp_path, 2, files)
    os.remove(tmp_path / "password")  # noqa: PTH107 - as brief as can be
    os.remove(tmp_path / "root.pem")  # noqa: PTH107
    assert problems(file).keys() == {"csms.password_file", "csms.ca_file"}


def test_a_client_certificate_comes_with_its_key_in_profile_3(tmp_path: Path) -> None:
    files = credentials(tmp_path)
    (tmp_path / "station.pem").write_text("certificate")
    (tmp_path / "station.key").write_text("key")
    (tmp_path / "station.key").chmod(0o600)
    certificate = 'client_certificate_file = "station.pem"\n'
    both = certificate + 'client_key_file = "station.key"\n'
    config = load(secured(tmp_path, 3, files + both))
    assert config.csms.client_key_file == tmp_path / "station.key"
    alone = problems(secured(tmp_path, 3, files + certificate))
    assert alone.keys() == {"csms.client_key_file"}
    unused = problems(secured(tmp_path, 2, files + both))
    assert unused.keys() == {"csms.client_certificate_file"}


def test_the_description_shows_every_setting_but_no_secret(tmp_path: Path) -> None:
    config: StationConfig = load(secured(tmp_path, 2, credentials(tmp_path)))
    lines = config.describe()
    assert 'csms.identity = "CS001"' in lines
    assert 'evse[1].pilot = { backend = "mock" }' in lines
    assert "evse[1].wake_up_s = 4.0" in lines
    assert 'variables."OCPPCommCtrlr.HeartbeatInterval" = "300"' in lines
    assert "csms.allow_insecure = true" in lines
    assert not any("correct-horse-battery" in line for line in lines)
