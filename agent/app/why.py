"""The answer to `stationd why`; what it takes is loaded with the first question."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agent.services.json_lines import failure

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from agent.app.foundations import Foundations
    from agent.app.network import Network
    from agent.app.watches import Watches
    from agent.core.explanation import Explanation, StationFacts
    from agent.core.limits import LimitSource
    from agent.ocpp.dispatch import Dispatcher
    from agent.services.availability import AvailabilityService
    from agent.services.evse import EvseService
    from agent.services.explainer import Explainer


class Why:
    """Says why each EVSE does what it does.

    `unsigned` returns why the values of an EVSE are not signed, None if they are; `limits` those of
    smart charging.
    """

    def __init__(
        self,
        f: Foundations,
        evses: Mapping[int, EvseService],
        parts: tuple[Dispatcher, Network, Watches],
        unsigned: Callable[[int], str | None],
        availability: Callable[[], AvailabilityService],
        limits: Callable[[int], tuple[LimitSource, ...]],
    ) -> None:
        self._f = f
        self._evses = evses
        self._dispatcher, self._network, self._watches = parts
        self._unsigned = unsigned
        self._availability = availability
        self._limits = limits
        self._explainer: Explainer | None = None

    def answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Answer for one EVSE, or for all of them."""
        number = request.get("evse")
        if number is not None and number not in self._evses:
            known = ", ".join(map(str, self._evses))
            return failure(f"there is no EVSE {number}; there is {known}")
        asked = list(self._evses) if number is None else [number]
        return {"ok": True, "evses": [_told(self._explain(evse)) for evse in asked]}

    def _explain(self, evse: int) -> Explanation:
        from agent.services.explainer import Explainer, ExplanationSources  # noqa: PLC0415 - for who asks

        if self._explainer is None:
            sources = ExplanationSources(
                station=self._station_facts,
                unsigned=self._unsigned,
                station_operative=lambda: self._availability().station_operative,
                limits=self._limits,
                light_trouble=self._watches.light_trouble,
                awaits_update=lambda number: self._availability().awaits_update(number),
            )
            self._explainer = Explainer(self._evses, sources)
        return self._explainer.explain(evse)

    def _station_facts(self) -> StationFacts:
        from agent.core.explanation import StationFacts  # noqa: PLC0415 - for who asks

        return StationFacts(
            offline_since=self._network.offline_since,
            offline_because=self._network.trouble,
            registration=self._dispatcher.registration.status,
            storage_refuses=self._f.storage.endurance.refuses,
        )


def _told(explanation: Explanation) -> dict[str, Any]:
    return {
        "id": explanation.evse,
        "charges": explanation.charges,
        "sentence": explanation.sentence,
        "causes": [
            {
                "kind": cause.kind.value,
                "name": cause.name,
                "prevents": cause.prevents,
                "sentence": cause.sentence,
                "remedy": cause.remedy,
            }
            for cause in explanation.causes
        ],
    }
