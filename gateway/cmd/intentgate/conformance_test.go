package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/intentgate/intentgate/gateway/conformance"
	"github.com/intentgate/intentgate/gateway/doctor"
	ordersv1 "github.com/intentgate/intentgate/gen/go/shop/orders/v1"
	"github.com/intentgate/intentgate/services/orders"
	"github.com/intentgate/intentgate/services/serve"
)

// judgedVariable makes this test's process the orders service, one that says where it is if that is its value.
const judgedVariable = "INTENTGATE_TEST_SERVICE"

func judged() int {
	return serve.Main(serve.Config{Name: "orders", Register: func(r grpc.ServiceRegistrar) {
		ordersv1.RegisterOrderServiceServer(r, placed{orders.New(time.Now()), strings.TrimPrefix(os.Getenv(judgedVariable), "yes")})
	}})
}

// startFlag starts the service.
func startFlag(flags string) string {
	return fmt.Sprintf("--start=env %s=yes '%s' --listen {listen} --cert {cert} --key {key} --ca {ca} --assert {assert} --allow {allow} %s",
		judgedVariable, os.Args[0], flags)
}

func TestConformance(t *testing.T) {
	t.Parallel()
	report := filepath.Join(t.TempDir(), "report.xml")
	stdout, stderr, err := execute(t, "conformance", startFlag("--probe --jwks {jwks} --trust-domain {trust_domain} --issuer {issuer} --forward {forward} --policy {policy}"),
		"--require-probe", "--junit", report, "-v")
	if err != nil {
		t.Fatalf("%v\n%s", err, stdout)
	}
	if want := fmt.Sprintf("\n%d ok\n", len(conformance.Checks())); !strings.HasSuffix(stdout, want) || !strings.Contains(stdout, "7 methods that claim intents") {
		t.Errorf("want %s, got\n%s", want, stdout)
	}
	if !strings.Contains(stderr, "msg=Draining service=orders") {
		t.Errorf("it does not show what the service writes:\n%s", stderr)
	}
	text, err := os.ReadFile(report) //nolint:gosec // the test's own
	if err != nil {
		t.Fatal(err)
	}
	for _, check := range conformance.Checks() {
		if !strings.Contains(string(text), fmt.Sprintf("name=%q", check.ID)) {
			t.Errorf("the report does not tell of %s:\n%s", check.ID, text)
		}
	}
}

func TestConformanceFails(t *testing.T) {
	t.Parallel()
	report := filepath.Join(t.TempDir(), "report.xml")
	stdout, _, err := execute(t, "conformance", startFlag(""), "--require-probe", "--run", "^(health|integers)$", "--json", "--junit", report)
	var told struct {
		Failed   bool
		Findings []doctor.Finding
	}
	if err := json.Unmarshal([]byte(stdout), &told); err != nil {
		t.Fatalf("%v\n%s", err, stdout)
	}
	if err == nil || exitStatus(err) != 1 || !told.Failed || len(told.Findings) != 2 || told.Findings[1].About != "probe" || told.Findings[1].Relies == "" {
		t.Errorf("error %v, report\n%s", err, stdout)
	}
	text, err := os.ReadFile(report) //nolint:gosec // the test's own
	if err != nil || !strings.Contains(string(text), `tests="2" failures="1"`) {
		t.Errorf("%v\n%s", err, text)
	}
}

// TestConformanceOfWhatRuns judges a service with the certificates of a development PKI.
func TestConformanceOfWhatRuns(t *testing.T) {
	t.Parallel()
	g := start(t)
	certs := func(name string) string { return filepath.Join(g.dir, certsFolder, name) }
	stdout, _, err := execute(t, "conformance", "--target", g.service.addr, "--server-name", "orders.internal", "--ca", certs("internal-ca.pem"),
		"--gateway-cert", certs("gateway.pem"), "--gateway-key", certs("gateway.key"))
	if err != nil || !strings.Contains(stdout, "skipped  allowed_caller") || !strings.Contains(stdout, "ok       duplicate_metadata") {
		t.Errorf("%v\n%s", err, stdout)
	}
}

func TestConformanceRefuses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"nothing":        {nil, "--start"},
		"no certificate": {[]string{"--target", "127.0.0.1:1"}, "--gateway-cert"},
		"no start":       {[]string{"--start", "false {cert} {key} {ca}"}, "ended before it listened"},
		"no regexp":      {[]string{"--run", "("}, "--run"},
		"no patience":    {[]string{"--patience", "0s"}, "--patience"},
		"no descriptors": {[]string{"--descriptors", filepath.Join(t.TempDir(), "none")}, "none"},
	} {
		if _, _, err := execute(t, append([]string{"conformance"}, test.args...)...); err == nil || exitStatus(err) != 2 || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %s", name, err, test.want)
		}
	}
}

// TestDocumentedChecks has the page list the checks as they are.
func TestDocumentedChecks(t *testing.T) {
	t.Parallel()
	page := documents(t)["docs/conformance.md"]
	var rows []string
	for _, check := range conformance.Checks() {
		rows = append(rows, fmt.Sprintf("| `%s` | %s |", check.ID, check.Relies))
	}
	got := regexp.MustCompile("(?m)^\\| `[a-z0-9_]+` \\| [A-Z0-9`].*\\.\\ \\|$").FindAllString(page, -1)
	if strings.Join(got, "\n") != strings.Join(rows, "\n") {
		t.Errorf("docs/conformance.md lists\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(rows, "\n"))
	}
	stdout, _, err := execute(t, "conformance", "--list")
	if err != nil || strings.Count(stdout, "\n") != len(rows) {
		t.Errorf("--list: %v\n%s", err, stdout)
	}
}
