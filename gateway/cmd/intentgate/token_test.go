package main

import (
	"encoding/base64"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/intentgate/intentgate/gateway/simulator/issuer"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// TestTokens calls with Google's certificate, which anybody's agent presents, and with tokens that differ in one thing each
// from one that is accepted.
func TestTokens(t *testing.T) {
	t.Parallel()
	tokens, err := issuer.New(issuer.Options{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := issuer.New(issuer.Options{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "jwks.json")
	if err := os.WriteFile(file, tokens.JWKS(), 0o600); err != nil {
		t.Fatal(err)
	}
	const url, project = "https://fulfil.shop.example/dialogflow/es", 415104041262
	g := start(t, edit{"id_token: {mode: off, allow_any_project: true}", `id_token: {audiences: ["` + url + `"]}`},
		edit{"status:", "id_token_keys: {file: " + file + "}\nstatus:"})
	google := g.dialogflow(t)
	call := func(t *testing.T, id string, authorization ...string) answer {
		t.Helper()
		request := g.request(t.Context(), t, esPath, esTurn(id))
		if strings.HasPrefix(id, "foreign") {
			request = g.request(t.Context(), t, esPath, strings.ReplaceAll(esTurn(id), "projects/shop", "projects/else"))
		}
		request.Header["Authorization"] = authorization
		return ask(t, google, request)
	}
	// token is a good one with some claims changed.
	token := func(t *testing.T, by *issuer.Issuer, change map[string]any) string {
		t.Helper()
		claims := by.Claims(url, project)
		for name, value := range change {
			claims[name] = value
		}
		text, err := by.Sign(claims)
		if err != nil {
			t.Fatal(err)
		}
		return "Bearer " + text
	}
	good := token(t, tokens, nil)

	t.Run("accepted", func(t *testing.T) {
		for _, id := range []string{"fresh", "seen"} {
			wantES(t, call(t, id, good), "heard "+id)
			who := g.service.one(t, id).call.Caller
			if who.GetProjectId().GetValue() != "shop" || who.GetProjectId().GetProof() != intentgatev1.Caller_PROOF_ID_TOKEN ||
				who.GetProjectNumber().GetProof() != intentgatev1.Caller_PROOF_ID_TOKEN || who.GetIdToken().GetAudience() != url ||
				who.GetIdToken().GetEmail() != "service-415104041262@gcp-sa-dialogflow.iam.gserviceaccount.com" {
				t.Errorf("the caller is %s", protojson.Format(who))
			}
		}
		g.log.await(t, 2, entry{"msg": "Turn", "outcome": "answered", "project_proof": "ID_TOKEN"})
		if ready := get(t, g.Status+"/readyz").body; !strings.Contains(ready, `"id_token_keys":{"source":"`+file+`","keys":1,`) {
			t.Errorf("readiness does not tell of the keys: %s", ready)
		}
	})

	none := "Bearer " + base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + strings.Split(good, ".")[1] + "."
	before := len(g.service.all())
	for name, test := range map[string]struct {
		reason        string
		authorization []string
	}{
		"no token":         {"no_token", nil},
		"basic":            {"no_token", []string{"Basic c2hvcDpzaG9w"}},
		"two tokens":       {"token_malformed", []string{good, good}},
		"access token":     {"token_malformed", []string{"Bearer ya29.a0AfH6SMB"}},
		"not signed":       {"token_algorithm", []string{none}},
		"another key":      {"token_unknown_key", []string{token(t, stranger, nil)}},
		"cut short":        {"token_signature", []string{good[:len(good)-342] + strings.Repeat("A", 342)}},
		"another webhook":  {"token_audience", []string{token(t, tokens, map[string]any{"aud": url + "/"})}},
		"another issuer":   {"token_issuer", []string{token(t, tokens, map[string]any{"iss": "https://accounts.google.com.example"})}},
		"a user":           {"token_email", []string{token(t, tokens, map[string]any{"email": "eve@gmail.com"})}},
		"expired":          {"token_expired", []string{token(t, tokens, map[string]any{"iat": time.Now().Add(-3 * time.Hour).Unix(), "exp": time.Now().Add(-2 * time.Hour).Unix()})}},
		"another project":  {"token_project", []string{token(t, tokens, map[string]any{"email": "service-999999999999@gcp-sa-dialogflow.iam.gserviceaccount.com"})}},
		"foreign, session": {"project_mismatch", []string{good}},
	} {
		t.Run(name, func(t *testing.T) {
			status, code, challenge := http.StatusUnauthorized, codes.Unauthenticated, "Bearer"
			id := name
			if test.reason == "project_mismatch" {
				status, code, challenge, id = http.StatusForbidden, codes.PermissionDenied, "", "foreign"
			}
			got := call(t, id, test.authorization...)
			if c, sentence := got.message(t); got.StatusCode != status || c != code || got.Header.Get("WWW-Authenticate") != challenge ||
				strings.Contains(sentence, "shop") || strings.Contains(sentence, "oken") {
				t.Errorf("status %d %s %q, want %d %s", got.StatusCode, c, sentence, status, code)
			}
			g.audit.await(t, 1, entry{"msg": "Turn refused", "reason": test.reason})
			g.log.await(t, 1, entry{"msg": "Turn", "reason": test.reason, "outcome": "refused"})
		})
	}
	if calls := g.service.all(); len(calls) != before {
		t.Errorf("%d refused turns reached the service", len(calls)-before)
	}
	// Other keys: what was proven by the old ones no longer is.
	if err := os.WriteFile(file, stranger.JWKS(), 0o600); err != nil {
		t.Fatal(err)
	}
	g.log.await(t, 2, entry{"msg": "Fetched the keys of ID tokens", "level": "INFO"})
	if got := call(t, "old key", good); got.StatusCode != http.StatusUnauthorized {
		t.Errorf("a token of a withdrawn key: status %d", got.StatusCode)
	}
	wantES(t, call(t, "new key", token(t, stranger, nil)), "heard new key")
	for _, journal := range []*journal{g.log, g.audit} {
		if strings.Contains(journal.String(), strings.Split(good, ".")[1]) {
			t.Error("a token stands in the log")
		}
	}
}
