"""The command: which benchmarks there are, how one is chosen, and what is written."""

import json
from pathlib import Path

import pytest

from tests.benchmarks import __main__ as command
from tests.benchmarks.catalogue import BENCHMARKS, Benchmark
from tests.benchmarks.effort import Effort
from tests.benchmarks.report import Figure


async def slow(_effort: Effort) -> list[Figure]:
    return [Figure(name="answer", unit="s", measured=9.0, aim=1.0)]


async def broken(_effort: Effort) -> list[Figure]:
    raise RuntimeError("no guard came up\nand more about it")


@pytest.fixture
def catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {
        "slow": Benchmark("slow", "something slow", slow),
        "broken": Benchmark("broken", "something broken", broken),
    }
    monkeypatch.setattr(command, "BENCHMARKS", found)
    monkeypatch.setattr(command, "compile_bytecode", lambda _root: None)


def test_every_benchmark_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--list"]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert listed == list(BENCHMARKS)


def test_an_unknown_benchmark_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        command.main(["nonesuch"])
    assert left.value.code == 2
    assert "there is no benchmark 'nonesuch'" in capsys.readouterr().err


@pytest.mark.usefixtures("catalogue")
def test_a_figure_far_from_its_aim_fails_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "figures.json"
    assert command.main(["slow", "--quick", "--json", str(file), "--folder", str(tmp_path)]) == 0
    assert "900%" in capsys.readouterr().out
    document = json.loads(file.read_text())
    assert [b["benchmark"] for b in document["benchmarks"]] == ["slow"]
    assert document["machine"]["cores"] >= 1


@pytest.mark.usefixtures("catalogue")
def test_a_benchmark_that_cannot_run_is_told_and_the_others_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["broken", "slow", "--folder", str(tmp_path)]) == 1
    told = capsys.readouterr()
    assert "RuntimeError: no guard came up" in told.out
    assert "and more about it" in told.err
    assert "9 s" in told.out


@pytest.mark.usefixtures("catalogue")
def test_nothing_is_left_behind(tmp_path: Path) -> None:
    command.main(["slow", "--folder", str(tmp_path)])
    assert not list(tmp_path.iterdir())
