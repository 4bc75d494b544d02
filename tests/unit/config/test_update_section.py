"""`[update]` of the configuration."""

from pathlib import Path

import pytest

from agent.config.load import load
from agent.config.model import StationConfig
from agent.config.problems import ConfigError
from agent.config.transfer_keys import TransferScheme
from agent.config.update_section import SlotBackend
from tests.stories.in_process_machine import CONFIG, CONTACTOR, EVSE


def loaded(folder: Path, section: str, version_line: str = "") -> StationConfig:
    file = folder / "station.toml"
    evse = EVSE.format(id=1, cable="attached", connector_type="cType2", contactor=CONTACTOR)
    file.write_text(
        CONFIG.format(
            url="ws://127.0.0.1:1",
            versions='"ocpp2.0.1"',
            evses=evse,
            variables="",
            station_keys="",
            version_line=version_line,
            sections=section,
        )
    )
    return load(file)


def test_without_the_section_nothing_is_updated(tmp_path: Path) -> None:
    update = loaded(tmp_path, "").update
    assert (update.backend, update.is_offered) == (SlotBackend.NONE, False)
    assert (update.schemes, update.allow_unsigned) == ((TransferScheme.HTTPS,), False)
    assert not update.private_addresses


def test_every_key_is_read(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("x")
    update = loaded(
        tmp_path,
        """[update]
backend = "rauc"
root = "slots"
schemes = ["https", "http"]
ports = [443, 9443]
private_addresses = true
ca_file = "ca.pem"
maker_dir = "maker"
max_size_mib = 100
allow_unsigned = true
health_timeout_s = 60
confirm_without_csms_s = 120
""",
    ).update
    assert update.is_offered
    assert (update.ports, update.max_size_mib) == ((443, 9443), 100)
    assert update.maker_dir == tmp_path / "maker"
    assert update.schemes == (TransferScheme.HTTPS, TransferScheme.HTTP)


def test_a_version_in_the_file_would_hide_the_one_that_is_installed(tmp_path: Path) -> None:
    loaded(tmp_path, "", 'firmware_version = "1"')
    with pytest.raises(ConfigError, match="firmware_version"):
        loaded(tmp_path, '[update]\nbackend = "rauc"\n', 'firmware_version = "1"')


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("backend", '"floppy"'), ("schemes", '["ftp"]'), ("schemes", "[]")),
        *(("ports", "[0]"), ("ports", '["443"]'), ("ports", "[true]"), ("max_size_mib", "0")),
        *(("health_timeout_s", "1"), ("confirm_without_csms_s", "1"), ("ca_file", '"none.pem"')),
        *(("allow_unsigned", '"yes"'), ("colour", '"red"')),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, key: str, value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, f"[update]\n{key} = {value}\n")
    assert any(problem.key == f"update.{key}" for problem in caught.value.problems)
