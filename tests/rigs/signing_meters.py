"""Meters that sign, register by register: they keep states, take their time, fail, lose power.

Their records are real: made and signed with a key of their own, so that a verifier can judge what
the driver passes on. `polls` is how often the state must be asked before a step is done; with
`stuck` it never is.
"""

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from hal.modbus import bauer_bsm, carlo_gavazzi_em580, iskra_wm3m4c, registers
from hal.modbus.profile_file import load_profile
from hal.modbus.registers import RegisterType, WordOrder
from tests.rigs.modbus_meter import SimulatedMeter


class SigningSimulation(SimulatedMeter):
    """What all of them have: a key, a register, and steps that take some polls."""

    def __init__(self, profile: str, curve: ec.EllipticCurve, *, one_space: bool = False) -> None:
        self.key = ec.generate_private_key(curve)
        self.polls = 2
        self.stuck = False
        self.energy_wh = Decimal(1_000_000)
        self._left = 0
        super().__init__(load_profile(profile), serial_number="SIM001", one_space=one_space)
        self.on_write = self.written_to
        self.on_read = self.asked_for

    @property
    def public_key_der(self) -> bytes:
        return self.key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def count(self, energy_wh: int) -> None:
        """Let energy flow."""
        self.energy_wh += energy_wh
        self.load(energy_wh=self.energy_wh)

    def word(self, register: int) -> int:
        return self.words[3, register]

    def put(self, register: int, *words: int) -> None:
        self.set(3, register, words)

    def put_bytes(self, register: int, data: bytes) -> None:
        self.put(register, *registers.encode_text(data.decode("latin-1"), (len(data) + 1) // 2))

    def text(self, register: int, length: int) -> str:
        return registers.text_bytes(self.get(3, register, (length + 1) // 2))[:length].decode()

    def signed(self, payload: str) -> bytes:
        return self.key.sign(payload.encode(), ec.ECDSA(hashes.SHA256()))

    def written_to(self, start: int, words: tuple[int, ...]) -> None:
        raise NotImplementedError

    def asked_for(self, start: int) -> None:
        raise NotImplementedError

    def _begin_step(self) -> None:
        self._left = self.polls

    def _step_is_done(self) -> bool:
        self._left -= 1
        return self._left == 0 and not self.stuck


class BauerMeter(SigningSimulation):
    """Snapshots by status; `outcome` is the status in which one ends."""

    def __init__(self) -> None:
        super().__init__("bauer_bsm_ws36a", ec.SECP256R1())
        self.outcome = bauer_bsm.VALID
        self._counter = 22_977
        self._taking: bauer_bsm.Snapshot | None = None
        self.put(bauer_bsm.EPOCH, 0xFFFF, 0xFFFF, 0)
        self.put(bauer_bsm.META1, *[0] * bauer_bsm.META1_REGISTERS)
        key = self.public_key_der
        self.put(bauer_bsm.PUBLIC_KEY, 48, len(key), *[0] * 48)
        self.put_bytes(bauer_bsm.PUBLIC_KEY + 2, key)
        for snapshot in (bauer_bsm.START, bauer_bsm.END):
            self.put(snapshot.data, *[0] * 19)
            self.put(snapshot.status, 1)
            self.put(snapshot.ocmf_status, 1, *[0] * bauer_bsm.OCMF_REGISTERS)

    def written_to(self, start: int, words: tuple[int, ...]) -> None:
        for snapshot in (bauer_bsm.START, bauer_bsm.END):
            if start == snapshot.status and words == (bauer_bsm.UPDATING,):
                self._taking = snapshot
                self._begin_step()

    def asked_for(self, start: int) -> None:
        if self._taking is not None and start == self._taking.status and self._step_is_done():
            self.put(start, self.outcome)
            if self.outcome == bauer_bsm.VALID:
                self._take(self._taking)

    def _take(self, snapshot: bauer_bsm.Snapshot) -> None:
        self._counter += 1
        tens = registers.encode(RegisterType.ACC32, self.energy_wh / 10, WordOrder.BIG)
        self.put(snapshot.data + 4, *tens, 1)
        self.put(snapshot.data + 17, self._counter >> 16, self._counter & 0xFFFF)
        high, low, zone = self.get(3, bauer_bsm.EPOCH, 3)
        user = self.text(bauer_bsm.META1, 140).rstrip("\0")
        reading = {
            "TM": _time(high << 16 | low, zone),
            "TX": "B" if snapshot is bauer_bsm.START else "E",
            "RV": int(self.energy_wh),
            "RI": "1-0:1.8.0*255",
            "RU": "Wh",
            "RT": "AC",
            "EF": "",
            "ST": "G",
        }
        payload = _payload(f"T{self._counter}", "BAUER Electronic", user, [reading])
        record = _record(payload, self.signed(payload), "ECDSA-secp256r1-SHA256")
        self.put(snapshot.ocmf_status, 0, *[0] * bauer_bsm.OCMF_REGISTERS)
        self.put_bytes(snapshot.ocmf_status + 1, record)


class IskraMeter(SigningSimulation):
    """Commands and states; after `lose_power` it wants time and texts again."""

    def __init__(self) -> None:
        super().__init__("iskra_wm3m4c", ec.SECP256R1())
        self.status = iskra_wm3m4c.SIGNED
        self.padding = b""
        self._heading_for: int | None = None
        self._begin: dict[str, object] = {}
        self.put(iskra_wm3m4c.STATE, iskra_wm3m4c.IDLE)
        self.put(iskra_wm3m4c.COMMAND, *[0] * 9)
        self.put(iskra_wm3m4c.SIGNATURE_STATUS, 1)
        self.put(iskra_wm3m4c.TIME_SYNC, 0)
        self.put(iskra_wm3m4c.META, *[0] * iskra_wm3m4c.META_REGISTERS)
        self.put(iskra_wm3m4c.PAYLOAD, *[0] * iskra_wm3m4c.PAYLOAD_REGISTERS)
        self.put(iskra_wm3m4c.SIGNATURE, *[0] * iskra_wm3m4c.SIGNATURE_REGISTERS)
        self.put_bytes(iskra_wm3m4c.PUBLIC_KEY, self.public_key_der[-64:])

    def lose_power(self) -> None:
        """Lose mains while measuring."""
        self.put(iskra_wm3m4c.STATE, iskra_wm3m4c.ACTIVE_AFTER_POWER_FAILURE)
        self.put(iskra_wm3m4c.TIME_SYNC, 0)
        self.put(iskra_wm3m4c.META_LENGTH, 0)
        self.put(iskra_wm3m4c.SIGNATURE_STATUS, 1)

    def written_to(self, start: int, words: tuple[int, ...]) -> None:
        if start == iskra_wm3m4c.COMMAND:
            begins = words == (iskra_wm3m4c.BEGIN,)
            self._heading_for = iskra_wm3m4c.ACTIVE if begins else iskra_wm3m4c.IDLE
            self._begin_step()

    def asked_for(self, start: int) -> None:
        wanted = self._heading_for
        if start != iskra_wm3m4c.STATE or wanted is None or not self._step_is_done():
            return
        self._heading_for = None
        prepared = self.word(iskra_wm3m4c.TIME_SYNC) and self.word(iskra_wm3m4c.META_LENGTH)
        self.put(iskra_wm3m4c.SIGNATURE_STATUS, self.status if prepared else 131)
        if not prepared:
            return
        self.put(iskra_wm3m4c.STATE, wanted)
        if wanted == iskra_wm3m4c.ACTIVE:
            self._begin = self._reading("B")
        else:
            self._sign()

    def _reading(self, kind: str) -> dict[str, object]:
        high, low = self.get(3, iskra_wm3m4c.EPOCH_HIGH, 2)
        zone = self.word(iskra_wm3m4c.TIME_ZONE)
        kwh = f"{self.energy_wh / 1000:.3f}"
        reading = {"TM": _time(high << 16 | low, zone), "TX": kind, "RV": kwh}
        return reading | {"RI": "1-b:1.8.0", "RU": "kWh", "RT": "AC", "EF": "", "ST": "G"}

    def _sign(self) -> None:
        meta = json.loads(self.text(iskra_wm3m4c.META, self.word(iskra_wm3m4c.META_LENGTH)))
        meta |= {"PG": "T7", "MV": "Iskra", "MS": "SIM001"}
        meta["RD"] = [self._begin or self._reading("B"), self._reading("E")]
        payload = json.dumps(meta, separators=(",", ":")).replace("|", "\\u007c")
        signature = self.padding or self.signed(payload)
        lengths = (len(payload), len(signature))
        self.put(iskra_wm3m4c.META_LENGTH + 1, *lengths)
        self.put_bytes(iskra_wm3m4c.PAYLOAD, payload.encode())
        self.put_bytes(iskra_wm3m4c.SIGNATURE, signature)


class Em580Meter(SigningSimulation):
    """Commands and states, and a file that blocks until it is confirmed.

    `size_in_registers` counts the file's size otherwise, `damaged` ends in a file that is none.
    """

    def __init__(self) -> None:
        super().__init__("carlogavazzi_em580", ec.BrainpoolP384R1(), one_space=True)
        em = carlo_gavazzi_em580
        self.size_in_registers = False
        self.damaged = False
        self._heading_for: int | None = None
        self._begin: dict[str, object] = {}
        self.put(em.SIGNATURE_TYPE, 1)
        self.put(em.PUBLIC_KEY, *[0] * 62)
        self.put_bytes(em.PUBLIC_KEY, self.public_key_der)
        self.put(em.DEVICE_STATE, 0)
        self.put(em.TARIFF_TEXT, *[0] * 126)
        self.put(em.IDENTIFICATION_STATUS, *[0] * 65)
        self.put(em.STATE, *[0] * 16)
        self.put(em.FILE, *[0] * em.FILE_REGISTERS)

    def lose_power(self) -> None:
        """Lose mains while measuring: the meter closes the measurement by itself."""
        self._finish()

    def written_to(self, start: int, words: tuple[int, ...]) -> None:
        em = carlo_gavazzi_em580
        if start != em.COMMAND:
            return
        if words == (em.BEGIN,) and self.word(em.STATE) == em.NOT_READY:
            self._heading_for = em.RUNNING
            self._begin_step()
        elif words == (em.END,) and self.word(em.STATE) == em.RUNNING:
            self._heading_for = em.READY
            self._begin_step()

    def asked_for(self, start: int) -> None:
        em = carlo_gavazzi_em580
        if start != em.STATE or self._heading_for is None or not self._step_is_done():
            return
        if self._heading_for == em.RUNNING:
            self.put(em.STATE, em.RUNNING)
            self._begin = self._reading("B")
        else:
            self._finish()
        self._heading_for = None

    def _reading(self, kind: str) -> dict[str, object]:
        em = carlo_gavazzi_em580
        seconds = registers.decode(RegisterType.I64, self.get(3, em.UTC_TIME, 4), WordOrder.LITTLE)
        time = _time(int(seconds or 0), self.word(em.TIME_ZONE))
        kwh = round(float(self.energy_wh) / 1000, 3)
        reading = {"TM": time, "TX": kind, "RV": kwh, "RI": "1-0:1.8.0"}
        return reading | {"RU": "kWh", "RT": "AC", "EF": "", "ST": "G"}

    def _finish(self) -> None:
        em = carlo_gavazzi_em580
        user = self.text(em.IDENTIFICATION, 40).partition("\0")[0]
        readings = [self._begin or self._reading("B"), self._reading("E")]
        payload = _payload("T1", "Carlo Gavazzi", user, readings)
        record = _record(payload, self.signed(payload), "ECDSA-brainpoolP384r1-SHA256")
        size = (len(record) + 1) // 2 if self.size_in_registers else len(record)
        self.put(em.STATE, em.CORRUPTED if self.damaged else em.READY, size)
        self.put_bytes(em.FILE, record)


def _payload(pagination: str, vendor: str, user: str, readings: list[dict[str, object]]) -> str:
    parts = {
        "FV": "1.0",
        "PG": pagination,
        "MV": vendor,
        "MS": "SIM001",
        "IS": True,
        "IT": "UNDEFINED",
        "ID": user,
        "RD": readings,
    }
    return json.dumps(parts, separators=(",", ":"))


def _record(payload: str, signature: bytes, algorithm: str) -> bytes:
    signed = json.dumps({"SA": algorithm, "SD": signature.hex()}, separators=(",", ":"))
    return f"OCMF|{payload}|{signed}".encode()


def _time(epoch_s: int, zone: int) -> str:
    minutes = zone - 0x10000 if zone & 0x8000 else zone
    local = datetime.fromtimestamp(epoch_s, UTC).astimezone(timezone(timedelta(minutes=minutes)))
    return local.strftime("%Y-%m-%dT%H:%M:%S,000%z S")
