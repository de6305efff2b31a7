package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
)

const (
	esPath     = "/dialogflow/es"
	esBetaPath = "/dialogflow/es-beta"
	cxPath     = "/dialogflow/cx"
)

// esTurn is a turn of an ES agent with an id of its own.
func esTurn(id string) string {
	return `{"responseId":"` + id + `","session":"projects/shop/agent/sessions/s-1",` +
		`"queryResult":{"queryText":"hello","languageCode":"en","action":"input.welcome","intent":{"displayName":"welcome"}}}`
}

// cxTurn is a turn of a CX agent with an id of its own.
func cxTurn(id string) string {
	return `{"detectIntentResponseId":"` + id + `","text":"hello","languageCode":"en","fulfillmentInfo":{"tag":"welcome"},` +
		`"sessionInfo":{"session":"projects/shop/locations/global/agents/a-1/sessions/s-1"}}`
}

// client is who calls the gateway with a certificate, by HTTP/2 if it may.
func (g *gate) client(t *testing.T, certificate tls.Certificate, http2 bool) *http.Client {
	t.Helper()
	transport := &http.Transport{
		TLSClientConfig:    g.clientTLS(certificate),
		ForceAttemptHTTP2:  http2,
		DisableCompression: true,
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// clientTLS trusts the edge and presents a certificate.
func (g *gate) clientTLS(certificate tls.Certificate) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: g.pki.EdgeCA.Pool(), Certificates: []tls.Certificate{certificate}}
}

// dialogflow is a client with Dialogflow's certificate, as it calls: by HTTP/1.1.
func (g *gate) dialogflow(t *testing.T) *http.Client {
	t.Helper()
	return g.client(t, g.pki.SSLCom.TLS(), false)
}

// answer is what came back, read to its end.
type answer struct {
	*http.Response

	body string
}

// message takes the answer for the one that failures have, and returns its code and sentence.
func (a answer) message(t *testing.T) (codes.Code, string) {
	t.Helper()
	var body struct {
		Code    codes.Code
		Message string
	}
	decoder := json.NewDecoder(strings.NewReader(a.body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&body); err != nil {
		t.Fatalf("the answer %q is no error: %v", a.body, err)
	}
	if a.Header.Get("Content-Type") != "application/json" {
		t.Errorf("content type %q of an error", a.Header.Get("Content-Type"))
	}
	return body.Code, body.Message
}

// send sends a request and reads the answer.
func send(client *http.Client, request *http.Request) (answer, error) {
	response, err := client.Do(request)
	if err != nil {
		return answer{}, err
	}
	body, err := io.ReadAll(response.Body)
	return answer{response, string(body)}, errors.Join(err, response.Body.Close())
}

// ask is send for those who want an answer.
func ask(t *testing.T, client *http.Client, request *http.Request) answer {
	t.Helper()
	got, err := send(client, request)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// request is a POST of JSON to the edge.
func (g *gate) request(ctx context.Context, t *testing.T, path, body string) *http.Request {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, g.Edge+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	return request
}

// post posts JSON to the edge.
func (g *gate) post(t *testing.T, client *http.Client, path, body string) answer {
	t.Helper()
	return ask(t, client, g.request(t.Context(), t, path, body))
}

// get reads a page of the status or the admin listener.
func get(t *testing.T, url string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	return ask(t, &http.Client{Transport: transport}, request)
}

// wantES is the answer of an ES agent's webhook that says one text.
func wantES(t *testing.T, got answer, text string) {
	t.Helper()
	want := `{"fulfillmentText":"` + text + `","fulfillmentMessages":[{"text":{"text":["` + text + `"]}}]}`
	if got.StatusCode != http.StatusOK || got.body != want || got.Header.Get("Content-Type") != "application/json" {
		t.Errorf("status %d, content type %q, body\n%s\nwant 200 and\n%s", got.StatusCode, got.Header.Get("Content-Type"), got.body, want)
	}
}

// wantCX is the answer of a CX agent's webhook that says one text.
func wantCX(t *testing.T, got answer, text string) {
	t.Helper()
	want := `{"fulfillmentResponse":{"messages":[{"text":{"text":["` + text + `"]}}]}}`
	if got.StatusCode != http.StatusOK || got.body != want {
		t.Errorf("status %d, body\n%s\nwant 200 and\n%s", got.StatusCode, got.body, want)
	}
}
