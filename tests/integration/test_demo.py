"""The demo as users start it: real processes, a real session, and nothing left behind."""

import os
import signal
import tempfile
from pathlib import Path

import pytest

from agent.sim import demo as demo_module
from agent.sim import demo_station
from agent.sim.demo import run_demo
from tests.integration.demo_runs import demo

STEPS = [
    "1. The station starts and registers with the CSMS",
    "2. A car is plugged in; it can take 16 A on three phases",
    "3. The driver holds a card before the reader",
    "4. The car charges, and the CSMS is told how much",
    "5. The CSMS limits the transaction to 10 A",
    "6. The driver holds the same card before the reader again",
    "7. The car is unplugged",
    "8. Do the signed records hold, and do all energies agree?",
]
SPAWN = ("--speed", "20")


@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
def test_a_session_is_shown_and_everything_agrees(version: str) -> None:
    with demo("--ocpp", version, *SPAWN) as run:
        code = run.finish()
        assert code == 0, run.text
        assert [line for line in run.shown if line in STEPS] == STEPS
        for fact in (
            "-> BootNotification",
            "<- SetChargingProfile",
            "duty 53.3 % offers 32.0 A",
            "duty 16.7 % offers 10.0 A",
            "car takes 16.0 A",
            "car takes 10.0 A",
            "everything agrees",
        ):
            assert fact in run.text
        assert run.left_over() == []


def test_frames_are_shown_raw_when_they_are_wanted() -> None:
    with demo("--frames", *SPAWN) as run:
        run.read_until("BootNotification")
        run.read_until('"BootNotification",{')
        run.interrupt()
        run.finish()
        assert run.left_over() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_stops_its_processes_and_leaves_nothing(number: signal.Signals) -> None:
    with demo(*SPAWN) as run:
        run.read_until("contactor closed")
        run.process.send_signal(number)
        assert run.finish() == 1
        assert "interrupted" in run.shown[-1]
        assert "Traceback" not in run.text
        assert run.left_over() == []


def test_a_daemon_that_dies_is_told_with_the_step_and_its_log() -> None:
    with demo(*SPAWN) as run:
        run.read_until("contactor closed")
        os.kill(run.daemon, signal.SIGKILL)
        assert run.finish() == 1
        assert "the end of the station's log:" in run.shown
        assert "FAILED: in the step" in run.shown[-1]
        assert "Traceback" not in run.text
        assert run.left_over() == []


def test_an_output_that_nobody_reads_ends_the_demo_and_leaves_nothing() -> None:
    with demo(*SPAWN) as run:
        run.read_until("contactor open")
        assert run.process.stdout is not None
        run.process.stdout.close()
        assert run.process.wait(30) == 1
        assert run.left_over() == []


def test_a_station_that_refuses_its_configuration_is_told_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    broken = demo_station._STATION_TOML.replace("max_current_a", "max_currant_a")
    monkeypatch.setattr(demo_station, "_STATION_TOML", broken)
    assert run_demo("ocpp2.0.1") == 1
    told = capfd.readouterr().out
    assert "the station's daemon has ended with exit code 1" in told
    assert "max_currant_a" in told


def test_a_session_that_takes_too_long_is_given_up(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo_module, "_WHOLE_LIMIT_S", 1.0)
    assert run_demo("ocpp2.0.1") == 1
    assert "took more than 1 s" in capfd.readouterr().out


def test_slowing_the_pauses_down_gives_the_session_more_time() -> None:
    assert demo_module._limit_s(20.0) == demo_module._limit_s(1.0) <= 57
    assert demo_module._limit_s(0.5) > 70


def test_without_the_second_verifier_the_remedy_is_told_at_once(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo_module, "pyocmf_is_missing", lambda: True)
    assert run_demo("ocpp2.0.1") == 1
    assert "pip install 'stationd[demo]'" in capfd.readouterr().out


def test_a_folder_too_long_for_sockets_is_told_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    long = tmp_path / ("x" * 100)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    assert run_demo("ocpp2.0.1") == 1
    assert "set TMPDIR to a shorter one" in capfd.readouterr().out
    assert list(long.iterdir()) == []
