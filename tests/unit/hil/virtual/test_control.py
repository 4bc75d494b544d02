"""The control port: the machine's program and the host's, on the two ends of a socket."""

import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hil.virtual import control_in_guest
from hil.virtual.control import Control, ControlLost, ProgramFailed

WAIT_S = 30.0
SLEEP = "/bin/sleep"


@pytest.fixture
def ends() -> Iterator[tuple[Control, socket.socket]]:
    here, there = socket.socketpair()
    with there:
        control = Control(here)
        yield control, there
        control.close()


@pytest.fixture
def control(ends: tuple[Control, socket.socket]) -> Control:
    """The host's end of a machine that has come up."""
    control, there = ends
    talk = control_in_guest.Talk(there.fileno())
    talk.say({"hello": "boot 1"})

    def serve() -> None:
        with there.makefile("rb") as lines:
            for line in lines:
                talk.serve(line)

    threading.Thread(target=serve, daemon=True).start()
    control.wait_for_boot(1, WAIT_S)
    return control


def test_a_program_tells_its_end_and_what_it_printed(control: Control) -> None:
    done = control.run("sh", "-c", "cat; echo no >&2; exit 3", feed="yes").result(WAIT_S)
    assert (done.code, done.out, done.err) == (3, "yes", "no\n")
    with pytest.raises(ProgramFailed, match="ended with 3: yesno"):
        done.checked()


def test_a_program_that_cannot_be_run_says_why(control: Control) -> None:
    done = control.run("/no/such/program").result(WAIT_S)
    assert done.code == -1
    assert "FileNotFoundError" in done.err


def test_a_file_is_written_with_the_folders_above_it(control: Control, tmp_path: Path) -> None:
    file = tmp_path / "a" / "b"
    control.write(str(file), "text", 0o600).result(WAIT_S).checked()
    assert file.read_text("utf-8") == "text"
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_signal_is_sent_and_the_time_before_it_is_told(control: Control) -> None:
    before_ns = time.monotonic_ns()
    with subprocess.Popen([SLEEP, "60"]) as victim:
        told_ns = int(control.signal(victim.pid, signal.SIGTERM).result(WAIT_S).checked())
        assert victim.wait(WAIT_S) == -signal.SIGTERM
    assert before_ns <= told_ns <= time.monotonic_ns()


def test_a_process_that_is_not_there_cannot_be_signalled(control: Control) -> None:
    with subprocess.Popen([SLEEP, "0"]) as gone:
        gone.wait(WAIT_S)
    done = control.signal(gone.pid, 0).result(WAIT_S)
    assert (done.code, done.err.partition(":")[0]) == (-1, "ProcessLookupError")


def test_a_wait_ends_no_sooner_than_its_time(control: Control) -> None:
    wanted_ns = time.monotonic_ns() + 30_000_000
    assert int(control.wait_until(wanted_ns).result(WAIT_S).checked()) >= wanted_ns


def test_a_time_that_has_passed_is_answered_at_once(control: Control) -> None:
    assert int(control.wait_until(0).result(WAIT_S).checked()) <= time.monotonic_ns()


def test_a_reset_loses_what_was_under_way(ends: tuple[Control, socket.socket]) -> None:
    control, there = ends
    asked = control.run("sleep", "60")
    there.sendall(b'{"id": 1, "code": 0, "ou')
    control_in_guest.Talk(there.fileno()).say({})
    there.sendall(b'{"hello": "boot 1"}\n')
    with pytest.raises(ControlLost, match="the machine was reset while it ran sleep 60"):
        asked.result(WAIT_S)


def test_an_answer_that_nobody_waits_for_any_more_is_dropped(control: Control) -> None:
    control.run("sleep", "0.05").cancel()
    assert control.run("sleep", "0.1").result(WAIT_S).code == 0


def test_a_machine_that_ends_is_not_waited_for(ends: tuple[Control, socket.socket]) -> None:
    control, there = ends
    there.shutdown(socket.SHUT_RDWR)
    with pytest.raises(ControlLost, match="did not come up"):
        control.wait_for_boot(1, WAIT_S)
