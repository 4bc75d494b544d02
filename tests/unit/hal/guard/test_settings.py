"""What the guard reads of the configuration, and how it complains."""

from pathlib import Path

import pytest

from hal.guard.evse import WakeUpSetup
from hal.guard.settings import SettingsError, load

STATION = '[station]\nstate_dir = "state"\n'
EVSE = """[[evse]]
id = 1
connector_type = "cType2"
max_current_a = 32
pilot = { backend = "mock" }
contactor = { backend = "mock" }
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "station.toml"
    path.write_text(text)
    return path


def test_defaults(tmp_path: Path) -> None:
    settings = load(write(tmp_path, STATION + EVSE))
    assert settings.state_dir == tmp_path / "state"
    assert settings.socket == tmp_path / "state" / "guard.sock"
    assert settings.group is None
    assert settings.tick_s == 0.02
    assert settings.grace_s == 60.0
    (setup,) = settings.setups
    assert (setup.evse, setup.max_current_a, setup.ventilation) == (1, 32.0, False)
    assert (setup.fallback_limit_a, setup.min_closing_interval_s) == (6.0, 10.0)
    assert (setup.phases, setup.phase_switching, setup.phase_pause_s) == (3, False, 5.0)
    assert setup.simplified_limit_a is None
    assert setup.wake_up == WakeUpSetup(enabled=False, after_s=30.0, state_f_s=4.0)
    assert settings.guard_dir == settings.socket.parent


def test_a_simulated_socket_outlet_has_the_devices_of_a_real_one(tmp_path: Path) -> None:
    settings = load(write(tmp_path, STATION + EVSE.replace("cType2", "sType2")))
    tables = settings.evse_tables[1]
    assert tables["settings"]["cable"] == "socket"
    assert tables["proximity"] == tables["lock"] == {"backend": "mock"}


@pytest.mark.parametrize(
    ("switching", "strategy", "chooses"),
    [
        ("true", "per_phase", True),
        ("true", "series", False),
        ("false", "per_phase", False),
        ("true", None, False),
    ],
)
def test_a_phase_may_be_chosen_where_phases_switch_and_the_contactors_can(
    tmp_path: Path, switching: str, strategy: str | None, chooses: bool
) -> None:
    contactor = 'contactor = { backend = "mock" }'
    named = contactor if strategy is None else f'{contactor[:-2]}, strategy = "{strategy}" }}'
    entry = EVSE.replace(contactor, f"{named}\nphase_switching = {switching}")
    (setup,) = load(write(tmp_path, STATION + entry)).setups
    assert setup.phase_choice is chooses


def test_every_key(tmp_path: Path) -> None:
    guard = (
        '[guard]\nsocket = "run/g.sock"\ngroup = "charging"\ngrace_s = 30\nfallback_limit_a = 8\n'
        'tick_s = 0.01\nmin_closing_interval_s = 0\nstart_with_agent = true\nstate_dir = "kept"\n'
    )
    evse = EVSE.replace("id = 1", 'id = 7\nventilation = true\ncable = "attached"\nphases = 1')
    settings = load(write(tmp_path, STATION + guard + evse))
    assert settings.socket == tmp_path / "run" / "g.sock"
    assert settings.group == "charging"
    assert settings.tick_s == 0.01
    (setup,) = settings.setups
    assert (setup.evse, setup.ventilation, setup.grace_s) == (7, True, 30.0)
    assert (setup.fallback_limit_a, setup.min_closing_interval_s) == (8.0, 0.0)
    assert setup.phases == 1
    assert settings.guard_dir == tmp_path / "kept"
    assert settings.evse_tables == {
        7: {
            "pilot": {"backend": "mock"},
            "contactor": {"backend": "mock"},
            "settings": {
                "max_current_a": 32,
                "phases": 1,
                "connector_type": "cType2",
                "cable": "attached",
            },
        }
    }


def test_absolute_paths_stay(tmp_path: Path) -> None:
    text = f'[station]\nstate_dir = "{tmp_path}/s"\n[guard]\nsocket = "{tmp_path}/g"\n'
    settings = load(write(tmp_path, text + EVSE))
    assert (settings.state_dir, settings.socket) == (tmp_path / "s", tmp_path / "g")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[station", "is not TOML"),
        (EVSE, "[station] state_dir is missing"),
        ("station = 1\n" + EVSE, "[station] must be a table"),
        (STATION, "[[evse]] is missing"),
        (STATION + "evse = 3", "state_dir"),
        ("evse = [3]\n" + STATION, "[[evse]] must be tables"),
        (STATION + EVSE + EVSE, "id = 1 is there twice"),
        (STATION + EVSE.replace("id = 1", "id = 0"), "[[evse]] id must be"),
        (STATION + EVSE.replace("id = 1", "id = true"), "[[evse]] id must be"),
        (STATION + EVSE.replace("max_current_a = 32", ""), "max_current_a is missing"),
        (STATION + EVSE.replace("= 32", "= 5"), "max_current_a is 5, not within 6 to 80"),
        (STATION + EVSE.replace("= 32", "= nan"), "max_current_a is nan"),
        (STATION + EVSE.replace("= 32", "= true"), "max_current_a is missing or not a number"),
        (STATION + EVSE.replace("contactor =", "contractor ="), "contactor is missing"),
        (STATION + EVSE + 'ventilation = "no"', "ventilation must be true or false"),
        (STATION + EVSE + 'cable = "loose"', "cable must be one of"),
        (
            STATION + EVSE.replace('"mock"', '"gpio"') + 'cable = "socket"',
            "proximity is missing",
        ),
        (STATION + EVSE + "phases = 2", "phases must be 1 or 3"),
        (STATION + EVSE + "phases = true", "phases must be 1 or 3"),
        (STATION + EVSE + "phases = 1\nphase_switching = true", "phase_switching needs an EVSE"),
        (STATION + EVSE + "phase_switching = 1", "phase_switching must be true or false"),
        (STATION + EVSE + "phase_pause_s = 2.9", "phase_pause_s is 2.9, not within 3 to 600"),
        (STATION + EVSE + "wake_up_after_s = 29", "wake_up_after_s is 29, not within 30"),
        (STATION + EVSE + "wake_up_s = 2", "wake_up_s is 2, not within 3 to 30"),
        (STATION + EVSE + "simplified_pilot_limit_a = 5", "simplified_pilot_limit_a is 5"),
        (STATION + "[guard]\nstate_dir = 1\n" + EVSE, "[guard] state_dir is missing or not"),
        (STATION + "[guard]\ngrace = 1\n" + EVSE, "[guard] grace is unknown; known are"),
        (STATION + "[guard]\ntick_s = 1\n" + EVSE, "[guard] tick_s is 1, not within"),
        (STATION + "[guard]\ngroup = 1\n" + EVSE, "[guard] group is missing or not a text"),
    ],
)
def test_a_wrong_file_is_refused_by_name_key_and_reason(
    tmp_path: Path, text: str, complaint: str
) -> None:
    path = write(tmp_path, text.replace("evse = 3", ""))
    if "evse = 3" in text:
        path.write_text("evse = 3\n" + EVSE.replace("[[evse]]", "[other]"))
    with pytest.raises(SettingsError) as refusal:
        load(path)
    assert str(path) in str(refusal.value)
    assert complaint in str(refusal.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.toml: cannot be read"):
        load(tmp_path / "nowhere.toml")
