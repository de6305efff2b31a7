package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mholt/acmez/v3/acme"

	"github.com/intentgate/intentgate/gateway/backend/dnstest"
)

// issuedName is what the CA of these tests issues certificates for.
const issuedName = "fulfil.gate.test"

// pebble is a CA that speaks ACME, a process of its own.
type pebble struct {
	dir, listen, management string // a folder with certificates; addresses
	log                     safeBuffer
	stop                    context.CancelFunc
	done                    chan struct{}
}

// safeBuffer may be written and read at the same time.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// start starts the CA, which looks at names on one port of this machine.
func (p *pebble) start(t *testing.T, program, tlsPort string) {
	t.Helper()
	names := dnstest.Start(t)
	names.Set(issuedName, "127.0.0.1")
	config := fmt.Sprintf(`{"pebble": {"listenAddress": %q, "managementListenAddress": %q, "certificate": %q, "privateKey": %q,
		"httpPort": 1, "tlsPort": %s, "keyAlgorithm": "ecdsa"}}`,
		p.listen, p.management, filepath.Join(p.dir, "edge.pem"), filepath.Join(p.dir, "edge.key"), tlsPort)
	file := filepath.Join(t.TempDir(), "pebble.json")
	write(t, file, []byte(config))
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	p.stop, p.done = stop, make(chan struct{})
	command := exec.CommandContext(ctx, program, "-config", file, "-dnsserver", names.ServeTCP(t)) //nolint:gosec // the Makefile names it
	command.Env = append(os.Environ(), "PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=0", "PEBBLE_AUTHZREUSE=0")
	command.Stdout, command.Stderr = &p.log, &p.log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		_ = command.Wait() // it is ended
	}()
	t.Cleanup(p.end)
}

func (p *pebble) end() {
	p.stop()
	<-p.done
}

// orders is how many there were so far.
func (p *pebble) orders() int { return strings.Count(p.log.String(), "Added order") }

// TestACME has a CA issue the edge's certificate, by the protocol, to a gateway that begins before the CA, begins again, and finds its
// certificate revoked.
func TestACME(t *testing.T) {
	t.Parallel()
	program := os.Getenv("PEBBLE")
	if program == "" {
		t.Skip("PEBBLE is not set: `make check-edge` builds that CA and runs this test")
	}
	dir := folder(t)
	s := startService(t, dir, "127.0.0.1:0")
	ca := &pebble{dir: filepath.Join(dir, certsFolder), listen: freeAddress(t), management: freeAddress(t)}
	listen := "127.0.0.1:0"
	text := func() string {
		return edited(t, edit{`"127.0.0.1:0"`, fmt.Sprintf("%q", listen)}, edit{"127.0.0.1:1\n", s.addr + "\n"},
			edit{"certificate: {cert: certs/edge.pem, key: certs/edge.key}", fmt.Sprintf(
				"acme: {domains: [%s], directory: \"https://%s/dir\", ca: certs/edge-ca.pem, folder: acme, email: ops@gate.test, accept_terms: true}", issuedName, ca.listen)})
	}
	write(t, filepath.Join(dir, configFile), []byte(text()))

	// The CA is away: the gateway listens, is not ready, and says so everywhere.
	g := serveFolder(t, dir)
	g.service = s
	if failed := g.log.await(t, 1, entry{"msg": "Certificate not issued"})[0]; failed["level"] != "ERROR" || !strings.Contains(failed.text("error"), "connection refused") {
		t.Errorf("the log says %v", failed)
	}
	status, ready := g.readiness(t)
	if status != http.StatusServiceUnavailable || ready.Ready || !strings.Contains(ready.Waiting, "edge.acme") || len(ready.BadFiles) != 1 || !strings.Contains(ready.BadFiles[0].Error, "connection refused") {
		t.Errorf("readiness %d: %+v", status, ready)
	}
	g.measures(t, `intentgate_files_good{name="edge.acme"} 0`)
	if got, err := send(g.dialogflow(t), g.request(t.Context(), t, esPath, esTurn("early"))); err == nil {
		t.Errorf("an answer without a certificate: %+v", got)
	}
	g.log.await(t, 1, entry{"msg": "Handshake refused", "reason": "no_server_certificate"})

	// It comes: the challenge is answered on the edge's port, and the certificate shown.
	ca.start(t, program, g.port())
	g.log.await(t, 1, entry{"msg": "Certificate issued"})
	g.log.await(t, 1, entry{"msg": "ACME challenge answered", "sni": issuedName})
	if status, ready := g.readiness(t); status != http.StatusOK || ready.Waiting != "" || len(ready.BadFiles) != 0 || len(ready.Certificates) == 0 {
		t.Errorf("readiness %d: %+v", status, ready)
	}
	g.measures(t, `intentgate_certificate_not_after_timestamp_seconds{kind="edge",name="edge"} 1.`, `intentgate_files_good{name="edge.acme"} 1`,
		`intentgate_handshakes_total{profile="",reason="",result="challenge"}`, `intentgate_file_reloads_total{name="edge.acme",result="reloaded"} 1`)
	first := g.shown(t, ca)
	if orders := ca.orders(); orders != 1 || len(first.DNSNames) != 1 {
		t.Errorf("%d orders for %v", orders, first.DNSNames)
	}
	keptPrivately(t, filepath.Join(dir, "acme"))

	// Strangers who would like to be a CA.
	for _, stranger := range []struct {
		protocols []string
		reason    string
	}{{[]string{"acme-tls/1"}, "no_challenge"}, {[]string{"acme-tls/1", "http/1.1"}, "no_certificate"}} {
		config := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: ca.roots(t, g), ServerName: issuedName, NextProtos: stranger.protocols}
		if conn, err := tls.Dial("tcp", g.hostPort(), config); err == nil { //nolint:noctx // a test's
			_, _ = conn.Write([]byte("POST " + esPath + " HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"))
			if answer, _ := io.ReadAll(conn); len(answer) > 0 {
				t.Errorf("%v: answer %q", stranger.protocols, answer)
			}
			_ = conn.Close()
		}
		g.log.await(t, 1, entry{"msg": "Handshake refused", "reason": stranger.reason})
	}
	g.reconfigure(t, strings.Replace(text(), issuedName, "another."+issuedName, 1))
	if kept := g.log.await(t, 1, entry{"msg": "Kept what is in force because the new files are no good"})[0]; !strings.Contains(kept.text("error"), "edge.acme") {
		t.Errorf("the log says %v", kept)
	}

	// It begins again: what the folder keeps is good.
	listen = g.hostPort()
	again := func() *gate {
		if err := g.wait(t); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, configFile), []byte(text()))
		next := serveFolder(t, dir)
		next.service, next.pki = s, g.pki
		return next
	}
	g = again()
	if second := g.shown(t, ca); second.SerialNumber.Cmp(first.SerialNumber) != 0 || ca.orders() != 1 {
		t.Errorf("%d orders after another start", ca.orders())
	}

	// The CA takes it back, and says that it is time for another one.
	ca.revoke(t, dir, g)
	g = again()
	g.log.await(t, 1, entry{"msg": "Certificate issued"})
	third := g.shown(t, ca)
	if third.SerialNumber.Cmp(first.SerialNumber) == 0 || ca.orders() != 2 || strings.Count(ca.log.String(), "accounts in memory") != 1 {
		t.Errorf("%d orders after the revocation", ca.orders())
	}
	if !strings.Contains(ca.log.String(), "is a replacement of") {
		t.Error("the order does not say what it replaces")
	}

	// The CA goes away for good: what it has issued is served.
	roots := ca.roots(t, g)
	ca.end()
	g = again()
	if fourth := g.turnUnder(t, roots); fourth.SerialNumber.Cmp(third.SerialNumber) != 0 {
		t.Error("another certificate without a CA")
	}
}

// shown is the certificate that a turn is answered under.
func (g *gate) shown(t *testing.T, ca *pebble) *x509.Certificate {
	t.Helper()
	return g.turnUnder(t, ca.roots(t, g))
}

func (g *gate) turnUnder(t *testing.T, roots *x509.CertPool) *x509.Certificate {
	t.Helper()
	g.log.await(t, 1, entry{"msg": "Service reachable"})
	client := g.dialogflow(t)
	transport, _ := client.Transport.(*http.Transport)
	transport.TLSClientConfig.RootCAs, transport.TLSClientConfig.ServerName = roots, issuedName
	got := g.post(t, client, esPath, esTurn("issued"))
	wantES(t, got, "heard issued")
	return got.TLS.PeerCertificates[0]
}

// client trusts the CA's own server.
func (p *pebble) client(g *gate) *http.Client {
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: g.pki.EdgeCA.Pool()}, DisableKeepAlives: true}}
}

// roots are those that it issues under, as it made them at its start.
func (p *pebble) roots(t *testing.T, g *gate) *x509.CertPool {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+p.management+"/roots/0", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(ask(t, p.client(g), request).body)) {
		t.Fatal("the CA does not tell its root")
	}
	return roots
}

// revoke has the CA take back what the folder keeps, by the certificate's own key.
func (p *pebble) revoke(t *testing.T, dir string, g *gate) {
	t.Helper()
	file := filepath.Join(dir, "acme", strings.ReplaceAll(p.listen, ":", "_"), "certificate.pem")
	pair, err := tls.LoadX509KeyPair(file, file)
	if err != nil {
		t.Fatal(err)
	}
	// Its own window for what is revoked has the length of a second, which clients take for a mistake.
	from := time.Now().Add(-2 * time.Hour)
	window := fmt.Sprintf(`{"suggestedWindow": {"start": %q, "end": %q}}`, from.Format(time.RFC3339), from.Add(time.Hour).Format(time.RFC3339))
	body, err := json.Marshal(map[string]string{"ARIResponse": window, "Certificate": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Leaf.Raw}))})
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+p.management+"/set-renewal-info/", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if got := ask(t, p.client(g), request); got.StatusCode != http.StatusOK {
		t.Fatal(got.body)
	}
	key, _ := pair.PrivateKey.(*ecdsa.PrivateKey)
	client := &acme.Client{Directory: "https://" + p.listen + "/dir", HTTPClient: p.client(g)}
	if err := client.RevokeCertificate(t.Context(), acme.Account{}, pair.Leaf, key, acme.ReasonSuperseded); err != nil {
		t.Fatal(err)
	}
}

// keptPrivately demands that nobody else may look into a folder.
func keptPrivately(t *testing.T, dir string) {
	t.Helper()
	keys := 0
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has the mode %s", path, info.Mode())
		}
		if !info.IsDir() {
			data, err := os.ReadFile(path) //nolint:gosec // just listed
			if block, _ := pem.Decode(data); block != nil && block.Type == "PRIVATE KEY" {
				keys++
			}
			return err
		}
		return nil
	})
	if err != nil || keys != 2 {
		t.Errorf("%d keys, %v", keys, err)
	}
}
