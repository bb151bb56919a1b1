"""identity over HTTP, one module per resource."""

from identity.api import me, passwords, registrations, sessions

ROUTERS = (registrations.routes, sessions.routes, passwords.routes, me.routes)
