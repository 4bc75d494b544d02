"""When a signed value carries the public key."""

import pytest

from agent.core.signed_values import PublicKeyPolicy, SignedValue, attaches_public_key


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
