package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/intentgate/intentgate/gateway/config"
)

// TestPrint: what is printed loads again, as the same, wherever it lies.
func TestPrint(t *testing.T) {
	folder := fixtures(t)
	elsewhere := filepath.Join(t.TempDir(), "printed.yaml")
	for _, file := range good(t, folder) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			loaded, err := config.Load(file, now)
			if err != nil {
				t.Fatal(err)
			}
			printed := printed(t, file)
			if err := os.WriteFile(elsewhere, printed, 0o600); err != nil {
				t.Fatal(err)
			}
			again, err := config.Load(elsewhere, now)
			if err != nil {
				t.Fatalf("%v in\n%s", err, printed)
			}
			if !proto.Equal(loaded, again) {
				t.Errorf("another one is printed:\n%s", printed)
			}
			if changes, err := config.Diff(printed, printed); err != nil || len(changes) > 0 {
				t.Errorf("it differs from itself: %v, %v", changes, err)
			}
			for _, secret := range []string{"a password of 27 characters", "the value of a", "that comes next"} {
				if strings.Contains(string(printed), secret) {
					t.Errorf("a secret is printed:\n%s", printed)
				}
			}
		})
	}
}

// good are the files that are good.
func good(t *testing.T, folder string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.good.yaml"))
	if err != nil || len(files) < 8 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	return files
}

func printed(t *testing.T, file string) []byte {
	t.Helper()
	loaded, err := config.Load(file, now)
	if err != nil {
		t.Fatal(err)
	}
	text, err := config.Print(loaded)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Nothing but the file is looked at.
func TestLoadAlone(t *testing.T) {
	fixtures(t)
	for _, relative := range []bool{true, false} {
		loaded, err := config.LoadAlone("testdata/full.good.yaml", relative)
		if err != nil {
			t.Fatal(err)
		}
		key := loaded.GetServices()[0].GetTls().GetKey()
		if filepath.IsAbs(key) == relative || filepath.Base(key) != key && relative {
			t.Errorf("relative %t: %s", relative, key)
		}
		if _, err := config.Print(loaded); err != nil {
			t.Error(err)
		}
	}
	if _, err := config.LoadAlone("testdata/several.bad.yaml", true); err == nil {
		t.Error("a bad file is good")
	}
}

func TestDiff(t *testing.T) {
	fixtures(t)
	text, err := os.ReadFile("testdata/full.good.yaml")
	if err != nil {
		t.Fatal(err)
	}
	before := alone(t, string(text))
	for name, test := range map[string]struct {
		old, new string // of a text in the file
		want     []string
	}{
		"nothing":          {"# Every key", "# All keys", nil},
		"a default":        {"reserve: 0s", "reserve: 300ms", []string{"webhooks[/dialogflow/es/].reserve: 0s → 300ms"}},
		"its removal":      {"    reserve: 0s\n", "", []string{"webhooks[/dialogflow/es/].reserve: 0s → 300ms"}},
		"of a service":     {"tries: 2", "tries: 5", []string{"services[orders].retries.tries: 2 → 5"}},
		"a listener":       {`listen: ":8443"`, `listen: ":8444"`, []string{"edge.listen: :8443 → :8444 (restart)"}},
		"a limit of it":    {"handshakes: 16", "handshakes: 17", []string{"edge.limits.handshakes: 16 → 17 (restart)"}},
		"one that is gone": {"admin: {listen: \"127.0.0.1:9901\"}\n", "", []string{"admin.listen: 127.0.0.1:9901 → (absent) (restart)"}},
		"TLS switched":     {"  certificate: {cert: status.pem, key: status.key}\n", "", []string{"status.certificate.cert: status.pem → (absent) (restart)", "status.certificate.key: status.key → (absent) (restart)"}},
		"TLS of another":   {"{cert: status.pem,", "{cert: other.pem,", []string{"status.certificate.cert: status.pem → other.pem"}},
		"a name":           {"- name: stock\n", "- name: store\n", []string{"services[stock]: {name: stock…", "services[store]: (absent) → {name: store…"}},
		"order of names": {
			"  - name: dialogflow\n      dates: {enforce: true}\n    - name: dev\n      like: dialogflow\n      roots: {ssl_com: dev-ssl-root.pem, gts: dev-gts-root.pem}\n",
			"  - name: dev\n      like: dialogflow\n      roots: {ssl_com: dev-ssl-root.pem, gts: dev-gts-root.pem}\n    - name: dialogflow\n      dates: {enforce: true}\n", nil,
		},
		"order of services": {`  - name: orders
    target: unix:orders.sock
    tls: {ca: internal-ca.pem, cert: gateway.pem, key: gateway.key, server_name: orders.internal}
    required: true
    affinity: SESSION
    retries: {tries: 2, try_timeout: 1500ms}
    concurrency: {min: 4, max: 64, queue: 0}
  - name: faq
    target: faq.internal:8443
    tls: {ca: internal-ca.pem, cert: gateway.pem, key: gateway.key}
    intents: {descriptor_set: faq.binpb, allow: {intents: ["faq.*"]}}
`, `  - name: faq
    target: faq.internal:8443
    tls: {ca: internal-ca.pem, cert: gateway.pem, key: gateway.key}
    intents: {descriptor_set: faq.binpb, allow: {intents: ["faq.*"]}}
  - name: orders
    target: unix:orders.sock
    tls: {ca: internal-ca.pem, cert: gateway.pem, key: gateway.key, server_name: orders.internal}
    required: true
    affinity: SESSION
    retries: {tries: 2, try_timeout: 1500ms}
    concurrency: {min: 4, max: 64, queue: 0}
`, []string{"services: in the order orders, faq, stock → in the order faq, orders, stock"}},
		"order of routes": {`  - match: {platform: ES, action: "faq.*"}
    service: faq
    after_slot_filling: true
    continue_for: 20s
  - {match: {platform: ES, intent: bye}, service: faq}
`, `  - {match: {platform: ES, intent: bye}, service: faq}
  - match: {platform: ES, action: "faq.*"}
    service: faq
    after_slot_filling: true
    continue_for: 20s
`, []string{"routes: in the order {platform: CX…"}},
		"a route":          {"  - {match: {}, service: orders}", "  - {match: {}, service: stock}", []string{"routes[any].service: orders → stock"}},
		"a route's turns":  {"match: {platform: ES, action: \"faq.*\"}", "match: {platform: ES, action: \"fak.*\"}", []string{"routes[{platform: ES, action: faq.*}]: {match:…", "routes[{platform: ES, action: fak.*}]: (absent) → {match:…"}},
		"a word in a list": {"[dialogflow, dev]", "[dialogflow]", []string{"webhooks[/dialogflow/es/].profiles: [dialogflow, dev] → [dialogflow]"}},
		"a text":           {"Sorry, I cannot say.", `Sorry.\nReally.`, []string{`fallback.text.en: Sorry, I cannot say. → "Sorry.\nReally."`}},
		"a secret's place": {"{file: password.txt}", "{env: PASSWORD}", []string{"webhooks[/dialogflow/secret].credentials[basic].basic.passwords: [{file: password.txt}, {file: next.txt}] → [{env: PASSWORD}, {file: next.txt}]"}},
		"a header":         {", x-team: {env: OTLP_TEAM}", "", []string{"telemetry.traces.otlp.headers.x-team.env: OTLP_TEAM → (absent)"}},
		"null":             {"{stock: null}", "{stock: 5}", []string{"services[stock].fallback.session_parameters.stock: null → 5"}},
	} {
		t.Run(name, func(t *testing.T) {
			edited := strings.Replace(string(text), test.old, test.new, 1)
			if edited == string(text) {
				t.Fatalf("there is no %s", test.old)
			}
			changes, err := config.Diff(before, alone(t, edited))
			if err != nil || len(changes) != len(test.want) {
				t.Fatalf("%q, %v, want %q", changes, err, test.want)
			}
			for i, change := range changes {
				start, cut := strings.CutSuffix(test.want[i], "…")
				if got := change.String(); got != start && (!cut || !strings.HasPrefix(got, start)) {
					t.Errorf("got %s\nwant %s", got, test.want[i])
				}
			}
		})
	}
	if _, err := config.Diff([]byte("a: ["), nil); err == nil {
		t.Error("no YAML differs from nothing")
	}
	if changes, err := config.Diff(nil, []byte("a: 1")); err != nil || len(changes) != 1 {
		t.Errorf("nothing: %v, %v", changes, err)
	}
}

// alone prints a configuration without a look at what it names.
func alone(t *testing.T, text string) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "intentgate.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil { //nolint:gosec // of this test
		t.Fatal(err)
	}
	loaded, err := config.LoadAlone(file, true)
	if err != nil {
		t.Fatal(err)
	}
	printed, err := config.Print(loaded)
	if err != nil {
		t.Fatal(err)
	}
	return printed
}
