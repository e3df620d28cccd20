"""Errors of the services as gRPC tells them: a code, and a google.rpc.Status with the fault."""

from typing import Final

import grpc
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from ray.serve.grpc_util import RayServegRPCContext

from cluster.errors import CascadeError
from cluster.wire import fault_of
from deployments.api.refusals import Reason, refusal
from deployments.grpc import cascade_pb2 as pb
from deployments.grpc.messages import fault_fields

_CODE: Final = {
    Reason.INVALID: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.TOO_LARGE: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Reason.UNREADABLE: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.OVERLOADED: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Reason.UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
}


def refuse(context: RayServegRPCContext, error: CascadeError) -> None:
    """End a call with what `error`, one of REFUSED, says."""
    reason, invalid, retry_after_s = refusal(error)
    code, fault = _CODE[reason], fault_of(invalid)
    status = Status(code=code.value[0], message=f"{fault.field}: {fault.message}")
    status.details.add().Pack(pb.Fault(**fault_fields(fault)))
    if retry_after_s is not None:
        status.details.add().Pack(RetryInfo(retry_delay=Duration(seconds=retry_after_s)))
    trailers: list[tuple[str, str | bytes]] = [("grpc-status-details-bin", status.SerializeToString())]
    if retry_after_s is not None:
        trailers.append(("retry-after", str(retry_after_s)))
    context.set_code(code)
    context.set_details(status.message)
    context.set_trailing_metadata(trailers)
