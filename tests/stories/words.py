"""What the stories share: versions, tokens, 1.6's names of variables, and small measures."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final

from agent.metering.verification import verify_pair
from agent.sim.csms_model import TransactionRecord
from agent.sim.csms_station import Station
from agent.sim.frames import Direction
from tests.virtual_time import START

V16: Final = "ocpp1.6"
V201: Final = "ocpp2.0.1"
V21: Final = "ocpp2.1"
VERSIONS: Final = (V16, V201, V21)
IDENTITY: Final = "CS001"
TOKEN: Final = "DEADBEEF"
OTHER_TOKEN: Final = "0A0B0C0D"
UNKNOWN_TOKEN: Final = "FFFFFFFF"
LONG_S: Final = 30.0

KEYS_OF_16: Final[Mapping[str, str]] = {
    "AlignedDataCtrlr.Interval": "ClockAlignedDataInterval",
    "AlignedDataCtrlr.Measurands": "MeterValuesAlignedData",
    "AuthCtrlr.AuthorizeRemoteStart": "AuthorizeRemoteTxRequests",
    "AuthCtrlr.LocalAuthorizeOffline": "LocalAuthorizeOffline",
    "AuthCtrlr.OfflineTxForUnknownIdEnabled": "AllowOfflineTxForUnknownId",
    "ChargingStatusIndicator.Count[BlinkRepeat]": "BlinkRepeat",
    "ChargingStatusIndicator.Percent[LightIntensity]": "LightIntensity",
    "OCPPCommCtrlr.HeartbeatInterval": "HeartbeatInterval",
    "OCPPCommCtrlr.MessageAttemptInterval[TransactionEvent]": "TransactionMessageRetryInterval",
    "OCPPCommCtrlr.MessageAttempts[TransactionEvent]": "TransactionMessageAttempts",
    "OCPPCommCtrlr.PublicKeyWithSignedMeterValue": "PublicKeyWithSignedMeterValue",
    "OCPPCommCtrlr.WebSocketPingInterval": "WebSocketPingInterval",
    "SampledDataCtrlr.TxEndedMeasurands": "StopTxnSampledData",
    "SampledDataCtrlr.TxUpdatedInterval": "MeterValueSampleInterval",
    "SampledDataCtrlr.TxUpdatedMeasurands": "MeterValuesSampledData",
    "TxCtrlr.EVConnectionTimeOut": "ConnectionTimeOut",
    "TxCtrlr.MaxEnergyOnInvalidId": "MaxEnergyOnInvalidId",
    "TxCtrlr.StopTxOnEVSideDisconnect": "StopTransactionOnEVSideDisconnect",
    "TxCtrlr.StopTxOnInvalidId": "StopTransactionOnInvalidId",
}
STATUS_OF_2X: Final[Mapping[str, str]] = {
    "Preparing": "Occupied",
    "Charging": "Occupied",
    "SuspendedEV": "Occupied",
    "SuspendedEVSE": "Occupied",
    "Finishing": "Occupied",
}


def signed_pair_is_valid(transaction: TransactionRecord) -> Decimal:
    """Verify the begin and end record of a transaction; return the proven energy in Wh."""
    begin = _record(transaction, "Transaction.Begin")
    end = _record(transaction, "Transaction.End")
    keys = {v.public_key for v in transaction.signed_values if v.public_key}
    assert len(keys) == 1, "one public key for the transaction"
    verdict = verify_pair(begin, end, keys.pop().removeprefix("oca:base16:asn1:"))
    assert verdict.problems == ()
    return verdict.energy_wh


def frames_from_station(station: Station) -> list[str]:
    return [r.text for r in station.frames if r.direction is Direction.FROM_STATION]


def at_s(moment: datetime) -> float:
    """Return the seconds of the story at which something is dated."""
    return (moment - START).total_seconds()


def _record(transaction: TransactionRecord, context: str) -> str:
    records = [v.record for v in transaction.signed_values if v.context == context]
    assert records, f"there is no signed value of {context}"
    return records[-1].decode()
