"""How a reader is talked to: one that speaks by itself, and one that must be asked.

Pure: bytes received and the time go in; events, bytes to send and the time of the next look come
out. Nothing that a device says raises.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from hal.serial.events import LONGEST_SAMPLE, Event, Failure, Junk, Ready, Sighting, Trouble

QUIET_S = 0.5
"""What is half received after such a pause is never completed."""
MUCH_JUNK_BYTES = 160
"""More than a card at the edge of a reader's field can cause."""
_MOSTLY = 0.9


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a reader has and how often it is asked, in seconds.

    A command that is acknowledged at all is so within `ack_s`; `search_s` is for one that looks for
    cards. After `tries` in vain the reader counts as lost.
    """

    poll_s: float = 0.2
    ack_s: float = 0.1
    answer_s: float = 0.5
    search_s: float = 2.0
    tries: int = 3
    absence_s: float = 1.5


DEFAULT_TIMING = Timing()


class Conversation(Protocol):
    """A conversation with one reader, begun anew each time its port is opened.

    `is_polled` tells that the reader says also when there is no card.
    """

    is_polled: bool

    @property
    def due_s(self) -> float | None:
        """When `elapse` has to be called at the latest, None for never."""

    def begin(self, now_s: float) -> list[Event]:
        """Start."""

    def receive(self, data: bytes, now_s: float) -> list[Event]:
        """Take what arrived."""

    def elapse(self, now_s: float) -> list[Event]:
        """Notice that time has passed."""

    def confirm(self, now_s: float) -> None:
        """Let the reader show that a card was taken, if it can."""

    def to_send(self) -> bytes:
        """Return what must be sent now, once."""


class PushedFraming(Protocol):
    """Framing of a reader that speaks by itself."""

    def feed(self, data: bytes) -> Sequence[object]: ...

    def flush(self) -> bytes: ...


class PushedConversation:
    """A reader that speaks by itself: it is believed until much of what it says is junk.

    One that was found to talk junk is `trusted` again with the first card that it tells.
    """

    is_polled = False
    due_s = None

    def __init__(
        self,
        framing: PushedFraming,
        sighting: Callable[[object], Sighting | None],
        *,
        trusted: bool = True,
    ) -> None:
        self._framing = framing
        self._sighting = sighting
        self._trusted = trusted
        self._junk = b""
        self._junk_bytes = 0
        self._heard_s = 0.0

    def begin(self, now_s: float) -> list[Event]:
        """Start; there is nothing to ask."""
        self._heard_s = now_s
        return [Ready()] if self._trusted else []

    def receive(self, data: bytes, now_s: float) -> list[Event]:
        """Take what arrived."""
        events: list[Event] = []
        if now_s - self._heard_s > QUIET_S:
            self._note(self._framing.flush())
        self._heard_s = now_s
        for found in self._framing.feed(data):
            if isinstance(found, Junk):
                self._note(found.data)
            elif (sighting := self._sighting(found)) is not None:
                events += [sighting] if self._trusted else [Ready(), sighting]
                self._trusted, self._junk, self._junk_bytes = True, b"", 0
        if self._trusted and self._junk_bytes > MUCH_JUNK_BYTES:
            events.append(Failure(kind_of(self._junk), self._junk))
        return events

    def elapse(self, now_s: float) -> list[Event]:
        """Nothing is due."""
        del now_s
        return []

    def confirm(self, now_s: float) -> None:
        """Say nothing: it has no ear."""
        del now_s

    def to_send(self) -> bytes:
        """Nothing is ever sent."""
        return b""

    def _note(self, junk: bytes) -> None:
        self._junk_bytes += len(junk)
        self._junk = (self._junk + junk)[:LONGEST_SAMPLE]


@dataclass(frozen=True, slots=True)
class Step:
    """One request, and how long its acknowledgement or answer may take.

    Without an answer an `optional` one is passed over.
    """

    request: bytes
    ack_s: float
    answer_s: float
    optional: bool = False


class Meaning(Enum):
    """What a frame is to the step that waits."""

    ANSWER = "answer"
    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"
    ECHO = "echo"
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True)
class Reading:
    """A frame as the dialect reads it; `said` is for people."""

    meaning: Meaning
    events: tuple[Event, ...] = ()
    said: bytes = b""


class Dialect(Protocol):
    """The protocol of a reader that must be asked.

    `first` are the steps that prepare it, `poll` looks for a card, `after_card` follows a search
    that found one, `confirmation` shows that a card was taken.
    """

    @property
    def first(self) -> tuple[Step, ...]: ...

    @property
    def poll(self) -> Step: ...

    @property
    def after_card(self) -> tuple[Step, ...]: ...

    @property
    def confirmation(self) -> Step | None: ...

    def repeated(self, step: Step) -> bytes:
        """Return what is sent to ask once more."""

    def feed(self, data: bytes) -> Sequence[object]:
        """Return the frames and the junk that these bytes complete."""

    def flush(self) -> bytes:
        """Give up what is half received and return it."""

    def read(self, step: Step, frame: object) -> Reading:
        """Say what a frame is to a step."""


class PolledConversation:
    """A reader that must be asked: prepared step by step, then polled."""

    is_polled = True

    def __init__(self, dialect: Dialect, timing: Timing) -> None:
        self._dialect = dialect
        self._timing = timing
        self._next: deque[Step] = deque(dialect.first)
        self._waiting: Step | None = None
        self._ready: Ready | None = None
        self._device = ""
        self._tries = 0
        self._due_s = 0.0
        self._output = b""
        self._evidence = b""
        self._refusal = b""
        self._echoed = False

    @property
    def due_s(self) -> float | None:
        """When the wait for an answer, or until the next poll, is over."""
        return self._due_s

    def begin(self, now_s: float) -> list[Event]:
        """Send the first request."""
        self._send_next(now_s)
        return []

    def receive(self, data: bytes, now_s: float) -> list[Event]:
        """Take what arrived."""
        events: list[Event] = []
        for found in self._dialect.feed(data):
            if isinstance(found, Junk):
                self._note(found.data)
            elif self._waiting is not None:
                events += self._take(self._waiting, found, now_s)
        return events

    def elapse(self, now_s: float) -> list[Event]:
        """Ask again, give up, or poll, if it is time."""
        if now_s < self._due_s:
            return []
        if self._waiting is None:
            self._send_next(now_s)
            return []
        self._note(self._dialect.flush())
        if self._tries < self._timing.tries:
            self._repeat(self._waiting, now_s)
            return []
        if self._waiting.optional:
            return self._advance(now_s)
        return [self._failure(self._waiting)]

    def confirm(self, now_s: float) -> None:
        """Let the reader show it before the next poll."""
        step = self._dialect.confirmation
        if step is not None:
            self._next.append(step)
            self._due_s = min(self._due_s, now_s) if self._waiting is None else self._due_s

    def to_send(self) -> bytes:
        """Return what must be sent now, once."""
        output, self._output = self._output, b""
        return output

    def _take(self, step: Step, frame: object, now_s: float) -> list[Event]:
        reading = self._dialect.read(step, frame)
        match reading.meaning:
            case Meaning.ANSWER:
                return [*self._told(reading.events), *self._advance(now_s)]
            case Meaning.ACKNOWLEDGED:
                self._due_s = now_s + step.answer_s
            case Meaning.REFUSED:
                self._refusal = reading.said
                self._due_s = now_s
            case Meaning.ECHO:
                self._echoed = True
            case Meaning.FOREIGN:
                self._note(reading.said)
        return []

    def _told(self, events: Iterable[Event]) -> Iterable[Event]:
        """Keep what the reader says of itself until it is ready; prepare what follows a card."""
        for event in events:
            if isinstance(event, Ready):
                self._device = self._device or event.device
                continue
            if isinstance(event, Sighting):
                self._next.extend(self._dialect.after_card)
            yield event

    def _advance(self, now_s: float) -> list[Event]:
        """Go on after a step."""
        self._waiting = None
        self._evidence, self._refusal, self._echoed = b"", b"", False
        if self._next:
            self._send_next(now_s)
            return []
        if self._ready is None:
            self._ready = Ready(self._device)
            self._send_next(now_s)
            return [self._ready]
        self._due_s = now_s + self._timing.poll_s
        return []

    def _send_next(self, now_s: float) -> None:
        step = self._next.popleft() if self._next else self._dialect.poll
        self._waiting, self._tries = step, 1
        self._output += step.request
        self._due_s = now_s + step.ack_s

    def _repeat(self, step: Step, now_s: float) -> None:
        self._tries += 1
        self._output += self._dialect.repeated(step)
        self._due_s = now_s + step.ack_s

    def _note(self, evidence: bytes) -> None:
        if evidence not in self._evidence:
            self._evidence = (self._evidence + evidence)[:LONGEST_SAMPLE]

    def _failure(self, step: Step) -> Failure:
        if self._refusal:
            return Failure(Trouble.REFUSED, self._refusal)
        if self._echoed or self._evidence.startswith(step.request):
            return Failure(Trouble.ECHO, self._evidence)
        return Failure(kind_of(self._evidence), self._evidence)


def kind_of(said: bytes) -> Trouble:
    """Judge what came instead of frames: words are another device's, the rest is noise."""
    if not said:
        return Trouble.SILENT
    readable = sum(0x20 <= byte < 0x7F or byte in b"\t\r\n" for byte in said)
    return Trouble.WRONG_DEVICE if readable >= _MOSTLY * len(said) else Trouble.GARBAGE
