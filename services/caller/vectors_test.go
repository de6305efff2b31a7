package caller_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"testing"

	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/caller"
)

// vectors is testdata/vectors.json, which explains itself.
type vectors struct {
	About      []string        `json:"about"`
	Outgoing   []outgoing      `json:"outgoing"`
	RequestIDs []requestID     `json:"request_ids"`
	Acceptance []acceptanceRow `json:"acceptance"`
}

type entry struct {
	Key    string `json:"key"`
	Text   string `json:"text,omitempty"`
	Base64 []byte `json:"base64,omitempty"`
}

func (e entry) value() string {
	if e.Base64 != nil {
		return string(e.Base64)
	}
	return e.Text
}

type outgoing struct {
	Name     string          `json:"name"`
	Caller   json.RawMessage `json:"caller"`
	Call     json.RawMessage `json:"call"`
	Metadata []entry         `json:"metadata"`
}

type requestID struct {
	Name        string  `json:"name"`
	Platform    string  `json:"platform"`
	ProjectID   string  `json:"project_id"`
	Agent       string  `json:"agent"`
	Environment string  `json:"environment"`
	Session     string  `json:"session"`
	TurnID      *string `json:"turn_id"`
	Page        string  `json:"page"`
	FormValues  []struct {
		Name string `json:"name"`
		JSON string `json:"json"`
	} `json:"form_values"`
	Event     string `json:"event"`
	Method    string `json:"method"`
	Request   []byte `json:"request"`
	Hashed    string `json:"hashed"`
	RequestID string `json:"request_id"`
}

func readVectors(t *testing.T) vectors {
	t.Helper()
	file, err := os.Open("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close() //nolint:errcheck // only read
	var v vectors
	decoder := json.NewDecoder(file)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func (o outgoing) messages(t *testing.T) (*intentgatev1.Caller, *intentgatev1.CallRef) {
	t.Helper()
	who, ref := &intentgatev1.Caller{}, &intentgatev1.CallRef{}
	if err := protojson.Unmarshal(o.Caller, who); err != nil {
		t.Fatal(err)
	}
	if err := protojson.Unmarshal(o.Call, ref); err != nil {
		t.Fatal(err)
	}
	return who, ref
}

func TestOutgoingVectors(t *testing.T) {
	traceParent := regexp.MustCompile(`^00-[0-9a-f]{32}-[0-9a-f]{16}-00$`)
	traces := map[string]bool{}
	for _, v := range readVectors(t).Outgoing {
		t.Run(v.Name, func(t *testing.T) {
			who, ref := v.messages(t)
			dirty := metadata.AppendToOutgoingContext(t.Context(), caller.MetadataCaller, "forged", "baggage", "a=b")
			ctx, err := caller.NewOutgoingContext(dirty, caller.Outgoing{Caller: who, Ref: ref})
			if err != nil {
				t.Fatal(err)
			}
			got, _ := metadata.FromOutgoingContext(ctx)
			for _, want := range v.Metadata {
				if values := got[want.Key]; !slices.Equal(values, []string{want.value()}) {
					t.Errorf("%s is %q, want %q alone", want.Key, values, want.value())
				}
				delete(got, want.Key)
			}
			if trace := got.Get(caller.MetadataTraceParent); len(trace) != 1 || !traceParent.MatchString(trace[0]) || traces[trace[0]] {
				t.Errorf("traceparent %q, want a new one", trace)
			} else {
				traces[trace[0]] = true
			}
			delete(got, caller.MetadataTraceParent)
			if len(got) > 0 {
				t.Errorf("metadata %v besides, want none", slices.Collect(maps.Keys(got)))
			}
			for key, message := range map[int]proto.Message{0: who, 1: ref} {
				decoded := message.ProtoReflect().New().Interface()
				if err := proto.Unmarshal(v.Metadata[key].Base64, decoded); err != nil || !proto.Equal(decoded, message) {
					t.Errorf("%s means %v, error %v, want %v", v.Metadata[key].Key, decoded, err, message)
				}
			}
		})
	}
}

func TestRequestIDVectors(t *testing.T) {
	seen := map[string]string{}
	for _, v := range readVectors(t).RequestIDs {
		t.Run(v.Name, func(t *testing.T) {
			key := caller.RequestKey{
				Platform: v.Platform, ProjectID: v.ProjectID, Agent: v.Agent, Environment: v.Environment, Session: v.Session,
				TurnID: v.TurnID, Page: v.Page, Event: v.Event, Method: v.Method, Request: v.Request,
			}
			for _, value := range v.FormValues {
				key.FormValues = append(key.FormValues, caller.FormValue{Name: value.Name, Value: []byte(value.JSON)})
			}
			if got := caller.RequestID(key); got != v.RequestID {
				t.Errorf("request id %s, want %s", got, v.RequestID)
			}
			hashed, err := hex.DecodeString(v.Hashed)
			if err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256(hashed)
			if got := "1." + base64.RawURLEncoding.EncodeToString(sum[:]); got != v.RequestID {
				t.Errorf("the hashed bytes give %s, want %s", got, v.RequestID)
			}
			if other, ok := seen[v.RequestID]; ok {
				t.Errorf("the same request id as %q", other)
			}
			seen[v.RequestID] = v.Name
		})
	}
}
