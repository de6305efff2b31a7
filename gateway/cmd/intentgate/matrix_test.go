package main

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/mtls/devca"
)

// factors are what makes a turn welcome or not.
type factors struct {
	path        string
	certificate string // by its name in the matrix
	proof       http.Header
	session     string
}

// variation is a turn that differs from a good one in exactly one factor, and what becomes of it.
type variation struct {
	name string
	with factors // only one of them is not zero
	want outcome
}

// outcome is what becomes of a turn.
type outcome struct {
	reason string // "": it is answered
	status int    // 0: there is no answer, since the handshake is refused
	known  string // how the service knows project and agent, by which profile and credential, where that is not as before
}

// base is a good turn with its variations.
type base struct {
	name string
	factors
	known      string
	variations []variation
}

// way is how a turn comes in.
type way string

const (
	fresh   way = "fresh"   // on a connection of its own
	resumed way = "resumed" // on one that resumes the session of a good turn
	live    way = "live"    // between two good turns of one connection
)

const (
	esSession = "projects/shop/agent/sessions/s-1"
	cxSession = "projects/shop/locations/global/agents/a-1/sessions/s-1"
)

// matrix is a gateway that takes all kinds of callers, with their certificates.
type matrix struct {
	*gate
	*mint

	clients  map[string]tls.Certificate
	answered atomic.Int64 // turns that the service had to see
	turns    atomic.Int64 // turns that there had to be
}

// TestMatrix calls with every kind of certificate, token, credential and session, by both versions of TLS, on connections
// that are new, resumed, and in use. Each refusal is one factor away from a turn that is answered.
func TestMatrix(t *testing.T) {
	t.Parallel()
	m := newMatrix(t)
	bases := m.bases()
	t.Run("rows", func(t *testing.T) {
		for _, b := range bases {
			for _, v := range append([]variation{{name: "as it is"}}, b.variations...) {
				for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
					for _, way := range []way{fresh, resumed, live} {
						if v.want.reason != "" && v.want.status == 0 && way != fresh {
							continue // who never came in has no session and no connection
						}
						t.Run(fmt.Sprintf("%s/%s/%s/%s", b.name, v.name, tls.VersionName(version), way), func(t *testing.T) {
							t.Parallel()
							m.play(t, &b, &v, version, way)
						})
					}
				}
			}
		}
	})
	// Nobody came in whom no row has looked for.
	if turns := m.log.await(t, int(m.turns.Load()), entry{"msg": "Turn"}); len(turns) != int(m.turns.Load()) {
		t.Errorf("%d turns, want %d", len(turns), m.turns.Load())
	}
	if calls := m.service.all(); len(calls) != int(m.answered.Load()) {
		t.Errorf("the service was called %d times, want %d", len(calls), m.answered.Load())
	}
	m.silent(t)
	for _, signature := range []string{m.good(nil), m.good(map[string]any{"aud": "https://other.example/"})} {
		signature = signature[strings.LastIndexByte(signature, '.')+1:]
		if strings.Contains(m.log.String()+m.audit.String(), signature) {
			t.Error("a token stands in the log")
		}
	}
}

// applied returns the factors of a variation, which must be one away from those of the good turn.
func (b *base) applied(t *testing.T, v *variation) factors {
	t.Helper()
	f, changed := b.factors, 0
	for _, change := range []struct {
		differs bool
		take    func()
	}{
		{v.with.path != "" && v.with.path != f.path, func() { f.path = v.with.path }},
		{v.with.certificate != "" && v.with.certificate != f.certificate, func() { f.certificate = v.with.certificate }},
		{v.with.proof != nil && !maps.EqualFunc(v.with.proof, f.proof, slices.Equal), func() { f.proof = v.with.proof }},
		{v.with.session != "" && v.with.session != f.session, func() { f.session = v.with.session }},
	} {
		if change.differs {
			changed++
			change.take()
		}
	}
	if v.name != "as it is" && changed != 1 {
		t.Fatalf("%d factors are changed, want 1", changed)
	}
	return f
}

// play plays a row of the matrix.
func (m *matrix) play(t *testing.T, b *base, v *variation, version uint16, how way) {
	t.Helper()
	row, good := b.applied(t, v), outcome{known: b.known}
	want := v.want
	if want.known == "" {
		want.known = b.known
	}
	before, beforehand := b.factors, good
	if row.certificate != before.certificate || row.path != before.path { // what comes before cannot be better than that
		before, beforehand = row, want
	}
	certificate := m.clients[row.certificate]
	config := &tls.Config{
		MinVersion: version, MaxVersion: version, RootCAs: m.pki.EdgeCA.Pool(), ServerName: "matrix.gate.test",
		ClientSessionCache:   tls.NewLRUClientSessionCache(1),
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &certificate, nil },
	}
	if want.reason != "" && want.status == 0 {
		m.turnedAway(t, m.connect(t, config), row, want)
		return
	}
	w := m.connect(t, config)
	if how != fresh {
		m.turn(t, w, before, beforehand)
	}
	if how == resumed {
		w = m.connect(t, config)
		if !w.conn.ConnectionState().DidResume {
			t.Error("the session was not resumed")
		}
	}
	m.turn(t, w, row, want)
	if how == live {
		m.turn(t, w, before, beforehand)
	}
}

// turn plays a turn on a connection, and compares what the caller, the operator and the service get to know of it.
func (m *matrix) turn(t *testing.T, w *wire, f factors, want outcome) {
	t.Helper()
	w.turns++
	m.turns.Add(1)
	id := fmt.Sprintf("%s %d", t.Name(), w.turns) + w.peer
	got := w.ask(t, m.withProof(t, f, id))
	calls := m.service.of(id)
	line := m.log.await(t, w.turns, entry{"msg": "Turn", "peer": w.peer})[w.turns-1]
	if want.reason == "" {
		m.answered.Add(1)
		if got.StatusCode != http.StatusOK || !strings.Contains(got.body, "heard "+id) || len(calls) != 1 || line.text("outcome") != "answered" {
			t.Fatalf("status %d %s, %d calls, logged %v", got.StatusCode, got.body, len(calls), line)
		}
		if known := knownBy(calls[0].call.Caller); known != want.known {
			t.Errorf("the caller is known by %q, want %q: %s", known, want.known, protojson.Format(calls[0].call.Caller))
		}
		return
	}
	if len(calls) > 0 {
		t.Error("the service was called for who is refused")
	}
	code, sentence := got.message(t)
	wanted := map[int]outcome{
		http.StatusUnauthorized: {reason: "the caller has not proven who it is", status: int(codes.Unauthenticated)},
		http.StatusForbidden:    {reason: "the caller is not allowed here", status: int(codes.PermissionDenied)},
	}[want.status]
	if got.StatusCode != want.status || sentence != wanted.reason || int(code) != wanted.status {
		t.Fatalf("status %d %s %q, want %d", got.StatusCode, code, sentence, want.status)
	}
	if !line.has(entry{"reason": want.reason, "outcome": "refused", "http_status": float64(want.status)}) {
		t.Fatalf("logged %v, want %s", line, want.reason)
	}
	w.refused++
	told := m.audit.await(t, w.refused, entry{"msg": "Turn refused", "peer": w.peer})[w.refused-1]
	if told.text("reason") != want.reason || told.text("saw") == "" || told.text("wanted") == "" || told.text("webhook") != f.path {
		t.Errorf("the audit trail says %v", told)
	}
}

// turnedAway plays a turn on a connection that must be refused in its handshake.
func (m *matrix) turnedAway(t *testing.T, w *wire, f factors, want outcome) {
	t.Helper()
	if status := w.try(t, m.withProof(t, f, t.Name())); status != 0 {
		t.Fatalf("status %d, want none", status)
	}
	told := m.audit.await(t, 1, entry{"peer": w.peer})[0]
	if told.text("msg") != "Connection refused" || told.text("reason") != want.reason || told.text("saw") == "" || told.text("wanted") == "" {
		t.Errorf("the audit trail says %v, want %s", told, want.reason)
	}
	if turns := m.log.now(entry{"msg": "Turn", "peer": w.peer}); len(turns) > 0 || len(m.service.of(t.Name())) > 0 {
		t.Errorf("a handler ran: %v", turns)
	}
}

// withProof is the request of a turn.
func (m *matrix) withProof(t *testing.T, f factors, id string) *http.Request {
	t.Helper()
	body := strings.ReplaceAll(esTurn(id), esSession, f.session)
	if f.path == cxPath {
		body = strings.ReplaceAll(cxTurn(id), cxSession, f.session)
	}
	request := m.request(t.Context(), t, f.path, body)
	maps.Copy(request.Header, f.proof)
	return request
}

// knownBy says how a service knows the project and the agent, by which profile and credential.
func knownBy(who *intentgatev1.Caller) string {
	known := []string{strings.TrimPrefix(who.GetProjectId().GetProof().String(), "PROOF_")}
	if who.GetAgent() != nil {
		known = append(known, strings.TrimPrefix(who.GetAgent().GetProof().String(), "PROOF_"))
	}
	known = append(known, who.GetCertificate().GetProfile())
	if who.GetCredential() != "" {
		known = append(known, who.GetCredential())
	}
	if token := who.GetIdToken(); token != nil {
		_, agent, _ := strings.Cut(token.GetEmail(), "@gcp-sa-")
		service, _, _ := strings.Cut(agent, ".")
		known = append(known, service, strings.TrimPrefix(token.GetAudience(), audience))
	}
	return strings.TrimSpace(strings.Join(known, " "))
}

// newMatrix starts the gateway of the matrix.
func newMatrix(t *testing.T) *matrix {
	t.Helper()
	m := &matrix{mint: newMint(t), clients: map[string]tls.Certificate{"none": {}}}
	ca, till, dir := agentCA(t, "the shop's own CA"), agentCA(t, "the tills' CA"), secretFiles(t)
	for name, authority := range map[string]*devca.Authority{"agents.pem": ca, "tills.pem": till} {
		if err := authority.WriteFile(dir + "/" + name); err != nil {
			t.Fatal(err)
		}
	}
	const (
		off      = "    id_token: {mode: off, allow_any_project: true}\n"
		projects = "    projects: [{id: shop, number: 415104041262}"
	)
	tokens := `    id_token: {max_age: 1h, audiences: ["` + audience + `", "` + audience + `/staging"]}` + "\n"
	m.gate = start(t,
		edit{"webhooks:\n", "    - {name: agents, roots: {file: " + dir + "/agents.pem}, subject: {common_name: agent}, " +
			"agents: [projects/shop/locations/global/agents/a-1]}\n" +
			"    - {name: tills, roots: {file: " + dir + "/tills.pem}, subject: {common_name: till}, issuer: {common_name: the tills' CA}}\n" +
			"webhooks:\n"},
		edit{off + projects, tokens + projects + ", {id: mine, number: 1}"},
		edit{"    profiles: [dev]\n" + off + "  - path: " + cxPath, "    profiles: [dev]\n    id_token: {mode: off}\n" + projects + ", {id: mine, number: 1}]\n" +
			"    credentials:\n" +
			"      - {name: basic, basic: {username: shop, passwords: [{file: " + dir + "/password}]}, projects: [shop]}\n" +
			"      - {name: header, header: {name: x-webhook-key, values: [{file: " + dir + "/key}]}, projects: [shop]}\n" +
			"  - path: " + cxPath},
		edit{"platform: CX\n    profiles: [dev]\n" + off, "platform: CX\n    profiles: [dev, agents]\n" + tokens},
		edit{"status:", "id_token_keys: {file: " + m.published + "}\nstatus:"})

	m.clients["ssl.com"], m.clients["gts"] = m.pki.SSLCom.TLS(), m.pki.GTS.TLS()
	m.clients["agent"], m.clients["till"] = agentOf(t, ca), clientOf(t, till, "till", x509.ExtKeyUsageClientAuth)
	for _, c := range m.pki.Refused.Cases() {
		m.clients[c.Name] = c.Certificate.TLS()
	}
	other, err := ca.Intermediate(devca.Options{CommonName: "another CA of the shop's"})
	if err != nil {
		t.Fatal(err)
	}
	m.clients["agent by another CA"] = agentOf(t, other) // good: that profile has no rule for the issuer
	other, err = till.Intermediate(devca.Options{CommonName: "another CA of the tills'"})
	if err != nil {
		t.Fatal(err)
	}
	m.clients["till by another CA"] = clientOf(t, other, "till", x509.ExtKeyUsageClientAuth)
	for name, leaf := range map[string]devca.Leaf{
		"agent of tomorrow":       {NotBefore: time.Now().Add(time.Hour)},
		"agent of too many names": {DNS: slices.Repeat([]string{strings.Repeat("name.", 40) + "example"}, 40)},
	} {
		leaf.Subject, leaf.ExtKeyUsage = pkix.Name{CommonName: "agent"}, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		certificate, err := ca.Issue(leaf)
		if err != nil {
			t.Fatal(err)
		}
		m.clients[name] = certificate.TLS()
	}
	m.clients["agent for servers"] = clientOf(t, ca, "agent", x509.ExtKeyUsageServerAuth)
	bare := m.pki.SSLCom.TLS()
	bare.Certificate = bare.Certificate[:1]
	m.clients["no intermediate"] = bare
	return m
}
