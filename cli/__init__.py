"""The `aiartist` command: the launcher and the operator's commands."""
