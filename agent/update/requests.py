"""What the agent asks of the privileged side of an update, and what it hears: two small files.

The agent may write the one, root the other. A request is input from outside: whoever has taken over
the agent may write anything into it.
"""

import errno
import json
import os
import re
import stat
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from agent.core.records import dataclass
from agent.update.durable import replace_file

LONGEST_BYTES: Final = 4096
LONGEST_TEXT: Final = 300
_NUMBER: Final = re.compile(r"[0-9a-f]{32}")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class RequestError(Exception):
    """A request is none that an agent of ours makes."""


class Order(StrEnum):
    """What may be asked for."""

    INSTALL = "install"
    ACTIVATE = "activate"
    CONFIRM = "confirm"
    GIVE_UP = "give_up"


class Outcome(StrEnum):
    """How far a request is. Everything but `WORKING` is its end.

    `LATER`: it cannot be carried out yet and may be asked for again.
    """

    WORKING = "working"
    LATER = "later"
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One wish. `number` ties the answer to it.

    `image` is a file's name beside the request. `now_s` is the time as the CSMS told it, in
    seconds since 1970; a machine without a clock has no better one.
    """

    order: Order
    number: str
    image: str = ""
    reason: str = ""
    now_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of a request; `percent` counts while it is worked on."""

    number: str
    outcome: Outcome
    percent: int = 0
    message: str = ""


def write_request(path: Path, request: Request) -> None:
    """Ask; raises `OSError`."""
    replace_file(path, _as_text(request), 0o600)


def take_request(path: Path) -> Request | None:
    """Return the request and remove it, so that none is carried out twice; None without one.

    It is moved away before it is read: one that the agent puts there meanwhile stays for the next
    turn. Raises `RequestError` for what is no request; it is removed as well.
    """
    taken = path.with_name(f"{path.name}.taken")
    try:
        _set_aside(taken)
        path.rename(taken)
    except FileNotFoundError:
        return None
    except OSError as error:
        _set_aside(path)
        raise RequestError(f"the request cannot be taken: {error.strerror}") from error
    try:
        return parse_request(_read_small(taken))
    except OSError as error:
        raise RequestError(f"the request cannot be read: {error.strerror}") from error
    finally:
        _set_aside(taken)


def parse_request(data: bytes) -> Request:
    """Read a request; raises `RequestError`."""
    document = _object(data)
    if not _is_sound(document):
        raise RequestError("the request has values that no request has")
    try:
        return Request(**{**document, "order": Order(document["order"])})
    except (TypeError, ValueError, KeyError) as error:
        raise RequestError("the request has wrong keys, or asks for what is unknown") from error


def write_answer(path: Path, answer: Answer) -> None:
    """Tell the agent; raises `OSError`."""
    replace_file(path, _as_text(answer), 0o644)


def read_answer(path: Path) -> Answer | None:
    """Return the latest answer; None without a readable one."""
    try:
        document = _object(_read_small(path))
        return Answer(**{**document, "outcome": Outcome(document["outcome"])})
    except (OSError, RequestError, TypeError, ValueError, KeyError):
        return None


def _is_sound(document: Mapping[str, Any]) -> bool:
    number, image = document.get("number"), document.get("image", "")
    reason, now_s = document.get("reason", ""), document.get("now_s", 0)
    if not all(isinstance(text, str) for text in (number, image, reason)):
        return False
    return (
        _NUMBER.fullmatch(str(number)) is not None
        and (not image or _NAME.fullmatch(image) is not None)
        and len(reason) <= LONGEST_TEXT
        and reason.isprintable()
        and type(now_s) in (int, float)
        and 0 <= now_s < 2**33
    )


def _set_aside(path: Path) -> None:
    """Remove whatever has the request's name, or the service would be started for it for ever."""
    if path.is_dir() and not path.is_symlink():
        path.rename(path.with_name(f"{path.name}.{os.urandom(8).hex()}"))
    else:
        path.unlink(missing_ok=True)


def _read_small(path: Path) -> bytes:
    """Read a plain file of few bytes: no link is followed, no device opened, nothing waited for."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(path, flags)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is no plain file")
        return os.read(descriptor, LONGEST_BYTES + 1)
    finally:
        os.close(descriptor)


def _object(data: bytes) -> Mapping[str, Any]:
    if len(data) > LONGEST_BYTES:
        raise RequestError("the request is too long")
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise RequestError("the request is not JSON") from error
    if not isinstance(document, dict):
        raise RequestError("the request is no JSON object")
    return document


def _as_text(record: Request | Answer) -> bytes:
    document = {name: getattr(record, name) for name in type(record).__dataclass_fields__}
    return json.dumps(document).encode()
