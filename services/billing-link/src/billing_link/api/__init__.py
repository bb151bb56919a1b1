"""billing-link over HTTP, one module per resource."""

from billing_link.api import accounts, holders, link_requests

ROUTERS = (link_requests.routes, accounts.routes, holders.routes)
