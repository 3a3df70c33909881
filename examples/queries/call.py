"""Calls any method of a controller by its name, as grpcurl does: all that it knows of the contract it asks the controller.

python examples/queries/call.py 127.0.0.1:50051 nasfleet.v1.SearchService/ListSearches '{"parent": "namespaces/default"}'
"""

import sys
from collections.abc import Iterator

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.json_format import MessageToJson, Parse
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase


def call(address: str, method: str, request: str) -> Iterator[str]:
    """Yield the answers of SERVICE/METHOD to a request in JSON, as JSON."""
    with grpc.insecure_channel(address) as channel:
        service_name, _, method_name = method.partition("/")
        pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
        found = pool.FindServiceByName(service_name).methods_by_name[method_name]
        answer = channel.unary_stream(  # what answers once is a stream of one
            f"/{method}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=GetMessageClass(found.output_type).FromString,
        )
        for message in answer(Parse(request, GetMessageClass(found.input_type)(), descriptor_pool=pool)):
            yield MessageToJson(message, descriptor_pool=pool)


if __name__ == "__main__":
    for text in call(*sys.argv[1:]):
        print(text)  # noqa: T201 - that is what it is for
