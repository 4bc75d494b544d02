"""Which rows go first when there is no room: every other value of each transaction."""

from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

from agent.core.thinning import every_other_of_the_densest

T = TypeVar("T")
_SHARE = 4
"""At least a fourth of the values goes at once: looking for them costs more than they do."""


def every_other(
    optional: Iterable[T], group: Callable[[T], Hashable], number: Callable[[T], int]
) -> list[T]:
    """Return what to give up of `optional`, whose numbers grow: every other one of each group.

    Transactions that run side by side each keep their half. The oldest value of a group goes only
    where nothing else is left.
    """
    groups: dict[Hashable, list[T]] = {}
    for one in optional:
        groups.setdefault(group(one), []).append(one)
    doomed = [one for members in groups.values() for one in _of_group(members, number)]
    return doomed or [one for members in groups.values() for one in members[::2]]


def _of_group(members: list[T], number: Callable[[T], int]) -> list[T]:
    positions = [number(one) for one in members]
    places = every_other_of_the_densest(positions, len(members) // _SHARE)
    return [members[place] for place in places]
