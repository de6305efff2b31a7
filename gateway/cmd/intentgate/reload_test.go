package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/intentgate/intentgate/gateway/pki"
	"github.com/intentgate/intentgate/services/mtls/devca"
	"github.com/intentgate/intentgate/services/serve"
)

// TestReload renews the edge's certificate: the next handshake uses it, and a connection that lives does not notice.
func TestReload(t *testing.T) {
	t.Parallel()
	g := start(t)
	client := g.dialogflow(t)
	wantES(t, g.post(t, client, esPath, esTurn("before")), "heard before")
	if got, want := g.serial(t), g.pki.Edge.Leaf.SerialNumber; got.Cmp(want) != 0 {
		t.Fatalf("the edge shows certificate %s, want %s", got, want)
	}

	renewed, err := g.pki.EdgeCA.Issue(devca.Leaf{
		DNS: []string{"localhost"}, IPs: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := renewed.WriteFiles(g.file("next.pem"), g.file("next.key")); err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{"next.pem": pki.EdgeCert, "next.key": pki.EdgeKey} {
		if err := os.Rename(g.file(from), g.file(to)); err != nil {
			t.Fatal(err)
		}
	}
	g.log.await(t, 1, entry{"msg": "Files reloaded"})
	if got := g.serial(t); got.Cmp(renewed.Leaf.SerialNumber) != 0 {
		t.Errorf("the edge shows certificate %s, want %s", got, renewed.Leaf.SerialNumber)
	}
	wantES(t, g.post(t, client, esPath, esTurn("after")), "heard after")
	if accepted := g.audit.await(t, 3, entry{"msg": "Connection accepted"}); len(accepted) != 3 { // two of which looked at the certificate
		t.Errorf("%d connections, want 3", len(accepted))
	}

	// What is no good changes nothing.
	kept := entry{"msg": "Kept what is in force because the new files are no good", "level": "WARN"}
	before := len(g.log.now(kept)) // the moment between the two renames, perhaps
	if err := os.WriteFile(g.file(pki.EdgeCert), []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	g.log.await(t, before+1, kept)
	if got := g.serial(t); got.Cmp(renewed.Leaf.SerialNumber) != 0 {
		t.Errorf("the edge shows certificate %s, want %s", got, renewed.Leaf.SerialNumber)
	}
}

// TestTrustIsWithdrawn takes the root of a client's chain away: the connection that it made before is refused from then on,
// and a new one in its handshake. Files that are no good change nothing.
func TestTrustIsWithdrawn(t *testing.T) {
	t.Parallel()
	g := start(t)
	google, old := g.dialogflow(t), g.client(t, g.pki.GTS.TLS(), false)
	wantES(t, g.post(t, old, esPath, esTurn("before")), "heard before")

	other, err := devca.New(devca.Options{CommonName: "another root"})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(g.file(pki.GTSRoot), []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	g.log.await(t, 1, entry{"msg": "Kept what is in force because the new files are no good", "level": "WARN"})
	wantES(t, g.post(t, old, esPath, esTurn("kept")), "heard kept")

	if err := other.WriteFile(g.file(pki.GTSRoot)); err != nil {
		t.Fatal(err)
	}
	g.log.await(t, 1, entry{"msg": "Files reloaded"})
	got := g.post(t, old, esPath, esTurn("withdrawn"))
	if code, _ := got.message(t); got.StatusCode != http.StatusForbidden || code != codes.PermissionDenied || !got.Close {
		t.Errorf("status %d %s, close %t; want 403 and the connection closed", got.StatusCode, code, got.Close)
	}
	g.log.await(t, 1, entry{"msg": "Turn", "reason": "unknown_authority"})
	if _, err := send(old, g.request(t.Context(), t, esPath, esTurn("again"))); err == nil {
		t.Error("a new connection was accepted")
	}
	g.audit.await(t, 1, entry{"msg": "Connection refused", "reason": "unknown_authority"})
	if calls := append(g.service.of("withdrawn"), g.service.of("again")...); len(calls) > 0 {
		t.Errorf("%d calls for a client that is trusted no longer", len(calls))
	}
	wantES(t, g.post(t, google, esPath, esTurn("other chain")), "heard other chain")
}

// serial is the number of the certificate that the edge shows.
func (g *gate) serial(t *testing.T) *big.Int {
	t.Helper()
	dialer := &tls.Dialer{Config: g.clientTLS(g.pki.SSLCom.TLS())}
	conn, err := dialer.DialContext(t.Context(), "tcp", g.hostPort())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	secured, ok := conn.(*tls.Conn)
	if !ok {
		t.Fatalf("the connection is a %T", conn)
	}
	return secured.ConnectionState().PeerCertificates[0].SerialNumber
}

// TestServiceEndsConnectionsByAge has a service that is through with each connection after a moment: no turn may fail of it.
func TestServiceEndsConnectionsByAge(t *testing.T) {
	t.Parallel()
	g := startWith(t, func(c *serve.Config) { c.MaxConnectionAge = 100 * time.Millisecond })
	client := g.dialogflow(t)
	for begin := time.Now(); len(g.service.all()) < 300 || time.Since(begin) < time.Second; {
		if got := g.post(t, client, esPath, esTurn(fmt.Sprint("aged ", len(g.service.all())))); got.StatusCode != http.StatusOK {
			t.Fatalf("turn %d: status %d", len(g.service.all()), got.StatusCode)
		}
	}
	connections := map[string]int{}
	for _, call := range g.service.all() {
		connections[call.peer]++
	}
	if len(connections) < 4 {
		t.Errorf("%d turns came over %d connections, want the age to have ended some", len(g.service.all()), len(connections))
	}
	if lines := g.log.now(entry{"msg": "Service unreachable"}); len(lines) > 0 {
		t.Errorf("a service that connects anew is said to be unreachable: %v", lines)
	}
}
