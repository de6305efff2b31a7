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
			if message = field.Message(); field.IsMap() {
				message = field.MapValue().Message()
			}
		}
	}
}

func TestLocalProblem(t *testing.T) {
	for listen, local := range map[string]bool{
		"127.0.0.1:9901": true, "127.9.9.9:0": true, "[::1]:9901": true, "localhost:0": true,
		":9901": false, "0.0.0.0:9901": false, "[::]:9901": false, "10.0.0.1:9901": false, "example.com:9901": false,
		"localhost": false, "127.0.0.1:port": false, "unix:/run/a.sock": false, "": false,
	} {
		if problem := localProblem(listen); (problem == "") != local {
			t.Errorf("%q: %q", listen, problem)
		}
	}
}

func TestNearest(t *testing.T) {
	names := []string{"listen", "certificate", "send_ca_names"}
	for misspelt, want := range map[string]string{
		"listn": "listen", "Listen": "listen", "sendCaNames": "send_ca_names", "send-ca-names": "send_ca_names",
		"certs": "", "x": "", "": "", strings.Repeat("listen", 100): "",
	} {
		if got := Nearest(misspelt, names); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", misspelt, got, want)
		}
	}
}
