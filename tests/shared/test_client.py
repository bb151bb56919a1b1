"""The client's address: the last hop that is not a trusted proxy."""

from ipaddress import ip_address, ip_network

import pytest

from shared.client import client_address, counted_as

PROXIES = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("203.0.113.7", [], "203.0.113.7"),
        ("203.0.113.7", ["198.51.100.1"], "203.0.113.7"),  # a stranger's header is not believed
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["192.0.2.9, 198.51.100.1"], "198.51.100.1"),  # what the client wrote before is not believed
        ("10.0.0.1", ["192.0.2.9", "198.51.100.1, 10.0.0.2"], "198.51.100.1"),  # two headers, two proxies
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["unknown"], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1:4711"], "198.51.100.1"),
        ("10.0.0.1", ['"[2001:db8::1]:4711"'], "2001:db8::1"),
        ("fd00::1", ["2001:db8::1"], "2001:db8::1"),
        ("::ffff:10.0.0.1", ["198.51.100.1"], "198.51.100.1"),  # a socket for both families
        ("10.0.0.1", ["::ffff:198.51.100.1"], "198.51.100.1"),
    ],
)
def test_address_is_the_last_hop_that_is_no_trusted_proxy(peer: str, forwarded: list[str], expected: str) -> None:
    assert client_address(peer, forwarded, PROXIES) == ip_address(expected)


def test_peer_without_an_address_has_none() -> None:
    assert client_address("", ["198.51.100.1"], PROXIES) is None
    assert counted_as(None) == "unknown"


def test_ipv6_counts_by_its_network_and_ipv4_by_itself() -> None:
    assert (
        counted_as(ip_address("2001:db8:1:2:3:4:5:6")) == counted_as(ip_address("2001:db8:1:2::1")) == "2001:db8:1:2::"
    )
    assert counted_as(ip_address("198.51.100.1")) == "198.51.100.1"
