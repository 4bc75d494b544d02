"""What `stationd setup` asks, what may be answered, and the configuration that comes of it."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from agent.cli.setup_services import GUARD, STATE_DIR

SIMULATED: Final = "simulated"
NONE: Final = "none"
Answers = Mapping[str, str]


class AnswerWrong(Exception):
    """An answer cannot be used; the message says what can."""


def _text(longest: int) -> Callable[[str], str]:
    def check(given: str) -> str:
        if not 0 < len(given) <= longest or not given.isprintable() or not given.isascii():
            raise AnswerWrong(f"1 to {longest} characters of ASCII, please")
        return given

    return check


def _number(least: int, most: int) -> Callable[[str], str]:
    def check(given: str) -> str:
        if not re.fullmatch(r"[0-9]{1,3}", given) or not least <= int(given) <= most:
            raise AnswerWrong(f"a number from {least} to {most}, please")
        return str(int(given))

    return check


def _one_of(*choices: str) -> Callable[[str], str]:
    def check(given: str) -> str:
        if given not in choices:
            raise AnswerWrong(f"one of {', '.join(choices)}, please")
        return given

    return check


def _path(given: str) -> str:
    if not given.isprintable() or not given:
        raise AnswerWrong("the name of a file, please")
    return given


def _url(scheme: str) -> Callable[[str], str]:
    def check(given: str) -> str:
        if not re.fullmatch(rf"{scheme}://[!-~]+", given):
            raise AnswerWrong(f"a URL that begins with {scheme}://, please")
        return given

    return check


def _password(given: str) -> str:
    if not 16 <= len(given) <= 64 or not given.isprintable():
        raise AnswerWrong("16 to 64 characters, please")
    return given


def _in_profiles(profiles: str) -> Callable[[Answers], bool]:
    return lambda answers: answers["profile"] in profiles


def _has_real_lines(answers: Answers) -> bool:
    return answers["board"] != SIMULATED


def _is_given(key: str) -> Callable[[Answers], bool]:
    return lambda answers: answers.get(key, NONE) != NONE


@dataclass(frozen=True, slots=True)
class Question:
    """One question; it is asked only if it makes sense after the answers before it."""

    key: str
    text: str
    default: str
    check: Callable[[str], str]
    is_asked: Callable[[Answers], bool] = lambda _: True
    is_secret: bool = False


QUESTIONS: Final = (
    Question("vendor", "Vendor", "Example", _text(20)),
    Question("model", "Model", "AC22", _text(20)),
    Question("serial_number", "Serial number", "", _text(25)),
    Question("profile", "Security profile (0 none, 1 password, 2 TLS, 3 TLS with a certificate)",
             "2", _one_of("0", "1", "2", "3")),
    Question("url", "URL of the CSMS (ws://…), without the identity", "", _url("ws"),
             _in_profiles("01")),
    Question("url", "URL of the CSMS (wss://…), without the identity", "", _url("wss"),
             _in_profiles("23")),
    Question("identity", "Identity at the CSMS", "", _text(48)),
    Question("password", "Password at the CSMS", "", _password, _in_profiles("12"),
             is_secret=True),
    Question("ca_file", "File with the root certificate of the CSMS", "csms-root.pem", _path,
             _in_profiles("23")),
    Question("certificate_file", "File with the station's certificate", "station.pem", _path,
             _in_profiles("3")),
    Question("key_file", "File with its private key", "station.key", _path, _in_profiles("3")),
    Question("board", "Board (such as raspberry-pi-5, the path of a board file, or simulated)", "",
             _path),
    Question("meter", "Energy meter (a profile such as eastron_sdm630; none: the board file's)",
             NONE, _path, _has_real_lines),
    Question("meter_port", "Its port (such as /dev/serial/by-id/…)", "", _path,
             _is_given("meter")),
    Question("meter_address", "Its address on the bus; further EVSEs have the next ones", "1",
             _number(1, 240), _is_given("meter")),
    Question("reader", "Card reader (rdm6300, pn532, twn4 or stronglink; none: the board file's)",
             NONE, _one_of(NONE, "rdm6300", "pn532", "twn4", "stronglink"), _has_real_lines),
    Question("reader_port", "Its port (such as /dev/serial/by-id/…)", "", _path,
             _is_given("reader")),
    Question("evses", "Number of EVSEs", "1", _number(1, 8)),
    Question("connector_type", "Connector (cType2 attached cable, sType2 socket)", "sType2",
             _one_of("cType1", "cType2", "sType2", "sType3", "cTesla")),
    Question("max_current_a", "Most current of an EVSE, A per phase", "16", _number(6, 80)),
    Question("phases", "Phases", "3", _one_of("1", "3")),
)  # fmt: skip


_AS_SERVICES: Final = (
    "[guard]",
    *(f'{key} = "{value}"' for key, value in GUARD.items()),
    "",
    "[local_api]",
    'socket = "/run/stationd/api.sock"',
    "",
    "[update]",
    'backend = "application"',
)
_IN_ONE_PLACE: Final = ("[bench]", f'socket = "{STATE_DIR}/bench.sock"')
"""Agent and guard of a simulated board are one user's: their sockets lie in the state directory."""


def as_toml(answers: Answers, password_file: str) -> str:
    """Return the configuration; every other key keeps its default."""
    lines = [
        "# Written by `stationd setup`. /usr/share/doc/stationd/station.toml explains every key.",
        "[station]",
        *(f"{key} = {_quoted(answers[key])}" for key in ("vendor", "model", "serial_number")),
        f"state_dir = {_quoted(STATE_DIR)}",
        "",
        "[csms]",
        *_csms(answers, password_file),
        "",
        *(_IN_ONE_PLACE if answers["board"] == SIMULATED else _AS_SERVICES),
        "",
        "[hardware]",
        f"board = {_quoted(answers['board'])}",
    ]
    for number in range(1, int(answers["evses"]) + 1):
        lines += ["", "[[evse]]", f"id = {number}", *_evse(answers, number)]
    return "\n".join(lines) + "\n"


def _csms(answers: Answers, password_file: str) -> list[str]:
    files = {
        "ca_file": "ca_file",
        "client_certificate_file": "certificate_file",
        "client_key_file": "key_file",
    }
    lines = [
        f"url = {_quoted(answers['url'])}",
        f"identity = {_quoted(answers['identity'])}",
        f"security_profile = {answers['profile']}",
    ]
    if answers["profile"] == "0":
        lines.append("allow_insecure = true")
    if answers["profile"] in "12":
        lines.append(f"password_file = {_quoted(password_file)}")
    lines += [f"{key} = {_quoted(answers[name])}" for key, name in files.items() if name in answers]
    return lines


def _evse(answers: Answers, number: int) -> Iterator[str]:
    yield f"connector_type = {_quoted(answers['connector_type'])}"
    yield f"max_current_a = {answers['max_current_a']}"
    yield f"phases = {answers['phases']}"
    if answers.get("meter", NONE) != NONE:
        profile, port = _quoted(answers["meter"]), _quoted(answers["meter_port"])
        address = int(answers["meter_address"]) + number - 1
        where = f"port = {port}, address = {address}"
        yield f'meter = {{ backend = "modbus", profile = {profile}, {where} }}'
    if answers.get("reader", NONE) != NONE:
        what = f"protocol = {_quoted(answers['reader'])}, port = {_quoted(answers['reader_port'])}"
        yield f'reader = {{ backend = "serial", {what} }}'


def _quoted(text: str) -> str:
    """Return a TOML string: a JSON string is one."""
    return json.dumps(text, ensure_ascii=False)
