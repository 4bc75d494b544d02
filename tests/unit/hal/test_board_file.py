"""Board files: names for lines, tables for ports, and a configuration that overrides them."""

import tomllib
from pathlib import Path

import pytest

from hal import board_file, registry
from hal.board_file import BoardFileError

BOARD = """
schema = 1
title = "A board"
[lines]
coil = { chip = "pinctrl-x", line = 17, bias = "pull_down" }
mirror = { chip = "pinctrl-x", line = "GPIO22" }
[[evse]]
id = 1
lock = { backend = "gpio", engage = { line = "coil" } }
proximity = { backend = "gpio" }
meter = { backend = "modbus", port = "/dev/ttyAMA0" }
[evse.contactor]
backend = "gpio"
coil = { line = "coil" }
mirror = { line = "mirror", contact = "normally_open" }
"""


def equipped(tmp_path: Path, evse: str, board: str = BOARD) -> dict[str, object]:
    (tmp_path / "board.toml").write_text(board)
    document = tomllib.loads(f'[hardware]\nboard = "board.toml"\n[[evse]]\nid = 1\n{evse}')
    listed = board_file.equip(document, tmp_path / "station.toml")["evse"]
    assert isinstance(listed, list)
    found = listed[0]
    assert isinstance(found, dict)
    return found


def test_an_evse_gets_the_tables_of_its_board_with_names_replaced(tmp_path: Path) -> None:
    evse = equipped(tmp_path, 'connector_type = "sType2"')
    assert evse["contactor"] == {
        "backend": "gpio",
        "coil": {"chip": "pinctrl-x", "line": 17, "bias": "pull_down"},
        "mirror": {"chip": "pinctrl-x", "line": "GPIO22", "contact": "normally_open"},
    }
    assert evse["meter"] == {"backend": "modbus", "port": "/dev/ttyAMA0"}
    assert "lock" in evse


def test_a_table_of_the_station_takes_the_place_of_the_whole_table_of_the_board(
    tmp_path: Path,
) -> None:
    evse = equipped(tmp_path, 'meter = { backend = "modbus", port = "/dev/ttyUSB1" }')
    assert evse["meter"] == {"backend": "modbus", "port": "/dev/ttyUSB1"}
    assert "contactor" in evse


def test_a_table_of_the_station_may_use_the_names_of_the_board(tmp_path: Path) -> None:
    evse = equipped(tmp_path, 'tamper = { backend = "gpio", line = "mirror", active_low = true }')
    assert evse["tamper"] == {
        "backend": "gpio",
        "chip": "pinctrl-x",
        "line": "GPIO22",
        "active_low": True,
    }


def test_names_are_replaced_inside_arrays(tmp_path: Path) -> None:
    evse = equipped(
        tmp_path,
        'contactor = { backend = "gpio", mirror = [{ line = "mirror" }, { line = "coil" }] }',
    )
    contactor = evse["contactor"]
    assert isinstance(contactor, dict)
    assert [each["line"] for each in contactor["mirror"]] == ["GPIO22", 17]


def test_what_a_station_lacks_is_taken_out(tmp_path: Path) -> None:
    evse = equipped(tmp_path, 'connector_type = "sType2"\nlock = { backend = "none" }')
    assert "lock" not in evse
    assert "proximity" in evse


def test_an_attached_cable_has_neither_lock_nor_coding_resistor(tmp_path: Path) -> None:
    evse = equipped(tmp_path, 'connector_type = "cType2"')
    assert not {"lock", "proximity"} & evse.keys()
    kept = equipped(tmp_path, 'connector_type = "cType2"\nlock = { backend = "mock" }')
    assert kept["lock"] == {"backend": "mock"}


def test_an_evse_that_the_board_does_not_have_gets_nothing(tmp_path: Path) -> None:
    evse = equipped(tmp_path, "", BOARD.replace("id = 1", "id = 2"))
    assert evse == {"id": 1}


def test_a_configuration_without_a_board_stays_as_it_is(tmp_path: Path) -> None:
    document: dict[str, object] = {"evse": [{"id": 1, "lock": {"backend": "none"}}]}
    assert board_file.equip(document, tmp_path / "station.toml") == document


def test_another_board_may_be_named_for_once(tmp_path: Path) -> None:
    document: dict[str, object] = {"evse": [{"id": 1}]}
    found = board_file.equip(document, tmp_path / "station.toml", "simulated")["evse"]
    assert isinstance(found, list)
    assert found[0]["pilot"] == {"backend": "mock"}


# --- mistakes


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("schema =", "is not TOML"),
        (BOARD.replace("schema = 1", ""), "schema is missing"),
        (BOARD.replace("schema = 1", "schema = 2"), "schema is 2; this version reads schema 1"),
        (BOARD.replace('title = "A board"', ""), "title is missing"),
        ("colour = 1\n" + BOARD, "colour is unknown; known are evse, lines, schema, title"),
        (BOARD.replace("id = 1", "id = 0"), "evse[1].id is 0, not within 1 to 100"),
        (
            BOARD.replace("evse.contactor", "evse.contractor"),
            'evse[1].contractor is unknown, did you mean "con',
        ),
        (BOARD.replace('backend = "modbus", ', ""), "evse[1].meter.backend is missing"),
        (
            BOARD.replace("[evse.con", "reader = 3\n[evse.con"),
            "evse[1].reader must be a table, not 3",
        ),
        (BOARD + "[[evse]]\nid = 1\n", "evse[2].id is 1 a second time"),
        (BOARD.replace("line = 17", 'line = ""'), "lines.coil.line must be a name or a number"),
        (BOARD.replace('chip = "pinctrl-x", line = 17', "line = 17"), "lines.coil.chip is missing"),
        (BOARD.replace("bias =", "biased ="), 'lines.coil.biased is unknown, did you mean "bias"?'),
        (
            BOARD.replace('coil = { line = "coil" }', 'coil = { line = "coyl" }'),
            "evse[1].contactor.coil.line is 'coyl', which is no line of the board, did you mean",
        ),
        (BOARD.split("[[evse]]", maxsplit=1)[0], "evse is missing"),
    ],
)
def test_a_mistake_is_named_with_file_key_and_remedy(
    tmp_path: Path, text: str, complaint: str
) -> None:
    with pytest.raises(BoardFileError) as refusal:
        equipped(tmp_path, "", text)
    assert str(tmp_path / "board.toml") in str(refusal.value)
    assert complaint in str(refusal.value)


def test_a_name_that_the_station_gets_wrong_is_a_mistake_of_its_file(tmp_path: Path) -> None:
    with pytest.raises(BoardFileError, match=r"station.toml: evse\[1\].tamper.line is 'lid'"):
        equipped(tmp_path, 'tamper = { backend = "gpio", line = "lid" }')


def test_a_board_that_does_not_exist_is_answered_with_those_that_do(tmp_path: Path) -> None:
    with pytest.raises(BoardFileError, match=r"no such board file; there is .*raspberry-pi-5"):
        board_file.equip({"hardware": {"board": "raspberry"}}, tmp_path / "station.toml")


def test_a_board_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "board.toml").mkdir()
    with pytest.raises(BoardFileError, match=r"board.toml: cannot be read: Is a directory"):
        board_file.equip({"hardware": {"board": "./board.toml"}}, tmp_path / "station.toml")


# --- the boards that ship


def test_the_ports_of_a_board_are_those_of_the_registry() -> None:
    known = {*registry.LINE_PORTS, *registry.INSTRUMENT_PORTS} - {"residual_current"}
    assert set(board_file.PORTS) == known


@pytest.mark.parametrize("name", board_file.known_boards())
def test_a_board_that_ships_is_right_down_to_the_options_of_its_backends(name: str) -> None:
    board = board_file.load(board_file.path_of(name, Path()))
    for tables in board.evses.values():
        assert {"pilot", "contactor"} <= tables.keys()
        for port, table in tables.items():
            if table["backend"] in registry.known_backends(port):
                assert registry.problems(port, table) == ()
            else:
                assert port in registry.INSTRUMENT_PORTS


def test_the_boards_that_ship() -> None:
    assert set(board_file.known_boards()) >= {
        "generic-libgpiod",
        "raspberry-pi-4",
        "raspberry-pi-5",
        "selectable-phase",
        "simulated",
    }
