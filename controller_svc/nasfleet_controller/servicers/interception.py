"""How an interceptor puts itself before the methods of a service, whatever kinds of stream they have."""

from collections.abc import Callable
from typing import Any

import grpc

OURS = "/nasfleet.v1."
"""What the paths of our own methods begin with; `Service/Method` follows."""

Method = Callable[[Any, Any], Any]


def put_before(
    handler: Any,
    *,
    unary: Callable[[Method], Method],
    answering: Callable[[Method], Method],
    talking: Callable[[Method], Method],
) -> Any:
    """Return a handler like another one, with something before its method.

    Args:
        handler: of a method, as gRPC has it.
        unary: gives what comes before a method with one request and one response.
        answering: before one that streams its responses.
        talking: before one that streams both ways.
    """
    if handler.request_streaming:
        make, method = grpc.stream_stream_rpc_method_handler, talking(handler.stream_stream)
    elif handler.response_streaming:
        make, method = grpc.unary_stream_rpc_method_handler, answering(handler.unary_stream)
    else:
        make, method = grpc.unary_unary_rpc_method_handler, unary(handler.unary_unary)
    return make(method, handler.request_deserializer, handler.response_serializer)
