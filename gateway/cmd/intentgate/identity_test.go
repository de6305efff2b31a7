package main

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"net/http"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/mtls/devca"
)

// TestIdentities has clients whose certificates are good, but not for everything.
func TestIdentities(t *testing.T) {
	t.Parallel()
	ca, err := devca.New(devca.Options{CommonName: "the shop's own CA"})
	if err != nil {
		t.Fatal(err)
	}
	agent, err := ca.Issue(devca.Leaf{
		Subject: pkix.Name{CommonName: "agent"}, DNS: []string{"agent.shop.example"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir() + "/shop-ca.pem"
	if err := ca.WriteFile(root); err != nil {
		t.Fatal(err)
	}
	g := start(t,
		edit{"webhooks:\n", "    - name: shop-agent\n      roots: {file: " + root + "}\n      subject: {dns: [agent.shop.example]}\n" +
			"      agents: [projects/shop/locations/global/agents/a-1]\nwebhooks:\n"},
		edit{"platform: CX\n    profiles: [dev]", "platform: CX\n    profiles: [dev, shop-agent]"})
	google, shop := g.dialogflow(t), g.client(t, agent.TLS(), false)
	other := `{"detectIntentResponseId":"%","fulfillmentInfo":{"tag":"t"},"sessionInfo":{"session":"projects/shop/locations/global/agents/a-2/sessions/s"}}`
	foreign := `{"responseId":"%","session":"projects/else/agent/sessions/s","queryResult":{"intent":{"displayName":"i"}}}`

	t.Run("agent proven", func(t *testing.T) {
		wantCX(t, g.post(t, shop, cxPath, cxTurn("proven")), "heard proven")
		who := g.service.one(t, "proven").call.Caller
		if who.GetAgent().GetValue() != "a-1" || who.GetAgent().GetProof() != intentgatev1.Caller_PROOF_CERTIFICATE ||
			who.GetProjectId().GetProof() != intentgatev1.Caller_PROOF_CERTIFICATE || who.GetCertificate().GetProfile() != "shop-agent" {
			t.Errorf("the caller is %s", protojson.Format(who))
		}
	})
	t.Run("agent stated", func(t *testing.T) {
		wantCX(t, g.post(t, google, cxPath, cxTurn("stated")), "heard stated")
		who := g.service.one(t, "stated").call.Caller
		if who.GetAgent().GetProof() != intentgatev1.Caller_PROOF_STATED || who.GetCertificate().GetProfile() != "dev" {
			t.Errorf("the caller is %s", protojson.Format(who))
		}
	})
	before := len(g.service.all())
	for reason, test := range map[string]struct {
		client     *http.Client
		path, body string
	}{
		"agent_mismatch":   {shop, cxPath, other},
		"profile_mismatch": {shop, esPath, esTurn("profile")},
		"project_mismatch": {google, esPath, foreign},
	} {
		t.Run(reason, func(t *testing.T) {
			got := g.post(t, test.client, test.path, test.body)
			// What would have been accepted is nobody's business.
			if code, sentence := got.message(t); got.StatusCode != http.StatusForbidden || code != codes.PermissionDenied || sentence != "the caller is not allowed here" {
				t.Errorf("status %d %s %q", got.StatusCode, code, sentence)
			}
			line := g.audit.await(t, 1, entry{"msg": "Turn refused", "reason": reason})[0]
			if line.text("saw") == "" || line.text("wanted") == "" || line.text("webhook") != test.path {
				t.Errorf("the audit trail says %v", line)
			}
			g.log.await(t, 1, entry{"msg": "Turn", "reason": reason, "outcome": "refused"})
		})
	}
	if calls := g.service.all(); len(calls) != before {
		t.Errorf("%d refused turns reached the service", len(calls)-before)
	}
}
