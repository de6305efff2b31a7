package gateway_test

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/gateway/authn/idtoken"
	"github.com/intentgate/intentgate/gateway/simulator/issuer"
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

// TestProofsOnOneConnection proves that nobody is taken for whom another one's ID token on the same connection has proven.
func TestProofsOnOneConnection(t *testing.T) {
	const audience = "https://fulfil.shop.example/turns"
	google := must(issuer.New(issuer.Options{Now: time.Now}))(t)
	file := filepath.Join(t.TempDir(), "jwks.json")
	if err := os.WriteFile(file, google.JWKS(), 0o600); err != nil {
		t.Fatal(err)
	}
	keys := must(idtoken.NewKeys(idtoken.KeysConfig{File: file, Logger: slog.New(slog.DiscardHandler), Now: time.Now}))(t)
	numbers := map[string]uint64{"shop": 1, "till": 2}
	tokens := map[string]string{}
	f := start(t, func(s *setup) {
		s.Projects = nil
		s.tokens, s.Token = must(idtoken.New(idtoken.Config{Keys: keys, Now: time.Now}))(t), &idtoken.Rules{Audiences: []string{audience}}
		for project, number := range numbers {
			s.Projects = append(s.Projects, authn.Project{ID: project, Number: number})
			s.Token.Numbers, tokens[project] = append(s.Token.Numbers, number), must(google.Token(audience, number))(t)
		}
	})
	for _, turn := range []struct{ session, token string }{
		{"shop", "shop"},
		{"shop", "till"}, // which follows on a turn of this very session
		{"till", "shop"},
		{"till", "till"},
		{"till", "shop"},
		{"shop", "shop"},
	} {
		request := f.request(t.Context(), fresh(recorded(t, "es-order-track", "projects/shop/", "projects/"+turn.session+"/")))
		request.Header.Set("Authorization", "Bearer "+tokens[turn.token])
		want := 200
		if turn.session != turn.token {
			want = 403
		}
		if got := f.send(request); got.status != want {
			t.Fatalf("a session of %s with a token of %s: HTTP %d, want %d", turn.session, turn.token, got.status, want)
		}
		if want != 200 {
			continue
		}
		if who, _ := decoded(t, (<-f.service.calls).metadata); who.GetProjectId().GetValue() != turn.session || who.GetIdToken().GetAudience() != audience {
			t.Errorf("a session of %s: the caller is %v", turn.session, who)
		}
	}
}

// TestTrustOnOneConnection proves that services are told by which trust an agent is let in now, not by which it was before.
func TestTrustOnOneConnection(t *testing.T) {
	f := start(t, func(s *setup) { s.Profiles = []string{"dialogflow-like", "other"} })
	for _, profile := range []string{"dialogflow-like", "other", "dialogflow-like"} {
		if err := f.trust.Replace(f.profile(profile)); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			who, _ := decoded(t, f.play(fresh(recorded(t, "es-order-track"))).metadata)
			if got := who.GetCertificate().GetProfile(); got != profile {
				t.Errorf("the profile is %q, want %q", got, profile)
			}
		}
	}
}
