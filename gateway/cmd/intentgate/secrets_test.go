package main

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/intentgate/intentgate/gateway/simulator"
	"github.com/intentgate/intentgate/gateway/simulator/issuer"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// secrets are those of the credentials that tests configure, by the names of their files.
var secrets = map[string]string{
	"password": "the shop's password, so long", "next": "what comes next is as long", "key": "the value of a header",
	"bound": "the secret of one agent alone", "beta": "that of another webhook's",
}

// secretFiles writes the secrets into a new folder.
func secretFiles(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, secret := range secrets {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(secret+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func basic(username, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(username+":"+password))
}

// TestSecrets calls with Google's certificate, which anybody's agent presents, and with credentials and sessions that differ
// in one thing each from what is accepted. ES takes tokens, too; CX does not, and one webhook takes a header alone.
func TestSecrets(t *testing.T) {
	t.Parallel()
	tokens, err := issuer.New(issuer.Options{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	const url, project = "https://fulfil.shop.example/dialogflow/es", 415104041262
	signed, err := tokens.Sign(tokens.Claims(url, project))
	if err != nil {
		t.Fatal(err)
	}
	dir := secretFiles(t)
	jwks := filepath.Join(dir, "jwks.json")
	if err := os.WriteFile(jwks, tokens.JWKS(), 0o600); err != nil {
		t.Fatal(err)
	}
	const projects = "    projects: [{id: shop, number: 415104041262}"
	const off = "    id_token: {mode: off, allow_any_project: true}\n"
	g := start(t,
		edit{off + projects + "]\n", `    id_token: {audiences: ["` + url + `"]}` + "\n" + projects + ", {id: mine, number: 1}]\n" +
			"    credentials:\n" +
			"      - {name: es, basic: {username: shop, passwords: [{file: " + dir + "/password}, {file: " + dir + "/next}]}, projects: [shop]}\n" +
			"      - {name: es-key, header: {name: x-webhook-key, values: [{file: " + dir + "/key}]}, projects: [shop, mine]}\n"},
		edit{"profiles: [dev]\n" + off, "profiles: [dev]\n    id_token: {mode: off}\n" + projects + "]\n" +
			"    credentials: [{name: beta, header: {name: x-webhook-key, values: [{file: " + dir + "/beta}]}, projects: [shop]}]\n"},
		edit{off, "    id_token: {mode: off}\n    credentials:\n" +
			"      - {name: one-agent, basic: {username: a-1, passwords: [{file: " + dir + "/bound}]}, projects: [shop], agents: [projects/shop/locations/global/agents/a-1]}\n"},
		edit{"status:", "id_token_keys: {file: " + jwks + "}\nstatus:"})
	google := g.dialogflow(t)

	const authorization, key = "Authorization", "X-Webhook-Key"
	good := basic("shop", secrets["password"])
	const noChallenge, basicChallenge, both = "", `Basic realm="intentgate"`, `Bearer, Basic realm="intentgate"`
	for name, test := range map[string]struct {
		path, session string // of the platform and the project shop if empty
		header        http.Header
		want          string // the credential's name, or the reason
		challenge     string
	}{
		"basic":                  {esPath, "", http.Header{authorization: {good}}, "es", ""},
		"basic, the next":        {esPath, "", http.Header{authorization: {basic("shop", secrets["next"])}}, "es", ""},
		"header":                 {esPath, "", http.Header{key: {secrets["key"]}}, "es-key", ""},
		"header, spelt low":      {esPath, "", http.Header{"x-webhook-key": {secrets["key"]}}, "es-key", ""},
		"header, second project": {esPath, "projects/mine/agent/sessions/s-1", http.Header{key: {secrets["key"]}}, "es-key", ""},
		"token":                  {esPath, "", http.Header{authorization: {"Bearer " + signed}}, "", ""},
		"token and a header":     {esPath, "", http.Header{authorization: {"Bearer " + signed}, key: {"anything"}}, "", ""},
		"one agent":              {cxPath, "", http.Header{authorization: {basic("a-1", secrets["bound"])}}, "one-agent", ""},
		"the other webhook":      {esBetaPath, "", http.Header{key: {secrets["beta"]}}, "beta", ""},

		"nothing":                    {esPath, "", nil, "no_credential", both},
		"nothing, no tokens":         {cxPath, "", nil, "no_credential", basicChallenge},
		"nothing, header alone":      {esBetaPath, "", nil, "no_credential", noChallenge},
		"another header":             {esPath, "", http.Header{"X-Webhook-Kee": {secrets["key"]}}, "no_credential", both},
		"wrong password":             {esPath, "", http.Header{authorization: {basic("shop", secrets["key"])}}, "credential_mismatch", both},
		"wrong user":                 {esPath, "", http.Header{authorization: {basic("shoq", secrets["password"])}}, "credential_mismatch", both},
		"wrong header":               {esPath, "", http.Header{key: {secrets["password"]}}, "credential_mismatch", both},
		"another webhook's header":   {esBetaPath, "", http.Header{key: {secrets["key"]}}, "credential_mismatch", noChallenge},
		"another webhook's password": {cxPath, "", http.Header{authorization: {good}}, "credential_mismatch", basicChallenge},
		"twice":                      {esPath, "", http.Header{authorization: {good, good}}, "credential_malformed", both},
		"header twice":               {esPath, "", http.Header{key: {secrets["key"], secrets["key"]}}, "credential_malformed", both},
		"no base64":                  {esPath, "", http.Header{authorization: {"Basic " + secrets["password"]}}, "credential_malformed", both},
		"basic and header":           {esPath, "", http.Header{authorization: {good}, key: {secrets["key"]}}, "credential_malformed", both},
		"a token counts":             {esPath, "", http.Header{authorization: {"Bearer " + signed + "x"}, key: {secrets["key"]}}, "token_malformed", both},
		"a token and basic":          {esPath, "", http.Header{authorization: {good, "Bearer " + signed}}, "token_malformed", both},
		"a token where none is":      {cxPath, "", http.Header{authorization: {"Bearer " + signed}}, "no_credential", basicChallenge},
		"a project of the webhook's": {esPath, "projects/mine/agent/sessions/s-1", http.Header{authorization: {good}}, "credential_project", ""},
		"the same by its number":     {esPath, "projects/1/agent/sessions/s-1", http.Header{authorization: {good}}, "credential_project", ""},
		"another project":            {esPath, "projects/else/agent/sessions/s-1", http.Header{authorization: {good}}, "project_mismatch", ""},
		"another agent":              {cxPath, "projects/shop/locations/global/agents/a-2/sessions/s-1", http.Header{authorization: {basic("a-1", secrets["bound"])}}, "credential_agent", ""},
		"another location":           {cxPath, "projects/shop/locations/eu/agents/a-1/sessions/s-1", http.Header{authorization: {basic("a-1", secrets["bound"])}}, "credential_agent", ""},
	} {
		t.Run(name, func(t *testing.T) {
			body, own := esTurn(name), "projects/shop/agent/sessions/s-1"
			if test.path == cxPath {
				body, own = cxTurn(name), "projects/shop/locations/global/agents/a-1/sessions/s-1"
			}
			if test.session != "" {
				body = strings.ReplaceAll(body, own, test.session)
			}
			request := g.request(t.Context(), t, test.path, body)
			for name, values := range test.header {
				request.Header[name] = values
			}
			got := ask(t, google, request)
			if !strings.Contains(test.want, "_") {
				if got.StatusCode != http.StatusOK {
					t.Fatalf("status %d %s", got.StatusCode, got.body)
				}
				g.provenBySecret(t, name, test.want)
				return
			}
			status, code := http.StatusUnauthorized, codes.Unauthenticated
			if test.session != "" {
				status, code = http.StatusForbidden, codes.PermissionDenied
			}
			c, sentence := got.message(t)
			if challenge := strings.Join(got.Header.Values("WWW-Authenticate"), ", "); got.StatusCode != status || c != code || challenge != test.challenge {
				t.Errorf("status %d %s, challenge %q; want %d %s, %q", got.StatusCode, c, challenge, status, code, test.challenge)
			}
			if strings.Contains(sentence, "shop") || strings.Contains(sentence, "asic") || strings.Contains(sentence, "redential") {
				t.Errorf("the caller is told %q", sentence)
			}
			g.log.await(t, 1, entry{"msg": "Turn", "reason": test.want, "outcome": "refused"})
			line := g.audit.await(t, 1, entry{"msg": "Turn refused", "reason": test.want})[0]
			if line.text("saw") == "" || line.text("wanted") == "" || line.text("hint") == "" ||
				(status == http.StatusForbidden) == (line.text("credential") == "") {
				t.Errorf("the audit trail says %v", line)
			}
			if calls := g.service.of(name); len(calls) > 0 {
				t.Error("a refused turn reached the service")
			}
		})
	}
	metrics := get(t, g.Status+"/metrics").body
	t.Run("all are counted", func(t *testing.T) { // a test of its own, for runs of some of those above
		for _, reason := range []string{"no_credential", "credential_malformed", "credential_mismatch", "credential_project", "credential_agent"} {
			if !strings.Contains(metrics, `reason="`+reason+`"`) {
				t.Errorf("%s is not counted", reason)
			}
		}
	})
	g.silent(t, metrics)
}

// provenBySecret fails unless the caller of a turn is known by a credential; by a token if that has no name.
func (g *gate) provenBySecret(t *testing.T, turn, credential string) {
	t.Helper()
	proof := intentgatev1.Caller_PROOF_SECRET
	if credential == "" {
		proof = intentgatev1.Caller_PROOF_ID_TOKEN
	}
	who := g.service.one(t, turn).call.Caller
	if who.GetProjectId().GetProof() != proof || who.GetProjectNumber().GetProof() != proof || who.GetCredential() != credential ||
		(who.GetIdToken() == nil) != (credential != "") || who.GetAgent().GetProof() > intentgatev1.Caller_PROOF_STATED {
		t.Errorf("the caller is %s", protojson.Format(who))
	}
	attributes := entry{"msg": "Turn", "turn_id": turn, "outcome": "answered", "project_proof": strings.TrimPrefix(proof.String(), "PROOF_")}
	if credential != "" {
		attributes["credential"] = credential
	}
	g.log.await(t, 1, attributes)
}

// silent fails if a secret stands in a log, in a text, or in what reached the service.
func (g *gate) silent(t *testing.T, texts ...string) {
	t.Helper()
	texts = append(texts, g.log.String(), g.audit.String())
	for _, call := range g.service.all() {
		for key, values := range call.metadata {
			texts = append(texts, key+": "+strings.Join(values, "\n"))
		}
	}
	for _, secret := range secrets {
		for _, spelling := range []string{secret, basic("shop", secret), strings.TrimPrefix(basic("shop", secret), "Basic ")} {
			if i := slices.IndexFunc(texts, func(text string) bool { return strings.Contains(text, spelling) }); i >= 0 {
				t.Errorf("%q stands in\n%s", spelling, texts[i])
			}
		}
	}
}

// TestSecretIsChanged changes a secret as it is done without an interruption, and then calls with the old one on the
// connection that lives.
func TestSecretIsChanged(t *testing.T) {
	t.Parallel()
	dir := secretFiles(t)
	write := func(file, secret string) {
		t.Helper()
		if err := os.WriteFile(dir+"/new", []byte(secret), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(dir+"/new", dir+"/"+file); err != nil {
			t.Fatal(err)
		}
	}
	g := start(t, edit{"id_token: {mode: off, allow_any_project: true}", "id_token: {mode: off}\n    credentials:\n" +
		"      - {name: es, basic: {username: shop, passwords: [{file: " + dir + "/password}, {file: " + dir + "/next}]}, projects: [shop]}\n" +
		"      - {name: key, header: {name: x-webhook-key, values: [{file: " + dir + "/key}]}, projects: [shop]}"})
	if g.log.now(entry{"msg": "ID tokens are not verified: projects are what requests state", "webhook": esPath}) != nil {
		t.Error("the gateway warns of a webhook whose callers have to prove themselves")
	}
	say, turns := map[string]func() int{}, 0
	for _, name := range []string{"password", "next"} {
		client, err := simulator.New(simulator.Config{
			URL: g.Edge + esPath, TLS: g.clientTLS(g.pki.SSLCom.TLS()), Timeout: patience,
			Header: http.Header{"Authorization": {basic("shop", secrets[name])}},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(client.Close)
		say[name] = func() int {
			t.Helper()
			turns++
			answer, err := client.Call(t.Context(), []byte(esTurn(fmt.Sprint("changed ", turns))))
			if err != nil {
				t.Fatal(err)
			}
			return answer.Status
		}
	}
	want := func(old, next int) {
		t.Helper()
		if o, n := say["password"](), say["next"](); o != old || n != next {
			t.Errorf("the old secret: %d, the next: %d; want %d and %d", o, n, old, next)
		}
	}
	const reloaded, kept = "Files reloaded", "Kept what is in force because the new files are no good"
	want(http.StatusOK, http.StatusOK)

	write("password", "short")
	g.log.await(t, 1, entry{"msg": kept, "level": "WARN", "name": "webhooks." + esPath + ".credentials"})
	want(http.StatusOK, http.StatusOK)
	write("password", secrets["key"])
	g.log.await(t, 2, entry{"msg": kept})
	want(http.StatusOK, http.StatusOK)

	write("password", secrets["next"])
	g.log.await(t, 1, entry{"msg": reloaded, "level": "INFO", "name": "webhooks." + esPath + ".credentials"})
	before := len(g.service.all())
	want(http.StatusUnauthorized, http.StatusOK)
	if calls := len(g.service.all()) - before; calls != 1 {
		t.Errorf("%d calls reached the service, want 1", calls)
	}
	if connections := g.audit.now(entry{"msg": "Connection accepted"}); len(connections) != 2 {
		t.Errorf("%d connections, want the 2 that were made first", len(connections))
	}
	g.silent(t)
}
