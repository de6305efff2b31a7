"""The descriptors of the services that a server registers."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

import grpc
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet

Register = Callable[[grpc.aio.Server], object]
"""Registers a service's methods at a server, by the functions of the generated code."""


class _Noting:
    """Stands for a server, and notes the services that are registered."""

    def __init__(self, server: grpc.aio.Server | None) -> None:
        self.server, self.methods = server, dict[str, list[str]]()

    def add_registered_method_handlers(
        self, service_name: str, method_handlers: "Mapping[str, grpc.RpcMethodHandler[Any, Any]]"
    ) -> None:
        self.methods[service_name] = list(method_handlers)
        if self.server:
            self.server.add_registered_method_handlers(service_name, method_handlers)

    def add_generic_rpc_handlers(self, generic_rpc_handlers: Iterable[grpc.GenericRpcHandler]) -> None:
        if self.server:
            self.server.add_generic_rpc_handlers(generic_rpc_handlers)


def services(register: Register, server: grpc.aio.Server | None = None) -> dict[str, list[str]]:
    """Registers the services at a server, if there is one, and returns the names of their methods by their full names.

    Raises:
        ValueError: there is none.
    """
    noting = _Noting(server)
    register(cast("grpc.aio.Server", noting))
    if not noting.methods:
        raise ValueError("register registered nothing: there is nothing to serve; call add_…Servicer_to_server in it")
    return noting.methods


def file_of(service: str) -> FileDescriptor:
    """Returns the file that declares a service.

    Raises:
        ValueError: it is not there. The generated code of a service does not import it where all messages are from other files.
    """
    try:
        return descriptor_pool.Default().FindServiceByName(service).file
    except KeyError:
        raise ValueError(f"service {service} is not described; import the _pb2 module of its proto") from None


def descriptor_set(names: Iterable[str]) -> bytes:
    """Returns a google.protobuf.FileDescriptorSet of services and of all that they import, imports first.

    Raises:
        ValueError: a service whose descriptor is not there.
    """
    files: dict[str, FileDescriptor] = {}

    def add(file: FileDescriptor) -> None:
        if file.name not in files:
            for imported in file.dependencies:
                add(imported)
            files[file.name] = file

    for name in names:
        add(file_of(name))
    described = FileDescriptorSet()
    for file in files.values():
        described.file.add().ParseFromString(file.serialized_pb)
    return described.SerializeToString(deterministic=True)
