"""Devices are named in our own words."""

import pytest

from shared.user_agents import device_names


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/130.0 Mobile Safari/537.36", "Chrome, Android"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Version/17.0 Mobile Safari/604.1", "Safari, iPhone"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/130.0 YaBrowser/24.10 Safari/537.36", "Yandex Browser, Windows"),
        ("<a href=http://evil.example>click</a>", ""),
        (None, ""),
    ],
)
def test_device_is_named_in_our_words_only(agent: str | None, name: str) -> None:
    assert ", ".join(device_names(agent)) == name
