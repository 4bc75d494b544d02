"""What a hardware fault means for a session: which ones end a transaction, and with what reason."""

from agent.core.vocabulary import StoppedReason

ENDS_TRANSACTION = {
    "rcd": StoppedReason.GROUND_FAULT,
    "pe": StoppedReason.GROUND_FAULT,
    "estop": StoppedReason.EMERGENCY_STOP,
    "over_current": StoppedReason.OVERCURRENT_FAULT,
    "diode": StoppedReason.OTHER,
    "cp_short": StoppedReason.OTHER,
    "contactor_welded": StoppedReason.OTHER,
    "contactor_stuck_open": StoppedReason.OTHER,
    "lock": StoppedReason.OTHER,
    "ventilation": StoppedReason.OTHER,
    "other": StoppedReason.OTHER,
}
"""Faults that latch until the EV is unplugged; the others suspend and may clear by themselves."""

_MOST_SERIOUS_FIRST = tuple(ENDS_TRANSACTION)


def stopped_reason(faults: frozenset[str]) -> StoppedReason | None:
    """Return why these faults end a transaction, None if they only suspend it (E06.FR.16)."""
    fatal = next((fault for fault in _MOST_SERIOUS_FIRST if fault in faults), None)
    return None if fatal is None else ENDS_TRANSACTION[fatal]
