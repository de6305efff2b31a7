package config

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
)

// TestWantsAreFields keeps the words beside the schema: each of them belongs to a field.
func TestWantsAreFields(t *testing.T) {
	for path := range wants {
		message := (&gatewayv1.Config{}).ProtoReflect().Descriptor()
		for name := range strings.SplitSeq(strings.ReplaceAll(path, "[]", ""), ".") {
			var field protoreflect.FieldDescriptor
			if message != nil {
				field = message.Fields().ByName(protoreflect.Name(name))
			}
			if field == nil {
				t.Errorf("%s: the schema has no %s", path, name)
				break
			}
			message = field.Message()
		}
	}
}

func TestNearest(t *testing.T) {
	names := []string{"listen", "certificate", "send_ca_names"}
	for misspelt, want := range map[string]string{
		"listn": "listen", "Listen": "listen", "sendCaNames": "send_ca_names", "send-ca-names": "send_ca_names",
		"certs": "", "x": "", "": "", strings.Repeat("listen", 100): "",
	} {
		if got := nearest(misspelt, names); got != want {
			t.Errorf("nearest(%q) = %q, want %q", misspelt, got, want)
		}
	}
}
