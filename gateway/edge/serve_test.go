package edge_test

import (
	"crypto/tls"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/gateway/authn/authntest"
	"github.com/intentgate/intentgate/gateway/edge"
)

func TestProtocols(t *testing.T) {
	pki := authntest.New(t)
	f := start(t, pki, func(c *edge.Config) {
		c.Site().Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, map[int]string{1: "HTTP/1.1", 2: "HTTP/2.0"}[r.ProtoMajor])
		})
	})
	for http2, want := range map[bool]string{false: "HTTP/1.1", true: "HTTP/2.0"} {
		for _, version := range tlsVersions {
			config := f.clientConfig(pki.Client().TLS())
			config.MinVersion, config.MaxVersion = version, version
			status, body, err := f.post(f.client(config, http2))
			if err != nil || status != 200 || body != want {
				t.Errorf("%s, %s: answer %d %q, %v", want, tls.VersionName(version), status, body, err)
			}
		}
	}
}

// Trust that is withdrawn, and time that passes, end connections that live.
func TestLiveConnectionsAreJudged(t *testing.T) {
	pki := authntest.New(t)
	for _, http2 := range []bool{false, true} {
		f := start(t, pki, nil)
		client := f.client(f.clientConfig(pki.ClientUntil(authntest.Now.Add(time.Hour)).TLS()), http2)
		expect := func(wantStatus int, wantBody string) {
			t.Helper()
			status, body, err := f.post(client)
			if err != nil || status != wantStatus || strings.TrimSpace(body) != wantBody {
				t.Errorf("answer %d %q, %v, want %d %q", status, body, err, wantStatus, wantBody)
			}
		}
		replace := func(profile *authn.Profile) {
			t.Helper()
			if err := f.trust.Replace(profile); err != nil {
				t.Fatal(err)
			}
		}
		expect(200, "dev")
		replace(pki.Profile("renamed"))
		expect(200, "renamed")
		replace(authntest.New(t).Profile("dev"))
		expect(403, "unknown_authority")
		replace(pki.Profile("dev"))
		expect(200, "dev")
		f.clock.pass(2 * time.Hour)
		expect(403, "expired")
		f.handshake()
		select {
		case h := <-f.handshakes:
			t.Errorf("another connection was made: %+v", h)
		default:
		}
	}
}

func TestReservedHeadersAreDropped(t *testing.T) {
	pki := authntest.New(t)
	seen := make(chan http.Header, 1)
	f := start(t, pki, func(c *edge.Config) {
		c.Site().Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, err := edge.ReadBody(r.Context(), w, r, 100, nil); err != nil {
				t.Error(err)
			}
			header := r.Header.Clone()
			for name, values := range r.Trailer {
				header[name] = values
			}
			seen <- header
		})
	})
	for _, http2 := range []bool{false, true} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.url(), io.MultiReader(strings.NewReader("{}")))
		if err != nil {
			t.Fatal(err)
		}
		reserved := []string{"Intentgate-Caller-Bin", "intentgate-x", "INTENTGATE-CALL-BIN"}
		for _, name := range reserved {
			request.Header[name] = []string{"forged"}
		}
		request.Header.Set("X-Other", "kept")
		request.Trailer = http.Header{"Intentgate-Caller-Bin": {"forged"}}
		response, err := f.client(f.clientConfig(pki.Client().TLS()), http2).Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		header := <-seen
		if header.Get("X-Other") != "kept" {
			t.Error("more was dropped than what is reserved")
		}
		for name, values := range header {
			if values[0] == "forged" {
				t.Errorf("%s came through", name)
			}
		}
	}
}

// The time for reading a request must not end the turn that comes of it.
func TestReadTimeoutEndsWithTheBody(t *testing.T) {
	pki := authntest.New(t)
	for _, http2 := range []bool{false, true} {
		f := start(t, pki, func(c *edge.Config) {
			c.Limits.ReadTimeout = 100 * time.Millisecond
			c.Site().Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if _, err := edge.ReadBody(r.Context(), w, r, 100, nil); err != nil {
					t.Error(err)
				}
				select {
				case <-r.Context().Done():
					t.Error("the turn was cancelled")
				case <-time.After(300 * time.Millisecond):
				}
				_, _ = io.WriteString(w, "ok")
			})
		})
		if status, body, err := f.post(f.client(f.clientConfig(pki.Client().TLS()), http2)); body != "ok" {
			t.Errorf("answer %d %q, %v", status, body, err)
		}
	}
}

func TestHeaderIsBounded(t *testing.T) {
	pki := authntest.New(t)
	for _, http2 := range []bool{false, true} {
		f := start(t, pki, nil)
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.url(), http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("X-Large", strings.Repeat("x", 64<<10))
		response, err := f.client(f.clientConfig(pki.Client().TLS()), http2).Do(request)
		if err == nil {
			_ = response.Body.Close()
			if response.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
				t.Errorf("status %d", response.StatusCode)
			}
		}
		if f.hits.Load() != 0 {
			t.Error("a handler ran")
		}
	}
}

func TestNewRefusesGaps(t *testing.T) {
	_, err := edge.New(edge.Config{})
	if err == nil {
		t.Fatal("no error")
	}
	for _, name := range []string{"Listen", "Site", "Logger", "Now", "Limits.Handshakes"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("nothing about %s in %v", name, err)
		}
	}
	if _, err := edge.New(edge.Config{Site: func() *edge.Site { return nil }}); !strings.Contains(err.Error(), "Trust") {
		t.Errorf("a site that is not there: %v", err)
	}
}

func TestPortInUse(t *testing.T) {
	pki := authntest.New(t)
	f := start(t, pki, nil)
	_, err := edge.New(edge.Config{
		Listen: f.Addr().String(), Site: nowhere(pki), Limits: limits(), Logger: discard(), Now: time.Now,
	})
	if err == nil || !strings.Contains(err.Error(), f.Addr().String()) {
		t.Errorf("error %v", err)
	}
}

// nowhere is a site that nobody calls.
func nowhere(pki *authntest.PKI) func() *edge.Site {
	site := &edge.Site{Certificate: func() *tls.Certificate { return nil }, Trust: pki.Trust(), Drain: time.Second, Handler: http.NotFoundHandler()}
	return func() *edge.Site { return site }
}

func TestCloseWithoutServe(t *testing.T) {
	pki := authntest.New(t)
	s, err := edge.New(edge.Config{
		Listen: "127.0.0.1:0", Site: nowhere(pki), Limits: limits(), Logger: discard(), Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := s.Serve(t.Context()); err != nil {
		t.Error(err)
	}
}
