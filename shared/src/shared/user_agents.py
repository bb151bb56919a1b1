"""What a browser says it is, in names of this module alone: a user agent is its sender's text, and is never quoted."""

from shared.languages import _

# The first sign that is found: browsers name those that they are like, too.
_BROWSERS = (
    ("YaBrowser/", _("Yandex Browser")),
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("MiuiBrowser/", "Mi Browser"),
    ("HuaweiBrowser/", "Huawei Browser"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def device_names(user_agent: str | None) -> list[str]:
    """The browser and the system, as far as they are known: `["Chrome", "Android"]`. Some are msgids."""
    agent = user_agent or ""
    found = (next((name for sign, name in names if sign in agent), None) for names in (_BROWSERS, _SYSTEMS))
    return [name for name in found if name]
