"""The device model's variables as the policies that the core's rules ask for."""

from collections.abc import Iterable

from agent.core import standard_variables as sv
from agent.core.authorization import AuthorizationPolicy
from agent.core.authorization_cache import CachePolicy, EvictionPolicy
from agent.core.contracts import ContractPolicy
from agent.core.device_model import DeviceModel
from agent.core.local_authorization_list import ListLimits
from agent.core.local_time import UTC_OFFSET, LocalTime, offset_of
from agent.core.metering import MOST_ENDED_VALUES
from agent.core.reservation import ReservationPolicy
from agent.core.session_state import SessionPolicy
from agent.core.signed_values import PublicKeyPolicy, SigningRules
from agent.core.variable_definition import ComponentVariable, parsed_instant
from agent.core.vocabulary import Measurand, TxPoint
from agent.services.local_authorization_list import ListPolicy
from agent.services.metering import AlignedPolicy


def session_policy(model: DeviceModel) -> SessionPolicy:
    """Return the rules for sessions as configured now."""
    return SessionPolicy(
        start_points=frozenset(map(TxPoint, model.member_list(sv.TX_START_POINT))),
        stop_points=frozenset(map(TxPoint, model.member_list(sv.TX_STOP_POINT))),
        connection_timeout_s=model.integer(sv.EV_CONNECTION_TIME_OUT),
        stop_on_invalid_id=model.boolean(sv.STOP_TX_ON_INVALID_ID),
        stop_on_ev_side_disconnect=model.boolean(sv.STOP_TX_ON_EV_SIDE_DISCONNECT),
        unlock_on_ev_side_disconnect=model.boolean(sv.UNLOCK_ON_EV_SIDE_DISCONNECT),
        tells_unplugged=model.boolean(sv.V16_IDLE_FEE_AFTER_STOP, default=False),
        max_energy_on_invalid_id_wh=model.integer(sv.MAX_ENERGY_ON_INVALID_ID),
        authorization_required=model.boolean(sv.AUTH_ENABLED, default=True),
        master_pass_group_id=model.text(sv.MASTER_PASS_GROUP_ID),
        started_measurands=_measurands(model, sv.SAMPLED_TX_STARTED_MEASURANDS),
        updated_measurands=_measurands(model, sv.SAMPLED_TX_UPDATED_MEASURANDS),
        ended_measurands=_measurands(model, sv.SAMPLED_TX_ENDED_MEASURANDS),
        aligned_measurands=_measurands(model, sv.ALIGNED_MEASURANDS),
        aligned_ended_measurands=_measurands(model, sv.ALIGNED_TX_ENDED_MEASURANDS),
        updated_interval_s=model.integer(sv.SAMPLED_TX_UPDATED_INTERVAL),
        ended_interval_s=model.integer(sv.SAMPLED_TX_ENDED_INTERVAL),
        ended_values_at_most=model.integer(
            sv.V16_STOP_TRANSACTION_MAX_METER_VALUES, default=MOST_ENDED_VALUES
        ),
        signing=signing_rules(model),
    )


def authorization_policy(model: DeviceModel) -> AuthorizationPolicy:
    """Return the rules for judging tokens as configured now."""
    return AuthorizationPolicy(
        local_authorize_offline=model.boolean(sv.LOCAL_AUTHORIZE_OFFLINE),
        local_pre_authorize=model.boolean(sv.LOCAL_PRE_AUTHORIZE),
        offline_for_unknown_id=model.boolean(sv.OFFLINE_TX_FOR_UNKNOWN_ID_ENABLED),
        list_is_final=model.boolean(sv.LOCAL_AUTH_LIST_DISABLE_POST_AUTHORIZE),
        cache_is_final=model.boolean(sv.AUTH_CACHE_DISABLE_POST_AUTHORIZE),
        never_ask=model.boolean(sv.DISABLE_REMOTE_AUTHORIZATION),
        master_pass_group_id=model.text(sv.MASTER_PASS_GROUP_ID),
    )


def contract_policy(model: DeviceModel) -> ContractPolicy:
    """Return the rules of Plug & Charge as configured now."""
    return ContractPolicy(
        enabled=model.boolean(sv.PNC_ENABLED),
        validates_offline=model.boolean(sv.CONTRACT_VALIDATION_OFFLINE),
        central_validation=model.boolean(sv.CENTRAL_CONTRACT_VALIDATION_ALLOWED),
    )


def cache_policy(model: DeviceModel) -> CachePolicy:
    """Return the rules of the authorization cache as configured now."""
    return CachePolicy(
        enabled=model.boolean(sv.AUTH_CACHE_ENABLED),
        life_time_s=model.integer(sv.AUTH_CACHE_LIFE_TIME),
        eviction=EvictionPolicy(model.text(sv.AUTH_CACHE_POLICY)),
        capacity_bytes=_capacity(model, sv.AUTH_CACHE_STORAGE),
    )


def list_policy(model: DeviceModel) -> ListPolicy:
    """Return the rules of the local authorization list as configured now."""
    return ListPolicy(
        enabled=model.boolean(sv.LOCAL_AUTH_LIST_ENABLED),
        limits=ListLimits(
            entries=_capacity(model, sv.LOCAL_AUTH_LIST_ENTRIES),
            items_per_message=model.integer(sv.LOCAL_AUTH_LIST_ITEMS_PER_MESSAGE),
            bytes_per_message=model.integer(sv.LOCAL_AUTH_LIST_BYTES_PER_MESSAGE),
        ),
        storage_bytes=_capacity(model, sv.LOCAL_AUTH_LIST_STORAGE),
    )


def signing_rules(model: DeviceModel) -> SigningRules:
    """Return which readings are signed; a station that cannot sign has none of the variables."""
    return SigningRules(
        sampled=model.boolean(sv.SAMPLED_SIGN_READINGS, default=False),
        started=model.boolean(sv.SAMPLED_SIGN_STARTED_READINGS, default=False),
        updated=model.boolean(sv.SAMPLED_SIGN_UPDATED_READINGS, default=False),
        aligned=model.boolean(sv.ALIGNED_SIGN_READINGS, default=False),
        aligned_updated=model.boolean(sv.ALIGNED_SIGN_UPDATED_READINGS, default=False),
        key_once=public_key_policy(model) is PublicKeyPolicy.ONCE_PER_TRANSACTION,
    )


def aligned_policy(model: DeviceModel, evses: Iterable[int]) -> AlignedPolicy:
    """Return the rules for clock-aligned values as configured now."""
    return AlignedPolicy(
        interval_s=model.integer(sv.ALIGNED_INTERVAL),
        measurands=_measurands(model, sv.ALIGNED_MEASURANDS),
        during_idle_only=model.boolean(sv.ALIGNED_SEND_DURING_IDLE),
        idle_only_evses=frozenset(
            evse for evse in evses if model.boolean(sv.aligned_send_during_idle(evse))
        ),
        ended_interval_s=model.integer(sv.ALIGNED_TX_ENDED_INTERVAL),
        signing=signing_rules(model),
    )


def reservation_policy(model: DeviceModel) -> ReservationPolicy:
    """Return the rules for reservations as configured now (H01.FR.01, FR.18, FR.19)."""
    return ReservationPolicy(
        enabled=model.boolean(sv.RESERVATION_ENABLED),
        non_evse_specific=model.boolean(sv.RESERVATION_NON_EVSE_SPECIFIC),
    )


def public_key_policy(model: DeviceModel) -> PublicKeyPolicy:
    """Return which signed values carry the public key."""
    return PublicKeyPolicy(model.text(sv.PUBLIC_KEY_WITH_SIGNED_METER_VALUE))


def local_time(model: DeviceModel) -> LocalTime:
    """Return how people are told the time, as configured now."""
    return LocalTime(
        offset_of(model.text(sv.TIME_OFFSET)) or UTC_OFFSET,
        parsed_instant(model.text(sv.NEXT_TIME_OFFSET_TRANSITION)),
        offset_of(model.text(sv.NEXT_TIME_OFFSET)),
    )


def longest_wait_for_price_s(model: DeviceModel) -> float:
    """Return how long a driver waits for a price; nobody does where none is shown."""
    if not model.boolean(sv.V16_DISPLAYS_COST_AND_PRICE, default=False):
        return 0
    return model.integer(sv.V16_USER_PRICE_TIMEOUT) / 1000


def concerns_sessions(key: ComponentVariable) -> bool:
    """Tell whether a changed variable changes the rules for sessions."""
    return key.component.name in _SESSION_COMPONENTS or key in _SESSION_VARIABLES


_SESSION_VARIABLES = frozenset(
    {
        sv.PUBLIC_KEY_WITH_SIGNED_METER_VALUE,
        sv.UNLOCK_ON_EV_SIDE_DISCONNECT,
        sv.V16_IDLE_FEE_AFTER_STOP,
    }
)
_SESSION_COMPONENTS = frozenset({"TxCtrlr", "SampledDataCtrlr", "AlignedDataCtrlr", "AuthCtrlr"})


def _capacity(model: DeviceModel, key: ComponentVariable) -> int:
    limit = model.definition(key).max_limit
    return 0 if limit is None else int(limit)


def _measurands(model: DeviceModel, key: ComponentVariable) -> tuple[Measurand, ...]:
    return tuple(map(Measurand, model.member_list(key)))
