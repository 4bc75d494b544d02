"""Where files may be fetched from, whatever a CSMS, a server or a name server says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.firmware_order import DownloadRefused
from agent.update.address_rules import AddressRules, check_address, checked, redirected

STRICT = AddressRules()
OPEN = AddressRules(schemes=frozenset({"http", "https"}), private=True)


@pytest.mark.parametrize(
    ("location", "port", "target"),
    [
        ("https://files.example/a", 443, "/a"),
        ("https://files.example", 443, "/"),
        ("https://files.example:8443/a/b?token=x#y", 8443, "/a/b?token=x"),
        ("https://[2a00:1450:4001:80b::200e]/x", 443, "/x"),
        ("HTTPS://Files.Example/A", 443, "/A"),
    ],
)
def test_a_usual_location_is_taken_apart(location: str, port: int, target: str) -> None:
    found = checked(location, STRICT)
    assert (found.scheme, found.port, found.target) == ("https", port, target)


@pytest.mark.parametrize(
    "location",
    [
        *("", "x", "file:///etc/shadow", "ftp://a/../../x", "data:text/plain,x", "gopher://a/"),
        *("http://files.example/a", "https:///a", "https:/files.example", "https:files.example"),
        *("https://files.example:22/", "https://files.example:0/", "https://files.example:99999/"),
        *("https://files.example/\n", "https://files.example/ a", "https://files.exämple/"),
        "https://files.example/" + "a" * 4000,
        *("https://127.0.0.1/", "https://[::1]/", "https://169.254.169.254/", "https://10.0.0.1/"),
        *("https://192.168.1.1/", "https://[fe80::1]/", "https://[::ffff:127.0.0.1]/"),
        *("https://0x7f000001/", "https://2130706433/", "https://0177.0.0.1/", "https://127.1/"),
        *("https://[64:ff9b::7f00:1]/", "https://[2002:7f00:1::]/", "https://[64:ff9b::a00:1]/"),
        *("https://0.0.0.0/", "https://224.0.0.1/", "https://[::]/", "https://100.64.0.1/"),
        *("-oProxyCommand=x", "$(reboot)", "|sh", "dummy://dummy", "https://[::1"),
    ],
)
def test_any_other_location_is_refused(location: str) -> None:
    with pytest.raises(DownloadRefused):
        checked(location, STRICT)


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1", "0.0.0.0", "224.0.0.1"])
def test_some_addresses_are_refused_even_where_private_ones_are_allowed(address: str) -> None:
    with pytest.raises(DownloadRefused):
        check_address(address, OPEN)
    check_address("192.168.1.1", OPEN)
    check_address("127.0.0.1", OPEN)


def test_a_password_is_for_the_server_alone_and_never_shown() -> None:
    location = checked("https://maker:geh%40im@files.example/a?token=geheim", STRICT)
    assert location.credentials == ("maker", "geh@im")
    assert "geh" not in location.shown
    assert "geh" not in repr(location.shown) + repr(location).replace(location.target, "")
    assert redirected(location, "/b", STRICT).credentials == ("maker", "geh@im")
    assert redirected(location, "https://other.example/b", STRICT).credentials is None
    assert redirected(location, "https://files.example:8443/b", STRICT).credentials is None


def test_a_redirect_keeps_the_scheme() -> None:
    location = checked("https://files.example/a", OPEN)
    assert redirected(location, "//other.example/b", OPEN).host == "other.example"
    with pytest.raises(DownloadRefused, match="scheme"):
        redirected(location, "http://files.example/a", OPEN)


@given(st.text(max_size=60) | st.from_regex(r"https?://[^ ]{0,40}", fullmatch=True))
def test_whatever_is_asked_for_it_is_allowed_or_refused(location: str) -> None:
    try:
        found = checked(location, STRICT)
    except DownloadRefused:
        return
    assert found.scheme == "https"
    assert found.port in STRICT.ports
    assert "\r" not in found.target
    assert "\n" not in found.target
