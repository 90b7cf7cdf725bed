"""Grafana's dashboards as code: `python -m deploy.grafana.build` writes json/ from dashboards/."""
