package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/intentgate/intentgate/gateway/process"
	"github.com/intentgate/intentgate/services/mtls/devca"
)

// agentCA is an authority that no profile of the settings knows.
func agentCA(t *testing.T, name string) *devca.Authority {
	t.Helper()
	authority, err := devca.New(devca.Options{CommonName: name})
	if err != nil {
		t.Fatal(err)
	}
	return authority
}

// agentOf is a client's certificate for the subject `agent`.
func agentOf(t *testing.T, authority *devca.Authority) tls.Certificate {
	t.Helper()
	return clientOf(t, authority, "agent", x509.ExtKeyUsageClientAuth)
}

// clientOf is a certificate of an authority's.
func clientOf(t *testing.T, authority *devca.Authority, name string, usage x509.ExtKeyUsage) tls.Certificate {
	t.Helper()
	certificate, err := authority.Issue(devca.Leaf{Subject: pkix.Name{CommonName: name}, ExtKeyUsage: []x509.ExtKeyUsage{usage}})
	if err != nil {
		t.Fatal(err)
	}
	return certificate.TLS()
}

// own adds a profile `own` to the settings, with more of its keys, and takes it on ES.
func own(more string) []edit {
	return []edit{
		{"webhooks:\n", "    - {name: own, subject: {common_name: agent}, " + more + "}\nwebhooks:\n"},
		{"profiles: [dev]", "profiles: [dev, own]"},
	}
}

// TestFolderOfRoots adds files to a folder of roots and takes them away while the gateway serves.
func TestFolderOfRoots(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	roots := filepath.Join(dir, "roots")
	if err := os.Mkdir(roots, 0o700); err != nil {
		t.Fatal(err)
	}
	first, late := agentCA(t, "first"), agentCA(t, "late")
	if err := first.WriteFile(filepath.Join(roots, "first.pem")); err != nil {
		t.Fatal(err)
	}
	s := startService(t, dir, "127.0.0.1:0")
	configure(t, dir, append(own("roots: {folder: roots}"), edit{"127.0.0.1:1\n", s.addr + "\n"})...)
	g := serveFolder(t, dir)
	g.log.await(t, 1, entry{"msg": "Service reachable"})
	one, two := g.client(t, agentOf(t, first), false), g.client(t, agentOf(t, late), false)
	wantES(t, g.post(t, one, esPath, esTurn("first")), "heard first")
	if _, err := send(two, g.request(t.Context(), t, esPath, esTurn("early"))); err == nil {
		t.Error("a stranger's certificate was accepted")
	}
	g.audit.await(t, 1, entry{"msg": "Connection refused", "reason": "unknown_authority"})

	if err := late.WriteFile(filepath.Join(roots, "late.crt")); err != nil {
		t.Fatal(err)
	}
	reloaded := entry{"msg": "Files reloaded", "name": "edge.clients"}
	g.log.await(t, 1, reloaded)
	wantES(t, g.post(t, two, esPath, esTurn("added")), "heard added")

	// One file that is no good leaves everything as it was.
	bad := filepath.Join(roots, "bad.pem")
	if err := os.WriteFile(bad, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	g.log.await(t, 1, entry{"msg": "Kept what is in force because the new files are no good", "name": "edge.clients"})
	wantES(t, g.post(t, one, esPath, esTurn("kept")), "heard kept")
	wantES(t, g.post(t, two, esPath, esTurn("kept too")), "heard kept too")

	for _, name := range []string{"first.pem", "bad.pem"} { // either order is good: with the bad one nothing changes
		if err := os.Remove(filepath.Join(roots, name)); err != nil {
			t.Fatal(err)
		}
	}
	g.log.await(t, 2, reloaded)
	if got := g.post(t, one, esPath, esTurn("removed")); got.StatusCode != http.StatusForbidden || !got.Close {
		t.Errorf("status %d, close %t; want 403 and the connection closed", got.StatusCode, got.Close)
	}
	wantES(t, g.post(t, two, esPath, esTurn("stays")), "heard stays")
}

// TestEnforcedDates lets the date of a profile pass while a client is connected.
func TestEnforcedDates(t *testing.T) {
	t.Parallel()
	for _, enforce := range []bool{true, false} {
		t.Run(fmt.Sprintf("enforce %t", enforce), func(t *testing.T) {
			t.Parallel()
			ca := agentCA(t, "agents")
			until := time.Now().Add(time.Hour).UTC()
			var ahead atomic.Int64
			g := startAt(t, func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }, ca, own(fmt.Sprintf(
				"roots: {file: certs/agents.pem}, dates: {until: %s, enforce: %t}", until.Format(time.RFC3339Nano), enforce))...)
			agent := agentOf(t, ca)
			live, google := g.client(t, agent, false), g.dialogflow(t)
			resuming := g.clientTLS(agent)
			resuming.ClientSessionCache = tls.NewLRUClientSessionCache(1)
			resumed := &http.Client{Transport: &http.Transport{TLSClientConfig: resuming, DisableKeepAlives: true}}
			for name, client := range map[string]*http.Client{"live": live, "resumed": resumed, "google": google} {
				wantES(t, g.post(t, client, esPath, esTurn(name)), "heard "+name)
			}
			soon := entry{"msg": "Expires soon", "kind": "profile", "name": "own/custom"}
			g.log.await(t, 1, soon)
			if body := get(t, g.Status+"/readyz").body; !strings.Contains(body, `{"kind":"profile","name":"own/custom","not_after":"`+until.Format(time.RFC3339Nano)+`"}`) {
				t.Errorf("/readyz says %s", body)
			}
			metrics := get(t, g.Status+"/metrics").body
			for _, want := range []string{
				`{kind="edge",name="edge"}`, `{kind="service",name="shop-orders"}`, `{kind="root",name="dev/ssl.com"}`,
				`{kind="root",name="dev/gts"}`, `{kind="root",name="own/custom"}`, `{kind="profile",name="dev/gts"} 1.7960832e+09`,
				fmt.Sprintf(`{kind="profile",name="own/custom"} %g`, float64(until.Unix())),
			} {
				if !strings.Contains(metrics, "\nintentgate_certificate_not_after_timestamp_seconds"+want) {
					t.Errorf("no %s among the metrics", want)
				}
			}

			ahead.Store(int64(2 * time.Hour))
			wantES(t, g.post(t, google, esPath, esTurn("google after")), "heard google after")
			late := entry{"msg": "Certificate accepted outside of its profile's dates", "profile": "own"}
			if !enforce {
				wantES(t, g.post(t, live, esPath, esTurn("live after")), "heard live after")
				wantES(t, g.post(t, resumed, esPath, esTurn("resumed after")), "heard resumed after")
				g.audit.await(t, 1, entry{"msg": "Connection accepted", "outside_dates": "until " + until.Truncate(time.Second).Format(time.RFC3339)})
				g.log.await(t, 1, late)
				return
			}
			got := g.post(t, live, esPath, esTurn("live after"))
			if code, _ := got.message(t); got.StatusCode != http.StatusForbidden || code != codes.PermissionDenied || !got.Close {
				t.Errorf("status %d %s, close %t; want 403 and the connection closed", got.StatusCode, code, got.Close)
			}
			g.log.await(t, 1, entry{"msg": "Turn", "reason": "outside_dates"})
			for name, client := range map[string]*http.Client{"live again": live, "resumed after": resumed} {
				if _, err := send(client, g.request(t.Context(), t, esPath, esTurn(name))); err == nil {
					t.Errorf("%s: a connection was accepted", name)
				}
				if calls := g.service.of(name); len(calls) > 0 {
					t.Errorf("%s: %d calls", name, len(calls))
				}
			}
			g.audit.await(t, 2, entry{"msg": "Connection refused", "reason": "outside_dates"})
			g.audit.await(t, 1, entry{"msg": "Connection refused", "reason": "outside_dates", "resumed": true})
			if lines := g.log.now(late); len(lines) > 0 {
				t.Errorf("accepted what is refused: %v", lines)
			}
		})
	}
}

// startAt starts a gateway with a clock of its own, which `intentgate serve` has not, and with the file certs/agents.pem.
func startAt(t *testing.T, now func() time.Time, agents *devca.Authority, edits ...edit) *gate {
	t.Helper()
	dir := folder(t)
	g := &gate{pki: keys(t), dir: dir, log: newJournal(), audit: newJournal(), done: make(chan struct{})}
	if err := agents.WriteFile(g.file("agents.pem")); err != nil {
		t.Fatal(err)
	}
	g.service = startService(t, dir, "127.0.0.1:0")
	configure(t, dir, append(edits, edit{"127.0.0.1:1\n", g.service.addr + "\n"})...)
	g.serveInside(t, now)
	g.log.await(t, 1, entry{"msg": "Service reachable"})
	return g
}

// serveInside serves the configuration in the gate's folder by a clock of its own. What the channel takes stands for SIGHUP.
func (g *gate) serveInside(t *testing.T, now func() time.Time, changes ...func(*process.Config)) (hangups chan<- os.Signal) {
	t.Helper()
	config := process.Config{
		File: filepath.Join(g.dir, configFile), Logger: slog.New(slog.NewJSONHandler(g.log, nil)), Audit: slog.New(slog.NewJSONHandler(g.audit, nil)),
		Now: now,
	}
	for _, change := range changes {
		change(&config)
	}
	running, err := process.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	signals := make(chan os.Signal)
	running.Follow(signals)
	g.Addresses = running.Addresses()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	g.stop = stop
	go func() {
		defer close(g.done)
		g.err = running.Serve(ctx)
	}()
	t.Cleanup(func() {
		if err := g.wait(t); err != nil {
			t.Errorf("serve returned %v", err)
		}
	})
	return signals
}
