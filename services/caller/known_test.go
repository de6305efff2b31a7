package caller

import (
	"fmt"
	"sync"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// TestCallersAreThemselves proves that of callers who take one another's places each remains who it is.
func TestCallersAreThemselves(t *testing.T) {
	const many = 500 // and fewer places
	known := newCallers()
	var tries sync.WaitGroup
	for range 4 {
		tries.Go(func() {
			for i := range 2 * many {
				project := fmt.Sprint("shop-", i%many/2) // each twice in a row, too
				text, err := marshal.Marshal(&intentgatev1.Caller{
					Platform: intentgatev1.Platform_PLATFORM_ES, ProjectId: &intentgatev1.Caller_Value{Value: project},
				})
				if err != nil {
					t.Error(err)
				}
				who, refusal := known.decode(string(text))
				if refusal != nil || who.GetProjectId().GetValue() != project {
					t.Errorf("%s: got %v, %v", project, who, refusal)
					return
				}
			}
		})
	}
	tries.Wait()
	for _, refused := range []string{"no caller", ""} {
		for range 2 {
			if who, refusal := known.decode(refused); refusal == nil {
				t.Errorf("%q: got %v, want a refusal each time", refused, who)
			}
		}
	}
}

// TestCallersAreNotShared proves that whatever a handler does to its caller, the next call's is what was sent: also what a newer
// gateway says.
func TestCallersAreNotShared(t *testing.T) {
	whole := new(intentgatev1.Caller)
	fill(whole.ProtoReflect())
	newer := proto.Clone(whole).(*intentgatev1.Caller) //nolint:errcheck,forcetypeassert // it is of the same type
	newer.Certificate.ProtoReflect().SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, 1000, protowire.VarintType), 1))
	for name, sent := range map[string]*intentgatev1.Caller{
		"whole": whole, "newer": newer, "bare": {Platform: intentgatev1.Platform_PLATFORM_ES},
	} {
		known, text := newCallers(), Marshal(sent)
		for try := range 3 {
			who, refusal := known.decode(text)
			if refusal != nil || !proto.Equal(who, sent) {
				t.Fatalf("%s, try %d: got %v, %v, want %v", name, try, who, refusal, sent)
			}
			if copied := proto.Equal(duplicate(who), who); copied == (name == "newer") {
				t.Errorf("%s: copied by its fields: %v", name, copied)
			}
			spoil(who.ProtoReflect())
		}
	}
}

// fill gives each field a value.
func fill(m protoreflect.Message) {
	for i := range m.Descriptor().Fields().Len() {
		switch f := m.Descriptor().Fields().Get(i); {
		case f.IsList():
			m.Mutable(f).List().Append(protoreflect.ValueOfString("of a list"))
		case f.Kind() == protoreflect.MessageKind:
			fill(m.Mutable(f).Message())
		case f.Kind() == protoreflect.EnumKind:
			m.Set(f, protoreflect.ValueOfEnum(1))
		case f.Kind() == protoreflect.BytesKind:
			m.Set(f, protoreflect.ValueOfBytes([]byte(f.Name())))
		default:
			m.Set(f, protoreflect.ValueOfString(string(f.FullName())))
		}
	}
}

// spoil changes all that is there, in place where that is possible.
func spoil(m protoreflect.Message) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsList():
			v.List().Set(0, protoreflect.ValueOfString("another"))
		case f.Kind() == protoreflect.MessageKind:
			spoil(v.Message())
		case f.Kind() == protoreflect.BytesKind:
			clear(v.Bytes())
		}
		if !f.IsList() && f.Kind() != protoreflect.BytesKind {
			m.Clear(f)
		}
		return true
	})
	m.SetUnknown(nil)
}
