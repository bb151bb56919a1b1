"""The public events of every service, as other teams read them; importing this package registers them all."""

from shared.contracts import billing, billing_link, identity, notifier, verification

__all__ = ["billing", "billing_link", "identity", "notifier", "verification"]
