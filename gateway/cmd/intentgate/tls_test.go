package main

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/gateway/pki"
	"github.com/intentgate/intentgate/services/mtls/devca"
)

// credential is what a client presents.
type credential struct {
	name        string
	certificate *devca.Certificate // nil: none
	file        string             // its path without extension
	reason      authn.Reason       // why it is refused; empty: it is accepted
}

// visit is one case of the matrix. It calls the edge by a name of its own, by which the log knows it, with a turn of its
// own, by which the service does.
type visit struct {
	*gate
	credential

	version uint16
	resumed bool // come twice, the second time with the session of the first, if there is one
	host    string
	turn    string
}

// times is how often the client connects.
func (v *visit) times() int {
	if v.resumed {
		return 2
	}
	return 1
}

// attempt is a connection as the client saw it.
type attempt struct {
	established bool // the client considers the handshake done
	alerted     bool // it was told a TLS alert
	status      int  // of HTTP; 0: there was no answer
}

// visitor is a kind of client.
type visitor struct {
	name  string
	visit func(*testing.T, *visit) []attempt
	// checksKey says that it looks itself whether certificate and key belong together, and does not start if not.
	checksKey bool
	// resumes says whether it can resume a session of a version.
	resumes func(version uint16) bool
}

// TestHandshakes is the matrix: who gets in, who does not and why, and that no handler runs for them.
func TestHandshakes(t *testing.T) {
	visitors := []visitor{
		{name: "go", visit: visitByGo, resumes: func(uint16) bool { return true }},
		// curl asks for no session ticket under TLS 1.2, and Go's server knows no other sessions.
		{name: "curl", visit: visitByCurl, checksKey: true, resumes: func(version uint16) bool { return version == tls.VersionTLS13 }},
		{name: "openssl", visit: visitByOpenSSL, checksKey: true, resumes: func(uint16) bool { return true }},
	}
	g := start(t)
	var accepted, refused, called atomic.Int64
	credentials := presented(t, g)
	t.Run("matrix", func(t *testing.T) {
		for _, c := range credentials {
			for _, visitor := range visitors {
				for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
					for _, resumed := range []bool{false, true} {
						kind := map[bool]string{false: "fresh", true: "resumed"}[resumed]
						t.Run(fmt.Sprintf("%s/%s/%s/%s", c.name, visitor.name, tls.VersionName(version), kind), func(t *testing.T) {
							t.Parallel()
							label := strings.ToLower(strings.NewReplacer("/", "-", "_", "-", ".", "-").Replace(t.Name()[len("TestHandshakes/matrix/"):]))
							v := &visit{gate: g, credential: c, version: version, resumed: resumed, host: label + ".gate.test", turn: label}
							if c.reason == authn.KeyNotProven && visitor.checksKey {
								visitor.visit(t, v) // checks that it does not start
								return
							}
							judge(t, v, &visitor, &accepted, &refused, &called)
						})
					}
				}
			}
		}
	})

	// Nobody came in whom no case has looked for: no handler ran for a refused connection.
	if turns := g.log.await(t, int(accepted.Load()), entry{"msg": "Turn"}); len(turns) != int(accepted.Load()) {
		t.Errorf("%d turns, want %d", len(turns), accepted.Load())
	}
	if calls := g.service.all(); len(calls) != int(called.Load()) {
		t.Errorf("the service was called %d times, want %d", len(calls), called.Load())
	}
	if lines := g.audit.now(entry{"msg": "Connection refused"}); len(lines) != int(refused.Load()) {
		t.Errorf("%d connections were refused, want %d", len(lines), refused.Load())
	}
	counted(t, g, credentials, accepted.Load(), refused.Load())
}

// presented lists the certificates of the matrix.
func presented(t *testing.T, g *gate) []credential {
	t.Helper()
	list := []credential{
		{name: "none", reason: authn.NoCertificate},
		{name: "ssl.com", certificate: g.pki.SSLCom, file: strings.TrimSuffix(g.file(pki.SSLComCert), ".pem")},
		{name: "gts", certificate: g.pki.GTS, file: strings.TrimSuffix(g.file(pki.GTSCert), ".pem")},
	}
	if !slices.Equal(g.pki.GTS.Leaf.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}) {
		t.Errorf("the GTS certificate has key usages %v; it is to show that server-only is accepted there", g.pki.GTS.Leaf.ExtKeyUsage)
	}
	for _, c := range g.pki.Refused.Cases() {
		list = append(list, credential{c.Name, c.Certificate, g.file(filepath.Join(pki.RefusedDir, c.Name)), c.Reason})
	}
	// Of the other chain, somebody else; and of this one, without its intermediate.
	stranger, err := g.pki.GTSRoot.Issue(devca.Leaf{
		Subject: pkix.Name{CommonName: "dialogflow.com"}, DNS: []string{"dialogflow.com", "www.dialogflow.com"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	if err != nil {
		t.Fatal(err)
	}
	bare := *g.pki.SSLCom
	bare.Chain = bare.Chain[:1]
	for name, c := range map[string]credential{
		"gts-wrong-subject": {certificate: stranger, reason: authn.SubjectMismatch},
		"no-intermediate":   {certificate: &bare, reason: authn.UnknownAuthority},
	} {
		c.name, c.file = name, g.file(name)
		if err := c.certificate.WriteFiles(c.file+".pem", c.file+".key"); err != nil {
			t.Fatal(err)
		}
		list = append(list, c)
	}
	return list
}

// judge plays a case and compares what the client saw, the audit trail, the turns and the service's calls.
func judge(t *testing.T, v *visit, by *visitor, accepted, refused, called *atomic.Int64) {
	t.Helper()
	attempts := by.visit(t, v)
	if len(attempts) != v.times() {
		t.Fatalf("%d attempts, want %d", len(attempts), v.times())
	}
	for i, a := range attempts {
		switch {
		case v.reason == "" && (!a.established || a.alerted || a.status != 200):
			t.Errorf("attempt %d: %+v, want an answer", i+1, a)
		// Under TLS 1.3 the client is done before the server has judged it: it hears of it when it reads.
		case v.reason != "" && (a.status != 0 || !a.alerted || a.established != (v.version == tls.VersionTLS13)):
			t.Errorf("attempt %d: %+v, want an alert: in the handshake of TLS 1.2, after that of TLS 1.3", i+1, a)
		}
	}
	trail := v.audit.await(t, len(attempts), entry{"sni": v.host})
	for i, line := range trail {
		want := entry{"msg": "Connection accepted", "tls": tls.VersionName(v.version), "resumed": false}
		if v.reason != "" {
			want["msg"], want["reason"] = "Connection refused", string(v.reason)
			refused.Add(1)
		} else {
			want["resumed"] = i > 0 && by.resumes(v.version)
			accepted.Add(1)
		}
		if !line.has(want) {
			t.Errorf("attempt %d: the audit trail says %v, want %v", i+1, line, want)
		}
		if v.reason != "" && (line.text("saw") == "" || line.text("wanted") == "") {
			t.Errorf("attempt %d: the audit trail does not say what was seen and wanted: %v", i+1, line)
		}
	}
	want := 1 // the second attempt is another try of the turn
	if v.reason != "" {
		want = 0
	}
	called.Add(int64(want))
	if calls := v.service.of(v.turn); len(calls) != want {
		t.Errorf("the service was called %d times, want %d", len(calls), want)
	}
}

// counted compares the metrics and the limited lines of the log with what happened.
func counted(t *testing.T, g *gate, credentials []credential, accepted, refused int64) {
	t.Helper()
	var sums [2]int64
	for line := range strings.Lines(get(t, g.Status+"/metrics").body) {
		// curl connects before it looks at its key.
		if !strings.HasPrefix(line, "intentgate_handshakes_total{") || strings.Contains(line, `reason="hung_up"`) {
			continue
		}
		fields := strings.Fields(line)
		n, err := strconv.ParseFloat(fields[len(fields)-1], 64)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(line, `result="accepted"`) {
			sums[0] += int64(n)
		} else {
			sums[1] += int64(n)
		}
	}
	if sums != [2]int64{accepted, refused} {
		t.Errorf("counted %d accepted and %d refused handshakes, want %d and %d", sums[0], sums[1], accepted, refused)
	}
	for _, c := range credentials {
		if c.reason == "" {
			continue
		}
		lines := g.log.now(entry{"msg": "Handshake refused", "reason": string(c.reason)})
		if len(lines) != 1 { // of one address and reason, one a minute
			t.Errorf("%d lines for people about %s, want 1", len(lines), c.reason)
			continue
		}
		for _, key := range []string{"peer", "sni", "saw", "wanted", "hint"} {
			if lines[0].text(key) == "" {
				t.Errorf("the line about %s has no %q: %v", c.reason, key, lines[0])
			}
		}
	}
}

// program finds a program that the tests cannot do without.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is needed to call the gateway as other people's clients do: install it, for example with `apt-get install %s`", name, name)
	}
	return path
}
