"""Reservations: what they need of storage, device model and configuration."""

from collections.abc import Mapping

from agent.app.commands import CommandRouter
from agent.app.foundations import Foundations
from agent.core.reservation import CancelReservation, ReserveNow
from agent.services import policies
from agent.services.availability import AvailabilityService
from agent.services.evse import EvseService
from agent.services.reservation import ReservationMeans, ReservationService


def reservation_service(
    f: Foundations, evses: Mapping[int, EvseService], availability: AvailabilityService
) -> ReservationService:
    """Return the reservations as they were before the last restart."""
    means = ReservationMeans(
        connector_types={evse.id: evse.connector_type for evse in f.config.evses},
        operative=availability.operative,
        policy=lambda: policies.reservation_policy(f.model),
    )
    return ReservationService(evses, f.storage.documents, f.storage.journal, f.clock, means)


def serve_reservations(router: CommandRouter, reservations: ReservationService) -> None:
    """Take the commands about reservations."""
    router.carries_out(ReserveNow, reservations.reserve)
    router.carries_out(CancelReservation, reservations.cancel)
