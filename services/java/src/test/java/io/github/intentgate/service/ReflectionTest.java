package io.github.intentgate.service;

import static io.github.intentgate.service.World.REPORTS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.ByteString;
import com.google.protobuf.DescriptorProtos.DescriptorProto;
import com.google.protobuf.DescriptorProtos.FieldDescriptorProto;
import com.google.protobuf.DescriptorProtos.FileDescriptorProto;
import com.google.protobuf.DescriptorProtos.FileDescriptorSet;
import com.google.protobuf.DescriptorProtos.MethodOptions;
import com.google.protobuf.ExtensionRegistry;
import io.github.intentgate.v1.Annotations;
import io.grpc.ServerServiceDefinition;
import io.grpc.Status;
import io.grpc.reflection.v1.ServerReflectionGrpc;
import io.grpc.reflection.v1.ServerReflectionRequest;
import io.grpc.reflection.v1.ServerReflectionResponse;
import io.grpc.stub.StreamObserver;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReflectionTest {
  private static final String PROBE = "intentgate.conformance.v1.ProbeService";

  /** What protoc wrote when this library was built, imports included. */
  private static Map<String, ByteString> built() throws Exception {
    FileDescriptorSet set = FileDescriptorSet.parseFrom(java.nio.file.Files.readAllBytes(Path.of("target/descriptors.binpb")));
    assertTrue(set.getFileCount() > 8);
    return byName(set.getFileList());
  }

  /** Leaves out what follows from the names, and most generated code leaves out. */
  private static FileDescriptorProto withoutJsonNames(FileDescriptorProto file) {
    FileDescriptorProto.Builder changed = file.toBuilder();
    changed.getExtensionBuilderList().forEach(FieldDescriptorProto.Builder::clearJsonName);
    changed.getMessageTypeBuilderList().forEach(ReflectionTest::clearJsonNames);
    return changed.build();
  }

  private static void clearJsonNames(DescriptorProto.Builder message) {
    message.getFieldBuilderList().forEach(FieldDescriptorProto.Builder::clearJsonName);
    message.getNestedTypeBuilderList().forEach(ReflectionTest::clearJsonNames);
  }

  private static Map<String, ByteString> byName(List<FileDescriptorProto> files) {
    Map<String, ByteString> bytes = new TreeMap<>();
    files.forEach(file -> bytes.put(file.getName(), withoutJsonNames(file).toByteString()));
    return bytes;
  }

  /** Keeps what a set has of another one's files. */
  private static Map<String, ByteString> only(Map<String, ByteString> set, Map<String, ByteString> files) {
    Map<String, ByteString> kept = new TreeMap<>(set);
    kept.keySet().retainAll(files.keySet());
    return kept;
  }

  @Test
  void descriptorsAreThoseOfTheCompiler() throws Exception {
    FileDescriptorSet set = Descriptors.of(List.of(new Probe().bindService()));
    Set<String> before = new HashSet<>();
    for (FileDescriptorProto file : set.getFileList()) {
      assertTrue(before.containsAll(file.getDependencyList()), file.getName() + " stands before what it imports");
      assertTrue(before.add(file.getName()), file.getName() + " is there twice");
    }
    Map<String, ByteString> described = byName(set.getFileList());
    assertTrue(described.containsKey("google/protobuf/descriptor.proto"));
    assertEquals(only(built(), described), described); // bytes, so that extensions and unknown fields count
    assertAnnotated(described);
  }

  private static void assertAnnotated(Map<String, ByteString> described) throws Exception {
    ExtensionRegistry registry = ExtensionRegistry.newInstance();
    Annotations.registerAllExtensions(registry);
    FileDescriptorProto probe =
        FileDescriptorProto.parseFrom(described.get("intentgate/conformance/v1/probe_service.proto"), registry);
    MethodOptions options = probe.getService(0).getMethod(0).getOptions();
    assertEquals("intentgate-probe", options.getExtension(Annotations.intent).getTag(0));
  }

  @Test
  void reflectionIsTheDescriptorSet(@TempDir Path folder) throws Exception {
    try (World world = new World(folder)) {
      IntentServer server = world.start(world.bare().allowed(REPORTS).service(new Probe()));
      var channel = world.channel(server, REPORTS);
      ServerReflectionResponse listed = ask(channel, ServerReflectionRequest.newBuilder().setListServices("*").build());
      assertTrue(listed.getListServicesResponse().getServiceList().stream().anyMatch(each -> each.getName().equals(PROBE)));
      ServerReflectionResponse found =
          ask(channel, ServerReflectionRequest.newBuilder().setFileContainingSymbol(PROBE).build());
      Map<String, ByteString> reflected = new TreeMap<>();
      for (ByteString file : found.getFileDescriptorResponse().getFileDescriptorProtoList()) {
        reflected.put(FileDescriptorProto.parseFrom(file).getName(), file);
      }
      Map<String, ByteString> described = new TreeMap<>();
      Descriptors.of(List.of(new Probe().bindService())).getFileList().forEach(f -> described.put(f.getName(), f.toByteString()));
      assertEquals(described, reflected);
      assertAnnotated(reflected);
      Exception refused = assertThrows(
          ExecutionException.class, () -> ask(world.channel(server, World.STRANGER), ServerReflectionRequest.getDefaultInstance()));
      assertEquals(Status.Code.PERMISSION_DENIED, Status.fromThrowable(refused).getCode());
    }
  }

  private static ServerReflectionResponse ask(io.grpc.Channel channel, ServerReflectionRequest request) throws Exception {
    CompletableFuture<ServerReflectionResponse> answer = new CompletableFuture<>();
    StreamObserver<ServerReflectionRequest> requests =
        ServerReflectionGrpc.newStub(channel).serverReflectionInfo(new StreamObserver<>() {
          @Override
          public void onNext(ServerReflectionResponse response) {
            answer.complete(response);
          }

          @Override
          public void onError(Throwable error) {
            answer.completeExceptionally(error);
          }

          @Override
          public void onCompleted() {}
        });
    requests.onNext(request);
    requests.onCompleted();
    return answer.get();
  }

  @Test
  void serviceWithoutAProto() {
    ServerServiceDefinition byHand = ServerServiceDefinition.builder("by.Hand").build();
    assertFalse(assertThrows(IllegalArgumentException.class, () -> Descriptors.of(List.of(byHand))).getMessage().isEmpty());
  }
}
