"""The `aiartist` command: the launcher and the operator's commands."""

import os

# The platform starts PostgreSQL's tools beside running gRPC threads; they only exec, so gRPC has no forks to
# prepare for, and would say so on the console each time. Read when grpc is imported.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
