"""`python -m services.chassis.probe [NAME]`: exit 0 where this machine's service serves, for containers.

Asks the plain port of `AIARTIST_HEALTH_PORT` about `readiness`, or what is named. No other settings are
read: they may be the trouble, and a probe runs all day.
"""

import os
import sys
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.chassis.health import READINESS

TIMEOUT_S = 3.0


def main() -> int:
    """0: serving. 1: not serving, or nobody answers. 2: it can't be asked."""
    name = sys.argv[1] if len(sys.argv) > 1 else READINESS
    port = os.environ.get("AIARTIST_HEALTH_PORT", "")
    if not port.isdecimal():
        sys.stderr.write("AIARTIST_HEALTH_PORT is not set: it says where to ask\n")
        return 2
    with grpc.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.enable_http_proxy", 0)]) as channel:
        request = health_pb2.HealthCheckRequest(service=name)
        try:
            stub: Any = health_pb2_grpc.HealthStub(channel)
            answer = stub.Check(request, timeout=TIMEOUT_S)
        except grpc.RpcError as error:
            sys.stderr.write(f"{name}: {error.code().name}\n")
            return 1
    status = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
    sys.stderr.write(f"{name}: {status}\n")
    return 0 if answer.status == health_pb2.HealthCheckResponse.SERVING else 1


if __name__ == "__main__":
    sys.exit(main())
