"""The bench file: read into typed resources, and refused with file, key and remedy."""

from pathlib import Path

import pytest

from hil.bench_file import BENCHES, BenchFileError, find, load
from hil.csms import CsmsDriver
from hil.desk import resources as desk
from hil.drivers import (
    CardDriver,
    CarDriver,
    FaultDriver,
    MeterDriver,
    OutletDriver,
    PowerDriver,
    SlowWire,
    StationDriver,
)
from hil.resources import CsmsHost
from hil.sim.resources import LocalStation
from hil.target import Target

GOOD = """\
summary = "a test"
patience = 2
evses = 2
cables = ["attached"]
[resources.csms]
kind = "csms"
port = 9000
[resources.station]
kind = "sim.station"
"""


def read(tmp_path: Path, text: str) -> object:
    file = tmp_path / "bench.toml"
    file.write_text(text)
    return load(file)


def complaint(tmp_path: Path, old: str, new: str) -> str:
    assert old in GOOD
    with pytest.raises(BenchFileError) as refused:
        read(tmp_path, GOOD.replace(old, new))
    assert str(refused.value).startswith(f"{tmp_path / 'bench.toml'}: ")
    return str(refused.value)


def test_a_bench_file_is_read_into_typed_values(tmp_path: Path) -> None:
    file = tmp_path / "bench.toml"
    file.write_text(GOOD)
    bench = load(file)
    assert (bench.name, bench.summary, bench.patience, bench.evses) == ("bench", "a test", 2.0, 2)
    assert bench.cables == ("attached",)
    assert bench.resources == {
        "csms": CsmsHost(name="csms", port=9000),
        "station": LocalStation(name="station"),
    }


@pytest.mark.parametrize("file", sorted(BENCHES.glob("*.toml")), ids=lambda file: file.stem)
def test_each_bench_that_ships_can_be_read_and_found_by_its_name(file: Path) -> None:
    assert find(file.stem) == file
    assert load(file).summary


def test_the_example_of_a_desk_can_be_read() -> None:
    bench = load(BENCHES.parent / "bench.example.toml")
    kinds = {name: type(resource) for name, resource in bench.resources.items()}
    assert kinds.pop("csms") is CsmsHost
    assert set(kinds.values()) == set(desk.KINDS.values())


def test_the_example_of_a_desk_has_a_driver_for_every_role_but_the_pilots_duty() -> None:
    target = Target(load(BENCHES.parent / "bench.example.toml"))
    roles = (
        *(StationDriver, OutletDriver, CarDriver, CardDriver, MeterDriver),
        *(FaultDriver, PowerDriver, CsmsDriver, SlowWire),
    )
    for role in roles:
        assert target.driver(role)
    assert target.driver(MeterDriver).evse == 1
    assert target.driver(MeterDriver).tables(1)["meter"]["backend"] == "modbus"


def test_a_bench_is_found_by_its_path(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(GOOD)
    assert find(str(file)) == file


def test_a_bench_that_does_not_exist_is_answered_with_those_that_do() -> None:
    with pytest.raises(BenchFileError, match=r"--bench nowhere: .* the benches are .*sim"):
        find("nowhere")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('kind = "sim.station"', 'kind = "sim.boat"', "resources.station.kind is 'sim.boat'"),
        ('kind = "sim.station"', 'kind = "sea.boat"', "names no package of hil; there is"),
        ('kind = "csms"', 'kind = "radio"', "resources.csms.kind is 'radio', which nobody knows"),
        ('kind = "csms"', "", "resources.csms.kind is missing"),
        ("port = 9000", 'port = "9000"', "resources.csms.port must be a whole number, not '9000'"),
        ("port = 9000", "port = true", "resources.csms.port must be a whole number, not True"),
        ("port = 9000", "harbour = 1", "resources.csms.harbour is unknown; there is listen, port"),
        ('cables = ["attached"]', 'cables = "attached"', "cables must be an array"),
        ('cables = ["attached"]', "cables = [1]", "cables must be a text, not 1"),
        ("patience = 2", "patience = 0.5", "parallel, evses and patience are 1 or more"),
        ("patience = 2", "hurry = 2", "hurry is unknown; there is"),
        ('summary = "a test"\n', "", "summary is missing"),
    ],
)
def test_what_is_wrong_is_named_with_file_and_key(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    assert said in complaint(tmp_path, old, new)


def test_a_required_field_of_a_resource_is_asked_for(tmp_path: Path) -> None:
    text = GOOD + '[resources.relays]\nkind = "desk.relay_board"\n'
    with pytest.raises(BenchFileError, match=r"resources\.relays\.port is missing"):
        read(tmp_path, text)


@pytest.mark.parametrize("text", ["", "summary = 'x'\nresources = 3\n", "summary = 'x'\n"])
def test_a_bench_without_resources_is_none(tmp_path: Path, text: str) -> None:
    with pytest.raises(BenchFileError, match="resources is missing"):
        read(tmp_path, text)


def test_what_is_no_toml_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(BenchFileError, match="is no TOML"):
        read(tmp_path, "summary = [")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(BenchFileError, match="cannot be read"):
        load(tmp_path / "absent.toml")
