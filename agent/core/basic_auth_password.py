"""The Basic authentication password as text in the device model and as octets in the HTTP header.

OCPP 2.x passwords are text and travel as UTF-8. OCPP 1.6 gives the octets themselves, as
hexadecimal digits, and they need not be text. So that one variable can hold both, an octet that is
not printable ASCII is kept as a character of a private-use block; printable octets stay readable
and can be used by every OCPP version.
"""

_ESCAPE_BASE = 0xF700
_ESCAPE_END = _ESCAPE_BASE + 0xFF


def text_of_octets(octets: bytes) -> str:
    """Return the text that stands for these octets; `password_octets` gives them back."""
    return "".join(chr(o) if _is_printable_ascii(o) else chr(_ESCAPE_BASE + o) for o in octets)


def password_octets(password: str) -> bytes:
    """Return the octets of a password for the Authorization header."""
    return b"".join(_octets_of(character) for character in password)


def has_escaped_octets(password: str) -> bool:
    """Whether the password holds octets that no 2.x CSMS could have set as text."""
    return any(is_escaped_octet(character) for character in password)


def is_escaped_octet(character: str) -> bool:
    """Whether a character of a password stands for an octet that is not printable ASCII."""
    return _ESCAPE_BASE <= ord(character) <= _ESCAPE_END


def _is_printable_ascii(octet: int) -> bool:
    return 0x20 <= octet <= 0x7E


def _octets_of(character: str) -> bytes:
    if is_escaped_octet(character):
        return bytes([ord(character) - _ESCAPE_BASE])
    return character.encode()
