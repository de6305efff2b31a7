package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
)

// TestHTTP says how the edge answers what is no webhook call, and what it takes for one.
func TestHTTP(t *testing.T) {
	t.Parallel()
	g := start(t, edit{"webhooks:", "  limits: {body_bytes: 1000}\nwebhooks:"})
	large := strings.Repeat(" ", 1001)
	for _, test := range []struct {
		name, method, path, body string
		header                   http.Header
		chunked                  bool
		status                   int
		answer                   http.Header // what must be in it
		code                     codes.Code
		message                  string
	}{
		{name: "good", status: 200},
		{name: "charset", header: http.Header{"Content-Type": {"application/json; charset=UTF-8"}}, status: 200},
		{name: "not compressed", header: http.Header{"Content-Encoding": {"identity"}}, status: 200},
		{name: "chunked", chunked: true, status: 200},
		{name: "override", header: http.Header{"X-Http-Method-Override": {"GET"}}, status: 200},
		{name: "as large as can be", body: pad(esTurn("as large as can be"), 1000), status: 200},
		{
			name: "GET", method: http.MethodGet, status: 405, answer: http.Header{"Allow": {"POST"}},
			code: codes.Unimplemented, message: "Method Not Allowed",
		},
		{
			name: "GET that would be POST", method: http.MethodGet, header: http.Header{"X-Http-Method-Override": {"POST"}}, status: 405,
			answer: http.Header{"Allow": {"POST"}}, code: codes.Unimplemented, message: "Method Not Allowed",
		},
		{
			name: "PUT", method: http.MethodPut, status: 405, answer: http.Header{"Allow": {"POST"}},
			code: codes.Unimplemented, message: "Method Not Allowed",
		},
		{
			name: "text", header: http.Header{"Content-Type": {"text/plain"}}, status: 415,
			answer: http.Header{"Accept": {"application/json"}}, code: codes.InvalidArgument, message: "the body must be application/json in UTF-8",
		},
		{
			name: "form", header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, status: 415,
			answer: http.Header{"Accept": {"application/json"}}, code: codes.InvalidArgument, message: "the body must be application/json in UTF-8",
		},
		{
			name: "latin", header: http.Header{"Content-Type": {"application/json; charset=iso-8859-1"}}, status: 415,
			answer: http.Header{"Accept": {"application/json"}}, code: codes.InvalidArgument, message: "the body must be application/json in UTF-8",
		},
		{
			name: "no type", header: http.Header{"Content-Type": nil}, status: 415,
			answer: http.Header{"Accept": {"application/json"}}, code: codes.InvalidArgument, message: "the body must be application/json in UTF-8",
		},
		{
			name: "compressed", header: http.Header{"Content-Encoding": {"gzip"}}, status: 415,
			answer: http.Header{"Accept-Encoding": {"identity"}}, code: codes.InvalidArgument, message: "the body must not be compressed",
		},
		{name: "too large", body: large, status: 413, code: codes.InvalidArgument, message: "the body is larger than 1000 bytes"},
		{name: "too large in chunks", body: large, chunked: true, status: 413, code: codes.InvalidArgument, message: "the body is larger than 1000 bytes"},
		{name: "empty", body: "empty", status: 400, code: codes.InvalidArgument, message: "the body: empty, wanted a JSON object"},
		{name: "unknown path", path: "/dialogflow", status: 404, code: codes.NotFound, message: "Not Found"},
		{name: "with a slash", path: esPath + "/", status: 404, code: codes.NotFound, message: "Not Found"},
		{name: "encoded", path: "/dialogflow%2Fes", status: 404, code: codes.NotFound, message: "Not Found"},
		{name: "verb", path: esPath + ":get", status: 404, code: codes.NotFound, message: "Not Found"},
		{name: "admin", path: "/v1/version", status: 404, code: codes.NotFound, message: "Not Found"},
		{name: "status", method: http.MethodGet, path: "/metrics", status: 404, code: codes.NotFound, message: "Not Found"},
	} {
		for _, http2 := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/http2=%t", test.name, http2), func(t *testing.T) {
				// The client of its own is for those after whom the connection is closed.
				client := g.client(t, g.pki.SSLCom.TLS(), http2)
				path, body, turn := esPath, esTurn(test.name), test.name
				if test.path != "" {
					path = test.path
				}
				switch test.body {
				case "":
				case "empty":
					body = ""
				default:
					body = test.body
				}
				if http2 { // it is no other try
					body = strings.Replace(body, "sessions/s-1", "sessions/s-2", 1)
				}
				request := g.request(t.Context(), t, path, body)
				if test.method != "" {
					request.Method = test.method
				}
				for name, values := range test.header {
					request.Header[name] = values
				}
				if test.chunked {
					request.Body, request.ContentLength = io.NopCloser(strings.NewReader(body)), -1
				}
				before := len(g.service.of(turn))
				got := ask(t, client, request)
				if got.StatusCode != test.status || got.ProtoMajor != map[bool]int{false: 1, true: 2}[http2] {
					t.Fatalf("%s %d %q, want status %d", got.Proto, got.StatusCode, got.body, test.status)
				}
				for name, values := range test.answer {
					if got.Header.Get(name) != values[0] {
						t.Errorf("%s: %q, want %q", name, got.Header[name], values)
					}
				}
				calls := len(g.service.of(turn)) - before
				if test.status == http.StatusOK {
					wantES(t, got, "heard "+turn)
					if calls != 1 {
						t.Errorf("%d calls reached the service, want 1", calls)
					}
					return
				}
				if code, message := got.message(t); code != test.code || message != test.message {
					t.Errorf("%s %q, want %s %q", code, message, test.code, test.message)
				}
				if calls != 0 {
					t.Errorf("%d calls reached the service, want none", calls)
				}
			})
		}
	}
}

func pad(text string, size int) string { return text + strings.Repeat(" ", size-len(text)) }

// TestPlainHTTP is told what is wrong in words that it understands.
func TestPlainHTTP(t *testing.T) {
	t.Parallel()
	g := start(t)
	got := get(t, "http://"+g.hostPort()+esPath)
	if got.StatusCode != http.StatusBadRequest || !strings.Contains(got.body, "HTTPS only") {
		t.Errorf("status %d %q", got.StatusCode, got.body)
	}
	g.log.await(t, 1, entry{"msg": "Handshake refused", "reason": "not_tls"})
	if turns := g.log.now(entry{"msg": "Turn"}); len(turns) != 0 {
		t.Errorf("a handler ran: %v", turns)
	}
}
