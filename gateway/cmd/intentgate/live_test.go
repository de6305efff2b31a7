package main

import (
	"crypto/tls"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// follower is a client with a connection that lives and a session to come back with.
type follower struct {
	name   string
	reason string // why it is refused in the end
	status int
	header http.Header
	config *tls.Config
	wire   *wire
}

// follow is a client whose connections are of one version.
func (g *gate) follow(t *testing.T, certificate tls.Certificate, version uint16, f follower) *follower {
	t.Helper()
	f.name += " " + tls.VersionName(version)
	f.config = g.clientTLS(certificate)
	f.config.ServerName, f.config.ClientSessionCache = "live.gate.test", tls.NewLRUClientSessionCache(1)
	f.config.MinVersion, f.config.MaxVersion = version, version
	f.wire = g.connect(t, f.config)
	return &f
}

// say plays a turn on the connection that lives.
func (f *follower) say(t *testing.T, g *gate, w *wire, id string) answer {
	t.Helper()
	request := g.request(t.Context(), t, esPath, esTurn(id))
	maps.Copy(request.Header, f.header)
	return w.ask(t, request)
}

// TestTrustThatEnds takes one after the other away what clients are trusted by: the key of a token, a secret, a root, and
// time. From then on they are refused on the connection that they have, and with the session that it gave them; all others
// notice nothing.
func TestTrustThatEnds(t *testing.T) {
	t.Parallel()
	var ahead atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	m, ca, dir := newMint(t), agentCA(t, "agents"), secretFiles(t)
	g := startAt(t, now, ca, append(own(fmt.Sprintf("roots: {file: certs/agents.pem}, dates: {until: %s, enforce: true}", now().Add(10*time.Minute).UTC().Format(time.RFC3339))),
		edit{"id_token: {mode: off, allow_any_project: true}\n", `id_token: {audiences: ["` + audience + `"]}` + "\n    credentials:\n" +
			"      - {name: key, header: {name: x-webhook-key, values: [{file: " + dir + "/key}]}, projects: [shop]}\n" +
			"      - {name: beta, header: {name: x-webhook-key, values: [{file: " + dir + "/beta}]}, projects: [shop]}\n"},
		edit{"status:", "id_token_keys: {file: " + m.published + "}\nstatus:"})...)

	key := func(name string) http.Header { return http.Header{"X-Webhook-Key": {secrets[name]}} }
	second := bearing(m.sign(jose.RS256, m.second, m.otherID, m.claims(nil)))
	steady, agent, gts := g.pki.SSLCom.TLS(), agentOf(t, ca), g.pki.GTS.TLS()
	everybody := map[string]*follower{}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, f := range []struct {
			certificate tls.Certificate
			follower
		}{
			{steady, follower{name: "token", reason: "token_unknown_key", status: 401, header: second}},
			{steady, follower{name: "secret", reason: "credential_mismatch", status: 401, header: key("key")}},
			{gts, follower{name: "root", reason: "unknown_authority", status: 403, header: key("beta")}},
			{agent, follower{name: "dates", reason: "outside_dates", status: 403, header: key("beta")}},
			{steady, follower{name: "nothing", header: bearing(m.good(nil))}},
			{steady, follower{name: "nothing of the secret's", header: key("beta")}},
		} {
			one := g.follow(t, f.certificate, version, f.follower)
			everybody[one.name] = one
		}
	}
	welcome := func(when string) {
		t.Helper()
		for name, f := range everybody {
			wantES(t, f.say(t, g, f.wire, name+when), "heard "+name+when)
		}
		if t.Failed() {
			t.FailNow() // what comes next would wait in vain
		}
	}
	welcome(" at first")

	other := agentCA(t, "another root")
	reloaded := func(t *testing.T, name string) {
		t.Helper()
		g.log.await(t, 1, entry{"msg": "Files reloaded", "name": name})
	}
	for _, step := range []struct {
		name   string
		change func(*testing.T)
	}{
		{"token", func(t *testing.T) {
			t.Helper()
			m.publish(m.jwk(m.first, m.firstID))
			reloaded(t, "id_token_keys")
			if ready := get(t, g.Status+"/readyz").body; !strings.Contains(ready, `"id_token_keys":{"source":"`+m.published+`","keys":1,`) {
				t.Errorf("readiness does not tell of the keys: %s", ready)
			}
		}},
		{"secret", func(t *testing.T) {
			t.Helper()
			if err := os.WriteFile(filepath.Join(dir, "key"), []byte("another value of the header"), 0o600); err != nil {
				t.Fatal(err)
			}
			reloaded(t, "webhooks."+esPath+".credentials")
		}},
		{"root", func(t *testing.T) {
			t.Helper()
			if err := other.WriteFile(g.file("gts-root.pem")); err != nil {
				t.Fatal(err)
			}
			reloaded(t, "edge.clients")
		}},
		{"dates", func(*testing.T) { ahead.Store(int64(20 * time.Minute)) }},
	} {
		step.change(t)
		for _, version := range []string{" TLS 1.2", " TLS 1.3"} {
			t.Run(step.name+version, func(t *testing.T) { g.gone(t, everybody[step.name+version]) })
			delete(everybody, step.name+version)
		}
		welcome(" after the " + step.name)
	}
	g.silent(t)
}

// gone fails unless a client is refused on its connection, and on one that resumes the session of it.
func (g *gate) gone(t *testing.T, f *follower) {
	t.Helper()
	refused := entry{"msg": "Turn", "outcome": "refused", "reason": f.reason, "http_status": float64(f.status)}
	got := f.say(t, g, f.wire, f.name+" gone")
	if got.StatusCode != f.status || got.Close != (f.status == http.StatusForbidden) {
		t.Fatalf("status %d, close %t; want %d", got.StatusCode, got.Close, f.status)
	}
	refused["peer"] = f.wire.peer
	g.log.await(t, 1, refused)
	g.audit.await(t, 1, entry{"msg": "Turn refused", "reason": f.reason, "peer": f.wire.peer})

	w := g.connect(t, f.config)
	if f.status == http.StatusUnauthorized { // the connection is as good as ever
		if got := f.say(t, g, w, f.name+" gone"); got.StatusCode != f.status || !w.conn.ConnectionState().DidResume {
			t.Fatalf("status %d, resumed %t", got.StatusCode, w.conn.ConnectionState().DidResume)
		}
		refused["peer"] = w.peer
		g.log.await(t, 1, refused)
	} else {
		if status := w.try(t, g.request(t.Context(), t, esPath, esTurn(f.name+" gone"))); status != 0 {
			t.Fatalf("status %d on a new connection, want none", status)
		}
		g.audit.await(t, 1, entry{"msg": "Connection refused", "reason": f.reason, "peer": w.peer, "resumed": true})
	}
	if calls := g.service.of(f.name + " gone"); len(calls) > 0 {
		t.Errorf("%d calls for who is trusted no longer", len(calls))
	}
}
