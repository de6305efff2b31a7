package intents

import (
	"bytes"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// The bounds on what a service can make the gateway hold of it, and on the time that it takes to learn that. A few bytes of
// a descriptor can stand for much: two for an element that takes hundreds in memory, a long name for one in each thing below
// it, two lines of imports in each file for as many ways as there are Fibonacci numbers.
const (
	MaxDescriptors = 16 << 20 // bytes of a descriptor set
	maxFiles       = 5000
	maxElements    = 300_000  // messages, fields, values, …
	maxLetters     = 64 << 20 // of full names, and of those that are tried to find a relative one
	maxName        = 1000     // bytes of one
	maxNesting     = 32       // messages in messages
	maxPublic      = 100_000  // ways along public imports
	maxMethods     = 5000
)

// smaller is how a team gets by with a set within the bounds.
const smaller = "build it for this service alone: buf build --path, or protoc with its file"

// lean returns a descriptor set without comments, which take most of it, if the rest can be linked within the bounds.
func lean(set []byte) ([]byte, error) {
	if len(set) > MaxDescriptors {
		return nil, fmt.Errorf("more than %d bytes of descriptors; %s, and leave out the comments: --exclude-source-info", MaxDescriptors, smaller)
	}
	const fileNumber, commentsNumber = 1, 9
	var s scale
	out := make([]byte, 0, len(set))
	err := eachField(set, func(f field) error {
		if f.number != fileNumber || f.inside == nil {
			return nil
		}
		if s.files++; s.files > maxFiles {
			return fmt.Errorf("more than %d files; %s", maxFiles, smaller)
		}
		file := make([]byte, 0, len(f.inside))
		err := eachField(f.inside, func(f field) error {
			if f.number != commentsNumber {
				file = append(file, f.raw...)
			}
			return nil
		})
		if err != nil {
			return err
		}
		out = protowire.AppendTag(out, fileNumber, protowire.BytesType)
		out = protowire.AppendBytes(out, file)
		return s.weigh(file, new(descriptorpb.FileDescriptorProto).ProtoReflect().Descriptor(), scope{}, 0)
	})
	if err == nil && s.files == 0 {
		err = fmt.Errorf("a descriptor set without files; write it with `buf build -o FILE`")
	}
	return out, err
}

// scale counts what a descriptor set takes.
type scale struct{ files, elements, letters int }

// scope is where a name stands: the length of the name of all around it, and how many parts that has.
type scope struct{ letters, parts int }

// weigh counts a descriptor and all in it.
func (s *scale) weigh(b []byte, kind protoreflect.MessageDescriptor, around scope, depth int) error {
	if depth > maxNesting {
		return fmt.Errorf("descriptors nested more than %d deep; write flatter messages", maxNesting)
	}
	fields, within := kind.Fields(), around
	naming := protoreflect.Name("name")
	if depth == 0 {
		naming = "package" // the name of a file is its path
	}
	err := eachField(b, func(f field) error {
		if known := fields.ByNumber(f.number); known != nil && known.Name() == naming {
			within = scope{around.letters + 1 + len(f.inside), around.parts + 1 + bytes.Count(f.inside, []byte("."))}
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.letters += within.letters
	return eachField(b, func(f field) error {
		known := fields.ByNumber(f.number)
		if known == nil || f.inside == nil {
			return nil
		}
		if known.IsList() || known.Message() != nil {
			s.elements++
		}
		if known.Kind() == protoreflect.StringKind && known.Name() != "default_value" {
			if len(f.inside) > maxName {
				return fmt.Errorf("a name of %d bytes, %.40q…; at most %d are read", len(f.inside), f.inside, maxName)
			}
			if len(f.inside) > 0 && f.inside[0] != '.' { // it may be looked for in each scope, from the innermost on
				s.letters += len(f.inside)
				switch known.Name() {
				case "type_name", "extendee", "input_type", "output_type":
					s.letters += within.parts * (within.letters + len(f.inside))
				}
			}
		}
		if s.elements > maxElements || s.letters > maxLetters {
			return fmt.Errorf("descriptors of more than %d elements or %d letters; %s", maxElements, maxLetters, smaller)
		}
		if known.Message() != nil {
			return s.weigh(f.inside, known.Message(), within, depth+1)
		}
		return nil
	})
}

// field is one field as it stands on the wire.
type field struct {
	number protowire.Number
	raw    []byte // with its tag
	inside []byte // nil: it is no string, bytes or message
}

// eachField calls visit for each field of a message.
func eachField(b []byte, visit func(field) error) error {
	for len(b) > 0 {
		number, kind, tag := protowire.ConsumeTag(b)
		if tag < 0 {
			return notASet(protowire.ParseError(tag))
		}
		size := protowire.ConsumeFieldValue(number, kind, b[tag:])
		if size < 0 {
			return notASet(protowire.ParseError(size))
		}
		f := field{number: number, raw: b[:tag+size]}
		if kind == protowire.BytesType {
			f.inside, _ = protowire.ConsumeBytes(b[tag:])
		}
		if err := visit(f); err != nil {
			return err
		}
		b = b[tag+size:]
	}
	return nil
}

func notASet(err error) error {
	return fmt.Errorf("no descriptor set, as `buf build -o FILE` writes it: %w", err)
}

// publicWays refuses files that lead to each other in too many ways along public imports: the linker goes them all.
func publicWays(files []*descriptorpb.FileDescriptorProto) error {
	byName := map[string]*descriptorpb.FileDescriptorProto{}
	for _, file := range files {
		byName[file.GetName()] = file
	}
	ways, total := map[string]int{}, 0
	var from func(name string) int
	from = func(name string) int {
		if known, ok := ways[name]; ok {
			return known
		}
		ways[name] = 0 // a circle is for the linker to refuse
		sum, file := 0, byName[name]
		for _, i := range file.GetPublicDependency() {
			if imports := file.GetDependency(); 0 <= i && int(i) < len(imports) {
				sum = min(sum+1+from(imports[i]), maxPublic)
			}
		}
		ways[name] = sum
		return sum
	}
	for _, file := range files {
		for _, imported := range file.GetDependency() {
			if total += from(imported); total > maxPublic {
				return fmt.Errorf("files that import each other publicly in more than %d ways; import what is needed, where it is", maxPublic)
			}
		}
	}
	return nil
}
