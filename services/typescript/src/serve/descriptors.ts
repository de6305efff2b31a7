import { create, type DescFile, type DescService, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

/** Returns the files that declare the services, and all that they import, each after what it imports. */
export function filesOf(services: Iterable<DescService>): readonly DescFile[] {
  const files = new Set<DescFile>();
  for (const service of services) add(files, service.file);
  return [...files];
}

/** Adds a file after what it imports. */
export function add(files: Set<DescFile>, file: DescFile): void {
  if (files.has(file)) return;
  for (const imported of file.dependencies) add(files, imported);
  files.add(file);
}

/**
 * Returns the descriptors of the services as `buf build -o` writes them, a google.protobuf.FileDescriptorSet. The annotations are
 * in it byte for byte: generated code holds the descriptors as they were compiled.
 */
export function descriptorSet(services: Iterable<DescService>): Uint8Array {
  const file = filesOf(services).map(({ proto }) => proto);
  return toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file }));
}
