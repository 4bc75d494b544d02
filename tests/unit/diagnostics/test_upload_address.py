import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.log_upload import UploadFailed
from agent.diagnostics.upload_address import UploadRules, address_of, check_address

HTTP_TOO = UploadRules(schemes=frozenset({"https", "http"}))
AT_HOME = UploadRules(schemes=frozenset({"https", "http"}), private_addresses=True)


@pytest.mark.requirement("N01.FR.21", "N01.FR.29", "N01.FR.21 (1.6)")
@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("https://logs.example/", "/name.gz"),
        ("https://logs.example", "/name.gz"),
        ("https://logs.example/a/b/", "/a/b/name.gz"),
        ("https://logs.example/a/b", "/a/b"),
        ("https://logs.example/a/?sig=1/", "/a/?sig=1/"),
    ],
)
def test_the_file_name_is_appended_to_a_location_that_ends_in_a_slash(
    location: str, target: str
) -> None:
    assert address_of(location, "name.gz", UploadRules()).target == target


@pytest.mark.requirement("N01.FR.25", "N01.FR.17 (1.6)")
def test_a_login_is_taken_out_of_the_location_and_shown_to_nobody() -> None:
    address = address_of("https://user:p%3Aw@logs.example:8443/x?key=1", "n", UploadRules())
    assert (address.host, address.port, address.login) == ("logs.example", 8443, ("user", "p:w"))
    assert address.shown == "https://logs.example:8443/x"
    assert "p:w" not in repr(address)


@pytest.mark.parametrize(
    "location",
    [
        *(
            "",
            "C:",
            "logs",
            "//logs.example/",
            "https:///x",
            "https://:443/",
            "http://logs.example/",
        ),
        *(
            "file:///etc/shadow",
            "ftp://a/../../x",
            "gopher://a/",
            "unix:/run/x",
            "-oProxyCommand=x",
        ),
        *("https://logs.example:22/", "https://logs.example:0/", "https://logs.example:99999/"),
        *("https://127.0.0.1/", "https://[::1]/", "https://169.254.169.254/", "https://10.0.0.1/"),
        *("https://[::ffff:127.0.0.1]/", "https://0.0.0.0/", "https://224.0.0.1/"),
        *("https://0x7f000001/", "https://2130706433/", "https://127.1/", "https://0177.0.0.1/"),
        *("https://logs.example/a\nb", "https://logs.example/ b", "https://lögs.example/"),
        "https://logs.example/" + "a" * 2000,
    ],
)
def test_a_location_where_no_log_may_go_is_refused_for_good(location: str) -> None:
    with pytest.raises(UploadFailed) as refused:
        address_of(location, "name.gz", UploadRules())
    assert refused.value.for_good


def test_networks_of_the_site_and_http_are_for_those_who_configure_them() -> None:
    assert address_of("http://192.168.1.9/", "n", AT_HOME).port == 80
    for location in ("http://192.168.1.9/", "http://127.0.0.1/"):
        with pytest.raises(UploadFailed):
            address_of(location, "n", HTTP_TOO)
    with pytest.raises(UploadFailed):
        address_of("http://169.254.169.254/", "n", AT_HOME)


@given(st.text(max_size=60) | st.builds("https://{}/{}".format, st.text(), st.text()))
def test_whatever_the_csms_writes_is_an_address_or_refused(location: str) -> None:
    try:
        address = address_of(location, "name.gz", UploadRules())
    except UploadFailed:
        return
    assert address.scheme == "https"
    assert address.port in UploadRules().ports
    assert address.host


@given(st.ip_addresses())
def test_only_addresses_of_the_internet_are_sent_to(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    try:
        check_address(str(address), UploadRules())
    except UploadFailed:
        return
    assert address.is_global or getattr(address, "ipv4_mapped", None)
    assert not address.is_loopback
    assert not address.is_link_local
