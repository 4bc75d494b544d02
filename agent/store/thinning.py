"""Which values go first when there is no room: every other one of each transaction."""

from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

T = TypeVar("T")


def every_other(optional: Iterable[T], group: Callable[[T], Hashable]) -> list[T]:
    """Return what to give up of `optional`: the 1st, 3rd, 5th ... of each group, in their order.

    OCPP 2.0.1 and 2.1, E04.FR.08, E11.FR.05, E12.FR.05: alternating ones go, neither the oldest
    nor the newest in a row. Transactions that run side by side each keep their half. The newest
    value of a group goes only where nothing else is left.
    """
    groups: dict[Hashable, list[T]] = {}
    for one in optional:
        groups.setdefault(group(one), []).append(one)
    doomed = [one for members in groups.values() for one in members[:-1:2]]
    return doomed or [one for members in groups.values() for one in members[::2]]
