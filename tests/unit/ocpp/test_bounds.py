import pytest

from agent.ocpp.bounds import Bound, check_bound
from agent.ocpp.codec import CallRejected
from agent.ocpp.dialect import RpcErrorCode

BOUND = Bound(items=3, bytes=60)


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({"requestId": 1}, None),
        ({"data": [1, 2, 3]}, None),
        ({"data": [1, 2, 3, 4]}, RpcErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION),
        ({"few": [1], "many": [1, 2, 3, 4]}, RpcErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION),
        ({"data": ["x" * 47]}, None),
        ({"data": ["x" * 49]}, RpcErrorCode.FORMAT_VIOLATION),
        ({"data": ["ü" * 30]}, RpcErrorCode.FORMAT_VIOLATION),
    ],
)
@pytest.mark.requirement("B06.FR.16", "B06.FR.17", "B08.FR.17", "B08.FR.18")
def test_what_holds_more_than_the_station_takes_is_refused(
    payload: dict[str, object], code: RpcErrorCode | None
) -> None:
    if code is None:
        check_bound(BOUND, "GetVariables", payload)
        return
    with pytest.raises(CallRejected, match="this station takes") as refused:
        check_bound(BOUND, "GetVariables", payload)
    assert refused.value.code is code
