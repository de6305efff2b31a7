package caller

import (
	"encoding/json"
	"os"
	"testing"

	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
)

// FuzzDecode gives decode what a peer may send. It never panics, and what it accepts is what Outgoing would send: encoded
// again, it is accepted again and means the same.
func FuzzDecode(f *testing.F) {
	data, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		f.Fatal(err)
	}
	var vectors struct {
		Acceptance []struct {
			Metadata []struct {
				Key    string `json:"key"`
				Text   string `json:"text"`
				Base64 []byte `json:"base64"`
			} `json:"metadata"`
		} `json:"acceptance"`
	}
	if err := json.Unmarshal(data, &vectors); err != nil {
		f.Fatal(err)
	}
	for _, row := range vectors.Acceptance {
		values := map[string][]byte{}
		for _, e := range row.Metadata {
			values[e.Key] = append(e.Base64, e.Text...)
		}
		f.Add(values[MetadataCaller], values[MetadataCall], string(values[MetadataRequestID]))
	}

	known := newCallers()
	f.Fuzz(func(t *testing.T, callerBin, callBin []byte, requestID string) {
		call, refusal := decode(metadata.MD{
			MetadataCaller:    {string(callerBin)},
			MetadataCall:      {string(callBin)},
			MetadataRequestID: {requestID},
		}, known)
		if refusal != nil {
			if refusal.Reason == "" || refusal.Saw == "" || refusal.Wanted == "" {
				t.Errorf("refusal %+v with a gap", refusal)
			}
			return
		}
		md, err := Outgoing{Caller: call.Caller, Ref: call.Ref}.Metadata()
		if err != nil {
			t.Fatalf("accepted, but not to be sent: %v", err)
		}
		again, refusal := decode(md, known)
		if refusal != nil {
			t.Fatalf("accepted, but not again: %v", refusal)
		}
		if !proto.Equal(call.Caller, again.Caller) || !proto.Equal(call.Ref, again.Ref) || call.RequestID != again.RequestID {
			t.Errorf("%+v became %+v", call, again)
		}
	})
}
