package mtls_test

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/intentgate/intentgate/services/mtls"
	"github.com/intentgate/intentgate/services/mtls/mtlstest"
)

// TestLiveConnectionIsJudgedAgain changes the trust of a server while a client is connected.
func TestLiveConnectionIsJudgedAgain(t *testing.T) {
	ca, other := mtlstest.NewCA(t), mtlstest.NewCA(t)
	for name, c := range map[string]struct {
		roots []*mtlstest.CA // what the file of authorities holds afterwards; nil: nothing good
		later time.Duration
		ends  string // in the log
	}{
		"nothing new":                     {[]*mtlstest.CA{ca}, 0, ""},
		"another authority too":           {[]*mtlstest.CA{other, ca}, 0, ""},
		"authority withdrawn":             {[]*mtlstest.CA{other}, 0, "unknown authority"},
		"a bad file":                      {nil, 0, ""},
		"before the certificate's date":   {[]*mtlstest.CA{ca}, 59 * time.Minute, ""},
		"after the certificate's date":    {[]*mtlstest.CA{ca}, 61 * time.Minute, "expired"},
		"after its date, with a bad file": {nil, 61 * time.Minute, "expired"},
	} {
		t.Run(name, func(t *testing.T) {
			files, log := ca.Files("dns:orders.internal"), &logBuffer{}
			var late atomic.Int64 // a time.Duration
			o := options(log)
			o.Now = func() time.Time { return time.Now().Add(time.Duration(late.Load())) }
			server, err := mtls.Open(files, o)
			if err != nil {
				t.Fatal(err)
			}
			leaf := ca.Leaf("dns:gateway.internal")
			leaf.NotAfter, leaf.ExtKeyUsage = time.Now().Add(time.Hour), []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
			client, err := mtls.Open(ca.Write(ca.Issue(leaf)), options(log))
			if err != nil {
				t.Fatal(err)
			}
			near, far := pair(t, server, client)
			if n := server.Live(); n != 1 {
				t.Fatalf("%d connections are live, want 1", n)
			}

			var pem []byte
			for _, root := range c.roots {
				pem = append(pem, root.CertPEM()...)
			}
			if err := os.WriteFile(files.CA, pem, 0o600); err != nil {
				t.Fatal(err)
			}
			late.Store(int64(c.later))
			if err := server.Reload(); (err == nil) != (c.roots != nil) {
				t.Fatalf("reload: %v", err)
			}
			if c.ends == "" {
				go func() { _, _ = near.Write([]byte("still here")) }()
				if _, err := io.ReadFull(far, make([]byte, len("still here"))); err != nil {
					t.Errorf("the connection ended: %v", err)
				}
				_ = near.Close()
			} else if _, err := far.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("the connection goes on: %v", err)
			}
			if told := strings.Contains(log.String(), "Connection ended"); told != (c.ends != "") || !strings.Contains(log.String(), c.ends) {
				t.Errorf("the log says %s", log)
			}
			if n := server.Live(); n != 0 {
				t.Errorf("%d connections are live, want none", n)
			}
		})
	}
}

// TestTrustWithdrawnDuringTheHandshake swaps the authorities while a client is being judged by the old ones.
func TestTrustWithdrawnDuringTheHandshake(t *testing.T) {
	ca, other := mtlstest.NewCA(t), mtlstest.NewCA(t)
	files := ca.Files("dns:orders.internal")
	server, err := mtls.Open(files, options(&logBuffer{}))
	if err != nil {
		t.Fatal(err)
	}
	withdraw := func() {
		if err := other.WriteFile(files.CA); err != nil {
			t.Error(err)
		}
		if err := server.Reload(); err != nil {
			t.Error(err)
		}
	}
	client := ca.Identity("dns:gateway.internal")
	_, err = connect(t, server.ServerCredentials(), func(ctx context.Context, conn net.Conn) (net.Conn, error) {
		secure, _, err := client.ClientCredentials("").ClientHandshake(ctx, "orders.internal", &hooked{Conn: conn, read: withdraw})
		return secure, err
	})
	if err == nil { // of the server, when it wrote
		t.Error("a client of an authority that was withdrawn is connected")
	}
}

// hooked calls a function once the first bytes are there: the server has chosen by what it judges, and waits for more.
type hooked struct {
	net.Conn

	read func()
}

func (h *hooked) Read(p []byte) (int, error) {
	n, err := h.Conn.Read(p)
	if f := h.read; f != nil {
		h.read = nil
		f()
	}
	return n, err
}

// pair connects a client to a server.
func pair(t *testing.T, server, client *mtls.Identity) (near, far net.Conn) {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	served := make(chan net.Conn, 1)
	go func() {
		defer close(served)
		conn, err := listener.Accept()
		if err != nil {
			t.Errorf("accept: %v", err)
			return
		}
		secure, _, err := server.ServerCredentials().ServerHandshake(conn)
		if err != nil {
			t.Errorf("handshake: %v", err)
			return
		}
		served <- secure
	}()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	far, _, err = client.ClientCredentials("").ClientHandshake(t.Context(), "orders.internal", conn)
	if err != nil {
		t.Fatal(err)
	}
	near = <-served
	if near == nil {
		t.FailNow()
	}
	return near, far
}
