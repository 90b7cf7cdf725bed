"""What every service stands on. Knows no service."""

import os

# gRPC's core writes lines of its own between the log's JSON, and says nothing that an error does not
# say too. It reads this when it is imported, which must be later. GRPC_VERBOSITY=ERROR brings them back.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
