package main

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
)

// forged is the Caller of an attacker, and the metadata of one.
const forged = "CAESCwoHYXR0YWNrZXIQAQ"

// hostile is what somebody who may set headers would try, as anybody may who can call detectIntent.
var hostile = http.Header{
	"Intentgate-Caller-Bin":               {forged},
	"INTENTGATE-CALLER-BIN":               {forged, forged},
	"iNTENTGATE-cALLER-bIN":               {""},
	"intentgate_caller_bin":               {forged},
	"Intentgate-Call-Bin":                 {"CgFz"},
	"intentgate-request-id":               {"1.mine", "1.mine too"},
	"intentgate_request_id":               {"1.mine"},
	"Intentgate-Token":                    {"mine"},
	"Intentgate-":                         {"mine"},
	"X-Intentgate-Caller-Bin":             {forged},
	"Grpc-Metadata-Intentgate-Caller-Bin": {forged, forged},
	"grpc-metadata-intentgate-request-id": {"1.mine"},
	"GRPC-METADATA-TRACEPARENT":           {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
	"Grpc-Metadata-X":                     {"injected"},
	"Grpc-Timeout":                        {"1n"},
	"grpc-timeout":                        {"0n"},
	"Grpc-Encoding":                       {"gzip"},
	"Grpc-Tags-Bin":                       {forged},
	"Grpc-Trace-Bin":                      {forged},
	"Te":                                  {"trailers"},
	"Traceparent":                         {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
	"Tracestate":                          {"vendor=mine"},
	"Baggage":                             {"userId=mine"},
	"X-Http-Method-Override":              {"GET"},
	"X-Forwarded-For":                     {"192.0.2.1"},
	"X-Forwarded-Host":                    {"evil.example"},
	"X-Forwarded-Client-Cert":             {"Subject=\"CN=Google LLC\";URI=spiffe://cluster.local/ns/gateway"},
	"X-Ssl-Client-Verify":                 {"SUCCESS"},
	"Ssl-Client-Cert":                     {"mine"},
	"Client-Cert":                         {":bWluZQ==:"},
	"Forwarded":                           {"for=192.0.2.1"},
	"Authorization":                       {"Bearer mine"},
	"Proxy-Authorization":                 {"Bearer mine"},
	"Webhook-Headers":                     {"intentgate-caller-bin: " + forged},
	"Webhook_headers":                     {"intentgate-caller-bin"},
	"Ce-Intentgate-Caller-Bin":            {forged},
	"Cookie":                              {"intentgate-caller-bin=" + forged},
	"From":                                {"mine@example.com"},
	"X-Custom":                            {"mine"},
	"User-Agent":                          {"mine"},
}

// trailing is likewise, after the body.
var trailing = http.Header{
	"Intentgate-Caller-Bin": {forged}, "Grpc-Metadata-X": {"trailing"}, "Grpc-Status": {"0"}, "X-Trailing": {"trailing"},
}

// spoofing is a turn with forged metadata in its body and its address.
func spoofing(id string) (path, body string) {
	const more = `{"webhook_headers":{"intentgate-caller-bin":"` + forged + `"},"intentgate-caller-bin":"` + forged + `",` +
		`"source":"mine","payload":{"intentgate-caller-bin":"` + forged + `","headers":{"grpc-timeout":"1n"}}}`
	body = strings.TrimSuffix(esTurn(id), "}") + `,"originalDetectIntentRequest":` + more + `,"intentgate-caller-bin":"` + forged + `"}`
	return esPath + "?intentgate-caller-bin=" + forged + "&Grpc-Metadata-X=injected&grpc-timeout=1n", body
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

			path, body := spoofing(spoofed)
			request := g.request(t.Context(), t, path, body)
			maps.Copy(request.Header, hostile)
			// A trailer takes a body without a length.
			request.Body, request.ContentLength = io.NopCloser(strings.NewReader(body)), -1
			request.Trailer = trailing.Clone()
			got := ask(t, client, request)
			wantES(t, got, "heard "+spoofed)
			if got.Proto != name {
				t.Errorf("answered by %s", got.Proto)
			}
			if len(got.Trailer) != 0 || got.Header.Get("Traceparent") != "" {
				t.Errorf("header %v and trailer %v came back", got.Header, got.Trailer)
			}
			unmoved(t, g.service.one(t, plain), g.service.one(t, spoofed))
		})
	}
}

// unmoved compares two calls, of which the second came with forged metadata.
func unmoved(t *testing.T, before, after received) {
	t.Helper()
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
		for _, sent := range slices.Concat(slices.Collect(maps.Values(hostile))...) {
			if strings.Contains(strings.Join(values, "\n"), sent) && len(sent) > 4 {
				t.Errorf("%s is %q, which came with the request", key, values)
			}
		}
	}
	if trace := strings.Split(after.metadata["traceparent"][0], "-"); trace[1] == "0af7651916cd43dd8448eb211c80319c" || trace[3] != "00" {
		t.Errorf("traceparent %q continues the caller's trace", trace)
	}
	if !proto.Equal(after.call.Caller, before.call.Caller) || strings.HasPrefix(after.call.RequestID, "1.mine") {
		t.Errorf("the caller is %v, want %v", after.call.Caller, before.call.Caller)
	}
	if after.left < time.Second {
		t.Errorf("the service got %s for its answer: Grpc-Timeout had an effect", after.left)
	}
}

// TestMalformedHeaders has spellings that another server might take for a header of the gateway's.
func TestMalformedHeaders(t *testing.T) {
	t.Parallel()
	g := start(t)
	for name, test := range map[string]struct {
		line   string
		status int
	}{
		"space before the colon": {"Intentgate-Caller-Bin : " + forged, http.StatusBadRequest},
		"tab in front":           {"\tIntentgate-Caller-Bin: " + forged, http.StatusBadRequest},
		"bare carriage return":   {"X-Custom: a\rIntentgate-Caller-Bin: " + forged, http.StatusBadRequest},
		"zero":                   {"Intentgate-Caller-Bin\x00: " + forged, http.StatusBadRequest},
		"no name":                {": " + forged, http.StatusBadRequest},
		"two lengths":            {"Content-Length: 1", http.StatusBadRequest},
		"disguised chunks":       {"Transfer-Encoding: xchunked", http.StatusNotImplemented},
		"folded":                 {"X-Custom: a\r\n Intentgate-Caller-Bin: " + forged, http.StatusOK}, // it is X-Custom's value
	} {
		t.Run(name, func(t *testing.T) {
			w := g.connect(t, g.clientTLS(g.pki.SSLCom.TLS()))
			body := esTurn(name)
			_, err := fmt.Fprintf(w.conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s\r\n\r\n%s",
				esPath, len(body), test.line, body)
			if err != nil {
				t.Fatal(err)
			}
			response, err := http.ReadResponse(w.in, nil)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
			if response.StatusCode != test.status {
				t.Errorf("status %d, want %d", response.StatusCode, test.status)
			}
			if test.status != http.StatusOK {
				if calls := g.service.of(name); len(calls) > 0 {
					t.Errorf("%d calls", len(calls))
				}
				return
			}
			plain := "plain, not " + name
			wantES(t, g.post(t, g.dialogflow(t), esPath, esTurn(plain)), "heard "+plain)
			unmoved(t, g.service.one(t, plain), g.service.one(t, name))
		})
	}
}
