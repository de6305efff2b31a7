"""A protoc plugin that writes gRPC's Python code and its stubs, for files that have services.

grpcio-tools has the generator built into its protoc, but not as a plugin.
"""

import sys
import tempfile
from pathlib import Path

from google.protobuf.compiler import plugin_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from grpc_tools import protoc


def main() -> int:
    """Answers the request of a compiler on stdin."""
    request = plugin_pb2.CodeGeneratorRequest.FromString(sys.stdin.buffer.read())
    response = plugin_pb2.CodeGeneratorResponse(supported_features=plugin_pb2.CodeGeneratorResponse.FEATURE_PROTO3_OPTIONAL)
    wanted = [f.name for f in request.proto_file if f.name in set(request.file_to_generate) and f.service]
    with tempfile.TemporaryDirectory() as folder:
        descriptors = Path(folder, "descriptors")
        descriptors.write_bytes(FileDescriptorSet(file=request.proto_file).SerializeToString())
        out = Path(folder, "out")
        out.mkdir()
        stubs = Path(sys.executable).parent / "protoc-gen-mypy_grpc"
        arguments = [f"--descriptor_set_in={descriptors}", f"--grpc_python_out={out}", f"--mypy_grpc_out=quiet:{out}"]
        if wanted and protoc.main(["protoc", f"--plugin={stubs}", *arguments, *wanted]) != 0:
            response.error = "grpcio-tools failed, see above"
        for file in sorted(file for file in out.rglob("*") if file.is_file()):
            response.file.add(name=str(file.relative_to(out)), content=file.read_text())
    sys.stdout.buffer.write(response.SerializeToString())
    return 0


if __name__ == "__main__":
    sys.exit(main())
