"""Connections are made to addresses that were judged, and to no other."""

import socket
import ssl
import threading
from collections.abc import Iterator

import pytest

from agent.transfer.addresses import AddressForbidden, AddressRules, checked
from agent.transfer.line import Line, request_headers, resolve
from agent.transfer.tls import client_context


def trusting_nobody() -> ssl.SSLContext:
    return client_context("", None, with_usual_roots=False)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)
        yield server


def port_of(listener: socket.socket) -> int:
    return int(listener.getsockname()[1])


def line_to(listener: socket.socket, *addresses: str) -> Line:
    ports = frozenset({port_of(listener)})
    rules = AddressRules(schemes=frozenset({"http", "https"}), ports=ports, private=True)
    return Line(rules, trusting_nobody, silence_s=5, resolver=lambda _host, _port: addresses)


def test_a_name_is_connected_to_the_first_of_its_addresses_that_answers(
    listener: socket.socket,
) -> None:
    line = line_to(listener, "127.77.0.1", "127.0.0.1")
    place = checked(f"http://files.example:{port_of(listener)}/a", line.rules)
    with line.connected(place) as connection:
        accepted, _ = listener.accept()
        with accepted:
            connection.request("GET", place.target, headers=request_headers(place))
            assert b"Host: files.example:" in accepted.recv(4096)


def test_one_forbidden_address_of_a_name_is_enough_to_connect_to_none(
    listener: socket.socket,
) -> None:
    line = line_to(listener, "127.0.0.1", "169.254.169.254")
    place = checked(f"http://files.example:{port_of(listener)}/a", line.rules)
    with pytest.raises(AddressForbidden, match="169"), line.connected(place):
        pass
    listener.settimeout(0)
    with pytest.raises(BlockingIOError):
        listener.accept()


def test_a_name_without_address_is_a_failure_that_says_so(listener: socket.socket) -> None:
    line = line_to(listener)
    place = checked(f"http://files.example:{port_of(listener)}/a", line.rules)
    with pytest.raises(OSError, match="no address") as failed, line.connected(place):
        pass
    assert line.failure(failed.value) == "the host has no address"


def test_an_aborted_line_connects_to_nobody(listener: socket.socket) -> None:
    line = line_to(listener, "127.0.0.1")
    place = checked(f"http://files.example:{port_of(listener)}/a", line.rules)
    line.abort()
    with pytest.raises(ConnectionAbortedError) as failed, line.connected(place):
        pass
    assert line.failure(failed.value) == "it was aborted"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_another_thread_ends_what_waits_for_an_answer(listener: socket.socket, scheme: str) -> None:
    line = line_to(listener, "127.0.0.1")
    place = checked(f"{scheme}://files.example:{port_of(listener)}/a", line.rules)
    failures: list[Exception] = []

    def waits() -> None:
        try:
            with line.connected(place) as connection:
                connection.request("GET", "/")
                connection.getresponse()
        except OSError as error:
            failures.append(error)

    thread = threading.Thread(target=waits)
    thread.start()
    accepted, _ = listener.accept()
    with accepted:
        accepted.recv(1)
        line.abort()
        thread.join(4)
    assert not thread.is_alive()
    assert line.failure(failures[0]) == "it was aborted"


def test_the_resolver_of_the_system_names_each_address_once() -> None:
    assert resolve("127.0.0.1", 80) == ("127.0.0.1",)


def test_a_login_goes_to_its_place_and_without_one_none_is_sent() -> None:
    with_login = checked("https://user:p%3Aw@files.example/", AddressRules())
    assert request_headers(with_login)["Authorization"] == "Basic dXNlcjpwOnc="
    assert "Authorization" not in request_headers(checked("https://a.example/", AddressRules()))
