"""What is wrong with a reader, said in one sentence that names the port and the remedy."""

from hal.serial.events import Failure, Trouble
from hal.serial.settings import ReaderSettings

_SHOWN_BYTES = 12
_LONG_CODE = 6
_HEX = frozenset("0123456789abcdefABCDEF")


def complaint(
    settings: ReaderSettings,
    failure: Failure,
    *,
    user: str = "",
    group: str = "",
    plugged_in: tuple[str, ...] = (),
) -> str:
    """Return the sentence; `user` asks, `group` may, `plugged_in` are the ports that there are."""
    port = settings.port
    match failure.trouble:
        case Trouble.MISSING:
            words = f"there is no {port}: plug the reader in{_or_another(plugged_in)}"
        case Trouble.DENIED:
            words = (
                f"user {user} may not open {port}: add it to the group {group}"
                f" (`usermod -aG {group} {user}`) and start the station again"
            )
        case Trouble.FORBIDDEN:
            words = (
                f"the service manager forbids {port}: allow its driver with DeviceAllow in"
                " stationd.service"
            )
        case Trouble.BUSY:
            words = f"another program holds {port}: stop it (`fuser -v {port}` names it)"
        case Trouble.NO_SERIAL_PORT:
            words = f"{port} is no serial port: set port to the reader's"
        case Trouble.UNPLUGGED:
            words = f"{port} was unplugged or has lost its power: plug it in again"
        case spoken:
            words = _of_device(settings, spoken, failure.said)
    return f"token reader ({settings.protocol}): {words}"


def shown(said: bytes) -> str:
    """Return a message of a device for people: words as words, without whole tokens; else hex."""
    try:
        text = said.decode("ascii")
    except UnicodeDecodeError:
        text = ""
    if not text or not text.replace("\r", "").replace("\n", "").replace("\t", "").isprintable():
        more = " …" if len(said) > _SHOWN_BYTES else ""
        return said[:_SHOWN_BYTES].hex(" ").upper() + more
    return f"'{masked(' '.join(text.split()))}'"


def masked(text: str) -> str:
    """Return a text with each long run of hex digits cut to its last two: it may be a token."""
    kept: list[str] = []
    run = ""
    for character in f"{text}\0":
        if character in _HEX:
            run += character
            continue
        kept += [run if len(run) < _LONG_CODE else f"…{run[-2:]}", character]
        run = ""
    return "".join(kept)[:-1]


def _of_device(settings: ReaderSettings, trouble: Trouble, said: bytes) -> str:
    port = settings.port
    match trouble:
        case Trouble.SILENT:
            return (
                f"nothing answers on {port}: check the reader's power and that its TX goes to RX,"
                f" and set baudrate (now {settings.baudrate}) to its own"
            )
        case Trouble.GARBAGE:
            return (
                f"only garbage arrives on {port} ({shown(said)}): set baudrate (now"
                f" {settings.baudrate}) to the reader's, and check ground and wires"
            )
        case Trouble.ECHO:
            return f"{port} hears its own words: its TX and RX are joined, connect the reader"
        case Trouble.REFUSED:
            return (
                f"the reader on {port} refuses what it is asked ({shown(said)}): set protocol to"
                " what its firmware speaks"
            )
        case _:
            return (
                f"another device is on {port}, it says {shown(said)}: set port to the reader's, or"
                " protocol to what it speaks"
            )


def _or_another(plugged_in: tuple[str, ...]) -> str:
    if not plugged_in:
        return "; no serial adapter is plugged in now"
    return f", or set port to one of {', '.join(plugged_in)}"
