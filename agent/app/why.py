"""The answer to `stationd why`, in JSON's words."""

from collections.abc import Callable, Mapping
from typing import Any

from agent.app.foundations import Foundations
from agent.app.network import Network
from agent.core.explanation import Explanation, StationFacts
from agent.ocpp.dispatch import Dispatcher
from agent.services.json_lines import failure


def station_facts(
    f: Foundations, network: Network, dispatcher: Dispatcher
) -> Callable[[], StationFacts]:
    """Return what tells the facts of the station as a whole."""
    return lambda: StationFacts(
        offline_since=network.offline_since,
        offline_because=network.trouble,
        registration=dispatcher.registration.status,
        storage_refuses=f.storage.endurance.refuses,
    )


def why(
    request: Mapping[str, Any], evses: Mapping[int, object], explain: Callable[[int], Explanation]
) -> dict[str, Any]:
    """Answer for one EVSE, or for all of them."""
    number = request.get("evse")
    if number is not None and number not in evses:
        return failure(f"there is no EVSE {number}; there is {', '.join(map(str, evses))}")
    asked = evses if number is None else [number]
    return {"ok": True, "evses": [_told(explain(number)) for number in asked]}


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
