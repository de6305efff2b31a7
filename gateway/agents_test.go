package gateway_test

import (
	"fmt"
	"testing"

	"github.com/intentgate/intentgate/gateway/authn"
)

// TestAgentsOnOneConnection proves that who calls is found out anew for each agent, though one has called on the connection already.
func TestAgentsOnOneConnection(t *testing.T) {
	f := start(t, func(s *setup) { s.Projects = []authn.Project{{ID: "shop", Number: 1}, {ID: "till", Number: 2}} })
	turn := 0
	for range 2 {
		for project, number := range map[string]string{"shop": "1", "till": "2"} {
			for _, environment := range []string{"prod", "test"} {
				for range 2 {
					turn++
					session := fmt.Sprintf("projects/%s/agent/environments/%s/users/-/sessions/%d", project, environment, turn)
					who, ref := decoded(t, f.play(recorded(t, "es-order-track", "projects/shop/agent/sessions/7d1f0a52-3c1b-4e0a-8a55-90be2d7f6c11", session)).metadata)
					if who.GetProjectId().GetValue() != project || who.GetProjectNumber().GetValue() != number || who.GetEnvironment().GetValue() != environment {
						t.Errorf("%s: the caller is %v", session, who)
					}
					if ref.GetSession() != session {
						t.Errorf("%s: the reference is %v", session, ref)
					}
				}
			}
		}
	}
	if got := f.send(f.request(t.Context(), recorded(t, "es-order-track", "projects/shop/", "projects/strange/"))); got.status != 401 && got.status != 403 {
		t.Errorf("a session of a project that is not served, on the same connection: %v", got)
	}
}
