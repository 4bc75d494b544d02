"""The options of a serial token reader, and what is told of wrong ones."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal import registry
from hal.api import HardwareError
from hal.serial.settings import PROTOCOLS, ReaderProtocol, problems, read_settings
from hal.serial.token_text import ByteOrder

PORT = "/dev/serial/by-id/usb-reader"


def table(protocol: object = "pn532", **options: object) -> Mapping[str, object]:
    return {"backend": "serial", "protocol": protocol, "port": PORT, **options}


@pytest.mark.parametrize(
    ("protocol", "baudrate", "token_type"),
    [
        ("rdm6300", 9600, "Local"),
        ("pn532", 115200, "ISO14443"),
        ("twn4", 9600, "ISO14443"),
        ("stronglink", 9600, "ISO14443"),
        ("lines", 9600, "Local"),
    ],
)
def test_protocol_and_port_are_enough(protocol: str, baudrate: int, token_type: str) -> None:
    settings = read_settings(table(protocol))
    assert (settings.baudrate, settings.usual_token_type) == (baudrate, token_type)
    assert (settings.byte_order, settings.strip_bytes) == (ByteOrder.AS_READ, 0)
    assert settings.token_type is None


def test_every_option_is_taken() -> None:
    common = {
        "baudrate": 57600,
        "token_type": "ISO15693",
        "byte_order": "reversed",
        "strip_bytes": 1,
    }
    settings = read_settings(table("twn4", crc=True, beep=True, **common))
    assert (settings.baudrate, settings.usual_token_type) == (57600, "ISO15693")
    assert (settings.byte_order, settings.strip_bytes) == (ByteOrder.REVERSED, 1)
    assert settings.crc
    assert settings.beep
    assert read_settings(table("lines", pattern="UID: {hex}")).pattern == "UID: {hex}"


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (
            table("pn533"),
            r'the reader.s protocol must be .* not .pn533., did you mean "pn532"',
        ),
        (table(["pn532"]), "protocol must be one of"),
        (table(port="ttyUSB0"), r"port must be a path such as .* not 'ttyUSB0'.*ls /dev/serial"),
        (table(port=3), "port must be a path"),
        (table(baudrate=9601), "baudrate must be one of 1200, .* not 9601"),
        (table(baudrate=True), "baudrate must be one of"),
        (table(baudrate="9600"), "baudrate must be one of"),
        (table(token_type="iso14443"), r'token_type must be .*, did you mean "ISO14443"'),
        (table(byte_order="reverse"), r'byte_order must be .*, did you mean "reversed"'),
        (table(strip_bytes=9), "strip_bytes must be one of 0, 1"),
        (table(strip_bytes=-1), "strip_bytes"),
        (table(pattern="{hex}"), "pattern is an option of protocol lines, not of pn532"),
        (table(beep=True), "beep is an option of protocol twn4, not of pn532"),
        (table("twn4", beep=1), "beep must be one of true, false, not 1"),
        (table("lines", patern="{hex}"), r'no option patern, did you mean "pattern"'),
        (table("lines", pattern="UID"), "pattern 'UID' cannot be used: it needs the token once"),
        (table("lines", pattern=7), "pattern must be a text"),
    ],
)
def test_a_wrong_option_is_told_with_what_would_be_right(
    wrong: Mapping[str, object], why: str
) -> None:
    (told,) = problems("reader", wrong)
    with pytest.raises(HardwareError, match=why):
        read_settings(wrong)
    assert registry.problems("reader", wrong) == (told,)


def test_a_missing_port_is_told() -> None:
    (told,) = registry.problems("reader", {"backend": "serial", "protocol": "twn4"})
    assert "port must be a path such as /dev/serial/by-id/" in told


def test_the_registry_opens_a_serial_reader_without_touching_its_port(tmp_path: object) -> None:
    from pathlib import Path

    reader = registry.open_reader([2, 1], table("rdm6300"), Path("unused"))
    assert (reader.evses, reader.token_type) == ((1, 2), "Local")
    assert registry._PORTS["reader"]["serial"].family == "real"


@given(
    options=st.dictionaries(
        st.sampled_from(
            [
                *("protocol", "port", "baudrate", "token_type", "byte_order", "strip_bytes"),
                *("pattern", "crc", "beep", "odd"),
            ]
        ),
        st.one_of(
            *(st.sampled_from([*ReaderProtocol, PORT]), st.integers(), st.booleans()),
            *(st.floats(), st.text(max_size=5), st.just(()), st.just({"a": 1})),
        ),
    )
)
def test_no_table_is_too_odd_to_be_judged(options: dict[str, object]) -> None:
    told = list(problems("reader", {"backend": "serial", **options}))
    if not told:
        assert read_settings(options).protocol in PROTOCOLS
