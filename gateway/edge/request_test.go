package edge_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/intentgate/intentgate/gateway/authn/authntest"
	"github.com/intentgate/intentgate/gateway/edge"
)

func TestAdmit(t *testing.T) {
	for _, c := range []struct {
		name, method string
		header       http.Header
		status       int
		want         [2]string
	}{
		{name: "json", header: http.Header{"Content-Type": {"application/json"}}},
		{name: "json in UTF-8", header: http.Header{"Content-Type": {"application/json; charset=UTF-8"}}},
		{name: "odd case", header: http.Header{"Content-Type": {"Application/JSON;charset=\"utf-8\""}}},
		{name: "another parameter", header: http.Header{"Content-Type": {"application/json; profile=x"}}},
		{name: "identity", header: http.Header{"Content-Type": {"application/json"}, "Content-Encoding": {"identity"}}},
		{name: "get", method: http.MethodGet, status: 405, want: [2]string{"Allow", "POST"}},
		{name: "put", method: http.MethodPut, header: http.Header{"Content-Type": {"application/json"}}, status: 405, want: [2]string{"Allow", "POST"}},
		{name: "override", method: http.MethodGet, header: http.Header{"X-Http-Method-Override": {"POST"}}, status: 405, want: [2]string{"Allow", "POST"}},
		{name: "no type", status: 415, want: [2]string{"Accept", "application/json"}},
		{name: "form", header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, status: 415, want: [2]string{"Accept", "application/json"}},
		{name: "json of a kind", header: http.Header{"Content-Type": {"application/problem+json"}}, status: 415, want: [2]string{"Accept", "application/json"}},
		{name: "another charset", header: http.Header{"Content-Type": {"application/json; charset=latin1"}}, status: 415, want: [2]string{"Accept", "application/json"}},
		{name: "two charsets", header: http.Header{"Content-Type": {"application/json; charset=utf-8; charset=utf-7"}}, status: 415, want: [2]string{"Accept", "application/json"}},
		{name: "two types", header: http.Header{"Content-Type": {"application/json", "text/html"}}, status: 415, want: [2]string{"Accept", "application/json"}},
		{name: "gzip", header: http.Header{"Content-Type": {"application/json"}, "Content-Encoding": {"gzip"}}, status: 415, want: [2]string{"Accept-Encoding", "identity"}},
		{name: "identity and gzip", header: http.Header{"Content-Type": {"application/json"}, "Content-Encoding": {"identity", "gzip"}}, status: 415, want: [2]string{"Accept-Encoding", "identity"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.method == "" {
				c.method = http.MethodPost
			}
			r := httptest.NewRequestWithContext(t.Context(), c.method, "/", http.NoBody)
			r.Header = c.header
			err := edge.Admit(r)
			if c.status == 0 {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			answer := write(t, err)
			if answer.Code != c.status || answer.Header().Get(c.want[0]) != c.want[1] {
				t.Errorf("answer %d %v, want %d %v", answer.Code, answer.Header(), c.status, c.want)
			}
		})
	}
}

// Bodies come as they like: with a length, in chunks, too large, broken off, too slow.
func TestReadBody(t *testing.T) {
	pki := authntest.New(t)
	const limit = 1000
	f := start(t, pki, func(c *edge.Config) {
		c.Limits.ReadTimeout = 200 * time.Millisecond
		c.Site().Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := edge.ReadBody(r.Context(), w, r, limit, nil)
			if err != nil {
				copyAnswer(w, write(t, err))
				return
			}
			_, _ = io.WriteString(w, strconv.Itoa(len(body)))
		})
	})
	for _, http2 := range []bool{false, true} {
		client := f.client(f.clientConfig(pki.Client().TLS()), http2)
		for _, c := range []struct {
			name   string
			body   io.Reader
			status int
			length string
		}{
			{"with a length", strings.NewReader(strings.Repeat("x", limit)), 200, "1000"},
			{"in chunks", io.MultiReader(strings.NewReader(strings.Repeat("x", limit))), 200, "1000"},
			{"empty", http.NoBody, 200, "0"},
			{"too large", strings.NewReader(strings.Repeat("x", limit+1)), 413, ""},
			{"too large in chunks", io.MultiReader(strings.NewReader(strings.Repeat("x", limit+1))), 413, ""},
			{"too slow", slow(), 408, ""},
		} {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.url(), c.body)
			if err != nil {
				t.Fatal(err)
			}
			response, err := client.Do(request)
			if err != nil {
				t.Errorf("HTTP/2 %t, %s: %v", http2, c.name, err)
				continue
			}
			body, _ := io.ReadAll(response.Body)
			_ = response.Body.Close()
			if response.StatusCode != c.status || c.status == 200 && string(body) != c.length {
				t.Errorf("HTTP/2 %t, %s: answer %d %q", http2, c.name, response.StatusCode, body)
			}
		}
	}
}

// A body has the turn's time, where that ends before the time for reading.
func TestReadBodyInTime(t *testing.T) {
	pki := authntest.New(t)
	for name, c := range map[string]struct{ read, turn time.Duration }{
		"the turn's":  {time.Minute, 100 * time.Millisecond},
		"for reading": {100 * time.Millisecond, time.Minute},
	} {
		f := start(t, pki, func(config *edge.Config) {
			config.Limits.ReadTimeout = c.read
			config.Site().Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				ctx, cancel := context.WithTimeout(r.Context(), c.turn)
				defer cancel()
				_, err := edge.ReadBody(ctx, w, r, 1000, nil)
				copyAnswer(w, write(t, err))
			})
		})
		for _, http2 := range []bool{false, true} {
			client := f.client(f.clientConfig(pki.Client().TLS()), http2)
			client.Timeout = 10 * time.Second
			request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.url(), slow())
			if err != nil {
				t.Fatal(err)
			}
			response, err := client.Do(request)
			if err != nil {
				t.Errorf("%s, HTTP/2 %t: %v", name, http2, err)
				continue
			}
			_ = response.Body.Close()
			if response.StatusCode != http.StatusRequestTimeout {
				t.Errorf("%s, HTTP/2 %t: answer %d", name, http2, response.StatusCode)
			}
		}
	}
}

func TestStripReserved(t *testing.T) {
	header := http.Header{"Intentgate-Caller-Bin": {"x"}, "iNtEnTgAtE-": {"x"}, "Intent": {"x"}, "X-Intentgate-A": {"x"}}
	edge.StripReserved(header)
	if len(header) != 2 || header["Intent"] == nil || header["X-Intentgate-A"] == nil {
		t.Errorf("left %v", header)
	}
}

// slow sends one byte and no more until it is closed.
func slow() io.Reader {
	reader, writer := io.Pipe()
	go func() { _, _ = io.WriteString(writer, "{") }()
	return reader
}

func write(t *testing.T, err error) *httptest.ResponseRecorder {
	t.Helper()
	refused, ok := err.(*edge.RequestError) //nolint:errorlint // it is documented to be just that
	if !ok {
		t.Errorf("error %v", err)
		return httptest.NewRecorder()
	}
	answer := httptest.NewRecorder()
	refused.SetHeader(answer.Header())
	answer.WriteHeader(refused.Status)
	return answer
}

func copyAnswer(w http.ResponseWriter, answer *httptest.ResponseRecorder) {
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }
