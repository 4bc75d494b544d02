"""Contracts against the roots of the moment; how they are examined is loaded with the first one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from cryptography.x509 import Certificate

    from agent.core.contracts import Contract


class ContractExaminer:
    """Examines contracts against the roots that are installed at that moment."""

    def __init__(self, roots: Callable[[], Sequence[Certificate]]) -> None:
        self._roots = roots

    def examine(self, chain: str, emaid: str, at: datetime) -> Contract:
        """Say what a chain in PEM is worth for an eMAID at an instant."""
        from agent.pki.contract import examine_contract  # noqa: PLC0415 - few vehicles have one

        return examine_contract(chain, emaid, self._roots(), at)
