package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/structpb"

	"github.com/intentgate/intentgate/gateway/pki"
	"github.com/intentgate/intentgate/gateway/simulator"
	"github.com/intentgate/intentgate/gateway/simulator/issuer"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// simulated is a gateway that wants ID tokens of the development PKI on its first ES webhook.
func simulated(t *testing.T) *gate {
	t.Helper()
	return start(t,
		edit{"id_token: {mode: off, allow_any_project: true}", `id_token: {audiences: ["https://fulfil.shop.example/"]}`},
		edit{"status:", "id_token_keys: {file: certs/jwks.json}\nstatus:"})
}

// simulate runs the command with the gateway's folder and configuration, against its port.
func (g *gate) simulate(t *testing.T, path string, args ...string) (stdout string, err error) {
	t.Helper()
	dir := filepath.Join(g.dir, certsFolder)
	stdout, stderr, err := execute(t, append([]string{"simulate", "--dev", dir, "--config", filepath.Join(g.dir, configFile), g.Edge + path}, args...)...)
	if stderr != "" {
		t.Errorf("on standard error: %s", stderr)
	}
	return stdout, err
}

// wantFailed checks that a command failed with an error that says all of want.
func wantFailed(t *testing.T, err error, want ...string) {
	t.Helper()
	for _, part := range want {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("error is %v, want one with %q", err, part)
		}
	}
}

// file writes a file of the test's.
func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSimulate(t *testing.T) {
	t.Parallel()
	g := simulated(t)
	for _, args := range [][]string{
		{},
		{"--tls", "1.2"},
		{"--tls", "1.3"},
		{"--plain"},
		{"--cert", g.file(pki.GTSCert), "--key", g.file(pki.GTSKey)},
	} {
		stdout, err := g.simulate(t, esPath, append(args, "--session", "s-1", "--text", "hi", "--intent", "welcome", "--param", "n=7", "--param", "s=x")...)
		calls := g.service.all()
		if err != nil || len(calls) == 0 {
			t.Fatalf("%q: %v, %d calls\n%s", args, err, len(calls), stdout)
		}
		call := calls[len(calls)-1]
		turn := call.request.GetTurn()
		if !strings.Contains(stdout, "HTTP 200 after ") || !strings.HasSuffix(stdout, "Dialogflow would\n    say: heard "+turn.GetId()+"\n") ||
			len(args) == 2 && args[0] == "--tls" && !strings.Contains(stdout, "TLS "+args[1]+"\n") {
			t.Errorf("%q prints\n%s", args, stdout)
		}
		if who := call.call.Caller; who.GetProjectId().GetProof() != intentgatev1.Caller_PROOF_ID_TOKEN || who.GetIdToken().GetAudience() != "https://fulfil.shop.example/" {
			t.Errorf("the caller is %v", who)
		}
		parameters := call.request.GetParameters().GetFields()
		if turn.GetIntent().GetDisplayName() != "welcome" || parameters["n"].GetNumberValue() != 7 || parameters["s"].GetStringValue() != "x" ||
			turn.GetSession() != "projects/shop/agent/sessions/s-1" {
			t.Errorf("the turn is %v with %v", turn, parameters)
		}
	}
	stdout, err := g.simulate(t, cxPath, "--tag", "welcome", "--event", "HELLO", "--verbose")
	if err != nil || !strings.Contains(stdout, `"triggerEvent": "HELLO"`) || !strings.Contains(stdout, "say: heard ") {
		t.Errorf("CX: %v\n%s", err, stdout)
	}
	if stdout, err = g.simulate(t, esPath, "--intent", "i", "--repeat", "20"); err != nil || strings.Count(stdout, "POST") != 1 || !strings.Contains(stdout, "20 turns: fastest ") {
		t.Errorf("20 times: %v\n%s", err, stdout)
	}
}

// TestSimulateRefused calls with one thing wrong each.
func TestSimulateRefused(t *testing.T) {
	t.Parallel()
	g := simulated(t)
	stranger, err := issuer.New(issuer.Options{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	key, err := stranger.KeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	expired := []string{"--cert", g.file("refused/expired.pem"), "--key", g.file("refused/expired.key")}
	for name, test := range map[string]struct {
		path         string
		args         []string
		said, reason string
	}{
		"another issuer":       {esPath, []string{"--issuer", file(t, string(key))}, "status is 401", "token_unknown_key"},
		"another audience":     {esPath, []string{"--audience", "https://fulfil.shop.example"}, "status is 401", "token_audience"},
		"another project":      {esPath, []string{"--project-number", "1"}, "status is 401", "token_project"},
		"no ID token":          {esPath, []string{"--token-file", file(t, "ya29.x\n")}, "status is 401", "token_malformed"},
		"a foreign session":    {esPath, []string{"--project", "else"}, "status is 403", "project_mismatch"},
		"CX, foreign":          {cxPath, []string{"--session", "projects/else/locations/eu/agents/a/sessions/s"}, "status is 403", "project_mismatch"},
		"certificate, TLS 1.2": {esPath, append(expired, "--tls", "1.2"), "bad certificate: the server refused the handshake", "expired"},
		"certificate, TLS 1.3": {esPath, append(expired, "--tls", "1.3"), "bad certificate: the server refused the handshake", "expired"},
	} {
		t.Run(name, func(t *testing.T) {
			stdout, err := g.simulate(t, test.path, append(test.args, "--intent", "i", "--tag", "g")...)
			wantFailed(t, err, "Dialogflow would", test.said)
			want := []string{"Dialogflow would not use this, but\n    say the intent's own responses\n", "because: ", test.said}
			if test.path == cxPath {
				want[0] = "Dialogflow would not use this, but\n    raise the event webhook.error.rejected\n"
			}
			for _, part := range want {
				if !strings.Contains(stdout, part) {
					t.Errorf("it prints no %q:\n%s", part, stdout)
				}
			}
			g.audit.await(t, 1, entry{"reason": test.reason})
		})
	}
	if calls := g.service.all(); len(calls) > 0 {
		t.Errorf("%d calls reached the service", len(calls))
	}
}

// TestSimulateRetry has a service that takes longer than Dialogflow waits: the second try joins the call of the first.
func TestSimulateRetry(t *testing.T) {
	t.Parallel()
	g := simulated(t)
	g.service.answers(func(ctx context.Context, _ *intentgatev1.FulfillRequest) (*intentgatev1.FulfillResponse, error) {
		select {
		case <-time.After(1500 * time.Millisecond):
		case <-ctx.Done():
		}
		return says("at last"), ctx.Err()
	})
	stdout, err := g.simulate(t, esPath, "--intent", "i", "--timeout", "1s")
	if calls := g.service.all(); err != nil || len(calls) != 1 {
		t.Errorf("%v, %d calls", err, len(calls))
	}
	if !strings.Contains(stdout, "first try failed: ") || !strings.Contains(stdout, "say: at last") {
		t.Errorf("it prints\n%s", stdout)
	}
	stdout, err = g.simulate(t, cxPath, "--tag", "g", "--timeout", "500ms", "--no-retry")
	wantFailed(t, err, "no answer", "Dialogflow waits no longer")
	if !strings.Contains(stdout, "raise the event webhook.error.timeout") {
		t.Errorf("it prints\n%s", stdout)
	}
}

// TestSimulateSession plays a file whose answers change what is asked next.
func TestSimulateSession(t *testing.T) {
	t.Parallel()
	g := simulated(t)
	g.service.answers(func(_ context.Context, r *intentgatev1.FulfillRequest) (*intentgatev1.FulfillResponse, error) {
		seen := r.GetTurn().GetSessionParameters().GetFields()["seen"].GetNumberValue()
		set, err := structpb.NewStruct(map[string]any{"seen": seen + 1})
		return &intentgatev1.FulfillResponse{Reply: &intentgatev1.Reply{Texts: []string{r.GetTurn().GetText()}, SessionParameters: set}}, err
	})
	turns := file(t, `{"text": "one", "intent": "i", "tag": "g", "parameters": {"n": 9007199254740993}}
		{"text": "two", "intent": "i", "tag": "g"}

		{"text": "three", "intent": "i", "tag": "g"}`)
	for path, effects := range map[string][]string{
		esPath: {"set the context shop-orders for 5 turns with seen"},
		cxPath: {"set the session parameter seen = 1", "set the session parameter seen = 2", "set the session parameter seen = 3"},
	} {
		stdout, err := g.simulate(t, path, turns, "--json")
		if err != nil {
			t.Fatalf("%s: %v\n%s", path, err, stdout)
		}
		decoder := json.NewDecoder(strings.NewReader(stdout))
		for i, text := range []string{"one", "two", "three"} {
			var one simulator.Report
			if err := decoder.Decode(&one); err != nil {
				t.Fatal(err)
			}
			if one.Turn != i+1 || one.Status != 200 || one.Tries != 1 || !one.Outcome.Accepted || one.Outcome.Heard[0] != text ||
				len(one.Outcome.Effects) != 1 || one.Outcome.Effects[0] != effects[min(i, len(effects)-1)] || one.Answer == nil {
				t.Errorf("%s, turn %d: %+v", path, i+1, one)
			}
			if digits := strings.Contains(string(one.Request), "9007199254740993"); i == 0 && !digits {
				t.Errorf("%s: digits are lost: %s", path, one.Request)
			}
		}
	}
	calls := g.service.all()
	if first, last := calls[0].request.GetTurn(), calls[2].request.GetTurn(); first.GetSession() != last.GetSession() || first.GetId() == last.GetId() ||
		last.GetSessionParameters().GetFields()["seen"].GetNumberValue() != 2 {
		t.Errorf("first %v\nlast %v", first, last)
	}

	// Requests that are there already, from standard input.
	command := newCommand(io.Discard, io.Discard)
	command.SetIn(strings.NewReader(esTurn("whole-1") + "\n" + strings.Replace(esTurn("whole-2"), "projects/shop", "projects/else", 1)))
	command.SetArgs([]string{"simulate", "--dev", filepath.Join(g.dir, certsFolder), "--config", filepath.Join(g.dir, configFile), g.Edge + esPath, "-"})
	wantFailed(t, command.ExecuteContext(t.Context()), "1 of 2 answers would not be used by Dialogflow", "status is 403")
	if len(g.service.of("whole-1")) != 1 || len(g.service.of("whole-2")) != 0 {
		t.Errorf("calls %v", g.service.all())
	}
}

// TestSimulateElsewhere calls a server that is no gateway.
func TestSimulateElsewhere(t *testing.T) {
	t.Parallel()
	var header http.Header
	answer := "{}"
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header = r.Header
		_, _ = io.WriteString(w, answer)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{keys(t).Edge.TLS()}}
	server.StartTLS()
	t.Cleanup(server.Close)
	certs := filepath.Join(folder(t), certsFolder)
	simulate := func(args ...string) (string, error) {
		stdout, _, err := execute(t, append([]string{"simulate", "--dev", certs, server.URL, "--intent", "i"}, args...)...)
		return stdout, err
	}
	if _, err := simulate("--basic-user", "ada", "--password-file", file(t, "secret\n"), "--header-file", "X-Key="+file(t, "k\r\n")); err != nil {
		t.Error(err)
	}
	if user, password, ok := (&http.Request{Header: header}).BasicAuth(); !ok || user != "ada" || password != "secret" || header.Get("X-Key") != "k" {
		t.Errorf("header %v", header)
	}
	if _, err := simulate("--header-file", "Authorization="+file(t, "Key k")); err != nil || header.Get("Authorization") != "Key k" {
		t.Errorf("%v, header %v", err, header)
	}
	answer = `{"speech": "hi"}`
	stdout, err := simulate()
	if wantFailed(t, err, `unknown field "speech"`); !strings.Contains(stdout, "HTTP 200 after") || !strings.HasPrefix(header.Get("Authorization"), "Bearer ey") {
		t.Errorf("header %v\n%s", header, stdout)
	}
	answer = `{"fulfillmentText": "` + strings.Repeat("x", 64<<10) + `"}`
	stdout, err = simulate("--json")
	wantFailed(t, err, "larger than the 65536 bytes")
	var one simulator.Report
	if err := json.Unmarshal([]byte(stdout), &one); err != nil || one.Outcome.Accepted || one.Answer != answer[:64<<10+1] {
		t.Errorf("%v: %+v", err, one.Outcome)
	}
	answer = `{"fulfillmentMessages": [{"telephonySynthesizeSpeech": {"text": "hi"}, "platform": "TELEPHONY"}]}`
	if _, err := simulate("--beta"); err != nil {
		t.Error(err)
	}
	_, err = simulate("--platform", "CX")
	wantFailed(t, err, `unknown field "fulfillmentMessages"`)

	for _, answer = range []string{`{"fulfillmentText": "\u001b[2J"}`, "\x1b]0;none\a"} { // what is meant for the terminal
		if stdout, _ = simulate("--verbose"); !strings.Contains(stdout, "HTTP 200 after") || strings.ContainsAny(stdout, "\x1b\a") {
			t.Errorf("it prints %q", stdout)
		}
	}
}

// TestSimulateBadInput has what is refused before anything is sent.
func TestSimulateBadInput(t *testing.T) {
	t.Parallel()
	const url = "https://localhost:1/dialogflow/es"
	dir := folder(t)
	config := filepath.Join(dir, configFile)
	unix := filepath.Join(dir, "unix.yaml")
	write(t, unix, []byte(edited(t, edit{
		"listen: \"127.0.0.1:0\"\n  certificate: {cert: certs/edge.pem, key: certs/edge.key}\n",
		"listen: unix:/run/edge.sock\n  proxies: [{name: nginx, header: XFCC, trust_chain_verified: true}]\n",
	})))
	dev := []string{"--dev", filepath.Join(dir, certsFolder)}
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"no URL":               {[]string{"--intent", "i"}, `the URL "": https://host:port/path is wanted`},
		"no TLS":               {[]string{"http://localhost/", "--intent", "i"}, "https://host:port/path is wanted"},
		"two files":            {[]string{"a.json", "b.json"}, `"a.json" is no URL`},
		"nothing to say":       {[]string{url}, "nothing to say"},
		"a file and flags":     {[]string{url, "a.json", "--text", "hi"}, "not from both"},
		"no file":              {[]string{url, filepath.Join(dir, "none.json")}, "none.json"},
		"an empty file":        {[]string{url, file(t, " \n")}, "document 1, which ends at byte 0: EOF; WebhookRequests are wanted"},
		"a broken file":        {[]string{url, file(t, "{\"text\": \"a\"}\n{\"text\": }")}, "document 2, which ends at byte 13"},
		"a cut file":           {[]string{url, file(t, "{\"text\": ")}, "document 1"},
		"no object":            {[]string{url, file(t, "{}\n[1]")}, "document 2, which ends at byte 6: no JSON object"},
		"null":                 {[]string{url, file(t, "null")}, "no JSON object"},
		"an unknown member":    {[]string{url, file(t, `{"intnet": "i"}`)}, `unknown field "intnet"`},
		"edition":              {[]string{url, "--text", "a", "--platform", "es"}, `--platform "es": ES or CX is wanted`},
		"TLS":                  {[]string{url, "--text", "a", "--tls", "1.1"}, `--tls "1.1": 1.2 or 1.3 is wanted`},
		"never":                {[]string{url, "--text", "a", "--repeat", "0"}, "--repeat 0"},
		"time-out":             {[]string{url, "--text", "a", "--timeout", "31s"}, "at most 30s"},
		"parameter":            {[]string{url, "--param", "a"}, `--param "a": name=value is wanted`},
		"header":               {[]string{url, "--text", "a", "--header-file", "=x"}, `--header-file "=x": name=FILE is wanted`},
		"header's file":        {[]string{url, "--text", "a", "--header-file", "k=" + filepath.Join(dir, "none")}, "none"},
		"issuer":               {[]string{url, "--text", "a", "--issuer", config}, "no PEM block"},
		"key of another":       {[]string{url, "--text", "a", "--cert", filepath.Join(dir, "certs/edge.pem"), "--key", filepath.Join(dir, "certs/gateway.key")}, "client certificate "},
		"two credentials":      {[]string{url, "--text", "a", "--token-file", config, "--basic-user", "u", "--password-file", config}, "none of the others can be"},
		"another path":         {[]string{url + "/2", "--text", "a", "--config", config}, "there are ES /dialogflow/es, ES /dialogflow/es-beta, CX /dialogflow/cx"},
		"token and a header":   {[]string{url, "--text", "a", "--token-file", config, "--header-file", "authorization=" + config}, "sends one of them"},
		"a file of no token":   {[]string{url, "--text", "a", "--token-file", filepath.Join(dir, "none")}, "none: no such file"},
		"the port of nobody":   {[]string{url, "--text", "a"}, "nothing listens there"},
		"a unix socket":        {[]string{"--text", "a", "--config", unix}, "edge.listen is unix:/run/edge.sock; give the URL of the proxy in front of it"},
		"a configured address": {[]string{"--text", "a", "--config", config}, "dial tcp 127.0.0.1:0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name != "key of another" {
				test.args = append(test.args, dev...)
			}
			_, _, err := execute(t, append([]string{"simulate"}, test.args...)...)
			wantFailed(t, err, test.want)
		})
	}
}
