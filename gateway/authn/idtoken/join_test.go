package idtoken_test

import (
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/gateway/authn/idtoken"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// A token proves the project that it is of, and nothing that was known better or stands beside it.
func TestProve(t *testing.T) {
	token := &idtoken.Token{Email: "service-7@gcp-sa-dialogflow.iam.gserviceaccount.com", Audience: audience, ProjectNumber: 7}
	const proven = `, "idToken": {"email": "service-7@gcp-sa-dialogflow.iam.gserviceaccount.com", "audience": "` + audience + `"}}`
	for _, c := range []struct{ name, who, want string }{
		{
			"stated", `{"projectId": {"value": "shop", "proof": "PROOF_STATED"}, "projectNumber": {"value": "7", "proof": "PROOF_STATED"}, "agent": {"value": "a", "proof": "PROOF_STATED"}}`,
			`{"projectId": {"value": "shop", "proof": "PROOF_ID_TOKEN"}, "projectNumber": {"value": "7", "proof": "PROOF_ID_TOKEN"}, "agent": {"value": "a", "proof": "PROOF_STATED"}` + proven,
		},
		{
			"by the certificate", `{"projectId": {"value": "shop", "proof": "PROOF_CERTIFICATE"}, "projectNumber": {"value": "7", "proof": "PROOF_CERTIFICATE"}}`,
			`{"projectId": {"value": "shop", "proof": "PROOF_CERTIFICATE"}, "projectNumber": {"value": "7", "proof": "PROOF_CERTIFICATE"}` + proven,
		},
		{"another project", `{"projectId": {"value": "shop", "proof": "PROOF_STATED"}, "projectNumber": {"value": "8", "proof": "PROOF_STATED"}}`, ""},
		{"another project's certificate", `{"projectNumber": {"value": "8", "proof": "PROOF_CERTIFICATE"}}`, ""},
		{"no number", `{"projectId": {"value": "7", "proof": "PROOF_STATED"}}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			who, want := &intentgatev1.Caller{}, &intentgatev1.Caller{}
			if err := protojson.Unmarshal([]byte(c.who), who); err != nil {
				t.Fatal(err)
			}
			refusal := token.Prove(who)
			if c.want == "" {
				if refusal == nil || refusal.Reason != authn.ProjectMismatch || refusal.Saw == "" || refusal.Wanted == "" {
					t.Errorf("refused with %v", refusal)
				}
				return
			}
			if err := protojson.Unmarshal([]byte(c.want), want); err != nil {
				t.Fatal(err)
			}
			if refusal != nil || !proto.Equal(who, want) {
				t.Errorf("%v, got  %v\nwant %v", refusal, who, want)
			}
		})
	}
}
