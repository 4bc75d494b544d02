"""Where files may come from and go to, whatever a CSMS, a server or a name server says."""

import ipaddress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.transfer.addresses import (
    AddressForbidden,
    AddressRules,
    check_address,
    checked,
    redirected,
)

STRICT = AddressRules()
HTTP_TOO = AddressRules(schemes=frozenset({"http", "https"}))
OPEN = replace(HTTP_TOO, private=True)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@pytest.mark.parametrize(
    ("location", "port", "target"),
    [
        ("https://files.example/a", 443, "/a"),
        ("https://files.example", 443, "/"),
        ("https://files.example:8443/a/b?token=x#y", 8443, "/a/b?token=x"),
        ("https://[2a00:1450:4001:80b::200e]/x", 443, "/x"),
        ("https://[64:ff9b::808:808]/x", 443, "/x"),
        ("HTTPS://Files.Example/A", 443, "/A"),
        ("https://1.example/x", 443, "/x"),
    ],
)
def test_a_usual_location_is_taken_apart(location: str, port: int, target: str) -> None:
    found = checked(location, STRICT)
    assert (found.scheme, found.port, found.target) == ("https", port, target)


@pytest.mark.parametrize(
    "location",
    [
        *("", "x", "C:", "logs", "//files.example/", "dummy://dummy", "https://[::1"),
        *("https:///a", "https://:443/", "https:/files.example", "https:files.example"),
        *("http://files.example/a", "file:///etc/shadow", "ftp://a/../../x", "gopher://a/"),
        *("data:text/plain,x", "unix:/run/x", "-oProxyCommand=x", "$(reboot)", "|sh"),
        *("https://files.example:22/", "https://files.example:0/", "https://files.example:99999/"),
        *("https://files.example/\n", "https://files.example/a\nb", "https://files.example/ a"),
        *("https://files.exämple/", "https://files.example/" + "a" * 2000),
        *("https://127.0.0.1/", "https://[::1]/", "https://169.254.169.254/", "https://10.0.0.1/"),
        *("https://192.168.1.1/", "https://[fe80::1]/", "https://[::ffff:127.0.0.1]/"),
        *("https://0x7f000001/", "https://2130706433/", "https://0177.0.0.1/", "https://127.1/"),
        *("https://0X7F.1/", "https://127.1./", "https://a.1/", "https://a.0x7f/"),
        *("https://[64:ff9b::7f00:1]/", "https://[2002:7f00:1::]/", "https://[64:ff9b::a00:1]/"),
        *("https://[::7f00:1]/", "https://[::ffff:0:7f00:1]/", "https://[fc00::1]/"),
        *("https://0.0.0.0/", "https://224.0.0.1/", "https://[::]/", "https://100.64.0.1/"),
        *("https://240.0.0.1/", "https://255.255.255.255/", "https://[ff02::1]/"),
    ],
)
def test_any_other_location_is_refused(location: str) -> None:
    with pytest.raises(AddressForbidden):
        checked(location, STRICT)


@pytest.mark.parametrize("host", ["192.168.1.9", "127.0.0.1", "[fd00::1]", "[::1]"])
def test_the_site_and_this_machine_are_for_those_who_configure_them(host: str) -> None:
    assert checked(f"http://{host}/", OPEN).port == 80
    with pytest.raises(AddressForbidden):
        checked(f"http://{host}/", HTTP_TOO)


@pytest.mark.parametrize(
    "address",
    [
        *("169.254.169.254", "fe80::1", "fe80::1%eth0", "::ffff:169.254.169.254"),
        *("64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::", "0.0.0.0", "::", "224.0.0.1", "ff02::1"),
        *("240.0.0.1", "255.255.255.255", "::7f00:1"),
    ],
)
def test_some_addresses_are_refused_even_where_private_ones_are_permitted(address: str) -> None:
    with pytest.raises(AddressForbidden):
        check_address(address, OPEN)


def test_without_schemes_nothing_is_permitted() -> None:
    with pytest.raises(AddressForbidden, match="only none"):
        checked("https://files.example/", AddressRules(schemes=frozenset()))


@pytest.mark.parametrize(
    ("location", "header"),
    [
        ("https://files.example/a", "files.example"),
        ("https://files.example:8443/a", "files.example:8443"),
        ("http://files.example:443/a", "files.example:443"),
        ("https://[2a00:1450:4001:80b::200e]:443/", "[2a00:1450:4001:80b::200e]"),
    ],
)
def test_a_server_is_named_with_its_port_unless_that_is_the_usual_one(
    location: str, header: str
) -> None:
    assert checked(location, HTTP_TOO).authority == header


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
    with pytest.raises(AddressForbidden, match="scheme"):
        redirected(location, "http://files.example/a", OPEN)


def test_a_redirect_is_judged_as_the_location_was() -> None:
    with pytest.raises(AddressForbidden, match=r"192\.168\.1\.1 is not permitted"):
        redirected(checked("https://files.example/a", STRICT), "https://192.168.1.1/", STRICT)


@given(
    st.text(max_size=60)
    | st.from_regex(r"https?://[^ ]{0,40}", fullmatch=True)
    | st.builds("https://{}/{}".format, st.text(), st.text())
)
def test_whatever_is_asked_for_it_is_permitted_or_refused(location: str) -> None:
    try:
        found = checked(location, STRICT)
    except AddressForbidden:
        return
    assert found.scheme == "https"
    assert found.port in STRICT.ports
    assert found.host
    assert "\r" not in found.target
    assert "\n" not in found.target


@given(st.ip_addresses())
def test_only_addresses_of_the_internet_are_talked_to(address: Address) -> None:
    try:
        check_address(str(address), STRICT)
    except AddressForbidden:
        return
    assert address.is_global or getattr(address, "ipv4_mapped", None)
    assert not address.is_loopback
    assert not address.is_link_local


@given(st.ip_addresses(v=4), st.sampled_from([STRICT, OPEN]))
def test_an_ipv4_address_is_judged_alike_in_every_disguise(
    address: ipaddress.IPv4Address, rules: AddressRules
) -> None:
    number = int(address)
    disguises = (
        ipaddress.IPv6Address((0xFFFF << 32) | number),
        ipaddress.IPv6Address((0x64FF9B << 96) | number),
        ipaddress.IPv6Address((0x2002 << 112) | (number << 80)),
    )
    verdicts = {_is_permitted(str(text), rules) for text in (address, *disguises)}
    assert len(verdicts) == 1


def _is_permitted(text: str, rules: AddressRules) -> bool:
    try:
        check_address(text, rules)
    except AddressForbidden:
        return False
    return True
