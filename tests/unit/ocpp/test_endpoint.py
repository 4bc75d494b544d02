import base64
from pathlib import Path
from typing import Any

import pytest

from agent.core.basic_auth_password import password_octets
from agent.ocpp.endpoint import Endpoint, InvalidEndpoint, SecurityProfile, url_problem

FILE = Path("file.pem")


def make(**settings: Any) -> Endpoint:
    defaults: dict[str, Any] = {
        "url": "ws://csms.example:9000/ocpp",
        "identity": "CS001",
        "subprotocols": ("made.up",),
        "security_profile": SecurityProfile.BASIC,
        "password": lambda: b"secret-of-station",
    }
    return Endpoint(**(defaults | settings))


@pytest.mark.requirement("S16-CONN-01")
@pytest.mark.parametrize(
    ("url", "identity", "request_url"),
    [
        ("ws://h/ocpp", "CS001", "ws://h/ocpp/CS001"),
        ("ws://h/ocpp/", "CS001", "ws://h/ocpp/CS001"),
        ("ws://h", "CS001", "ws://h/CS001"),
        ("ws://h", "a/b c?d#e%f", "ws://h/a%2Fb%20c%3Fd%23e%25f"),
        ("ws://h/deep/er", "ü", "ws://h/deep/er/%C3%BC"),
    ],
)
def test_the_identity_is_one_percent_encoded_segment(
    url: str, identity: str, request_url: str
) -> None:
    assert make(url=url, identity=identity).request_url == request_url


def test_a_password_is_never_shown() -> None:
    assert "secret" not in repr(make())
    assert make().authorization() == "Basic Q1MwMDE6c2VjcmV0LW9mLXN0YXRpb24="


def test_profiles_without_password_send_none() -> None:
    assert make(security_profile=SecurityProfile.NONE, allow_insecure=True).authorization() is None


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"security_profile": 0}, "security_profile 0 needs allow_insecure"),
        ({"security_profile": 4}, "security_profile 4 does not exist"),
        ({"security_profile": 1, "url": "wss://h"}, "security_profile 1 needs ws://"),
        ({"security_profile": 2}, "security_profile 2 needs wss://"),
        ({"security_profile": 1, "password": None}, "security_profile 1 needs password"),
        ({"security_profile": 2, "url": "wss://h"}, "security_profile 2 needs ca_file"),
        (
            {"security_profile": 3, "url": "wss://h", "ca_file": FILE},
            "security_profile 3 needs client_certificate_file",
        ),
        (
            {
                "security_profile": 3,
                "url": "wss://h",
                "ca_file": FILE,
                "client_certificate_file": FILE,
            },
            "security_profile 3 needs client_key_file",
        ),
        ({"subprotocols": ()}, "subprotocols"),
        ({"ping_interval_s": -1}, "ping_interval_s must not be negative"),
        ({"identity": ""}, "identity"),
        ({"identity": ".."}, "identity"),
        ({"identity": "a:b"}, "identity must not contain ':'"),
        ({"url": "http://h"}, "needs ws://"),
        ({"url": "file:///etc/passwd"}, "url must be"),
        ({"url": "ws://"}, "url must be"),
        ({"url": "ws://h:0"}, "url must be"),
        ({"url": "ws://h:99999"}, "url: "),
        ({"url": "ws://[::1"}, "url: "),
        ({"url": "ws://h/a b"}, "url must be"),
        ({"url": "ws://h/a\r\nX: y"}, "url must be"),
        ({"url": "ws://me:hunter2@h"}, "user name"),
        ({"url": "ws://h/?a=b"}, "url must end with its path"),
        ({"url": "ws://h/#x"}, "url must end with its path"),
    ],
)
def test_contradictory_settings_are_refused_by_name(
    settings: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(InvalidEndpoint, match=complaint) as caught:
        make(**settings)
    assert "hunter2" not in str(caught.value)


def test_each_profile_has_its_settings() -> None:
    tls = {"url": "wss://h", "ca_file": FILE}
    client = {"client_certificate_file": FILE, "client_key_file": FILE}
    assert not make().uses_tls
    assert make(security_profile=2, **tls).uses_tls
    assert make(security_profile=3, password=None, **tls, **client).authorization() is None


@pytest.mark.requirement(
    *("A00.FR.203", "A00.FR.204", "A00.FR.205", "A00.FR.302", "A00.FR.303", "A00.FR.304")
)
@pytest.mark.parametrize("profile", [SecurityProfile.BASIC, SecurityProfile.TLS_BASIC])
def test_a_password_goes_out_as_plain_text_under_the_identity(
    profile: SecurityProfile, tmp_path: Path
) -> None:
    password = "pässword-of-16-characters"
    tls = {"url": "wss://csms.example/ocpp", "ca_file": tmp_path / "ca"}
    endpoint = make(
        security_profile=profile,
        password=lambda: password_octets(password),
        **(tls if profile is SecurityProfile.TLS_BASIC else {}),
    )
    header = endpoint.authorization() or ""
    sent = base64.b64decode(header.removeprefix("Basic ")).decode("utf-8")
    assert sent == f"CS001:{password}"
    assert endpoint.request_url.endswith("/CS001")


@pytest.mark.parametrize(
    ("url", "profile", "is_fine"),
    [
        ("ws://csms.example/ocpp", 1, True),
        ("wss://csms.example:8443/a/b", 2, True),
        ("wss://csms.example", 3, True),
        ("ws://csms.example", 2, False),
        ("wss://csms.example", 1, False),
        ("https://csms.example", 2, False),
        ("wss://user@csms.example", 2, False),
        ("wss://csms.example/?a=b", 2, False),
        ("wss://", 2, False),
        ("file:///etc/passwd", 1, False),
        ("wss://csms.example:0/", 2, False),
    ],
)
def test_a_url_fits_its_security_profile(url: str, profile: int, *, is_fine: bool) -> None:
    assert (url_problem(url, SecurityProfile(profile)) is None) is is_fine
