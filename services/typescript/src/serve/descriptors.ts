import { create, type DescFile, type DescService, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

/** Files by name: two copies of generated code describe one file. */
export type Files = Map<string, DescFile>;

/** Returns the files that declare the services, and all that they import, each after what it imports. */
export function filesOf(services: Iterable<DescService>): Files {
  const files: Files = new Map();
  for (const { file } of services) add(files, file);
  return files;
}

/** Adds a file after what it imports. */
export function add(files: Files, file: DescFile): void {
  if (files.has(file.proto.name)) return;
  for (const imported of file.dependencies) add(files, imported);
  files.set(file.proto.name, file);
}

/**
 * Returns the descriptors of the services as `buf build -o` writes them, a google.protobuf.FileDescriptorSet. The annotations are
 * in it byte for byte: generated code holds the descriptors as they were compiled.
 */
export function descriptorSet(services: Iterable<DescService>): Uint8Array {
  const file = [...filesOf(services).values()].map(({ proto }) => proto);
  return toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file }));
}
