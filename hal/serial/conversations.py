"""Which conversation a configured reader needs."""

import logging
from collections.abc import Callable

from hal.serial.complaints import masked
from hal.serial.conversation import Conversation, PolledConversation, PushedConversation, Timing
from hal.serial.dialects import Pn532Dialect, StrongLinkDialect, Twn4Dialect
from hal.serial.events import Sighting
from hal.serial.lines import LineFraming, Template
from hal.serial.rdm6300 import Rdm6300Framing
from hal.serial.settings import ReaderProtocol, ReaderSettings

_SHOWN = 60
_SECRET = "KeyCode"  # noqa: S105 - the kind of token whose value is one

log = logging.getLogger(__name__)


def conversation(settings: ReaderSettings, timing: Timing, *, trusted: bool = True) -> Conversation:
    """Return a fresh conversation; a reader that was found to talk junk is not `trusted`."""
    match settings.protocol:
        case ReaderProtocol.RDM6300:
            return PushedConversation(Rdm6300Framing(), _as_it_is, trusted=trusted)
        case ReaderProtocol.LINES:
            template = Template.parse(settings.pattern)
            return PushedConversation(LineFraming(), _by(template, settings), trusted=trusted)
        case ReaderProtocol.PN532:
            return PolledConversation(Pn532Dialect(timing), timing)
        case ReaderProtocol.TWN4:
            dialect = Twn4Dialect(timing, crc=settings.crc, beep=settings.beep)
            return PolledConversation(dialect, timing)
        case ReaderProtocol.STRONGLINK:
            return PolledConversation(StrongLinkDialect(timing), timing)


def _as_it_is(found: object) -> Sighting | None:
    return found if isinstance(found, Sighting) else None


def _by(template: Template, settings: ReaderSettings) -> Callable[[object], Sighting | None]:
    """Read lines by a template; the first that does not fit is told: the template may be wrong."""
    told = False

    def read(found: object) -> Sighting | None:
        nonlocal told
        sighting = template.token_in(found) if isinstance(found, str) else None
        if sighting is None and isinstance(found, str) and not told:
            told = True
            log.warning(
                "a line of the token reader on %s does not fit pattern %r: '%s'",
                settings.port,
                settings.pattern,
                "…" if settings.token_type == _SECRET else masked(found[:_SHOWN]),
            )
        return sighting

    return read
