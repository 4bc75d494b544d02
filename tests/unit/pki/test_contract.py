"""Contract chains, examined: sound, rooted here, rooted elsewhere, or worthless."""

from datetime import UTC, datetime

import pytest
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.core.contracts import ContractFinding
from agent.pki.contract import examine_contract
from agent.pki.hash_data import certificate_hash_data
from tests.contract_chains import EMAID, Operator, issue

AT = datetime(2025, 5, 17, 6, 30, tzinfo=UTC)
OPERATOR, OTHER = Operator.new(), Operator.new("Other")
ROOTS = (OTHER.root.certificate, OPERATOR.root.certificate)


@pytest.mark.requirement("C07.FR.02", "C07.FR.08")
def test_a_chain_to_an_installed_root_is_valid_and_names_every_certificate() -> None:
    chain = OPERATOR.contract()
    found = examine_contract(chain, EMAID, ROOTS, AT)
    assert found.finding is ContractFinding.VALID
    leaf, sub_2, sub_1 = x509.load_pem_x509_certificates(chain.encode())
    root = OPERATOR.root.certificate
    named = [
        certificate_hash_data(*pair) for pair in ((leaf, sub_2), (sub_2, sub_1), (sub_1, root))
    ]
    assert [request.hash_data for request in found.status_requests] == named
    assert {r.responder_url for r in found.status_requests} == {"http://ocsp.example/mo"}
    assert found.chain == chain


@pytest.mark.parametrize("emaid", ["NL-TNM-012345678", "nltnm012345678"])
def test_an_emaid_is_the_same_however_it_is_written(emaid: str) -> None:
    found = examine_contract(OPERATOR.contract(), emaid, ROOTS, AT)
    assert found.finding is ContractFinding.VALID


def test_a_root_in_the_chain_is_neither_trusted_nor_passed_on() -> None:
    chain = OPERATOR.contract() + OPERATOR.root.pem
    found = examine_contract(chain, EMAID, (OTHER.root.certificate,), AT)
    assert found.finding is ContractFinding.ROOT_UNKNOWN
    assert OPERATOR.root.pem not in found.chain


@pytest.mark.requirement("C07.FR.06")
def test_without_its_root_a_chain_names_what_can_be_named() -> None:
    found = examine_contract(OPERATOR.contract(responder=None), EMAID, (), AT)
    assert found.finding is ContractFinding.ROOT_UNKNOWN
    assert [r.responder_url for r in found.status_requests] == ["", "http://ocsp.example/mo"]


def test_a_root_past_its_end_is_no_root() -> None:
    old = issue("MO root", end=AT.replace(year=2024))
    leaf = issue(EMAID, old, authority=False)
    found = examine_contract(leaf.pem, EMAID, (old.certificate,), AT)
    assert found.finding is ContractFinding.ROOT_UNKNOWN


def worthless() -> dict[str, str]:
    leaf = issue(EMAID, OPERATOR.sub_2, authority=False)
    not_authority = issue("no authority", OPERATOR.sub_1, authority=False)
    by_no_authority = issue(EMAID, not_authority, authority=False)
    past = AT.replace(year=2024)
    return {
        "nothing": "",
        "garbage": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "no text": "\0\xff",
        "another's": OPERATOR.contract("NLXYZ000000001"),
        "expired": issue(EMAID, OPERATOR.sub_2, authority=False, end=past).pem + OPERATOR.sub_2.pem,
        "not yet": issue(EMAID, OPERATOR.sub_2, authority=False, begin=AT.replace(year=2026)).pem,
        "old authority": leaf.pem + issue("MO sub 2", OPERATOR.sub_1, end=past).pem,
        "wrong order": OPERATOR.sub_2.pem + leaf.pem,
        "not signed by the next": leaf.pem + OTHER.sub_2.pem,
        "signed by no authority": by_no_authority.pem + not_authority.pem + OPERATOR.sub_1.pem,
        "an authority as contract": issue(EMAID, OPERATOR.sub_2).pem + OPERATOR.sub_2.pem,
        "too long": leaf.pem + OPERATOR.sub_2.pem * 5,
        "too large": leaf.pem + " " * 20_000,
    }


@pytest.mark.requirement("C07.FR.08")
@pytest.mark.parametrize("kind", worthless())
def test_what_is_no_contract_is_invalid(kind: str) -> None:
    found = examine_contract(worthless()[kind], EMAID, ROOTS, AT)
    assert found.finding is ContractFinding.INVALID
    assert found.status_requests == ()


@given(text=st.text(max_size=300), cut=st.integers(0, 2000), end=st.integers(0, 2000))
@settings(max_examples=60, deadline=None)
def test_no_text_breaks_the_examination(text: str, cut: int, end: int) -> None:
    chain = CHAIN[:cut] + text + CHAIN[cut + end :]
    examine_contract(chain, EMAID, ROOTS, AT)


CHAIN = OPERATOR.contract()
