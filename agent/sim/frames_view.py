"""OCPP frames for human eyes: one line for each, without secrets, whatever the frame looks like.

Only fields that are known to be harmless are ever shown; idTokens are cut to their last four
characters.
"""

import re
from collections import OrderedDict
from collections.abc import Callable

from agent.sim.csms_model import Version
from agent.sim.frames import (
    Call,
    CallError,
    CallResult,
    CallResultError,
    Direction,
    Frame,
    MalformedFrame,
    Payload,
    Send,
    parse,
)
from agent.sim.frames_words import answer_words, request_words

_LINE_LENGTH = 160
_REMEMBERED_CALLS = 64
_KEPT_PRIVATE = frozenset(
    {"SetVariables", "ChangeConfiguration", "SetNetworkProfile", "DataTransfer"}
)
_LONG_CODE = re.compile(r"[0-9A-Za-z+/=_-]{8,}")
_SHOWN_CODE_LENGTH = 4


class FramesView:
    """Words the frames of one connection in their order, so that answers name their calls."""

    def __init__(self, version: str) -> None:
        self._version = version
        self._asked: OrderedDict[tuple[Direction, str], str] = OrderedDict()

    def describe(self, direction: Direction | str, text: str | bytes) -> str:
        """Return the line for the connection's next frame; never raises."""
        way = Direction(direction)
        frame = _frame(text)
        match frame:
            case str():
                return _line(way, frame)
            case Call():
                self._remember(way, frame)
                asked = None
            case Send():
                asked = None
            case _:
                asked = self._asked.pop((_opposite(way), frame.message_id or ""), None)
        return _line(way, _words(frame, asked, self._version))

    def _remember(self, way: Direction, call: Call) -> None:
        self._asked[way, call.message_id] = call.action
        if len(self._asked) > _REMEMBERED_CALLS:
            self._asked.popitem(last=False)


def describe(direction: Direction | str, text: str | bytes, version: str) -> str:
    """Return the line for one frame on its own; an answer is then known only by its messageId."""
    return FramesView(version).describe(direction, text)


def escaped(text: str, length: int = _LINE_LENGTH) -> str:
    """Make a text safe for a terminal: nothing but printable characters, and not too many."""
    shown = "".join(_printable(character) for character in text[: length + 1])
    return shown if len(shown) <= length else shown[: length - 1] + "…"


def _printable(character: str) -> str:
    if character.isprintable():
        return character
    return character.encode("unicode_escape").decode("ascii")


def _line(way: Direction, words: str) -> str:
    return escaped(f"{way.value} {words}")


def _opposite(way: Direction) -> Direction:
    return Direction.TO_STATION if way is Direction.FROM_STATION else Direction.FROM_STATION


def _frame(text: str | bytes) -> Frame | str:
    """Parse the frame, or say what is wrong with it; unreadable text is never shown."""
    if isinstance(text, bytes):
        return f"a binary frame of {len(text)} bytes"
    try:
        return parse(text)
    except MalformedFrame as error:
        reason = str(error).split(":", maxsplit=1)[0]
        return f"unreadable frame of {len(text)} characters ({reason})"


def _words(frame: Frame, asked: str | None, version: str) -> str:
    match frame:
        case Call():
            return _joined(
                _name(frame.action), _guarded(request_words, frame.action, frame.payload)
            )
        case Send():
            words = _guarded(request_words, frame.action, frame.payload)
            return _joined(_name(frame.action), words, f"(SEND{_since_21(version)})")
        case CallResult():
            if asked is None:
                return f"answer to {_name(frame.message_id)}"
            return f"{_name(asked)}: {_guarded(answer_words, asked, frame.payload) or 'ok'}"
        case CallError():
            return f"{_subject(frame, asked)}: {_refusal(frame, asked)}"
        case CallResultError():
            refused = f"{_subject(frame, asked)}: answer refused{_since_21(version)}"
            return _joined(refused, _refusal(frame, asked))


def _since_21(version: str) -> str:
    """Remark on message types 5 and 6 in a version that has none."""
    return "" if version == Version.V21 else f", not in {version}"


def _guarded(words: Callable[[str, Payload], str], action: str, payload: Payload) -> str:
    """Word a payload that nobody has checked; what does not fit its schema is only called odd."""
    try:
        return words(action, payload)
    except (AttributeError, LookupError, TypeError, ValueError, ArithmeticError, RecursionError):
        return "(unexpected content)"


def _subject(frame: CallError | CallResultError, asked: str | None) -> str:
    return _name(asked) if asked is not None else f"call {_name(str(frame.message_id))}"


def _refusal(frame: CallError | CallResultError, asked: str | None) -> str:
    """Tell the error code and what was said to it, without anything that might be a secret."""
    if asked in _KEPT_PRIVATE:
        return f"error {_name(frame.code)}"
    return _joined(f"error {_name(frame.code)}", _LONG_CODE.sub(_masked, frame.description[:200]))


def _masked(match: re.Match[str]) -> str:
    """Keep words; cut whatever could be a token, key or password to its last characters."""
    word = match[0]
    is_word = word.isalpha() and not _is_hexadecimal(word)
    return word if is_word else "…" + word[-_SHOWN_CODE_LENGTH:]


def _is_hexadecimal(word: str) -> bool:
    return all(character in "0123456789abcdefABCDEF" for character in word)


def _name(text: str) -> str:
    """Show an action, code or id; long ones cannot be genuine and are cut."""
    return text if len(text) <= 40 else text[:40] + "…"


def _joined(*parts: str) -> str:
    return " ".join(part for part in parts if part)
