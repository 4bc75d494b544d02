"""When a signed value carries the public key."""

import pytest

from agent.core.signed_values import (
    PublicKeyPolicy,
    SignedValue,
    SigningRules,
    attaches_public_key,
)
from agent.core.vocabulary import ReadingContext, TransactionPhase


@pytest.mark.parametrize("in_transaction", [True, False])
@pytest.mark.parametrize("already_sent", [True, False])
def test_the_policy_never_attaches_no_key(in_transaction: bool, already_sent: bool) -> None:
    assert not attaches_public_key(
        PublicKeyPolicy.NEVER, in_transaction=in_transaction, already_sent=already_sent
    )


@pytest.mark.parametrize("in_transaction", [True, False])
@pytest.mark.parametrize("already_sent", [True, False])
def test_the_policy_every_meter_value_always_attaches_the_key(
    in_transaction: bool, already_sent: bool
) -> None:
    assert attaches_public_key(
        PublicKeyPolicy.EVERY_METER_VALUE,
        in_transaction=in_transaction,
        already_sent=already_sent,
    )


@pytest.mark.parametrize(
    ("in_transaction", "already_sent", "attached"),
    [(True, False, True), (True, True, False), (False, False, False), (False, True, False)],
)
def test_the_policy_once_per_transaction_attaches_the_key_to_the_first_value_only(
    in_transaction: bool, already_sent: bool, attached: bool
) -> None:
    assert attached is attaches_public_key(
        PublicKeyPolicy.ONCE_PER_TRANSACTION,
        in_transaction=in_transaction,
        already_sent=already_sent,
    )


def test_the_policies_are_named_as_the_csms_sets_them() -> None:
    assert [str(policy) for policy in PublicKeyPolicy] == [
        "Never",
        "OncePerTransaction",
        "EveryMeterValue",
    ]


def test_a_signed_value_leaves_the_signing_method_to_the_record() -> None:
    value = SignedValue("OCMF|{}|{}")
    assert (value.signing_method, value.encoding_method, value.public_key) == ("", "OCMF", "")


def test_a_signed_value_without_a_record_is_refused() -> None:
    with pytest.raises(ValueError, match="needs its record"):
        SignedValue("")


def test_a_signed_value_must_name_its_encoding() -> None:
    with pytest.raises(ValueError, match="encoding method"):
        SignedValue("OCMF|{}|{}", encoding_method="")


BEGIN, END = ReadingContext.TRANSACTION_BEGIN, ReadingContext.TRANSACTION_END
PERIODIC, CLOCK = ReadingContext.SAMPLE_PERIODIC, ReadingContext.SAMPLE_CLOCK
STARTED, UPDATED, ENDED = TransactionPhase
ALL = SigningRules(
    sampled=True, started=True, updated=True, aligned=True, aligned_updated=True, key_once=True
)
ALIGNED_ALONE = SigningRules(sampled=False, aligned=True, aligned_updated=True)
NOTHING = SigningRules(sampled=False, started=False)


@pytest.mark.requirement("E02.FR.14", "J02.FR.21", "J01.FR.21")
@pytest.mark.parametrize(
    ("rules", "begin", "periodic", "clock", "end", "idle"),
    [
        (NOTHING, False, False, False, False, False),
        (SigningRules(), True, False, False, True, False),
        (SigningRules(started=False), True, False, False, True, False),
        (SigningRules(updated=True), True, True, False, True, False),
        (SigningRules(sampled=False, updated=True), False, False, False, False, False),
        (SigningRules(aligned=True), True, False, False, True, True),
        (SigningRules(aligned_updated=True), True, False, False, True, False),
        (ALIGNED_ALONE, False, False, True, False, True),
        (ALL, True, True, True, True, True),
    ],
)
def test_each_kind_of_reading_is_signed_as_its_variable_says(
    rules: SigningRules, *, begin: bool, periodic: bool, clock: bool, end: bool, idle: bool
) -> None:
    assert rules.signs(STARTED, BEGIN) is begin
    assert rules.signs(UPDATED, PERIODIC) is periodic
    assert rules.signs(UPDATED, ReadingContext.TRIGGER) is periodic
    assert rules.signs(UPDATED, CLOCK) is clock
    assert rules.signs(ENDED, END) is end
    assert rules.signs_idle(CLOCK) is rules.signs_idle(ReadingContext.TRIGGER) is idle
