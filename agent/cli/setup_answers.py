"""What `stationd setup` asks, what may be answered, and the configuration that comes of it."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

Answers = dict[str, str]


class AnswerWrong(Exception):
    """An answer cannot be used; the message says what can."""


def _text(longest: int) -> Callable[[str], str]:
    def check(given: str) -> str:
        if not 0 < len(given) <= longest or not given.isprintable():
            raise AnswerWrong(f"1 to {longest} characters, please")
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


def _url(given: str) -> str:
    if not re.fullmatch(r"wss?://[^\s/]+(/\S*)?", given):
        raise AnswerWrong("a URL that begins with wss:// or ws://, please")
    return given


def _password(given: str) -> str:
    if not 16 <= len(given) <= 64 or not given.isprintable():
        raise AnswerWrong("16 to 64 characters, please")
    return given


@dataclass(frozen=True, slots=True)
class Question:
    """One question; it is asked only if `needed_by` allows the answers so far."""

    key: str
    text: str
    default: str
    check: Callable[[str], str]
    profiles: str = "0123"
    is_secret: bool = False


QUESTIONS: Final = (
    Question("vendor", "Vendor", "Example", _text(20)),
    Question("model", "Model", "AC22", _text(20)),
    Question("serial_number", "Serial number", "", _text(25)),
    Question("profile", "Security profile (0 none, 1 password, 2 TLS, 3 TLS with a certificate)",
             "2", _one_of("0", "1", "2", "3")),
    Question("url", "URL of the CSMS, without the identity", "", _url),
    Question("identity", "Identity at the CSMS", "", _text(48)),
    Question("password", "Password at the CSMS", "", _password, "12", is_secret=True),
    Question("ca_file", "File with the root certificate of the CSMS", "csms-root.pem", _text(200),
             "23"),
    Question("certificate_file", "File with the station's certificate", "station.pem", _text(200),
             "3"),
    Question("key_file", "File with its private key", "station.key", _text(200), "3"),
    Question("board", "Board (a name of config/boards, or the path of a board file)",
             "simulated", _text(200)),
    Question("evses", "Number of EVSEs", "1", _number(1, 8)),
    Question("connector_type", "Connector (cType2 attached cable, sType2 socket)", "sType2",
             _one_of("cType1", "cType2", "sType2", "sType3", "cTesla")),
    Question("max_current_a", "Most current of an EVSE, A per phase", "16", _number(6, 80)),
    Question("phases", "Phases", "3", _one_of("1", "3")),
)  # fmt: skip


def is_asked(question: Question, answers: Mapping[str, str]) -> bool:
    """Tell whether a question makes sense after what was answered."""
    return answers.get("profile", "0") in question.profiles


def as_toml(answers: Mapping[str, str], password_file: str) -> str:
    """Return the configuration; every other key keeps its default."""
    lines = [
        "# Written by `stationd setup`. /usr/share/doc/stationd/station.toml explains every key.",
        "[station]",
        *(f"{key} = {_quoted(answers[key])}" for key in ("vendor", "model", "serial_number")),
        'state_dir = "/var/lib/stationd"',
        "",
        "[csms]",
        *_csms(answers, password_file),
        "",
        "[guard]",
        'socket = "/run/stationd-guard/guard.sock"',
        'state_dir = "/var/lib/stationd-guard"',
        'group = "stationd-guard"',
        "",
        "[local_api]",
        'socket = "/run/stationd/api.sock"',
        "",
        "[update]",
        'backend = "application"',
        "",
        "[hardware]",
        f"board = {_quoted(answers['board'])}",
    ]
    for number in range(1, int(answers["evses"]) + 1):
        lines += ["", "[[evse]]", f"id = {number}", *_evse(answers)]
    return "\n".join(lines) + "\n"


def _csms(answers: Mapping[str, str], password_file: str) -> list[str]:
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


def _evse(answers: Mapping[str, str]) -> list[str]:
    return [
        f"connector_type = {_quoted(answers['connector_type'])}",
        f"max_current_a = {answers['max_current_a']}",
        f"phases = {answers['phases']}",
    ]


def _quoted(text: str) -> str:
    """Return a TOML string: a JSON string is one."""
    return json.dumps(text, ensure_ascii=False)
