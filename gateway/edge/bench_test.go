package edge_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/intentgate/intentgate/gateway/authn/authntest"
	"github.com/intentgate/intentgate/gateway/edge"
	"github.com/intentgate/intentgate/gateway/mux"
)

const (
	benchPath   = "/dialogflow/es"
	benchAnswer = `{"fulfillmentText":"Your order is on its way."}`
)

// BenchmarkTurn is what a turn costs beside the handler's work: requests of one connection, with the certificate's verdict and the
// router; and as many of net/http alone.
func BenchmarkTurn(b *testing.B) {
	pki := authntest.New(b)
	var certificate tls.Certificate
	f := start(b, pki, func(c *edge.Config) {
		c.Now = func() time.Time { return authntest.Now }
		paths := mux.NewPaths(http.MethodPost, nil)
		if err := paths.Handle(benchPath, answerTurn); err != nil {
			b.Fatal(err)
		}
		c.Site().Handler, certificate = paths, *c.Site().Certificate()
	})
	config := f.clientConfig(pki.Client().TLS())
	b.Run("edge", func(b *testing.B) { turns(b, tls.Client(f.dial(), config)) })
	b.Run("net_http", func(b *testing.B) {
		listener, err := (&net.ListenConfig{}).Listen(b.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		paths := http.NewServeMux()
		paths.HandleFunc(benchPath, func(w http.ResponseWriter, r *http.Request) {
			if _, err := io.ReadFull(r.Body, make([]byte, r.ContentLength)); err != nil {
				panic(err)
			}
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, benchAnswer)
		})
		limits := limits()
		server := &http.Server{
			Handler: paths, ReadHeaderTimeout: limits.HeaderTimeout, ReadTimeout: limits.ReadTimeout, WriteTimeout: time.Minute, IdleTimeout: limits.IdleTimeout,
			TLSConfig: &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{certificate}, ClientAuth: tls.RequireAnyClientCert, Time: f.clock.peek},
		}
		go func() { _ = server.ServeTLS(listener, "", "") }()
		b.Cleanup(func() { _ = server.Close() })
		tcp, err := (&net.Dialer{}).DialContext(b.Context(), "tcp", listener.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		turns(b, tls.Client(tcp, config))
	})
}

// answerTurn does no more than the edge demands of a handler.
func answerTurn(w http.ResponseWriter, r *http.Request) {
	peer, ok := edge.PeerFromContext(r.Context())
	if !ok {
		panic("no peer")
	}
	peer.Listen()
	if _, refusal := peer.Verdict(); refusal != nil {
		panic(refusal)
	}
	if edge.Admit(r) != nil {
		panic("not admitted")
	}
	body, err := edge.ReadBody(r.Context(), w, r, 1<<20, nil)
	if err != nil {
		panic(err)
	}
	edge.Reuse(body)
	peer.Answering(w.Header())
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, benchAnswer)
}

// turns sends one request after the other, without an allocation of its own.
func turns(b *testing.B, secured *tls.Conn) {
	b.Helper()
	body := `{"x":"` + strings.Repeat("a", 1390) + `"}`
	request := []byte("POST " + benchPath + " HTTP/1.1\r\nHost: " + serverName + "\r\nContent-Type: application/json\r\nUser-Agent: Google-Dialogflow\r\n" +
		"Authorization: Bearer " + strings.Repeat("t", 900) + "\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate, br\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body)
	answer := make([]byte, 4096)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := secured.Write(request); err != nil {
			b.Fatal(err)
		}
		for n := 0; !bytes.HasSuffix(answer[:n], []byte(benchAnswer)); {
			more, err := secured.Read(answer[n:])
			if err != nil {
				b.Fatal(err)
			}
			n += more
		}
	}
}
