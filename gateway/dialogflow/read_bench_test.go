package dialogflow_test

import (
	"os"
	"path/filepath"
	"testing"

	"cloud.google.com/go/dialogflow/apiv2beta1/dialogflowpb"
	"cloud.google.com/go/dialogflow/cx/apiv3/cxpb"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/intentgate/intentgate/gateway/dialogflow"
)

// BenchmarkRead reads a request of everyday size, side by side with protobuf's own reader and the canonical message.
func BenchmarkRead(b *testing.B) {
	for _, c := range []struct {
		turn      string
		platform  dialogflow.Platform
		canonical proto.Message
	}{
		{"es-order-track", dialogflow.ES, new(dialogflowpb.WebhookRequest)},
		{"cx-order-track", dialogflow.CX, new(cxpb.WebhookRequest)},
	} {
		body, err := os.ReadFile(filepath.Join("../testdata/turns", c.turn+".good.json"))
		if err != nil {
			b.Fatal(err)
		}
		b.Run(c.platform.String()+"/intentgate", func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if _, err := dialogflow.Read(c.platform, body); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(c.platform.String()+"/protojson", func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			lenient := protojson.UnmarshalOptions{DiscardUnknown: true}
			for b.Loop() {
				if err := lenient.Unmarshal(body, c.canonical.ProtoReflect().New().Interface()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
