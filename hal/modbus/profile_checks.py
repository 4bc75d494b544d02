"""What the parts of a profile must be to each other; each complaint says how to mend it."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from hal.modbus.plan import spans
from hal.modbus.profile import Block, MeterProfile, Quantity
from hal.modbus.profile_table import ProfileError


def check_profile(profile: MeterProfile, file: Path) -> None:
    """Raise `ProfileError` for the first thing that does not fit together."""
    for complaint in _complaints(profile):
        raise ProfileError(f"{file}: {complaint}")


def _complaints(profile: MeterProfile) -> Iterator[str]:
    yield from _doubled(profile)
    if not profile.values_of(Quantity.ENERGY_IMPORT):
        yield 'has no value of quantity "energy_import"; without it nothing can be billed'
    for number, block in enumerate(profile.blocks, start=1):
        yield from _unreadable(profile, block, f"block[{number}]")
    yield from _torn(profile)
    yield from _unknown_in_checks(profile)


def _doubled(profile: MeterProfile) -> Iterator[str]:
    names = Counter(block.name for block in profile.blocks)
    for name in [name for name, times in names.items() if times > 1]:
        yield f'block.name "{name}" is there twice; give each block its own name'
    for field, times in Counter(each.field for each in profile.identity).items():
        if times > 1:
            yield f'identity.name "{field}" is there twice; keep one of them'
    for each in profile.identity:
        if each.count > profile.limits.max_registers:
            yield f'identity "{each.field}" is longer than limits.max_registers; make count smaller'


def _unreadable(profile: MeterProfile, block: Block, key: str) -> Iterator[str]:
    most = profile.limits.max_registers
    if block.start + block.count > 0x10000:
        yield f"{key}.count goes beyond the last register, 65535; make it smaller"
    found = spans(profile, block)
    if not found:
        yield f'{key} "{block.name}" holds no value; remove it'
    if block.whole and block.count > most:
        yield f"{key}.count is more than limits.max_registers, {most}; a whole block is one request"
    for low, high in found:
        if high - low > most:
            yield (
                f"{key} holds a quantity over registers {low} to {high - 1}, but "
                f"limits.max_registers is {most}; they must fit into one request"
            )


def _torn(profile: MeterProfile) -> Iterator[str]:
    for quantity in profile.quantities:
        blocks = {
            block.name
            for value in profile.values_of(quantity)
            for block in profile.blocks
            if block.function == value.function
            and block.start <= value.address < block.start + block.count
        }
        if len(blocks) > 1:
            yield (
                f'the values of quantity "{quantity}" lie in the blocks '
                f"{', '.join(sorted(blocks))}; they must lie in one, and blocks must not overlap"
            )


def _unknown_in_checks(profile: MeterProfile) -> Iterator[str]:
    named = {check.quantity for check in profile.ranges}
    for check in profile.sums:
        named |= {*check.parts, check.equals}
    for quantity in sorted(named - set(profile.quantities)):
        yield f'a [[check]] names "{quantity}", of which the profile has no value; remove it'
