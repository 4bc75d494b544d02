"""Whose turn it is: a new root of the CSMS that is on trial, or the earlier ones (M05.FR.13-16).

With AdditionalRootCertificateCheck each attempt trusts one side alone, so that a connection proves
which of them the CSMS is verified by. Whatever fails, the other side's turn comes again.
"""

from typing import Protocol

from agent.core.certificates import ALL_ROOTS, RootChoice
from agent.core.connection_plan import Attempt, begins_with_old_root
from agent.services.tasks import Spawn


class NewRoots(Protocol):
    """A new root of the CSMS that is on trial."""

    @property
    def untried_root(self) -> str | None:
        """Its name; None if none is on trial."""

    async def root_worked(self, name: str) -> None:
        """Remove all others, now that the CSMS was reached with this one alone (M05.FR.13)."""


class RootTurns:
    """Says what the next attempt trusts; is told how it went."""

    def __init__(self, roots: NewRoots, spawn: Spawn) -> None:
        self._roots = roots
        self._spawn = spawn
        self._other_is_due = False

    def choice(self, attempt: Attempt, *, migrates: bool) -> RootChoice:
        """Return what to trust; `migrates` to a CSMS other than the one that worked last."""
        untried = self._roots.untried_root
        if untried is None:
            return ALL_ROOTS
        if begins_with_old_root(attempt, migrates=migrates) != self._other_is_due:
            return RootChoice(without=untried)
        return RootChoice(only=untried)

    def failed(self, choice: RootChoice, *, distrusted: bool, migrates: bool) -> bool:
        """Tell whether the other side comes next within the same attempt (M05.FR.14).

        At a CSMS that is new the side stays for all attempts of a round (M05.FR.15).
        """
        may_change = choice != ALL_ROOTS and not self._other_is_due and not migrates
        self._other_is_due = distrusted and may_change
        return self._other_is_due

    def connected(self, choice: RootChoice, *, with_tls: bool) -> None:
        """Let a root on trial replace the others, if TLS has relied on it alone."""
        self._other_is_due = False
        if choice.only is not None and with_tls:
            self._spawn(self._roots.root_worked(choice.only))
