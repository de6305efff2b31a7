package secret_test

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/gateway/authn/secret"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

const agent = "projects/shop/locations/eu/agents/a1"

// caller is of a CX session, its project known as the proof says.
func caller(project, location, agent string, proof intentgatev1.Caller_Proof) *intentgatev1.Caller {
	return &intentgatev1.Caller{
		ProjectId:     &intentgatev1.Caller_Value{Value: project, Proof: proof},
		ProjectNumber: &intentgatev1.Caller_Value{Value: "415104041262", Proof: proof},
		Location:      &intentgatev1.Caller_Value{Value: location, Proof: proof},
		Agent:         &intentgatev1.Caller_Value{Value: agent, Proof: proof},
	}
}

func TestProve(t *testing.T) {
	const stated = intentgatev1.Caller_PROOF_STATED
	for name, test := range map[string]struct {
		projects, agents []string
		who              *intentgatev1.Caller
		reason           authn.Reason
	}{
		"project":                 {[]string{"shop"}, nil, caller("shop", "eu", "a1", stated), ""},
		"second project":          {[]string{"else", "shop"}, nil, caller("shop", "eu", "a1", stated), ""},
		"agent":                   {[]string{"shop"}, []string{agent}, caller("shop", "eu", "a1", stated), ""},
		"agent, project's number": {[]string{"shop"}, []string{"projects/415104041262/locations/eu/agents/a1"}, caller("shop", "eu", "a1", stated), ""},
		"second agent":            {[]string{"shop"}, []string{agent + "2", agent}, caller("shop", "eu", "a1", stated), ""},

		"no project":              {nil, nil, caller("shop", "eu", "a1", stated), secret.ProjectMismatch},
		"another project":         {[]string{"else"}, nil, caller("shop", "eu", "a1", stated), secret.ProjectMismatch},
		"another, agent fits":     {[]string{"else"}, []string{agent}, caller("shop", "eu", "a1", stated), secret.ProjectMismatch},
		"number for an ID":        {[]string{"415104041262"}, nil, caller("shop", "eu", "a1", stated), secret.ProjectMismatch},
		"another agent":           {[]string{"shop"}, []string{agent}, caller("shop", "eu", "a2", stated), secret.AgentMismatch},
		"another location":        {[]string{"shop"}, []string{agent}, caller("shop", "us", "a1", stated), secret.AgentMismatch},
		"another agent's project": {[]string{"shop", "else"}, []string{agent}, caller("else", "eu", "a1", stated), secret.AgentMismatch},
		"no agent":                {[]string{"shop"}, []string{agent}, &intentgatev1.Caller{ProjectId: &intentgatev1.Caller_Value{Value: "shop"}}, secret.AgentMismatch},
	} {
		t.Run(name, func(t *testing.T) {
			c := secret.Credential{Name: "a", Projects: test.projects, Agents: test.agents}
			before := proto.CloneOf(test.who)
			refusal := c.Prove(test.who)
			if test.reason != "" {
				if refusal == nil || refusal.Reason != test.reason || !proto.Equal(test.who, before) {
					t.Fatalf("%v, want %s; the caller is %v", refusal, test.reason, test.who)
				}
				silent(t, refusal)
				return
			}
			if refusal != nil {
				t.Fatal(refusal)
			}
			// It proves the project, not the agent.
			want := before
			want.ProjectId.Proof, want.ProjectNumber.Proof = intentgatev1.Caller_PROOF_SECRET, intentgatev1.Caller_PROOF_SECRET
			want.Credential = "a"
			if !proto.Equal(test.who, want) {
				t.Errorf("the caller is %v, want %v", test.who, want)
			}
		})
	}
}

// What the certificate proves stays proven by it.
func TestProveBesideCertificate(t *testing.T) {
	who := caller("shop", "eu", "a1", intentgatev1.Caller_PROOF_CERTIFICATE)
	want := proto.CloneOf(who)
	want.Credential = "a"
	if refusal := (&secret.Credential{Name: "a", Projects: []string{"shop"}}).Prove(who); refusal != nil || !proto.Equal(who, want) {
		t.Errorf("%v, the caller is %v", refusal, who)
	}
}
