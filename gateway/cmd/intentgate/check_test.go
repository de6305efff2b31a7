package main

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/intentgate/intentgate/gateway/doctor"
)

// tokens has the webhook for CX ask for ID tokens, with the keys in the folder.
var tokens = []edit{
	{
		"  - path: /dialogflow/cx\n    platform: CX\n    profiles: [dev]\n    id_token: {mode: off, allow_any_project: true}",
		"  - path: /dialogflow/cx\n    platform: CX\n    profiles: [dev]\n    id_token: {audiences: [\"https://a.gate.test/dialogflow/cx\"]}",
	},
	{"status:", "id_token_keys: {file: certs/jwks.json}\nstatus:"},
}

// checked runs `intentgate check --json` with the settings in a folder.
func checked(t *testing.T, dir string, more ...string) doctor.Report {
	t.Helper()
	stdout, _, err := execute(t, append([]string{"check", "--json", "--config", filepath.Join(dir, configFile)}, more...)...)
	var report struct {
		Failed   bool
		Findings doctor.Report
	}
	if err := json.Unmarshal([]byte(stdout), &report); err != nil {
		t.Fatalf("%v: %s", err, stdout)
	}
	if (err != nil) != report.Failed || report.Failed != report.Findings.Failed() {
		t.Errorf("run returned %v, failed is %t: %s", err, report.Failed, stdout)
	}
	return report.Findings
}

// about returns `about: check` of the findings with a verdict, each once.
func about(report doctor.Report, verdict doctor.Verdict) []string {
	var all []string
	for _, f := range report {
		// A busy machine is slow, and the end of Google's GTS chain comes near one day.
		if f.Verdict == verdict && f.Check != "latency" && (f.About != "profiles" || f.Check != "dates") {
			all = append(all, f.About+": "+f.Check)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// The two webhooks that ask for no tokens, and the development PKI, are warned of.
var warned = []string{"edge: server_chain", "webhook /dialogflow/es-beta: project_proof", "webhook /dialogflow/es: project_proof"}

func TestCheckGood(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	s := startService(t, dir, "127.0.0.1:0")
	configure(t, dir, append(tokens, edit{"127.0.0.1:1\n", s.addr + "\n"}, signedCalls)...)
	report := checked(t, dir)
	if got := about(report, doctor.Failed); len(got) > 0 {
		t.Errorf("failed: %v", got)
	}
	if got := about(report, doctor.Warning); !slices.Equal(got, warned) {
		t.Errorf("warned of %v, want %v", got, warned)
	}
	ok := about(report, doctor.OK)
	for _, want := range []string{
		"configuration: config", "configuration: listen", "configuration: secret_files", "edge: server_dates", "edge: server_key", "edge: server_extended_key_usage", "profiles: roots", "ID token keys: fetch", "caller tokens: keys",
		"webhook /dialogflow/cx: audience", "webhook /dialogflow/cx: project_proof", "service shop-orders: gateway_dates", "service shop-orders: asserting", "service shop-orders: strangers",
	} {
		if !slices.Contains(ok, want) {
			t.Errorf("no %s among what is ok: %v", want, ok)
		}
	}
	if calls := s.all(); len(calls) > 0 {
		t.Errorf("the check called %v", calls)
	}
	stdout, stderr, err := execute(t, "check", "--config", filepath.Join(dir, configFile))
	if err != nil || !strings.Contains(stdout, "\nservice shop-orders\nok       gateway_dates ") || !strings.Contains(stderr, "Examining") {
		t.Errorf("%v: %s%s", err, stdout, stderr)
	}
}

// TestCheckFaults has one fault a row, which one finding tells and no other.
func TestCheckFaults(t *testing.T) {
	t.Parallel()
	s := startService(t, folder(t), "127.0.0.1:0")
	busy, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = busy.Close() })
	const (
		hop, gateway = "service shop-orders: ", "cert: certs/gateway.pem, key: certs/gateway.key"
		cx           = "https://a.gate.test/dialogflow/cx"
		off          = "id_token: {mode: off, allow_any_project: true}"
	)
	for name, test := range map[string]struct {
		want    string
		verdict doctor.Verdict
		edit    edit
	}{
		"down":                {hop + "tcp", doctor.Failed, edit{"target: " + s.addr, "target: 127.0.0.1:1"}},
		"another name":        {hop + "server_name", doctor.Failed, edit{"orders.internal", "faq.internal"}},
		"another CA":          {hop + "server_chain", doctor.Failed, edit{"ca: certs/internal-ca.pem", "ca: certs/edge-ca.pem"}},
		"another certificate": {hop + "client_certificate", doctor.Failed, edit{gateway, "cert: certs/dialogflow-gts.pem, key: certs/dialogflow-gts.key"}},
		"not on its list":     {hop + "allowed", doctor.Failed, edit{gateway, "cert: certs/orders.pem, key: certs/orders.key"}},
		"no keys":             {"ID token keys: fetch", doctor.Failed, edit{"file: certs/jwks.json", `url: "https://127.0.0.1:1/"`}},
		"no configuration":    {"configuration: config", doctor.Failed, edit{"platform: CX", "platform: XC"}},
		"no such address":     {"configuration: listen", doctor.Failed, edit{`listen: "127.0.0.1:0"`, `listen: "192.0.2.1:0"`}},
		"address in use":      {"configuration: listen", doctor.Warning, edit{`listen: "127.0.0.1:0"`, `listen: "` + busy.Addr().String() + `"`}},
		"no route": {"configuration: routes", doctor.Warning, edit{"routes:\n", "  - {name: faq, target: \"" + s.addr +
			"\", tls: {ca: certs/internal-ca.pem, " + gateway + ", server_name: orders.internal}}\nroutes:\n"}},
		"another path":           {"webhook /dialogflow/cx: audience", doctor.Warning, edit{cx, cx + "/"}},
		"another host":           {"webhook /dialogflow/cx: audience", doctor.Warning, edit{cx, "https://gate.example/dialogflow/cx"}},
		"shared webhook":         {"webhook /dialogflow/cx: audience_shared", doctor.Warning, edit{off, `id_token: {audiences: ["https://a.gate.test/dialogflow/es", "` + cx + `"]}`}},
		"tokens without keys":    {"caller tokens: keys", doctor.Warning, edit{"routes:\n", "caller_tokens: {issuer: x, trust_domain: shop.internal}\nroutes:\n"}},
		"tokens of the same key": {"caller tokens: keys", doctor.Failed, edit{"routes:\n", "caller_tokens: {issuer: x, trust_domain: shop.internal, keys: [certs/gateway.key, certs/../certs/gateway.key]}\nroutes:\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := folder(t)
			configure(t, dir, append([]edit{{"127.0.0.1:1\n", s.addr + "\n"}}, append(tokens, test.edit)...)...)
			report := checked(t, dir)
			want := append([]string{test.want}, warned...)
			for _, got := range append(about(report, doctor.Failed), about(report, test.verdict)...) {
				// The path of another webhook is a finding of its own.
				if !slices.Contains(want, got) && (name != "shared webhook" || !strings.HasSuffix(got, ": audience")) {
					t.Errorf("besides: %s", got)
				}
			}
			for _, f := range report {
				if f.Verdict == test.verdict && f.Remedy == "" && f.Check != "config" { // the loader tells it in one
					t.Errorf("no remedy: %+v", f)
				}
			}
			if !slices.Contains(about(report, test.verdict), test.want) {
				t.Errorf("no %s: %+v", test.want, report)
			}
		})
	}
}

// signedCalls have the gateway sign for whom it calls.
var signedCalls = edit{"routes:\n", "caller_tokens: {issuer: x, trust_domain: shop.internal, keys: [certs/gateway.key]}\nroutes:\n"}

// TestCheckWorkload has a gateway whose certificate names nobody.
func TestCheckWorkload(t *testing.T) {
	t.Parallel()
	report := checked(t, folder(t, signedCalls, edit{"cert: certs/gateway.pem, key: certs/gateway.key", "cert: certs/dialogflow-gts.pem, key: certs/dialogflow-gts.key"}), "--offline")
	if got := about(report, doctor.Failed); !slices.Equal(got, []string{"caller tokens: workload"}) {
		t.Errorf("failed: %v", got)
	}
}

// TestCheckFiles has the loader's problems told with their places, all of them, and secrets that everybody may read.
func TestCheckFiles(t *testing.T) {
	t.Parallel()
	dir := folder(t, edit{"platform: CX", "platform: XC"}, edit{"service: shop-orders\nstatus", "service: shop-order\nstatus"})
	report := checked(t, dir)
	if len(report) != 2 || !strings.Contains(report[0].Saw, "intentgate.yaml:19:15: webhooks[2].platform: ") || !strings.Contains(report[1].Saw, "did you mean shop-orders?") {
		t.Errorf("got %+v", report)
	}
	dir = folder(t)
	key := filepath.Join(dir, certsFolder, "gateway.key")
	if err := os.Chmod(key, 0o644); err != nil { //nolint:gosec // that is the fault
		t.Fatal(err)
	}
	report = checked(t, dir, "--offline")
	skipped := doctor.Finding{About: "service shop-orders", Check: "target", Verdict: doctor.Skipped, Saw: "127.0.0.1:1 is not asked"}
	if report.Failed() || !slices.Contains(report, skipped) {
		t.Errorf("a machine was asked: %+v", report)
	}
	if i := slices.IndexFunc(report, func(f doctor.Finding) bool { return f.Check == "secret_files" }); i < 0 ||
		report[i].Verdict != doctor.Warning || !strings.Contains(report[i].Saw, key) || !strings.Contains(report[i].Remedy, "chmod") {
		t.Errorf("got %+v", report)
	}
}
