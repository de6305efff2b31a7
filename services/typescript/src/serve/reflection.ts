import { type DescFile, type DescMessage, type DescService, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code, type ServiceImpl } from "@connectrpc/connect";
import type { ServerReflection, ServerReflectionRequest } from "../../gen/grpc/reflection/v1/reflection_pb.js";
import { add, type Files, filesOf } from "./descriptors.js";

/** Tells what the server serves, out of the descriptors in the generated code: annotations are in them as they were compiled. */
export class ReflectionService implements Partial<ServiceImpl<typeof ServerReflection>> {
  readonly #services: readonly DescService[];
  readonly #files: Files;
  readonly #symbols = new Map<string, DescFile>();
  /** By the extended message and number. */
  readonly #extensions = new Map<string, Map<number, DescFile>>();

  constructor(services: Iterable<DescService>) {
    this.#services = [...services];
    this.#files = filesOf(this.#services);
    for (const file of this.#files.values()) this.#index(file);
  }

  async *serverReflectionInfo(requests: AsyncIterable<ServerReflectionRequest>) {
    const sent = new Set<string>();
    for await (const request of requests) {
      yield { validHost: request.host, originalRequest: request, messageResponse: this.#answer(request, sent) };
    }
  }

  #answer({ messageRequest: asked }: ServerReflectionRequest, sent: Set<string>) {
    switch (asked.case) {
      case "listServices": {
        const service = this.#services.map(({ typeName }) => ({ name: typeName }));
        return { case: "listServicesResponse", value: { service } } as const;
      }
      case "fileByFilename":
        return describe(this.#files.get(asked.value), sent);
      case "fileContainingSymbol":
        return describe(this.#symbols.get(asked.value), sent);
      case "fileContainingExtension":
        return describe(this.#extensions.get(asked.value.containingType)?.get(asked.value.extensionNumber), sent);
      case "allExtensionNumbersOfType": {
        if (this.#symbols.get(asked.value) === undefined) return notFound;
        const extensionNumber = [...(this.#extensions.get(asked.value)?.keys() ?? [])];
        return { case: "allExtensionNumbersResponse", value: { baseTypeName: asked.value, extensionNumber } } as const;
      }
      default:
        return { case: "errorResponse", value: { errorCode: Code.InvalidArgument, errorMessage: "nothing asked" } } as const;
    }
  }

  #index(file: DescFile): void {
    const all = [...file.messages, ...file.enums, ...file.extensions, ...file.services];
    for (const desc of all) {
      this.#symbols.set(desc.typeName, file);
      if (desc.kind === "service") {
        for (const method of desc.methods) this.#symbols.set(`${desc.typeName}.${method.name}`, file);
      }
    }
    for (const message of file.messages) this.#indexNested(message, file);
    for (const { extendee, number } of file.extensions) this.#indexExtension(extendee, number, file);
  }

  #indexNested(message: DescMessage, file: DescFile): void {
    const all = [...message.nestedMessages, ...message.nestedEnums, ...message.nestedExtensions];
    for (const { typeName } of all) this.#symbols.set(typeName, file);
    for (const { extendee, number } of message.nestedExtensions) this.#indexExtension(extendee, number, file);
    for (const nested of message.nestedMessages) this.#indexNested(nested, file);
  }

  #indexExtension({ typeName }: DescMessage, number: number, file: DescFile): void {
    const numbers = this.#extensions.get(typeName) ?? new Map<number, DescFile>();
    this.#extensions.set(typeName, numbers.set(number, file));
  }
}

const notFound = { case: "errorResponse", value: { errorCode: Code.NotFound, errorMessage: "not found" } } as const;

/** Returns a file, and of what it imports that which this conversation has not been told yet. */
function describe(file: DescFile | undefined, sent: Set<string>) {
  if (file === undefined) return notFound;
  const all: Files = new Map();
  add(all, file);
  const fresh = [file, ...[...all.values()].filter((one) => one !== file && !sent.has(one.proto.name))];
  for (const one of fresh) sent.add(one.proto.name);
  const fileDescriptorProto = fresh.map(({ proto }) => toBinary(FileDescriptorProtoSchema, proto));
  return { case: "fileDescriptorResponse", value: { fileDescriptorProto } } as const;
}
