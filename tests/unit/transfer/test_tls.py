"""Whom a line to a server of files trusts, and which ciphers it offers."""

import ssl
from pathlib import Path

import pytest

from agent.core.cipher_suites import TLS_1_2_SUITES
from agent.transfer.tls import client_context
from tests.throw_away_ca import issue


@pytest.mark.parametrize("with_usual_roots", [False, True])
def test_ciphers_are_those_of_the_link_to_the_csms(*, with_usual_roots: bool) -> None:
    context = client_context("", None, with_usual_roots=with_usual_roots)
    offered = [suite["name"] for suite in context.get_ciphers()]
    assert [name for name in offered if not name.startswith("TLS_")] == list(TLS_1_2_SUITES)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.options & ssl.OP_NO_RENEGOTIATION
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


def test_without_the_usual_roots_only_those_that_are_named_are_trusted(tmp_path: Path) -> None:
    csms, own = issue("CSMS", folder=tmp_path), issue("Own", folder=tmp_path)

    def trusted(pem: str, ca_file: Path | None) -> int:
        context = client_context(pem, ca_file, with_usual_roots=False)
        return context.cert_store_stats()["x509_ca"]

    assert trusted("", None) == 0
    assert trusted(csms.pem, None) == 1
    assert trusted(csms.pem, own.certificate_file) == 2


def test_roots_that_cannot_be_read_are_an_error_and_not_left_out(tmp_path: Path) -> None:
    with pytest.raises(ssl.SSLError):
        client_context("rubbish", None, with_usual_roots=True)
    with pytest.raises(FileNotFoundError):
        client_context("", tmp_path / "none.pem", with_usual_roots=True)
