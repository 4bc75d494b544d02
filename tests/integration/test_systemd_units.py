"""The systemd units: what they promise about safety and hardening, and that systemd agrees."""

import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from agent.app.boot_reason import SERVICE_RESULT
from hal.gpio import native_safe
from tests.patience import PATIENT_S

FOLDER = Path(__file__).parents[2] / "systemd"
GUARD = "stationd-guard.service"
AGENT = "stationd.service"
SERVICES = [GUARD, AGENT]
FILES = [GUARD, AGENT, "stationd.slice"]
GUARD_CAPABILITIES = {"CAP_SYS_NICE", "CAP_IPC_LOCK"}
NEWER_THAN_DEBIAN_12 = {
    "RestartSteps",
    "RestartMaxDelaySec",
    "RestartMode",
    "MemoryZSwapWriteback",
    "MemoryPressureWatch",
    "PrivatePIDs",
    "SetLoginEnvironment",
    "FileDescriptorStorePreserve",
    "OpenFile",
    "ImportCredential",
    "DelegateSubgroup",
    "SurviveFinalKillSignal",
}

systemd_analyze = shutil.which("systemd-analyze")
systemd_tmpfiles = shutil.which("systemd-tmpfiles")
needs_systemd = pytest.mark.skipif(
    systemd_analyze is None, reason="systemd-analyze is not installed on this machine"
)


def directives(name: str) -> dict[str, list[str]]:
    """All directives of a unit file with their values in order; sections do not share names."""
    found: dict[str, list[str]] = {}
    for line in (FOLDER / name).read_text().splitlines():
        match = re.fullmatch(r"([A-Za-z]+)=(.*)", line)
        if match:
            found.setdefault(match[1], []).append(match[2])
    return found


def only(name: str, directive: str) -> str:
    (value,) = directives(name)[directive]
    return value


def words(name: str, directive: str) -> set[str]:
    return {word for value in directives(name)[directive] for word in value.split()}


# --- what the files say, with or without systemd


@pytest.mark.parametrize("name", FILES)
def test_every_line_is_a_comment_a_section_or_a_directive(name: str) -> None:
    for line in (FOLDER / name).read_text().splitlines():
        assert re.fullmatch(r"#.*|\[[A-Z][a-z]+\]|[A-Z][A-Za-z]+=.*|", line), line


@pytest.mark.parametrize("name", FILES)
def test_only_directives_that_debian_12_knows_are_used(name: str) -> None:
    assert not set(directives(name)) & NEWER_THAN_DEBIAN_12


@pytest.mark.parametrize(
    ("name", "command"),
    [
        (GUARD, "/usr/bin/stationd-guard run --config /etc/stationd/station.toml"),
        (AGENT, "/usr/bin/stationd run --config /etc/stationd/station.toml"),
    ],
)
def test_each_service_tells_when_it_is_ready_and_runs_on_its_own_user(
    name: str, command: str
) -> None:
    assert only(name, "ExecStart") == command
    assert only(name, "Type") == "notify"
    assert only(name, "User") == only(name, "Group") == name.removesuffix(".service")


def test_the_guard_makes_the_lines_safe_after_every_end() -> None:
    """First by the script that it left in its runtime directory, which may be missing."""
    assert directives(GUARD)["ExecStopPost"] == [
        f"-/bin/sh /run/{only(GUARD, 'RuntimeDirectory')}/{native_safe.NAME}",
        "/usr/bin/stationd-guard safe --config /etc/stationd/station.toml",
    ]
    assert only(GUARD, "RuntimeDirectoryPreserve") == "restart"


@pytest.mark.requirement("B01.FR.09")
def test_the_agent_finds_written_down_how_it_ended(tmp_path: Path) -> None:
    command = only(AGENT, "ExecStopPost").removeprefix("-").replace("$$", "$")
    environment = {"SERVICE_RESULT": "watchdog", "STATE_DIRECTORY": str(tmp_path)}
    subprocess.run(shlex.split(command), env=environment, check=True)
    assert (tmp_path / SERVICE_RESULT).read_text() == "watchdog\n"


@pytest.mark.parametrize(("name", "seconds"), [(GUARD, "2s"), (AGENT, "30s")])
def test_a_service_that_hangs_is_ended_and_started_again_without_limit(
    name: str, seconds: str
) -> None:
    assert only(name, "WatchdogSec") == seconds
    assert only(name, "Restart") == "always"
    assert only(name, "RestartSec") == "100ms"
    assert only(name, "StartLimitIntervalSec") == "0"


def test_nothing_delays_the_end_of_a_guard_that_hangs() -> None:
    assert only(GUARD, "WatchdogSignal") == "SIGKILL"
    assert only(GUARD, "LimitCORE") == "0"


def test_the_guard_is_scheduled_before_everything_and_never_swapped_or_killed_for_memory() -> None:
    assert only(GUARD, "CPUSchedulingPolicy") == "fifo"
    assert int(only(GUARD, "CPUSchedulingPriority")) <= int(only(GUARD, "LimitRTPRIO"))
    assert only(GUARD, "LimitMEMLOCK") == "infinity"
    assert only(GUARD, "OOMScoreAdjust") == "-1000"
    assert "RestrictRealtime" not in directives(GUARD)
    assert "@memlock" in words(GUARD, "SystemCallFilter")
    assert not {"MemoryMax", "MemoryHigh"} & set(directives(GUARD))
    assert not {"MemoryMax", "MemoryHigh"} & set(directives("stationd.slice"))


def test_the_guard_has_the_capabilities_it_needs_and_the_agent_none() -> None:
    assert words(GUARD, "CapabilityBoundingSet") == GUARD_CAPABILITIES
    assert words(GUARD, "AmbientCapabilities") == GUARD_CAPABILITIES
    assert words(AGENT, "CapabilityBoundingSet") == set()
    assert words(AGENT, "AmbientCapabilities") == set()


def test_the_guard_has_no_network() -> None:
    assert only(GUARD, "PrivateNetwork") == "yes"
    assert only(GUARD, "RestrictAddressFamilies") == "AF_UNIX"


def test_only_the_guard_may_open_gpio_lines() -> None:
    assert any("gpiochip" in value for value in directives(GUARD)["DeviceAllow"])
    assert not any("gpiochip" in value for value in directives(AGENT)["DeviceAllow"])
    rules = (FOLDER / "99-stationd.rules").read_text()
    assert 'KERNEL=="gpiochip*", OWNER="stationd-guard"' in rules


def test_converters_and_pwm_are_the_guard_s_and_the_status_light_is_the_agent_s() -> None:
    assert {"char-iio", "char-spi"} <= words(GUARD, "DeviceAllow")
    rules = (FOLDER / "99-stationd.rules").read_text().splitlines()
    owners = {
        subsystem: next(rule for rule in rules if rule.startswith(f'SUBSYSTEM=="{subsystem}'))
        for subsystem in ("iio", "pwm", "i2c-dev|spidev", "leds")
    }
    assert "stationd:stationd" in owners.pop("leds")
    assert all("stationd-guard" in rule for rule in owners.values())
    for name in SERVICES:  # what sysfs needs beyond ProtectKernelTunables
        assert "-/sys/devices/platform" in words(name, "ReadWritePaths")


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize(
    "directive",
    [
        "NoNewPrivileges",
        "ProtectHome",
        "PrivateTmp",
        "ProtectClock",
        "ProtectControlGroups",
        "ProtectHostname",
        "ProtectKernelLogs",
        "ProtectKernelModules",
        "ProtectKernelTunables",
        "LockPersonality",
        "MemoryDenyWriteExecute",
        "RestrictNamespaces",
        "RestrictSUIDSGID",
    ],
)
def test_both_services_are_shut_in(name: str, directive: str) -> None:
    assert only(name, directive) == "yes"
    assert only(name, "ProtectSystem") == "strict"
    assert only(name, "DevicePolicy") == "closed"
    assert only(name, "SystemCallArchitectures") == "native"
    assert directives(name)["SystemCallFilter"][0].startswith("@system-service")


def test_what_the_agent_stores_is_for_the_agent_alone() -> None:
    assert only(AGENT, "StateDirectory") == "stationd"
    assert only(AGENT, "StateDirectoryMode") == "0700"
    assert only(AGENT, "UMask") == "0077"
    assert "MemoryMax" in directives(AGENT)


def test_the_agent_reaches_the_socket_of_the_guard_by_its_group() -> None:
    assert only(GUARD, "RuntimeDirectory") == "stationd-guard"
    assert only(GUARD, "RuntimeDirectoryMode") == "0750"
    # The socket that the guard makes is for its group too.
    assert int(only(GUARD, "UMask"), 8) & 0o070 == 0
    assert "stationd-guard" in words(AGENT, "SupplementaryGroups")
    users = (FOLDER / "sysusers.d" / "stationd.conf").read_text()
    assert re.search(r"^m stationd +stationd-guard$", users, re.MULTILINE)


def test_the_guard_remembers_a_tripped_shut_off_over_restarts_of_the_machine() -> None:
    assert only(GUARD, "StateDirectory") == "stationd-guard"
    assert only(GUARD, "StateDirectoryMode") == "0700"


def test_agent_and_guard_start_together_but_neither_ends_the_other() -> None:
    assert "stationd-guard.service" in words(AGENT, "Wants") & words(AGENT, "After")
    for name in SERVICES:
        assert not {"Requires", "BindsTo", "PartOf"} & set(directives(name))


def test_every_user_and_group_of_the_units_is_created() -> None:
    users = (FOLDER / "sysusers.d" / "stationd.conf").read_text()
    created = set(re.findall(r"^[ug] (\S+)", users, re.MULTILINE))
    wanted = {only(name, key) for name in SERVICES for key in ("User", "Group")}
    assert wanted | words(AGENT, "SupplementaryGroups") <= created


# --- what systemd says about them


def run(*arguments: str, unit_path: Path | None = None) -> subprocess.CompletedProcess[str]:
    assert systemd_analyze is not None
    environment = dict(os.environ, LC_ALL="C")
    if unit_path is not None:
        environment["SYSTEMD_UNIT_PATH"] = f"{unit_path}:"
    return subprocess.run(
        [systemd_analyze, *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENT_S,
        env=environment,
    )


@pytest.fixture
def runnable(tmp_path: Path) -> Path:
    """Copies of the units whose commands exist on this machine."""
    true = shutil.which("true")
    assert true is not None
    for name in FILES:
        text = (FOLDER / name).read_text()
        (tmp_path / name).write_text(re.sub(r"/usr/bin/stationd(-guard)?", true, text))
    return tmp_path


@needs_systemd
def test_systemd_finds_nothing_wrong_with_the_units(runnable: Path) -> None:
    verdict = run(
        "verify", "--man=no", *(str(runnable / name) for name in FILES), unit_path=runnable
    )
    complaints = [
        line for line in verdict.stderr.splitlines() if any(name in line for name in FILES)
    ]
    assert complaints == []
    assert verdict.returncode == 0, verdict.stderr


@needs_systemd
def test_systemd_would_find_a_mistake_in_a_unit(runnable: Path) -> None:
    broken = runnable / AGENT
    broken.write_text(broken.read_text().replace("WatchdogSec=", "WatchdogSeconds="))
    verdict = run("verify", "--man=no", str(broken), unit_path=runnable)
    assert "'WatchdogSeconds'" in verdict.stderr


@needs_systemd
@pytest.mark.parametrize(("name", "highest"), [(AGENT, 20), (GUARD, 15)])
def test_the_exposure_that_systemd_computes_is_low(name: str, highest: int) -> None:
    """The threshold is in tenths: 20 means at most 2.0 of 10."""
    verdict = run(
        "security", "--offline=true", "--no-pager", f"--threshold={highest}", str(FOLDER / name)
    )
    assert verdict.returncode == 0, verdict.stdout


@needs_systemd
def test_the_agent_is_exposed_only_where_it_has_to_be() -> None:
    verdict = run("security", "--offline=true", "--json=short", str(FOLDER / AGENT))
    exposed = {
        item["json_field"] for item in json.loads(verdict.stdout) if item.get("set") is False
    }
    assert exposed <= {
        "DeviceAllow",
        "IPAddressDeny",
        "PrivateDevices",
        "PrivateNetwork",
        "PrivateUsers",
        "ProcSubset",
        "RestrictAddressFamilies_AF_INET_INET6",
        "RestrictAddressFamilies_AF_NETLINK",
        "RestrictAddressFamilies_AF_UNIX",
        "RootDirectoryOrRootImage",
        "SupplementaryGroups",
        "SystemCallFilter_resources",
    }


@pytest.mark.skipif(systemd_tmpfiles is None, reason="systemd is not installed on this machine")
@pytest.mark.parametrize(
    ("words", "stays"), [(["--remove"], True), (["--remove", "--boot"], False)]
)
def test_what_a_power_cut_left_of_an_image_gives_its_room_back_at_the_next_boot(
    tmp_path: Path, words: list[str], stays: bool
) -> None:
    """Only then: at any other time it may be in use."""
    folder = tmp_path / "var/lib/stationd-slots"
    folder.mkdir(parents=True)
    for name in ("incoming.bundle", "state.json"):
        (folder / name).touch()
    rules = str(FOLDER / "tmpfiles.d/stationd.conf")
    subprocess.run([str(systemd_tmpfiles), f"--root={tmp_path}", *words, rules], check=False)
    assert (folder / "incoming.bundle").exists() is stays
    assert (folder / "state.json").exists()
