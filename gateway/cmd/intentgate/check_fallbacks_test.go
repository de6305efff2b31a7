package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

// TestCheckFallbacks has the check tell what users would hear, in short and in full.
func TestCheckFallbacks(t *testing.T) {
	t.Parallel()
	dir := folder(t, append(fallbacks,
		edit{"{language: en}", "{language: en, environment: canary}"},
		typedSettings("stock", "127.0.0.1:1", `reflection: {}, allow: {intents: ["stock.*"], tags: [stock]}`))...)
	file := filepath.Join(dir, configFile)
	stdout, _, err := execute(t, "check", "--offline", "--config", file)
	if err != nil {
		t.Fatal(err)
	}
	_, es, _ := strings.Cut(stdout, "\nwebhook /dialogflow/es\nok       answered")
	es, cx, _ := strings.Cut(es, "\nwebhook /dialogflow/cx\nok       answered")
	for of, want := range map[*string][]string{
		&es: {
			`any turn: timeout: en "service" (services[0].fallback.causes.timeout); otherwise "global" (fallback)`,
			`any turn: unavailable: the intent's own response (routes[0].fallback.causes.unavailable)`,
			`any turn: overloaded: the event busy (services[0].fallback.causes.overloaded)`,
			`any turn: refused: de "nein" (routes[0].fallback.causes.refused); otherwise "global" (fallback)`,
			`any turn: invalid, internal: "global" (fallback)`,
			`any turn: some of them also have fallbacks[0] (environment=canary)`,
			`intent=stock.*: any failure: "global" (fallback)`,
		},
		&cx: {
			`any turn: timeout: en "service" (services[0].fallback.causes.timeout); otherwise the failure's status: CX raises webhook.error`,
			`any turn: unavailable: the status 403: CX raises webhook.error.rejected (routes[0].fallback.causes.unavailable)`,
			`any turn: overloaded: flows/busy (services[0].fallback.causes.overloaded)`,
			`any turn: invalid: the failure's status: CX raises webhook.error.bad-request`,
			`tag=stock: timeout, overloaded: the failure's status: CX raises webhook.error`,
			`tag=stock: unavailable: the failure's status: CX raises webhook.error.unavailable`,
			`tag=stock: invalid: the failure's status: CX raises webhook.error.bad-request`,
			`tag=stock: internal: en "webhook" (webhooks[2].fallback.causes.internal); otherwise the failure's status: CX raises webhook.error`,
		},
	} {
		for _, line := range want {
			if !strings.Contains(*of, "  "+line+"\n") {
				t.Errorf("it does not say\n%s\nbut%s", line, *of)
			}
		}
	}

	stdout, _, err = execute(t, "check", "--offline", "--json", "--config", file)
	var program struct{ Fallbacks []hearing }
	if err == nil {
		err = json.Unmarshal([]byte(stdout), &program)
	}
	if err != nil {
		t.Fatal(err)
	}
	if len(program.Fallbacks) != 6 { // two of each webhook
		t.Fatalf("%d rows: %s", len(program.Fallbacks), stdout)
	}
	for i, h := range program.Fallbacks {
		if len(h.Answers) != 3*6 || h.Service == "" || h.Turns == "" || (h.Route == "") != (i%2 == 1) { // German, English and others
			t.Errorf("row %d: %+v", i, h)
		}
	}
	timeout := program.Fallbacks[0].Answers[6]
	var reply struct{ Texts []string }
	if err := json.Unmarshal(timeout.Reply, &reply); err != nil || timeout.Language != "en" || timeout.Cause != "timeout" ||
		timeout.From != "services[0].fallback.causes.timeout" || len(reply.Texts) != 1 || reply.Texts[0] != "service" {
		t.Errorf("%+v: %v", timeout, err)
	}

	// A webhook without any is told how to have some.
	stdout, _, err = execute(t, "check", "--offline", "--config", filepath.Join(folder(t), configFile))
	if err != nil || !strings.Contains(stdout, "any turn: any failure: the intent's own response\n         remedy  for words of your own: ") {
		t.Errorf("%v: %s", err, stdout)
	}
}
