"""Cookies: one place for their names, their marks and their lives."""

from dataclasses import dataclass, field

from fastapi import Request, Response

from portal.settings import PortalSettings

SESSION, DEVICE, DRAFT, LANGUAGE = "kabinet", "device", "draft", "language"
YEAR_SECONDS = 365 * 86_400


@dataclass
class Cookies:
    """Those that came, and those that go with the answer."""

    request: Request
    settings: PortalSettings
    _changed: dict[str, tuple[str, int | None]] = field(default_factory=dict)

    def _name(self, name: str) -> str:
        # `__Host-` needs Secure, and Safari and every HTTP client refuse both on plain http, also of this machine; only
        # there (the settings see to that) the names go without it.
        return f"__Host-{name}" if self.settings.behind_tls else name

    def get(self, name: str) -> str:
        """What the browser has, or will have when it has this answer; empty where it has none."""
        if name in self._changed:
            return self._changed[name][0]
        return self.request.cookies.get(self._name(name), "")

    def put(self, name: str, value: str, seconds: int | None = None) -> None:
        """Without `seconds` it goes with the browser."""
        self._changed[name] = (value, seconds)

    def drop(self, name: str) -> None:
        self._changed[name] = ("", 0)

    def write(self, response: Response) -> None:
        for name, (value, seconds) in self._changed.items():
            response.set_cookie(
                self._name(name),
                value,
                max_age=seconds,
                path="/",
                secure=self.settings.behind_tls,
                httponly=True,
                samesite="lax",
            )
