package idtoken_test

import (
	"strings"
	"testing"
	"time"

	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/gateway/authn/idtoken"
	"github.com/intentgate/intentgate/gateway/simulator/issuer"
)

// Each case differs from a good token in what it sets; nil leaves a claim out.
func TestClaims(t *testing.T) {
	const agent = "service-123456789012@gcp-sa-dialogflow.iam.gserviceaccount.com"
	at := func(d time.Duration) int64 { return start.Add(d).Unix() }
	for _, c := range []struct {
		name string
		set  map[string]any
		want authn.Reason
	}{
		{"as Google makes it", nil, ""},
		{"a claim that nobody knows", map[string]any{"target": "x"}, ""},
		{"issuer without scheme", map[string]any{"iss": "accounts.google.com"}, ""},
		{"another issuer", map[string]any{"iss": "https://accounts.google.com.evil.example"}, idtoken.Issuer},
		{"issuer with a slash", map[string]any{"iss": "https://accounts.google.com/"}, idtoken.Issuer},
		{"issuer over http", map[string]any{"iss": "http://accounts.google.com"}, idtoken.Issuer},
		{"no issuer", map[string]any{"iss": nil}, idtoken.Issuer},
		{"issuer is a list", map[string]any{"iss": []string{"accounts.google.com"}}, idtoken.Malformed},

		{"second audience of the webhook", map[string]any{"aud": audience + "/staging"}, ""},
		{"audience in a list", map[string]any{"aud": []string{audience}}, ""},
		{"two audiences", map[string]any{"aud": []string{audience, "https://other.example"}}, idtoken.Audience},
		{"two audiences, both ours", map[string]any{"aud": []string{audience, audience + "/staging"}}, idtoken.Audience},
		{"no audience in a list", map[string]any{"aud": []string{}}, idtoken.Audience},
		{"audience in a list in a list", map[string]any{"aud": [][]string{{audience}}}, idtoken.Audience},
		{"audience with a slash", map[string]any{"aud": audience + "/"}, idtoken.Audience},
		{"audience in capitals", map[string]any{"aud": strings.ToUpper(audience)}, idtoken.Audience},
		{"audience with a query", map[string]any{"aud": audience + "?"}, idtoken.Audience},
		{"audience is an object", map[string]any{"aud": map[string]string{"aud": audience}}, idtoken.Audience},
		{"empty audience", map[string]any{"aud": ""}, idtoken.Audience},
		{"no audience", map[string]any{"aud": nil}, idtoken.Audience},

		{"CX Agent Studio", map[string]any{"email": "service-123456789012@gcp-sa-ces.iam.gserviceaccount.com"}, ""},
		{"other project of the webhook", map[string]any{"email": "service-7@gcp-sa-dialogflow.iam.gserviceaccount.com"}, ""},
		{"foreign project", map[string]any{"email": "service-123456789013@gcp-sa-dialogflow.iam.gserviceaccount.com"}, idtoken.Project},
		{"project number too large", map[string]any{"email": "service-18446744073709551616@gcp-sa-dialogflow.iam.gserviceaccount.com"}, idtoken.Email},
		{"project number that would wrap", map[string]any{"email": "service-18446744073709551623@gcp-sa-dialogflow.iam.gserviceaccount.com"}, idtoken.Email},
		{"project number with a zero", map[string]any{"email": "service-0123456789012@gcp-sa-dialogflow.iam.gserviceaccount.com"}, idtoken.Email},
		{"project number with a sign", map[string]any{"email": "service-+123456789012@gcp-sa-dialogflow.iam.gserviceaccount.com"}, idtoken.Email},
		{"project number with a space", map[string]any{"email": "service- 123456789012@gcp-sa-dialogflow.iam.gserviceaccount.com"}, idtoken.Email},
		{"project number in other digits", map[string]any{"email": "service-１２３４５６７８９０１２@gcp-sa-dialogflow.iam.gserviceaccount.com"}, idtoken.Email},
		{"project zero", map[string]any{"email": "service-0@gcp-sa-dialogflow.iam.gserviceaccount.com"}, idtoken.Email},
		{"no service", map[string]any{"email": "123456789012@gcp-sa-dialogflow.iam.gserviceaccount.com"}, idtoken.Email},
		{"no domain", map[string]any{"email": "service-123456789012"}, idtoken.Email},
		{"no project number", map[string]any{"email": "service-@gcp-sa-dialogflow.iam.gserviceaccount.com"}, idtoken.Email},
		{"another service's agent", map[string]any{"email": "service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com"}, idtoken.Email},
		{"a service account of the user's", map[string]any{"email": "bot@shop-support.iam.gserviceaccount.com"}, idtoken.Email},
		{"domain that goes on", map[string]any{"email": agent + ".evil.example"}, idtoken.Email},
		{"domain that only ends so", map[string]any{"email": "service-123456789012@evil-gcp-sa-dialogflow.iam.gserviceaccount.com"}, idtoken.Email},
		{"Kelvin sign and long s", map[string]any{"email": strings.Replace(agent, "service", "ſervice", 1)}, idtoken.Email},
		{"zero-width space", map[string]any{"email": strings.Replace(agent, "@", "\u200b@", 1)}, idtoken.Email},
		{"null byte", map[string]any{"email": agent + "\x00"}, idtoken.Email},
		{"capitals", map[string]any{"email": strings.ToUpper(agent)}, idtoken.Email},
		{"no e-mail", map[string]any{"email": nil}, idtoken.Email},
		{"e-mail not verified", map[string]any{"email_verified": false}, idtoken.Email},
		{"e-mail verified in words", map[string]any{"email_verified": "true"}, idtoken.Email},
		{"e-mail verified in numbers", map[string]any{"email_verified": 1}, idtoken.Email},
		{"nobody says whether it is verified", map[string]any{"email_verified": nil}, idtoken.Email},

		{"no azp", map[string]any{"azp": nil}, ""},
		{"no sub", map[string]any{"sub": nil}, ""},
		{"azp of another", map[string]any{"azp": "1"}, idtoken.Subject},

		{"just not expired", map[string]any{"exp": at(-29 * time.Second), "iat": at(-time.Hour)}, ""},
		{"just expired", map[string]any{"exp": at(-30 * time.Second), "iat": at(-time.Hour)}, idtoken.Expired},
		{"no exp", map[string]any{"exp": nil}, idtoken.Malformed},
		{"exp is a text", map[string]any{"exp": "2243390706"}, idtoken.Malformed},
		{"exp with a fraction", map[string]any{"exp": float64(at(time.Hour)) + .5}, idtoken.Malformed},
		{"exp that overflows nanoseconds", map[string]any{"exp": int64(1) << 40}, idtoken.Lifetime},
		{"exp that overflows years", map[string]any{"exp": int64(1) << 62}, idtoken.Malformed},
		{"exp that is no int64", map[string]any{"exp": 1e300}, idtoken.Malformed},
		{"negative exp", map[string]any{"exp": -1}, idtoken.Malformed},
		{"exp before iat", map[string]any{"exp": at(-2 * time.Second), "iat": at(-time.Second)}, idtoken.Lifetime},
		{"a day", map[string]any{"exp": at(24 * time.Hour)}, ""},
		{"more than a day", map[string]any{"exp": at(24*time.Hour + time.Second)}, idtoken.Lifetime},
		{"iat just ahead", map[string]any{"iat": at(30 * time.Second)}, ""},
		{"iat too far ahead", map[string]any{"iat": at(31 * time.Second)}, idtoken.NotYetValid},
		{"no iat", map[string]any{"iat": nil}, idtoken.Malformed},
		{"nbf just ahead", map[string]any{"nbf": at(30 * time.Second)}, ""},
		{"nbf too far ahead", map[string]any{"nbf": at(31 * time.Second)}, idtoken.NotYetValid},
		{"large, but not too large", map[string]any{"x": strings.Repeat("x", 5400)}, ""},
		{"too large", map[string]any{"x": strings.Repeat("x", 5600)}, idtoken.Malformed},
		{"negative nbf", map[string]any{"nbf": -1}, idtoken.Malformed},
		{"nbf out of range", map[string]any{"nbf": int64(1) << 62}, idtoken.Malformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, _, _ := verifier(t, (&clock{now: start}).Now)
			claims := claims(t)
			for name, value := range c.set {
				if claims[name] = value; value == nil {
					delete(claims, name)
				}
			}
			raw := token(t, claims)
			got, refusal := v.Verify(t.Context(), bearer(raw), rules())
			check(t, got, refusal, c.want, raw)
			if refusal == nil && (got.Email != claims["email"] || got.Expires.Unix() != claims["exp"]) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestRefusalsNameTheClaim(t *testing.T) {
	v, _, _ := verifier(t, (&clock{now: start}).Now)
	for _, c := range []struct{ claim, value, saw, wanted string }{
		{"aud", "https://fulfil.shop.example/\u202e", `aud "https://fulfil.shop.example/\u202e"`, "one of " + audience + ", " + audience + "/staging"},
		{"iss", "https://evil.example\n", `iss https://evil.example\n`, "https://accounts.google.com"},
		{"email", "service-8@gcp-sa-ces.iam.gserviceaccount.com", "email service-8@gcp-sa-ces.iam.gserviceaccount.com", "one of project 7, 123456789012"},
	} {
		claims := claims(t)
		claims[c.claim] = c.value
		if _, refusal := v.Verify(t.Context(), bearer(token(t, claims)), rules()); refusal == nil || refusal.Saw != c.saw || refusal.Wanted != c.wanted {
			t.Errorf("%s: %+v, want %q and %q", c.claim, refusal, c.saw, c.wanted)
		}
	}
}

func TestTokenSaysWhoCalls(t *testing.T) {
	now := (&clock{now: start}).Now
	v, _, file := verifier(t, now)
	google, err := issuer.New(issuer.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := idtoken.NewKeys(idtoken.KeysConfig{File: file, Logger: quiet(), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	write(t, file, google.JWKS())
	if _, err := keys.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	raw, err := google.Token(audience, number)
	if err != nil {
		t.Fatal(err)
	}
	if _, refusal := v.Verify(t.Context(), bearer(raw), rules()); refusal == nil || refusal.Reason != idtoken.UnknownKey {
		t.Errorf("a token of another issuer: %v", refusal)
	}
	v, err = idtoken.New(idtoken.Config{Keys: keys, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	got, refusal := v.Verify(t.Context(), []string{"bEARER " + raw}, rules())
	if refusal != nil {
		t.Fatal(refusal)
	}
	want := idtoken.Token{
		Email:    "service-123456789012@gcp-sa-dialogflow.iam.gserviceaccount.com",
		Audience: audience, ProjectNumber: number, Expires: start.Add(time.Hour),
	}
	if got.Email != want.Email || got.Audience != want.Audience || got.ProjectNumber != want.ProjectNumber || !got.Expires.Equal(want.Expires) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestEmptyRulesTakeNobody(t *testing.T) {
	v, _, _ := verifier(t, (&clock{now: start}).Now)
	claims := claims(t)
	good := token(t, claims)
	delete(claims, "aud")
	for name, c := range map[string]struct {
		token string
		rules idtoken.Rules
	}{
		"no audience":        {good, idtoken.Rules{Numbers: []uint64{number}}},
		"an empty one":       {good, idtoken.Rules{Audiences: []string{""}, Numbers: []uint64{number}}},
		"none for empty one": {token(t, claims), idtoken.Rules{Audiences: []string{""}, Numbers: []uint64{number}}},
		"no project":         {good, idtoken.Rules{Audiences: []string{audience}}},
		"project zero":       {good, idtoken.Rules{Audiences: []string{audience}, Numbers: []uint64{0}}},
	} {
		if _, refusal := v.Verify(t.Context(), bearer(c.token), &c.rules); refusal == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// What is remembered is that the signature is good, and nothing else.
func TestRememberedTokensAreJudgedAgain(t *testing.T) {
	clock := &clock{now: start}
	v, keys, file := verifier(t, clock.Now)
	raw := token(t, claims(t))
	verify := func(rules *idtoken.Rules, want authn.Reason) {
		t.Helper()
		got, refusal := v.Verify(t.Context(), bearer(raw), rules)
		check(t, got, refusal, want, raw)
	}
	verify(rules(), "")
	if v.Remembered() != 1 {
		t.Fatalf("%d proofs", v.Remembered())
	}
	first, _ := v.Verify(t.Context(), bearer(raw), rules())
	if second, _ := v.Verify(t.Context(), bearer(raw), rules()); first != second {
		t.Error("not remembered")
	}

	other := rules()
	other.Audiences = []string{"https://other.example/"}
	verify(other, idtoken.Audience)
	other = rules()
	other.Numbers = []uint64{7}
	verify(other, idtoken.Project)

	young := rules()
	young.MaxAge = 10 * time.Minute
	clock.Move(young.MaxAge + 30*time.Second)
	verify(young, "")
	clock.Move(time.Second)
	verify(young, idtoken.TooOld)
	verify(rules(), "")
	clock.Move(50 * time.Minute)
	verify(rules(), idtoken.Expired)
	patient := rules()
	patient.Skew = time.Minute
	verify(patient, "")

	same := jwk(signing(), keyID)
	write(t, file, document(t, jwk(strangers(), "new"), same))
	if _, err := keys.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if again, refusal := v.Verify(t.Context(), bearer(raw), patient); refusal != nil || again != first {
		t.Error("forgotten although its key is still there")
	}
	write(t, file, document(t, jwk(strangers(), keyID)))
	if _, err := keys.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	verify(patient, idtoken.Signature)
	write(t, file, document(t, jwk(signing(), "renamed")))
	if _, err := keys.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	verify(patient, idtoken.UnknownKey)
}

func TestMemoryIsBounded(t *testing.T) {
	v, _, _ := verifier(t, (&clock{now: start}).Now)
	v.Fill()
	full := v.Remembered()
	raw := token(t, claims(t))
	if _, refusal := v.Verify(t.Context(), bearer(raw), rules()); refusal != nil {
		t.Fatal(refusal)
	}
	if n := v.Remembered(); n == 0 || n > full {
		t.Fatalf("%d proofs after %d", n, full)
	}
}

func TestRememberedCostsNothing(t *testing.T) {
	v, _, _ := verifier(t, (&clock{now: start}).Now)
	values, rules := bearer(token(t, claims(t))), rules()
	allocations := testing.AllocsPerRun(100, func() {
		if _, refusal := v.Verify(t.Context(), values, rules); refusal != nil {
			t.Error(refusal)
		}
	})
	if allocations > 0 {
		t.Errorf("%v allocations", allocations)
	}
}

func TestNewRefusesGaps(t *testing.T) {
	if _, err := idtoken.New(idtoken.Config{Now: time.Now}); err == nil {
		t.Error("without keys")
	}
	if _, err := idtoken.New(idtoken.Config{Keys: &idtoken.Keys{}}); err == nil {
		t.Error("without a clock")
	}
}
