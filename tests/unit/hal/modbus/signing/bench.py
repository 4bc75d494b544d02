"""A signing meter, its driver, and a judge of records that knows nothing of either."""

import json
from datetime import datetime, timedelta, timezone
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from hal.api import SignedRecord
from hal.modbus.faults import FaultKind, MeterFault
from hal.modbus.meter import MeterSetup
from hal.modbus.signing_meter import SigningModbusMeter
from tests.rigs.modbus_meter import MemoryBus
from tests.rigs.signing_meters import SigningSimulation

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=timezone(timedelta(hours=1)))
SILENCE = MeterFault(FaultKind.NO_ANSWER, "no answer")


def driver(device: SigningSimulation) -> tuple[SigningModbusMeter, MemoryBus]:
    """A driver that has just been started at a meter."""
    bus = MemoryBus(device)
    return SigningModbusMeter(MeterSetup(device.profile, "/dev/ttyTEST"), bus), bus


def proven(record: SignedRecord) -> dict[str, Any]:
    """The payload of a record whose signature is that of the key it comes with."""
    assert (record.format, record.encoding) == ("OCMF", "OCMF")
    head, payload, signature = record.data.split(b"|")
    assert head == b"OCMF"
    key = load_der_public_key(bytes.fromhex(record.public_key_hex))
    assert isinstance(key, ec.EllipticCurvePublicKey)
    key.verify(bytes.fromhex(json.loads(signature)["SD"]), payload, ec.ECDSA(hashes.SHA256()))
    told: dict[str, Any] = json.loads(payload)
    return told
