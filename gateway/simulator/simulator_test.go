package simulator_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/simulator"
	"github.com/intentgate/intentgate/services/mtls/devca"
	"github.com/intentgate/intentgate/services/mtls/mtlstest"
)

// webhook is a server that asks for a client certificate, and a client that has one.
func webhook(t *testing.T, handler http.HandlerFunc, edits ...func(*simulator.Config, *tls.Config)) *simulator.Client {
	t.Helper()
	ca := mtlstest.NewCA(t)
	pair := func(leaf devca.Leaf) tls.Certificate { return ca.Issue(leaf).TLS() }
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair(ca.Leaf("dns:hook.test"))},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.Pool(),
	}
	config := simulator.Config{TLS: &tls.Config{
		MinVersion: tls.VersionTLS12, RootCAs: ca.Pool(), ServerName: "hook.test", Certificates: []tls.Certificate{pair(ca.Leaf("dns:agent.test"))},
	}}
	for _, edit := range edits {
		edit(&config, server.TLS)
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	if config.URL == "" {
		config.URL = server.URL + "/hook"
	}
	client, err := simulator.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// TestCall looks at a call as the server sees it, and at a second one on the same connection.
func TestCall(t *testing.T) {
	t.Parallel()
	var peers []string
	client := webhook(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		want := map[string]string{
			"Content-Type": "application/json", "User-Agent": "Google-Dialogflow", "Accept": "*/*", "Accept-Encoding": "gzip, deflate, br",
			"Authorization": "Bearer t", "X-Key": "k",
		}
		for name, value := range want {
			if got := r.Header.Values(name); len(got) != 1 || got[0] != value {
				t.Errorf("%s: %q, want %q", name, got, value)
			}
		}
		if r.Method != http.MethodPost || r.Proto != "HTTP/1.1" || r.TLS.PeerCertificates[0].DNSNames[0] != "agent.test" || string(body) != `{"a": 1}` {
			t.Errorf("%s %s %q", r.Method, r.Proto, body)
		}
		peers = append(peers, r.RemoteAddr)
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = z.Write([]byte(`{"b": 2}`))
		_ = z.Close()
	}, func(c *simulator.Config, _ *tls.Config) {
		c.Token, c.Header = func() (string, error) { return "t", nil }, http.Header{"X-Key": {"k"}}
		c.TLS.MaxVersion = tls.VersionTLS12
	})
	for range 2 {
		answer, err := client.Call(t.Context(), []byte(`{"a": 1}`))
		if err != nil || answer.Status != 200 || string(answer.Body) != `{"b": 2}` || answer.TLS != "TLS 1.2" || answer.Tries != 1 || answer.FirstTry != nil {
			t.Errorf("%+v, %v", answer, err)
		}
	}
	if len(peers) != 2 || peers[0] != peers[1] {
		t.Errorf("the connection is not kept alive: %q", peers)
	}
}

// TestRetry has first tries that fail, and what becomes of the second one.
func TestRetry(t *testing.T) {
	t.Parallel()
	const body = `{"responseId": "1", "session": "s"}`
	hang := func(r *http.Request) { <-r.Context().Done() }
	cut := func(*http.Request) { panic(http.ErrAbortHandler) }
	for name, test := range map[string]struct {
		fails  []func(*http.Request)
		config simulator.Config
		tries  int
		event  string // of the outcome, if it is a failure
	}{
		"none":                {nil, simulator.Config{}, 1, ""},
		"timeout":             {[]func(*http.Request){hang}, simulator.Config{}, 2, ""},
		"broken":              {[]func(*http.Request){cut}, simulator.Config{}, 2, ""},
		"new id":              {[]func(*http.Request){cut}, simulator.Config{RetryNewID: true}, 2, ""},
		"timeout, no retry":   {[]func(*http.Request){hang}, simulator.Config{NoRetry: true}, 1, "webhook.error.timeout"},
		"twice":               {[]func(*http.Request){cut, cut}, simulator.Config{}, 2, "webhook.error.not-found"},
		"twice, then timeout": {[]func(*http.Request){cut, hang}, simulator.Config{}, 2, "webhook.error.timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var bodies []string
			var came atomic.Int32
			client := webhook(t, func(w http.ResponseWriter, r *http.Request) {
				text, _ := io.ReadAll(r.Body)
				bodies = append(bodies, string(text))
				if n := int(came.Add(1)); n <= len(test.fails) {
					test.fails[n-1](r)
					return
				}
				_, _ = w.Write([]byte(`{}`))
			}, func(c *simulator.Config, _ *tls.Config) {
				c.NoRetry, c.RetryNewID, c.Timeout = test.config.NoRetry, test.config.RetryNewID, time.Second
			})
			answer, err := client.Call(t.Context(), []byte(body))
			outcome := simulator.Judge(dialogflow.V3, []byte(body), answer, err)
			if answer.Tries != test.tries || (answer.FirstTry != nil) != (test.tries == 2) || outcome.Event != test.event || outcome.Accepted != (test.event == "") {
				t.Errorf("%+v, %v\n%+v", answer, err, outcome)
			}
			if answer.Duration >= simulator.ESTimeout {
				t.Errorf("a try took %s", answer.Duration)
			}
			if got := int(came.Load()); got != test.tries {
				t.Fatalf("%d tries arrived, want %d", got, test.tries)
			}
			if test.tries == 2 && (bodies[0] == bodies[1]) == test.config.RetryNewID || bodies[0] != body {
				t.Errorf("bodies %q", bodies)
			}
		})
	}
}

// TestNoRetryAfter has ends that no second try follows.
func TestNoRetryAfter(t *testing.T) {
	t.Parallel()
	var came atomic.Int32
	ctx, stop := context.WithCancel(t.Context())
	client := webhook(t, func(_ http.ResponseWriter, r *http.Request) {
		came.Add(1)
		_, _ = io.ReadAll(r.Body) // from then on the server notices who leaves
		stop()
		<-r.Context().Done()
	})
	if answer, err := client.Call(ctx, []byte(`{}`)); !errors.Is(err, context.Canceled) || answer.Tries != 1 || came.Load() != 1 {
		t.Errorf("called off: %+v, %v, %d tries", answer, err, came.Load())
	}
	noToken := webhook(t, func(http.ResponseWriter, *http.Request) { came.Add(1) }, func(c *simulator.Config, _ *tls.Config) {
		c.Token = func() (string, error) { return "", io.ErrUnexpectedEOF }
	})
	if _, err := noToken.Call(t.Context(), nil); !errors.Is(err, io.ErrUnexpectedEOF) || came.Load() != 1 {
		t.Errorf("without its token: %v", err)
	}
}

// TestUnusable has answers that arrive and are of no use.
func TestUnusable(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		handler http.HandlerFunc
		want    string
	}{
		"too large": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(bytes.Repeat([]byte(" "), simulator.MaxAnswer+100))
		}, "larger than the 65536 bytes"},
		"a bomb": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = z.Write(make([]byte, 16<<20))
			_ = z.Close()
		}, "larger than the 65536 bytes"},
		"elsewhere": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/other", http.StatusTemporaryRedirect)
		}, "the HTTP status is 307"},
		"another coding": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "br")
		}, `content coding is "br"`},
		"no gzip": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write([]byte("{}"))
		}, "not gzip as it says"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer, err := webhook(t, test.handler).Call(t.Context(), []byte(`{}`))
			outcome := simulator.Judge(dialogflow.V2, nil, answer, err)
			if outcome.Accepted || len(outcome.Problems) != 1 || !strings.Contains(outcome.Problems[0], test.want) {
				t.Errorf("%+v, want %q", outcome, test.want)
			}
		})
	}
}

// TestHints has connections that fail, and what is said to help.
func TestHints(t *testing.T) {
	t.Parallel()
	type edit = func(*simulator.Config, *tls.Config)
	for name, test := range map[string]struct {
		edit edit
		want string
	}{
		"unknown CA":              {func(c *simulator.Config, _ *tls.Config) { c.TLS.RootCAs = x509.NewCertPool() }, "give its CA"},
		"another name":            {func(c *simulator.Config, _ *tls.Config) { c.TLS.ServerName = "other.test" }, "by a name of its certificate"},
		"no certificate, TLS 1.2": {func(c *simulator.Config, s *tls.Config) { c.TLS.Certificates, s.MaxVersion = nil, tls.VersionTLS12 }, "most often for the client certificate"},
		"no certificate, TLS 1.3": {func(c *simulator.Config, _ *tls.Config) { c.TLS.Certificates = nil }, "most often for the client certificate"},
		"versions": {func(c *simulator.Config, s *tls.Config) {
			c.TLS.MaxVersion, s.MinVersion = tls.VersionTLS12, tls.VersionTLS13
		}, "does not take this version"},
		"nobody": {func(c *simulator.Config, _ *tls.Config) { c.URL = "https://127.0.0.1:1/" }, "nothing listens there"},
		"no cipher": {func(c *simulator.Config, s *tls.Config) {
			s.CipherSuites, s.MaxVersion = []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}, tls.VersionTLS12
		}, "refused the handshake"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := webhook(t, func(http.ResponseWriter, *http.Request) { t.Error("a request arrived") }, test.edit)
			answer, err := client.Call(t.Context(), []byte(`{}`))
			outcome := simulator.Judge(dialogflow.V3, nil, answer, err)
			if outcome.Accepted || outcome.Event != "webhook.error.not-found" || answer.Tries != 2 ||
				!strings.Contains(outcome.Problems[0], test.want) || strings.Contains(outcome.Problems[0], "https://") {
				t.Errorf("%+v, want %q", outcome, test.want)
			}
		})
	}
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	client := webhook(t, nil, func(c *simulator.Config, _ *tls.Config) { c.URL = "https" + strings.TrimPrefix(plain.URL, "http") })
	answer, err := client.Call(t.Context(), []byte(`{}`))
	if got := simulator.Judge(dialogflow.V3, nil, answer, err).Problems; len(got) != 1 || !strings.Contains(got[0], "HTTP response to HTTPS client") {
		t.Errorf("without TLS: %q", got)
	}
}

func TestGaps(t *testing.T) {
	t.Parallel()
	whole := simulator.Config{URL: "https://hook.test", TLS: &tls.Config{MinVersion: tls.VersionTLS12}}
	for name, edit := range map[string]func(*simulator.Config){
		"URL and TLS":       func(c *simulator.Config) { c.URL = "" },
		"TLS are":           func(c *simulator.Config) { c.TLS = nil },
		"at most 30s":       func(c *simulator.Config) { c.Timeout = 31 * time.Second },
		"a time-out of -1s": func(c *simulator.Config) { c.Timeout = -time.Second },
		"sends one of them": func(c *simulator.Config) {
			c.Token, c.Header = func() (string, error) { return "", nil }, http.Header{"Authorization": {"x"}}
		},
	} {
		config := whole
		edit(&config)
		if _, err := simulator.New(config); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("error is %v, want %q", err, name)
		}
	}
}
