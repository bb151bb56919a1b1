"""`make dashboards`: deploy/observability/grafana/dashboards anew from what is said in dashboards/*.yml."""

from deploy.observability import panels

panels.write()
