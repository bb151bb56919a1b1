"""identity over HTTP, one module per resource."""

from identity.api import contacts, history, legacy_logins, me, passwords, registrations, sessions

ROUTERS = (
    registrations.routes,
    sessions.routes,
    passwords.routes,
    me.routes,
    contacts.routes,
    legacy_logins.routes,
    history.routes,
)
