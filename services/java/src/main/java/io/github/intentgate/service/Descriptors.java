package io.github.intentgate.service;

import com.google.protobuf.DescriptorProtos.FileDescriptorSet;
import com.google.protobuf.Descriptors.FileDescriptor;
import io.grpc.ServerServiceDefinition;
import io.grpc.protobuf.ProtoFileDescriptorSupplier;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The descriptors of services. */
final class Descriptors {
  private Descriptors() {}

  /**
   * Returns the descriptors of services and of all that they import, imports first, with their annotations.
   *
   * @throws IllegalArgumentException for a service that was not generated from a proto
   */
  static FileDescriptorSet of(List<ServerServiceDefinition> services) {
    Map<String, FileDescriptor> files = new LinkedHashMap<>();
    for (ServerServiceDefinition service : services) {
      if (!(service.getServiceDescriptor().getSchemaDescriptor() instanceof ProtoFileDescriptorSupplier proto)) {
        throw new IllegalArgumentException("descriptors of service " + service.getServiceDescriptor().getName()
            + ": it is not generated from a proto; write those that buf or protoc make of it");
      }
      add(proto.getFileDescriptor(), files);
    }
    FileDescriptorSet.Builder set = FileDescriptorSet.newBuilder();
    files.values().forEach(file -> set.addFile(file.toProto()));
    return set.build();
  }

  private static void add(FileDescriptor file, Map<String, FileDescriptor> files) {
    if (!files.containsKey(file.getFullName())) {
      file.getDependencies().forEach(imported -> add(imported, files));
      files.put(file.getFullName(), file);
    }
  }
}
