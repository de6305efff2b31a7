package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/intentgate/intentgate/gateway/authn/authntest"
	"github.com/intentgate/intentgate/gateway/child"
	"github.com/intentgate/intentgate/services/mtls/devca"
)

// balancers are the recipes of docs/load-balancer.md that can be run: the n-th of the program's.
var balancers = []struct {
	name, program string
	recipe        int
	proxy         string // its entry in edge.proxies
	local         bool   // by a unix socket
}{
	{"nginx over a unix socket", "nginx", 0, "{name: front, header: XFCC, trust_chain_verified: true}", true},
	{"nginx", "nginx", 1, "{name: front, profile: lb, header: XFCC, trust_chain_verified: true}", false},
	{"haproxy", "haproxy", 0, "{name: front, profile: lb, header: CLIENT_CERT}", false},
}

// TestLoadBalancers has real load balancers end TLS in front of the gateway, as the documentation says.
func TestLoadBalancers(t *testing.T) {
	t.Parallel()
	for _, b := range balancers {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath(b.program); err != nil {
				if os.Getenv("CI") != "" {
					t.Error(err)
				}
				t.Skipf("%s is not installed", b.program)
			}
			// A unix socket's path has room for some 100 bytes.
			sockets, err := os.MkdirTemp("", "lb") //nolint:usetesting // the test's folder has a long name
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.RemoveAll(sockets) })
			g := balancedBy(t, sockets, b.proxy, b.local)
			front := g.balance(t, sockets, b.program, b.recipe)
			google := front(g.pki.SSLCom.TLS())
			for i := range 3 { // connections are kept, TLS sessions resumed
				turn := fmt.Sprint("turn-", i)
				wantES(t, g.post(t, google, esPath, esTurn(turn)), "heard "+turn)
				certificate := g.service.one(t, turn).call.Caller.GetCertificate()
				if certificate.GetForwardedBy() != "front" || certificate.GetProfile() != "dev" || certificate.GetSubject() != g.pki.SSLCom.Leaf.Subject.String() {
					t.Errorf("the service was told %v", certificate)
				}
				google.CloseIdleConnections()
			}
			g.log.await(t, 3, entry{"msg": "Turn", "outcome": "answered", "forwarded_by": "front", "profile": "dev"})
			if got := g.audit.await(t, 1, entry{"msg": "Forwarded certificate accepted", "forwarded_by": "front"}); len(got) != 1 || got[0].text("chain") != "ssl.com" {
				t.Errorf("audited as %v", got)
			}
			g.measures(t, `intentgate_forwarded_certificates_total{profile="dev",proxy="front",reason="",result="accepted"} 3`)

			// A client of the right CA that has the headers of a better one.
			stranger := front(g.pki.Refused.WrongSubject.TLS())
			for i, kind := range []string{"", "GOOGLE", "XFCC", "CLIENT_CERT"} {
				request := g.request(t.Context(), t, esPath, esTurn("stranger"))
				if kind != "" {
					for name, values := range authntest.Forward(kind, g.pki.SSLCom.Chain) {
						request.Header[name] = values
					}
				}
				if got := ask(t, stranger, request); got.StatusCode != http.StatusForbidden {
					t.Errorf("%s: answer %d %s", kind, got.StatusCode, got.body)
				}
				g.audit.await(t, i+1, entry{"msg": "Turn refused", "reason": "subject_mismatch", "forwarded_by": "front"})
			}
			// Those whom it lets in itself: nobody with a foreign CA, or with none.
			for name, certificate := range map[string]tls.Certificate{"unknown CA": g.pki.Refused.UnknownCA.TLS(), "none": {}} {
				request := g.request(t.Context(), t, esPath, esTurn("foreign"))
				if got, err := send(front(certificate), request); err == nil && got.StatusCode != http.StatusBadRequest {
					t.Errorf("%s: answer %d %s", name, got.StatusCode, got.body)
				}
			}
			wantES(t, g.post(t, google, esPath, esTurn("after")), "heard after")
			if calls := len(g.service.of("stranger")) + len(g.service.of("foreign")); calls > 0 {
				t.Errorf("%d calls of strangers reached the service", calls)
			}
		})
	}
}

// balancedBy starts a gateway whose proxy is called front, and has a certificate lb.pem, unless it comes by the unix socket edge.sock.
func balancedBy(t *testing.T, sockets, proxy string, local bool) *gate {
	t.Helper()
	dir := folder(t)
	frontOf(t, dir)
	file := func(name string) string { return filepath.Join(dir, certsFolder, name) }
	for whole, parts := range map[string][]string{
		"lb-pair.pem": {"lb.pem", "lb.key"}, "edge-pair.pem": {"edge.pem", "edge.key"}, "roots.pem": {"ssl-com-root.pem", "gts-root.pem"},
	} {
		var text []byte
		for _, part := range parts {
			b, err := os.ReadFile(file(part))
			if err != nil {
				t.Fatal(err)
			}
			text = append(text, b...)
		}
		write(t, file(whole), text)
	}
	s := startService(t, dir, "127.0.0.1:0")
	edits := []edit{{"127.0.0.1:1\n", s.addr + "\n"}, {"  clients:\n", "  proxies: [" + proxy + "]\n  clients:\n"}}
	if local {
		edits = append(edits, edit{`listen: "127.0.0.1:0"`, "listen: unix:" + sockets + "/edge.sock"}, edit{"  certificate: {cert: certs/edge.pem, key: certs/edge.key}\n", ""})
	} else {
		edits = append(edits, edit{"  clients:\n", "  clients:\n    - {name: lb, roots: {file: certs/lb-ca.pem}, subject: {dns: [lb.internal]}}\n"})
	}
	configure(t, dir, edits...)
	g := serveFolder(t, dir)
	g.service = s
	g.log.await(t, 1, entry{"msg": "Service reachable"})
	return g
}

// frontOf makes the certificate of a load balancer, lb.pem, and its authority, lb-ca.pem.
func frontOf(t *testing.T, dir string) *devca.Certificate {
	t.Helper()
	ca, err := devca.New(devca.Options{CommonName: "Own CA"})
	if err != nil {
		t.Fatal(err)
	}
	lb, err := ca.Issue(devca.Leaf{DNS: []string{"lb.internal"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	file := func(name string) string { return filepath.Join(dir, certsFolder, name) }
	if err := errors.Join(err, lb.WriteFiles(file("lb.pem"), file("lb.key")), ca.WriteFile(file("lb-ca.pem"))); err != nil {
		t.Fatal(err)
	}
	return lb
}

// balance starts the program by a recipe, on a unix socket, and returns how to make clients of it.
func (g *gate) balance(t *testing.T, sockets, program string, recipe int) func(tls.Certificate) *http.Client {
	t.Helper()
	found := regexp.MustCompile("(?s)```"+program+"\n(.*?)```").FindAllStringSubmatch(documents(t)["docs/load-balancer.md"], -1)
	if len(found) <= recipe {
		t.Fatalf("docs/load-balancer.md has %d recipes for %s", len(found), program)
	}
	socket, name := filepath.Join(sockets, "front.sock"), "front.gate.test"
	text := strings.NewReplacer(
		"listen 443 ssl", "listen unix:"+socket+" ssl", "bind :443", "bind "+socket,
		"unix:/run/intentgate/edge.sock", "unix:"+sockets+"/edge.sock", "gateway.internal:8443", strings.TrimPrefix(g.Edge, "https://"),
		"gateway.internal", name, "fulfil.shop.example", name, "/etc/ssl/fullchain.pem", g.file("edge.pem"), "/etc/ssl/privkey.pem", g.file("edge.key"),
		"/etc/ssl/edge.pem", g.file("edge-pair.pem"), "/etc/ssl/dialogflow-roots.pem", g.file("roots.pem"), "/etc/ssl/lb-pair.pem", g.file("lb-pair.pem"),
		"/etc/ssl/lb.pem", g.file("lb.pem"), "/etc/ssl/lb.key", g.file("lb.key"), "/etc/ssl/internal-ca.pem", g.file("edge-ca.pem"),
	).Replace(found[recipe][1])
	file := filepath.Join(sockets, program+".conf")
	args := []string{"-f", file}
	if program == "nginx" {
		http := "access_log off;\n"
		for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
			http += kind + "_temp_path " + sockets + "/" + kind + ";\n"
		}
		// The user counts where root runs the test: the gateway's socket is root's then.
		text = "daemon off; user root; pid " + sockets + "/pid; error_log stderr; events {} http {\n" + http + text + "}\n"
		args = []string{"-c", file, "-p", sockets}
	}
	write(t, file, []byte(text))
	process, err := child.Start(sockets, nil, program, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(process.Close)
	for deadline := time.Now().Add(patience); ; {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "unix", socket)
		if err == nil {
			_ = conn.Close()
			break
		}
		select {
		case <-process.Ended():
			t.Fatal(process.Died())
		case <-time.After(5 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatalf("%v; %s said:\n%s", err, program, process.Said())
		}
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s said:\n%s", program, process.Said())
		}
	})
	g.Edge = "https://" + name
	return func(certificate tls.Certificate) *http.Client {
		client := g.client(t, certificate, false)
		transport, _ := client.Transport.(*http.Transport)
		transport.TLSClientConfig.ClientSessionCache = tls.NewLRUClientSessionCache(1)
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		}
		return client
	}
}
