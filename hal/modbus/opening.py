"""Who answers: what a meter says of itself when it is opened, against what is configured."""

from hal.api import MeterIdentity
from hal.modbus import registers
from hal.modbus.faults import WrongMeter
from hal.modbus.measurement import Registers, words_at
from hal.modbus.profile import Identity, IdentityField, MeterProfile
from hal.modbus.registers import RegisterType, width


def identified(
    profile: MeterProfile, found: Registers, where: str, serial_number: str = ""
) -> MeterIdentity:
    """Return the identity from the registers that are read at opening; raises `WrongMeter`.

    `serial_number` is that of the configuration: it must be the one that the meter tells, and
    stands in for it where the meter tells none.
    """
    _check_probe(profile, found, where)
    told = {each.field: _text(profile, each, found) for each in profile.identity}
    read = told.get(IdentityField.SERIAL_NUMBER, "")
    if profile.tells_serial_number and not read:
        raise WrongMeter(
            f"the device at {where} tells no serial number where a {profile.model} has it; check "
            "profile and address"
        )
    if read and serial_number and read != serial_number:
        raise WrongMeter(
            f"the meter at {where} has the serial number {read}, configured is {serial_number}; "
            "check address and wiring, or correct serial_number if the meter was exchanged"
        )
    return MeterIdentity(
        vendor=profile.vendor,
        model=told.get(IdentityField.MODEL) or profile.model,
        serial_number=read or serial_number,
        firmware=told.get(IdentityField.FIRMWARE, ""),
    )


def _check_probe(profile: MeterProfile, found: Registers, where: str) -> None:
    probe = profile.probe
    if probe is None:
        return
    words = words_at(found, probe.function, probe.start, width(probe.kind))
    number = registers.decode(probe.kind, words, profile.word_order)
    if number not in probe.expect:
        raise WrongMeter(
            f"the device at {where} is no {profile.vendor} {profile.model}: register "
            f"{probe.start} holds {number}, expected is "
            f"{' or '.join(map(str, probe.expect))}; check profile and address"
        )


def _text(profile: MeterProfile, identity: Identity, found: Registers) -> str:
    words = words_at(found, identity.function, identity.start, identity.count)
    if identity.kind is RegisterType.STR:
        return registers.decode_text(words)
    number = registers.decode(identity.kind, words, profile.word_order)
    return "" if number is None else f"{number:f}"
