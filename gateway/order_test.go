package gateway_test

import (
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/intentgate/intentgate/gateway/authn/idtoken"
	"github.com/intentgate/intentgate/gateway/simulator/issuer"
)

// untouched is a body that nobody may ask for.
type untouched struct{ t *testing.T }

func (u untouched) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, http.ErrBodyReadAfterClose
}

func (untouched) Close() error { return nil }

// Nobody's body is read before it is known that they may call: who waits to be told to go on with it is not told.
func TestNoBodyBeforeJudgement(t *testing.T) {
	const audience = "https://fulfil.shop.example/turns"
	google := must(issuer.New(issuer.Options{Now: time.Now}))(t)
	file := filepath.Join(t.TempDir(), "jwks.json")
	if err := os.WriteFile(file, google.JWKS(), 0o600); err != nil {
		t.Fatal(err)
	}
	keys := must(idtoken.NewKeys(idtoken.KeysConfig{File: file, Logger: slog.New(slog.DiscardHandler), Now: time.Now}))(t)
	tokens := must(idtoken.New(idtoken.Config{Keys: keys, Now: time.Now}))(t)
	good, foreign := must(google.Token(audience, 415104041262))(t), must(google.Token(audience, 1))(t)
	for name, c := range map[string]struct {
		change        func(*setup)
		withdraw      bool
		authorization []string
		status        int
		reason        string
	}{
		"profile": {change: func(s *setup) { s.Profiles = []string{"another"} }, authorization: []string{"Bearer " + good}, status: 403, reason: "profile_mismatch"},
		"trust":   {withdraw: true, authorization: []string{"Bearer " + good}, status: 403, reason: "unknown_authority"},
		"none":    {status: 401, reason: "no_token"},
		"two":     {authorization: []string{"Bearer " + good, "Bearer " + good}, status: 401, reason: "token_malformed"},
		"project": {authorization: []string{"Bearer " + foreign}, status: 401, reason: "token_project"},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, func(s *setup) {
				s.Token, s.tokens = &idtoken.Rules{Audiences: []string{audience}, Numbers: []uint64{415104041262}}, tokens
				if c.change != nil {
					c.change(s)
				}
			})
			if c.withdraw {
				request := f.request(t.Context(), recorded(t, "es-order-track"))
				request.Header["Authorization"] = c.authorization
				if got := f.send(request); got.status != http.StatusOK {
					t.Fatalf("answer %+v", got)
				}
				f.line()
				<-f.service.calls
				if err := f.trust.Replace(start(t, nil).profile("dialogflow-like")); err != nil {
					t.Fatal(err)
				}
			}
			request := f.request(t.Context(), "")
			request.Body, request.GetBody, request.ContentLength = untouched{t}, nil, 100
			request.Header["Authorization"] = c.authorization
			request.Header.Set("Expect", "100-continue")
			got := f.send(request)
			if l := f.line(); got.status != c.status || l.Reason != c.reason || strings.Contains(got.body, "oken") {
				t.Errorf("answer %+v, logged %+v, want %d %s", got, l, c.status, c.reason)
			}
			if len(f.service.calls) != 0 {
				t.Error("the service was called")
			}
		})
	}
}
