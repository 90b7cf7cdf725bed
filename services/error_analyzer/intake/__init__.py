"""Where errors come from beside the services themselves: log files and Alertmanager."""
