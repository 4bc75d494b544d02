"""What the services of an installed station need of a configuration beyond that it is valid."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

AGENT_USER: Final = "stationd"
STATE_DIR: Final = "/var/lib/stationd"
GUARD: Final[Mapping[str, str]] = {
    "socket": "/run/stationd-guard/guard.sock",
    "state_dir": "/var/lib/stationd-guard",
    "group": "stationd-guard",
}
"""The keys of `[guard]` by which two services of two users find each other."""
_WANTED: Final = {"station.state_dir": STATE_DIR} | {f"guard.{key}": GUARD[key] for key in GUARD}
_FILES: Final = (
    *("csms.password_file", "csms.ca_file", "csms.client_certificate_file"),
    *("csms.client_key_file", "diagnostics.ca_file", "update.ca_file"),
)
_NONE: Final = "(none)"


def next_steps(file: str, settings: Sequence[str]) -> Iterator[str]:
    """Yield how to start the station that the settings (`key = value` each) describe."""
    if _is_simulated(_by_key(settings)):
        yield "the board is simulated, which needs agent and guard in one place; start them with:"
        yield "  sudo systemctl disable --now stationd-guard stationd"
        yield f"  sudo -u {AGENT_USER} stationd run --with-guard --config {file}"
    else:
        yield f"look at its lines and devices with: sudo stationd hal-check --config {file}"
        yield "start the station with: sudo systemctl start stationd-guard stationd"


def obstacles(settings: Sequence[str]) -> Iterator[str]:
    """Yield why the services could not work by the settings, each with the remedy."""
    found = _by_key(settings)
    if not _is_simulated(found):
        for key, wanted in _WANTED.items():
            if found.get(key) != json.dumps(wanted):
                yield f"{key} is {found.get(key)}; the services need {json.dumps(wanted)}"
    for key in _FILES:
        if (value := found.get(key, _NONE)) != _NONE and not _agent_can_read(json.loads(value)):
            yield (
                f"{key}: the user {AGENT_USER} cannot read {json.loads(value)}: put it beside the"
                f" configuration and run chown {AGENT_USER} on it"
            )


def _by_key(settings: Sequence[str]) -> Mapping[str, str]:
    pairs = (line.partition(" = ") for line in settings)
    return {key: value for key, _, value in pairs}


def _is_simulated(settings: Mapping[str, str]) -> bool:
    """Tell whether the lines are simulated: only one process tree can share such a board."""
    return 'backend = "mock"' in settings.get("evse[1].pilot", "")


def _agent_can_read(file: str) -> bool:
    """Try it as the agent's user, which root alone can; others are believed."""
    if os.geteuid() != 0:
        return True
    try:
        done = subprocess.run(  # noqa: S603 - fixed words and one path
            ["/usr/bin/test", "-r", file],
            check=False,
            user=AGENT_USER,
            group=AGENT_USER,
            extra_groups=(),
        )
    except LookupError:
        return True
    return done.returncode == 0
