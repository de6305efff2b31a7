package main

import (
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
)

// hostile is what somebody who may set headers would try, as anybody may who can call detectIntent.
var hostile = http.Header{
	"Intentgate-Caller-Bin":               {"CAESCwoHYXR0YWNrZXIQAQ"},
	"Intentgate-Call-Bin":                 {"CgFz"},
	"intentgate-request-id":               {"1.mine"},
	"intentgate_request_id":               {"1.mine"},
	"Intentgate-Token":                    {"mine"},
	"Grpc-Metadata-Intentgate-Caller-Bin": {"CAESCwoHYXR0YWNrZXIQAQ"},
	"Grpc-Metadata-X":                     {"injected"},
	"Grpc-Timeout":                        {"1n"},
	"Grpc-Encoding":                       {"gzip"},
	"Traceparent":                         {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
	"Tracestate":                          {"vendor=mine"},
	"Baggage":                             {"userId=mine"},
	"X-Http-Method-Override":              {"GET"},
	"X-Forwarded-For":                     {"192.0.2.1"},
	"X-Forwarded-Client-Cert":             {"Subject=\"CN=Google LLC\""},
	"Forwarded":                           {"for=192.0.2.1"},
	"Authorization":                       {"Bearer mine"},
	"Cookie":                              {"a=b"},
	"X-Custom":                            {"mine"},
	"User-Agent":                          {"mine"},
}

// TestSpoofing shows that a service's metadata is made by the gateway alone, whatever a request brings along.
func TestSpoofing(t *testing.T) {
	t.Parallel()
	g := start(t)
	for name, http2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2.0": true} {
		t.Run(name, func(t *testing.T) {
			client := g.client(t, g.pki.SSLCom.TLS(), http2)
			plain, spoofed := "plain "+name, "spoofed "+name
			wantES(t, g.post(t, client, esPath, esTurn(plain)), "heard "+plain)

			request := g.request(t.Context(), t, esPath, esTurn(spoofed))
			maps.Copy(request.Header, hostile)
			// A trailer takes a body without a length.
			request.Body, request.ContentLength = io.NopCloser(strings.NewReader(esTurn(spoofed))), -1
			request.Trailer = http.Header{"Intentgate-Caller-Bin": {"CAESCwoHYXR0YWNrZXIQAQ"}, "Grpc-Metadata-X": {"trailing"}}
			if http2 {
				request.Trailer = http.Header{"X-Trailing": {"trailing"}}
			}
			got := ask(t, client, request)
			wantES(t, got, "heard "+spoofed)
			if got.Proto != name {
				t.Errorf("answered by %s", got.Proto)
			}
			if len(got.Trailer) != 0 || got.Header.Get("Traceparent") != "" {
				t.Errorf("header %v and trailer %v came back", got.Header, got.Trailer)
			}

			before, after := g.service.one(t, plain), g.service.one(t, spoofed)
			keys := slices.Sorted(maps.Keys(after.metadata))
			want := []string{
				":authority", "content-type", "intentgate-call-bin", "intentgate-caller-bin",
				"intentgate-request-id", "traceparent", "user-agent",
			}
			if !slices.Equal(keys, want) {
				t.Errorf("the service got metadata %q, want %q", keys, want)
			}
			for _, key := range keys {
				values, changes := after.metadata[key], slices.Contains([]string{"intentgate-call-bin", "intentgate-request-id", "traceparent"}, key)
				if len(values) != 1 || slices.Equal(values, before.metadata[key]) == changes {
					t.Errorf("%s is %q, and without the headers %q", key, values, before.metadata[key])
				}
				for _, sent := range hostile {
					if strings.Contains(strings.Join(values, "\n"), sent[0]) && len(sent[0]) > 4 {
						t.Errorf("%s is %q, which came with the request", key, values)
					}
				}
			}
			if trace := strings.Split(after.metadata["traceparent"][0], "-"); trace[1] == "0af7651916cd43dd8448eb211c80319c" || trace[3] != "00" {
				t.Errorf("traceparent %q continues the caller's trace", trace)
			}
			if !proto.Equal(after.call.Caller, before.call.Caller) || after.call.RequestID == "1.mine" {
				t.Errorf("the caller is %v, want %v", after.call.Caller, before.call.Caller)
			}
			if after.left < time.Second {
				t.Errorf("the service got %s for its answer: Grpc-Timeout had an effect", after.left)
			}
		})
	}
}
