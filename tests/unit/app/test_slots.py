"""Which slots are opened, and what is told when they cannot be used."""

import sys
from pathlib import Path

import pytest

from agent.app.slots import open_slots
from agent.config.problems import ConfigError
from agent.update.application_slots import ApplicationSlots
from agent.update.rauc_slots import RaucSlots
from tests.unit.config.test_update_section import loaded


@pytest.mark.parametrize(
    ("backend", "kind"), [("application", ApplicationSlots), ("rauc", RaucSlots)]
)
def test_the_backend_of_the_configuration_is_opened(
    tmp_path: Path, backend: str, kind: type
) -> None:
    config = loaded(tmp_path, f'[update]\nbackend = "{backend}"')
    slots = open_slots(config, lambda: 0.0)
    assert isinstance(slots, kind)
    assert getattr(slots, "state_dir", None) == config.station.state_dir


def test_no_backend_gives_no_slots(tmp_path: Path) -> None:
    assert open_slots(loaded(tmp_path, ""), lambda: 0.0) is None


def test_a_library_that_is_missing_is_told_at_the_start_and_not_by_the_first_update(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "dbus_fast", None)
    with pytest.raises(ConfigError, match=r"rauc cannot be used here: dbus_fast is not installed"):
        open_slots(loaded(tmp_path, '[update]\nbackend = "rauc"'), lambda: 0.0)
