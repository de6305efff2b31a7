package dialogflow_test

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"cloud.google.com/go/dialogflow/apiv2beta1/dialogflowpb"
	"cloud.google.com/go/dialogflow/cx/apiv3/cxpb"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	benchturns "github.com/intentgate/intentgate/gateway/bench/turns"
	"github.com/intentgate/intentgate/gateway/dialogflow"
)

// BenchmarkRead reads requests of everyday size and of long conversations, side by side with protobuf's own reader and the
// canonical message.
func BenchmarkRead(b *testing.B) {
	for _, c := range []struct {
		turn      string
		platform  dialogflow.Platform
		canonical proto.Message
	}{
		{"es-order-track", dialogflow.ES, new(dialogflowpb.WebhookRequest)},
		{"cx-order-track", dialogflow.CX, new(cxpb.WebhookRequest)},
	} {
		for _, size := range []int{1400, 8 << 10, 40 << 10} {
			body := grown(b, c.turn, c.platform, size)
			b.Run(c.platform.String()+"/intentgate/"+strconv.Itoa(size), func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(len(body)))
				for b.Loop() {
					if _, err := dialogflow.Read(c.platform, body); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run(c.platform.String()+"/protojson/"+strconv.Itoa(size), func(b *testing.B) {
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
}

// grown is a recorded turn as the benchmark of the gateway makes long conversations of it.
func grown(tb testing.TB, turn string, platform dialogflow.Platform, size int) []byte {
	tb.Helper()
	body, err := os.ReadFile(filepath.Join(turns, turn+".good.json")) //nolint:gosec // the path is of this repository
	if err != nil {
		tb.Fatal(err)
	}
	dir := tb.TempDir()
	if err := os.WriteFile(benchturns.File(dir, platform.String()), body, 0o600); err != nil { //nolint:gosec // of this test's own
		tb.Fatal(err)
	}
	template, err := benchturns.Read(dir, platform.String(), benchturns.Typed, size)
	if err != nil {
		tb.Fatal(err)
	}
	return template.Example()
}
