package dialogflow_test

import (
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/intentgate/intentgate/gateway/dialogflow"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// FuzzWrite: whatever a service sends as a Reply, the answer is one that Google's own types accept strictly and would
// write the same way, at most as large as Dialogflow takes; or it is an error. It never panics.
func FuzzWrite(f *testing.F) {
	files, err := filepath.Glob("../testdata/replies/*.reply.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file) //nolint:gosec // the path is of this repository
		if err != nil {
			f.Fatal(err)
		}
		reply := new(intentgatev1.Reply)
		if err := protojson.Unmarshal(text, reply); err != nil {
			f.Fatal(err)
		}
		wire, err := proto.Marshal(reply)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wire)
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		reply := new(intentgatev1.Reply)
		if proto.Unmarshal(wire, reply) != nil {
			t.Skip()
		}
		for _, d := range dialects {
			body, _, err := dialogflow.Write(d.turn(), reply, d.options)
			if err != nil {
				if body != nil {
					t.Errorf("%s: an error and an answer: %v, %s", d.name, err, body)
				}
				continue
			}
			checkCanonical(t, body, d.response())
		}
	})
}
