"""Checks that look at more than one key of the configuration, or at the files it names."""

from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from urllib.parse import urlsplit

from agent.config.backend import MOCK_BACKEND
from agent.config.model import (
    INSTRUMENTS,
    Cable,
    CsmsSection,
    EvseConfig,
    HardwareRole,
    StationConfig,
)
from agent.config.secret_files import (
    password_file_problem,
    readable_file_problem,
    secret_file_problem,
)

Note = Callable[[str, str], None]
"""Takes a key path and a reason."""

_UNSECURED = 0
_PASSWORD_PROFILES = frozenset({1, 2})
_TLS_PROFILES = frozenset({2, 3})
_CLIENT_CERTIFICATE_PROFILE = 3
_MAX_URL_LENGTH = 512


def time_zone_problem(name: str) -> str | None:
    """Return why a text cannot be the station's time zone, or None."""
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - few stations name their zone

    try:
        ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        return 'is no time zone of this machine, such as "Europe/Amsterdam"; is tzdata installed?'
    return None


def check_files(config: StationConfig, note: Note) -> None:
    """Check the files that the configuration names: readable, and secrets closed to others."""
    csms = config.csms
    checks: tuple[tuple[str, Path | None, Callable[[Path], str | None]], ...] = (
        ("csms.password_file", csms.password_file, password_file_problem),
        ("csms.ca_file", csms.ca_file, readable_file_problem),
        ("csms.client_certificate_file", csms.client_certificate_file, readable_file_problem),
        ("csms.client_key_file", csms.client_key_file, secret_file_problem),
        ("update.ca_file", config.update.ca_file, readable_file_problem),
    )
    for key, path, problem_of in checks:
        problem = None if path is None else problem_of(path)
        if problem is not None:
            note(key, problem)


def url_problem(url: str) -> str | None:
    """Return why a text cannot be the CSMS's base URL, or None."""
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError as error:
        return f"is no URL: {error}"
    if parts.scheme not in {"ws", "wss"} or not has_host:
        return "must read ws://host[:port]/path or wss://host[:port]/path"
    if "@" in parts.netloc:
        return "must not hold a user name or password: use identity and password_file"
    if "?" in url or "#" in url:
        return "must not have a query or a fragment: the identity is appended as a path segment"
    if len(url) > _MAX_URL_LENGTH or not (url.isascii() and url.isprintable()) or " " in url:
        return f"must be at most {_MAX_URL_LENGTH} printable ASCII characters without blanks"
    return None


def secure_url_problem(url: str) -> str | None:
    """Return why a text cannot be the CSMS's base URL with TLS, or None."""
    problem = url_problem(url)
    return problem if problem or url.startswith("wss://") else "must begin with wss://"


def check_csms(csms: CsmsSection, note: Note) -> None:
    """Check that address, credentials and certificates fit the security profile (A00)."""
    profile = csms.security_profile
    if profile == _UNSECURED and not csms.allow_insecure:
        note(
            "csms.security_profile",
            "0 sends everything in clear text without a password: use a higher profile,"
            " or set allow_insecure = true",
        )
    _check_scheme(csms, note)
    if profile in _PASSWORD_PROFILES and csms.password_file is None:
        note("csms.password_file", f"is missing: security profile {profile} needs a password")
    if profile in _TLS_PROFILES and csms.ca_file is None:
        note("csms.ca_file", f"is missing: security profile {profile} verifies the CSMS with it")
    _check_client_certificate(csms, note)


def check_update(config: StationConfig, note: Note) -> None:
    """Check that nothing hides which version runs where versions are installed."""
    if config.update.is_offered and config.station.firmware_version is not None:
        reason = "must be left out with [update] backend: what is installed says its version itself"
        note("station.firmware_version", reason)


def check_evse_ids(evses: tuple[EvseConfig, ...], note: Note) -> None:
    """Check that EVSEs are numbered from 1 without gaps (OCPP 2.x part 1, EVSE numbering)."""
    if not evses:
        note("evse", "is missing: a station has at least one [[evse]]")
    ids = [evse.id for evse in evses]
    expected = list(range(1, len(evses) + 1))
    if ids != expected:
        given = ", ".join(map(str, ids))
        note("evse", f"ids must be 1 to {len(evses)}, each once, not {given}")


def check_evse(evse: EvseConfig, note: Note) -> None:
    """Check that an EVSE has the hardware that its kind of outlet needs (IEC 61851-1)."""
    for role in (HardwareRole.PROXIMITY, HardwareRole.LOCK):
        if evse.cable is Cable.SOCKET and role not in evse.hardware:
            note(
                f"evse[{evse.id}].{role}",
                "is missing: a socket outlet must know the cable's rating and lock its plug",
            )
    pilot, contactor = evse.hardware[HardwareRole.PILOT], evse.hardware[HardwareRole.CONTACTOR]
    if (pilot.backend == MOCK_BACKEND) is not (contactor.backend == MOCK_BACKEND):
        note(
            f"evse[{evse.id}].contactor",
            "and pilot must both be real or both be mock: a simulated car must never close a real"
            " contactor",
        )


def check_phases(evse: EvseConfig, note: Note) -> None:
    """Check that an EVSE that switches phases has some to switch."""
    if evse.phase_switching and evse.phases != 3:
        note(f"evse[{evse.id}].phase_switching", "needs phases = 3: there is nothing to switch")
    if not evse.phase_switching and evse.usual_phases != evse.phases:
        note(
            f"evse[{evse.id}].usual_phases",
            "must be phases, or phase_switching must be true for contactors that can switch",
        )


def check_bench(config: StationConfig, note: Note) -> None:
    """Check that the bench has simulated lines to drive."""
    if config.bench is not None and not config.is_mock:
        note("bench", "the bench drives mock lines only: remove it, or use mock backends")


def check_mixture(config: StationConfig, note: Note) -> None:
    """Check that simulated and real hardware do not mix, but for the instruments of a bench."""
    allowed = config.is_mock and config.bench is not None and config.bench.real_instruments
    for evse in () if allowed else config.evses:
        mock = {role: each.backend == MOCK_BACKEND for role, each in evse.hardware.items()}
        lines = {is_mock for role, is_mock in mock.items() if role not in INSTRUMENTS}
        for role in sorted(INSTRUMENTS & mock.keys()):
            if mock[role] not in lines:
                note(f"evse[{evse.id}].{role}", _MIXTURE)
    for receiver in () if allowed else config.smart_charging.receivers:
        for name, relay in receiver.relays.items():
            if (relay.backend == MOCK_BACKEND) is not config.is_mock:
                note(f"smart_charging.receiver.{receiver.relay_name(name)}", _MIXTURE)


def check_reader_ports(config: StationConfig, note: Note) -> None:
    """Check that a token reader has its serial port for itself; EVSEs may share the reader."""
    on_ports = [
        (f"evse[{evse.id}].{role}", role, backend)
        for evse in config.evses
        for role, backend in evse.hardware.items()
        if isinstance(backend.options.get("port"), str)
    ]
    for (first, role, device), (second, other_role, other) in combinations(on_ports, 2):
        is_reader = HardwareRole.READER in {role, other_role}
        same_device = role is other_role and device == other
        if device.options["port"] == other.options["port"] and is_reader and not same_device:
            note(second, f"is on the port of {first}: {_OWN_PORT}")


_OWN_PORT = (
    "a token reader has its port for itself; EVSEs that share a reader both have the same table"
)
_MIXTURE = (
    "must be real or mock like the pilot: a station is either simulated or real; only a bench with"
    " simulated lines may have real instruments, with real_instruments = true under [bench]"
)


def _check_scheme(csms: CsmsSection, note: Note) -> None:
    if url_problem(csms.url) is not None:
        return
    needed = "wss" if csms.security_profile in _TLS_PROFILES else "ws"
    if not csms.url.startswith(f"{needed}://"):
        note("csms.url", f"must begin with {needed}:// in security profile {csms.security_profile}")


def _check_client_certificate(csms: CsmsSection, note: Note) -> None:
    files = (csms.client_certificate_file, csms.client_key_file)
    given = [file is not None for file in files]
    if any(given) and not all(given):
        note("csms.client_key_file", "goes with client_certificate_file: give both or neither")
    if any(given) and csms.security_profile != _CLIENT_CERTIFICATE_PROFILE:
        note("csms.client_certificate_file", "is used by security profile 3 only: remove it")
