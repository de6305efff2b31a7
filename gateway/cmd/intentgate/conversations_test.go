package main

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/intentgate/intentgate/gateway/pki"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/orders"
)

// TestConversations plays those of the examples in Go.
func TestConversations(t *testing.T) {
	t.Parallel()
	var files []string
	for _, service := range []string{"orders", "appointments"} {
		its, err := filepath.Glob("../../../services/" + service + "/conversations/*.yaml")
		if err != nil || len(its) < 2 {
			t.Fatal(err, its)
		}
		files = append(files, its...)
	}
	stdout, stderr, err := execute(t, append([]string{"test", "--demo", "--jobs", "2"}, files...)...)
	if err != nil {
		t.Errorf("%v\n%s%s", err, stdout, stderr)
	}
	for _, want := range []string{"cancel.yaml:10: An order that was asked for is cancelled after a question (ES), ", "(CX), "} {
		if !strings.Contains(stdout, want) {
			t.Errorf("it does not tell of %q:\n%s", want, stdout)
		}
	}
	if !strings.Contains(stderr, " conversations, 0 failed, 0 skipped, in ") {
		t.Errorf("no sum: %s", stderr)
	}
}

// yaml writes a file of conversations.
func yaml(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const tracks = `conversations:
  - name: An order is tracked
    platforms: [ES]
    turns:
      - say: Where is it?
        intent: order.track
        parameters: {order_id: A-1042}
        expect:
          heard: Nowhere.   # says nobody
          calls: [{method: TrackOrder, request: {orderId: A-1043}}]
  - name: Hi
    platforms: [CX]
    turns:
      - {say: Hi, tag: welcome, expect: {heard: {contains: Hello}}}
`

// TestConversationsDiffer has every report tell of what is not as expected, and the file brought up to date.
func TestConversationsDiffer(t *testing.T) {
	t.Parallel()
	path := yaml(t, tracks)
	report := filepath.Join(t.TempDir(), "report.xml")
	stdout, stderr, err := execute(t, "test", "--demo", path, "--junit", report, "-v")
	wantFailed(t, err, "1 of 2 conversations are not as expected")
	if exitStatus(err) != 1 {
		t.Errorf("exit status %d", exitStatus(err))
	}
	for _, want := range []string{
		"FAIL  " + path + ":2: An order is tracked (ES), ", "    turn 1: \"Where is it?\"\n", "        - Nowhere.\n        + Order A-1042, two stoneware mugs, ",
		"      calls[0].request.orderId  " + path + ":10\n        - A-1043\n        + A-1042\n", "ok    " + path + ":11: Hi (CX), ",
		`"queryText": "Where is it?"`, "      HTTP 200 after ", "      call shop.orders.v1.OrderService/TrackOrder\n", `request   {"orderId":"A-1042"`,
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("it does not show %q:\n%s", want, stdout)
		}
	}
	if !strings.Contains(stderr, "2 conversations, 1 failed, 0 skipped") || !strings.Contains(stderr, "msg=Serving") {
		t.Errorf("neither sum nor log: %s", stderr)
	}
	text, err := os.ReadFile(report) //nolint:gosec // written just now
	if err != nil || xml.Unmarshal(text, new(struct{})) != nil || !strings.Contains(string(text), `tests="2" failures="1"`) {
		t.Errorf("%v: %s", err, text)
	}

	stdout, _, err = execute(t, "test", "--demo", path, "--json", "--run", `tracked \(ES\)$`)
	wantFailed(t, err, "1 of 1 conversations")
	var result struct {
		Name, Platform string
		Turns          []struct {
			Said        string
			Differences []struct{ Path, Want, Got string }
		}
	}
	if err := json.Unmarshal([]byte(stdout), &result); err != nil || result.Platform != "ES" || len(result.Turns) != 1 || result.Turns[0].Differences[0].Want != "Nowhere." {
		t.Errorf("%v, %+v: %s", err, result, stdout)
	}

	if _, stderr, err := execute(t, "test", "--demo", path, "--update"); err != nil || !strings.Contains(stderr, path+": 2 expectations brought up to date") {
		t.Errorf("%v: %s", err, stderr)
	}
	if text, err := os.ReadFile(path); err != nil || !strings.Contains(string(text), "by DHL. # says nobody\n") && !strings.Contains(string(text), "4 December. # says nobody\n") { //nolint:gosec // written just now
		t.Errorf("%v: %s", err, text)
	}
	if stdout, _, err := execute(t, "test", "--demo", path); err != nil {
		t.Errorf("%v\n%s", err, stdout)
	}
}

// TestConversationsConfigured runs a gateway as it is configured, without what it has at the edge.
func TestConversationsConfigured(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	shop := startShop(t, dir, "127.0.0.1:0", orders.New(time.Now()))
	configure(t, dir, typed(shop.addr, "reflection: {}"),
		edit{`"127.0.0.1:0"`, `":443"`},
		edit{
			"    - {name: dev, like: dialogflow, roots: {ssl_com: certs/ssl-com-root.pem, gts: certs/gts-root.pem}}",
			"    - {name: dialogflow}\n    - {name: dev, roots: {file: certs/none.pem}, subject: {dns: [a.example]}, agents: [projects/shop/locations/eu/agents/a]}",
		},
		edit{"id_token: {mode: off, allow_any_project: true}", `id_token: {audiences: ["https://fulfil.shop.example/"]}`},
		edit{"routes:\n", "  - name: down\n    target: 127.0.0.1:1\n    tls: {ca: certs/internal-ca.pem, cert: certs/gateway.pem, key: certs/gateway.key, server_name: orders.internal}\n    intents: {reflection: {}, allow: {intents: [\"down.*\"]}}\nroutes:\n"})
	for _, name := range []string{pki.EdgeCert, pki.EdgeKey, pki.SSLComRoot, pki.JWKS} {
		if err := os.Remove(filepath.Join(dir, certsFolder, name)); err != nil {
			t.Fatal(err)
		}
	}
	path := yaml(t, `agent:
  events: {webhook.error.unavailable: {text: {en: Later.}}}
conversations:
  - name: typed
    turns:
      - say: Where is it?
        intent: order.track
        tag: track-order
        parameters: {orderId: A-1042}
        expect: {heard: {contains: A-1042}, calls: [{method: TrackOrder, request: {orderId: A-1042}}]}
  - name: nobody is there
    webhook: /dialogflow/cx
    platforms: [CX]
    turns:
      - {say: Hi, tag: welcome, expect: {heard: Later., status: 503, event: webhook.error.unavailable, calls: [{method: Fulfill, request: {turn: {agent: a, text: Hi}}}]}}
  - name: no webhook
    webhook: /nowhere
    turns: [{say: Hi, expect: {heard: x}}]
`)
	stdout, stderr, err := execute(t, "test", "--config", filepath.Join(dir, configFile), path)
	if err != nil || strings.Count(stdout, "ok  ") != 3 || !strings.Contains(stdout, "no webhook (CX): the gateway has no such webhook for CX\n") || !strings.Contains(stderr, "Warning: service down: ") {
		t.Errorf("%v\n%s%s", err, stdout, stderr)
	}
	_, _, err = execute(t, "test", "--config", filepath.Join(dir, configFile), path, "--run", "no webhook")
	wantFailed(t, err, "nothing was played")
	configure(t, dir, edit{"path:", "way:"})
	if _, _, err = execute(t, "test", "--config", filepath.Join(dir, configFile), path); exitStatus(err) != 2 {
		t.Errorf("exit status %d for %v", exitStatus(err), err)
	}
}

// TestConversationsOutside plays with a gateway that runs, whose calls nobody sees.
func TestConversationsOutside(t *testing.T) {
	t.Parallel()
	g := simulated(t)
	g.service.answers(func(_ context.Context, request *intentgatev1.FulfillRequest) (*intentgatev1.FulfillResponse, error) {
		if request.GetTurn().GetText() == "bye" {
			return nil, status.Error(codes.Unavailable, "not now")
		}
		return says("heard " + request.GetTurn().GetText()), nil
	})
	path := yaml(t, `conversations:
  - name: both
    turns:
      - {say: hi, intent: i, expect: {heard: heard hi, calls: [{method: Never}]}}
      - {say: bye, intent: i, agent: My own words., expect: {heard: My own words., status: 503}}
`)
	args := []string{"test", path, "--dev", filepath.Join(g.dir, certsFolder), "--url", g.Edge + esPath, "--audience", "https://fulfil.shop.example/"}
	stdout, stderr, err := execute(t, args...)
	if err != nil || !strings.Contains(stdout, "ok    "+path+":2: both (ES), ") || !strings.Contains(stdout, "skip  "+path+":2: both (CX): the --url is a webhook for ES, as --platform says\n") ||
		!strings.Contains(stderr, "what is expected of them is left out") || !strings.Contains(stderr, "2 conversations, 0 failed, 1 skipped") {
		t.Errorf("%v\n%s%s", err, stdout, stderr)
	}
	if len(g.service.all()) != 2 {
		t.Errorf("%d calls reached the service", len(g.service.all()))
	}
	_, _, err = execute(t, append(args, "--audience", "https://other.example/")...)
	wantFailed(t, err, "1 of 1 conversations")
}

// TestConversationsRefused has what cannot be played end with status 2, before anything is.
func TestConversationsRefused(t *testing.T) {
	t.Parallel()
	good, bad := yaml(t, tracks), yaml(t, "conversations: [{name: a, turns: [{say: x}]}]\n")
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"a bad file":     {[]string{"--demo", good, bad}, bad + ":1:17: conversations[0]: nothing is expected"},
		"no file":        {[]string{"--demo", good + ".not"}, "no such file"},
		"a bad pattern":  {[]string{"--demo", good, "--run", "("}, "--run: "},
		"no files":       {nil, "no files; want those of conversations"},
		"no update":      {[]string{"--demo", good, "--run", "^$", "--update"}, "nothing was played"},
		"nothing to run": {[]string{"--demo", good, "--run", "^$"}, "nothing was played"},
		"no jobs":        {[]string{"--demo", good, "--jobs", "0"}, "--jobs 0: 1 or more is wanted"},
		"no URL":         {[]string{"--url", "localhost:8443", good}, "https://host:port/path is wanted"},
		"no config":      {[]string{"--config", good + ".not", good}, "there is no such configuration file"},
		"no report":      {[]string{"--demo", good, "--junit", filepath.Join(good, "x")}, "not a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stdout, _, err := execute(t, append([]string{"test"}, c.args...)...)
			wantFailed(t, err, c.want)
			if exitStatus(err) != 2 || stdout != "" && name != "no report" {
				t.Errorf("exit status %d: %s", exitStatus(err), stdout)
			}
		})
	}
	if _, _, err := execute(t, "test", good, "--demo", "--url", "https://x/"); err == nil {
		t.Error("--demo and --url together are taken")
	}
}
