package authn_test

import (
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math"
	"net"
	"net/url"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/gateway/authn/authntest"
	"github.com/intentgate/intentgate/gateway/dialogflow"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/caller"
	"github.com/intentgate/intentgate/services/mtls/devca"
)

var (
	esSession = dialogflow.Session{Name: "projects/shop/agent/sessions/1", Project: "shop", ID: "1"}
	cxSession = dialogflow.Session{
		Name:    "projects/shop/locations/eu/agents/a1/environments/live/sessions/1",
		Project: "shop", Location: "eu", Agent: "a1", Environment: "live", ID: "1",
	}
	shop = []authn.Project{{ID: "other", Number: 7}, {ID: "shop", Number: 415104041262}}
)

func TestCaller(t *testing.T) {
	pki := authntest.New(t)
	verdict := judge(t, pki.Client(), pki.Profile("dev"))
	agents := func(names ...string) *authn.Verdict {
		return judge(t, pki.Client(), custom(t, pki, names...))
	}
	by := func(session dialogflow.Session, project string) dialogflow.Session {
		session.Project = project
		return session
	}
	for _, c := range []struct {
		name     string
		webhook  authn.Webhook
		verdict  *authn.Verdict
		session  dialogflow.Session
		want     string // JSON, without the certificate
		reason   authn.Reason
		accepted string // profile
	}{
		{
			name: "ES, all stated", webhook: authn.Webhook{Platform: dialogflow.ES, Profiles: []string{"dev"}, Projects: shop},
			verdict: verdict, session: esSession, accepted: "dev",
			want: `{"platform": "PLATFORM_ES", "projectId": {"value": "shop", "proof": "PROOF_STATED"},
				"projectNumber": {"value": "415104041262", "proof": "PROOF_STATED"}}`,
		},
		{
			name: "ES by number", webhook: authn.Webhook{Platform: dialogflow.ES, Profiles: []string{"dev"}, Projects: shop},
			verdict: verdict, session: by(esSession, "415104041262"), accepted: "dev",
			want: `{"platform": "PLATFORM_ES", "projectId": {"value": "shop", "proof": "PROOF_STATED"},
				"projectNumber": {"value": "415104041262", "proof": "PROOF_STATED"}}`,
		},
		{
			name: "any project", webhook: authn.Webhook{Platform: dialogflow.ES, Profiles: []string{"dev"}},
			verdict: verdict, session: esSession, accepted: "dev",
			want: `{"platform": "PLATFORM_ES", "projectId": {"value": "shop", "proof": "PROOF_STATED"}}`,
		},
		{
			name: "any project by number", webhook: authn.Webhook{Platform: dialogflow.ES, Profiles: []string{"dev"}},
			verdict: verdict, session: by(esSession, "42"), accepted: "dev",
			want: `{"platform": "PLATFORM_ES", "projectNumber": {"value": "42", "proof": "PROOF_STATED"}}`,
		},
		{
			name: "CX, all stated", webhook: authn.Webhook{Platform: dialogflow.CX, Profiles: []string{"dev"}},
			verdict: verdict, session: cxSession, accepted: "dev",
			want: `{"platform": "PLATFORM_CX", "projectId": {"value": "shop", "proof": "PROOF_STATED"},
				"location": {"value": "eu", "proof": "PROOF_STATED"}, "agent": {"value": "a1", "proof": "PROOF_STATED"},
				"environment": {"value": "live", "proof": "PROOF_STATED"}}`,
		},
		{
			name: "CX, agent by certificate", webhook: authn.Webhook{Platform: dialogflow.CX, Profiles: []string{"agent"}, Projects: shop},
			verdict: agents("projects/415104041262/locations/eu/agents/a1"), session: cxSession, accepted: "agent",
			want: `{"platform": "PLATFORM_CX", "projectId": {"value": "shop", "proof": "PROOF_CERTIFICATE"},
				"projectNumber": {"value": "415104041262", "proof": "PROOF_CERTIFICATE"},
				"location": {"value": "eu", "proof": "PROOF_CERTIFICATE"}, "agent": {"value": "a1", "proof": "PROOF_CERTIFICATE"},
				"environment": {"value": "live", "proof": "PROOF_STATED"}}`,
		},
		{
			name: "the profile that names the agent goes first", webhook: authn.Webhook{Platform: dialogflow.CX, Profiles: []string{"dev", "agent"}},
			verdict: judge(t, pki.Client(), pki.Profile("dev"), custom(t, pki, "projects/shop/locations/eu/agents/a1")), session: cxSession, accepted: "agent",
			want: `{"platform": "PLATFORM_CX", "projectId": {"value": "shop", "proof": "PROOF_CERTIFICATE"},
				"location": {"value": "eu", "proof": "PROOF_CERTIFICATE"}, "agent": {"value": "a1", "proof": "PROOF_CERTIFICATE"},
				"environment": {"value": "live", "proof": "PROOF_STATED"}}`,
		},
		{
			name: "another agent", webhook: authn.Webhook{Platform: dialogflow.CX, Profiles: []string{"agent"}},
			verdict: agents("projects/shop/locations/eu/agents/a2"), session: cxSession, reason: authn.AgentMismatch,
		},
		{
			name: "another location", webhook: authn.Webhook{Platform: dialogflow.CX, Profiles: []string{"agent"}},
			verdict: agents("projects/shop/locations/us/agents/a1"), session: cxSession, reason: authn.AgentMismatch,
		},
		{
			name: "another project's agent of that id", webhook: authn.Webhook{Platform: dialogflow.CX, Profiles: []string{"agent"}},
			verdict: agents("projects/other/locations/eu/agents/a1"), session: cxSession, reason: authn.AgentMismatch,
		},
		{
			name: "an ES session under an agent's certificate", webhook: authn.Webhook{Platform: dialogflow.ES, Profiles: []string{"agent"}},
			verdict: agents("projects/shop/locations/eu/agents/a1"), session: esSession, reason: authn.AgentMismatch,
		},
		{
			name: "another project", webhook: authn.Webhook{Platform: dialogflow.ES, Profiles: []string{"dev"}, Projects: shop},
			verdict: verdict, session: by(esSession, "stranger"), reason: authn.ProjectMismatch,
		},
		{
			name: "another profile", webhook: authn.Webhook{Platform: dialogflow.ES, Profiles: []string{"dialogflow"}},
			verdict: verdict, session: esSession, reason: authn.ProfileMismatch,
		},
		{
			name: "no profile", webhook: authn.Webhook{Platform: dialogflow.ES},
			verdict: verdict, session: esSession, reason: authn.ProfileMismatch,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			caller, refusal := c.webhook.Caller(c.verdict, &c.session)
			if c.reason != "" {
				if caller != nil || refusal == nil || refusal.Reason != c.reason {
					t.Fatalf("caller %v, refused with %v, want %s", caller, refusal, c.reason)
				}
				if refusal.Saw == "" || refusal.Wanted == "" || c.reason.Hint() == "" {
					t.Errorf("refusal %+v", refusal)
				}
				return
			}
			if refusal != nil {
				t.Fatal(refusal)
			}
			var want intentgatev1.Caller
			if err := protojson.Unmarshal([]byte(c.want), &want); err != nil {
				t.Fatal(err)
			}
			if got := caller.GetCertificate().GetProfile(); got != c.accepted {
				t.Errorf("by profile %q, want %q", got, c.accepted)
			}
			want.Certificate = caller.GetCertificate()
			if !proto.Equal(caller, &want) {
				t.Errorf("got  %v\nwant %v", caller, &want)
			}
		})
	}
}

func TestAdmitNeedsNoSession(t *testing.T) {
	pki := authntest.New(t)
	verdict := judge(t, pki.Client(), pki.Profile("dev"))
	if refusal := (&authn.Webhook{Profiles: []string{"agent", "dev"}}).Admit(verdict); refusal != nil {
		t.Error(refusal)
	}
	if refusal := (&authn.Webhook{Profiles: []string{"agent"}}).Admit(verdict); refusal == nil || refusal.Reason != authn.ProfileMismatch {
		t.Errorf("refused with %v", refusal)
	}
}

func TestCallerCertificate(t *testing.T) {
	pki := authntest.New(t)
	leaf := authntest.Leaf()
	leaf.Subject = pkix.Name{CommonName: "Google LLC", Organization: []string{"Google LLC"}}
	leaf.DNS = []string{"b.example", "a.example"}
	leaf.URIs = []*url.URL{{Scheme: "spiffe", Host: "x.example", Path: "/y"}}
	leaf.Emails = []string{"ops@x.example"}
	leaf.IPs = []net.IP{net.IPv4(192, 0, 2, 1)}
	certificate, err := pki.SSLCom.Issue(leaf)
	if err != nil {
		t.Fatal(err)
	}
	verdict := judge(t, certificate, pki.Profile("dev"))
	sum := sha256.Sum256(certificate.Chain[0])
	want := &intentgatev1.Caller_Certificate{
		Profile: "dev",
		Subject: "CN=Google LLC,O=Google LLC",
		Sans:    []string{"dns:b.example", "dns:a.example", "uri:spiffe://x.example/y", "email:ops@x.example", "ip:192.0.2.1"},
		Issuer:  "CN=SSL.com-like Root",
		Sha256:  sum[:],
	}
	if got := verdict.Accepted[0].Certificate; !proto.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// A certificate whose names the services would not take is refused in the handshake, not turn by turn.
func TestCertificateWithTooManyNames(t *testing.T) {
	pki := authntest.New(t)
	part := func() string { return strings.Repeat("x", 250) } // of a session's name, longer than a real one
	session := dialogflow.Session{Project: part(), Location: part(), Agent: part(), Environment: part()}
	webhook := authn.Webhook{Platform: dialogflow.CX, Profiles: []string{"dev"}, Projects: []authn.Project{{ID: session.Project, Number: math.MaxUint64}}}
	trust := pki.Trust()
	var accepted, refused int
	for length := 5800; length < 6300; length += 20 {
		for name, change := range map[string]func(*devca.Leaf){
			"many names": func(l *devca.Leaf) {
				for i := range length / 20 {
					l.DNS = append(l.DNS, fmt.Sprintf("%06d.example", i)) // 20 bytes with `dns:` and its place in the message
				}
			},
			"one long name": func(l *devca.Leaf) {
				l.URIs = []*url.URL{{Scheme: "spiffe", Host: "x", Path: "/" + strings.Repeat("y", length)}}
			},
			"long subject": func(l *devca.Leaf) { l.Subject.OrganizationalUnit = []string{strings.Repeat("u", length)} },
		} {
			leaf := authntest.Leaf()
			change(&leaf)
			certificate, err := pki.SSLCom.Issue(leaf)
			if err != nil {
				t.Fatal(err)
			}
			verdict, refusal := trust.Judge(parse(t, certificate.TLS()), authntest.Now)
			if refusal != nil {
				refused++
				if refusal.Reason != authn.TooManyNames || len(refusal.Saw) > 256 || refusal.Wanted == "" || refusal.Reason.Hint() == "" {
					t.Errorf("%s, %d: %v", name, length, refusal)
				}
				continue
			}
			accepted++
			who, refusal := webhook.Caller(verdict, &session)
			if refusal != nil {
				t.Fatal(refusal)
			}
			out := caller.Outgoing{Caller: who, Ref: &intentgatev1.CallRef{RequestId: "1"}}
			if _, err := caller.NewOutgoingContext(t.Context(), out); err != nil {
				t.Errorf("%s, %d: accepted, and then: %v", name, length, err)
			}
		}
	}
	if accepted == 0 || refused == 0 {
		t.Errorf("%d accepted, %d refused", accepted, refused)
	}
}

// A session's id may be a user's: what is refused goes into logs without it.
func TestRefusalsNameNoSession(t *testing.T) {
	pki := authntest.New(t)
	verdict := judge(t, pki.Client(), custom(t, pki, "projects/shop/locations/eu/agents/a2"))
	session := cxSession
	session.Name, session.ID = "projects/shop/locations/eu/agents/a1/environments/live/sessions/alice@example.com", "alice@example.com"
	_, refusal := (&authn.Webhook{Platform: dialogflow.CX, Profiles: []string{"agent"}}).Caller(verdict, &session)
	if refusal == nil || refusal.Saw != "a session of project shop, location eu, agent a1" {
		t.Errorf("refused with %v", refusal)
	}
}

func judge(t *testing.T, certificate *devca.Certificate, profiles ...*authn.Profile) *authn.Verdict {
	t.Helper()
	trust, err := authn.NewTrust(profiles...)
	if err != nil {
		t.Fatal(err)
	}
	verdict, refusal := trust.Judge(parse(t, certificate.TLS()), authntest.Now)
	if refusal != nil {
		t.Fatal(refusal)
	}
	return verdict
}

// custom is a profile that names agents, over the same authority.
func custom(t *testing.T, pki *authntest.PKI, agents ...string) *authn.Profile {
	t.Helper()
	profile, err := authn.Custom("agent", authn.Chain{
		Roots: []*x509.Certificate{pki.SSLCom.Certificate()}, Subject: authn.Subject{CommonName: "Google LLC"},
	}, agents)
	if err != nil {
		t.Fatal(err)
	}
	return profile
}
