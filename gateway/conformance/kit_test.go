package conformance_test

import (
	"bytes"
	"context"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/intentgate/intentgate/gateway/conformance"
	"github.com/intentgate/intentgate/gateway/doctor"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/serve"
)

// serviceVariable makes this test's process a service.
const serviceVariable = "INTENTGATE_TEST_SERVICE"

func TestMain(m *testing.M) {
	if os.Getenv(serviceVariable) != "" {
		if status := serve.Main(serve.Config{Name: "service", Register: register}); status != 0 {
			panic("the service failed")
		}
		return
	}
	m.Run()
}

func register(r grpc.ServiceRegistrar) {
	intentgatev1.RegisterIntentServiceServer(r, intentgatev1.UnimplementedIntentServiceServer{})
}

// start starts the Go library's service in a process of its own.
func start(t *testing.T, flags string) conformance.Config {
	t.Helper()
	keys := newKeys(t)
	start := conformance.Start{Command: command + flags, Keys: keys, Patience: time.Minute}
	service, err := start.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(service.Close)
	config := settings(keys, service.Address)
	config.Process, config.Start = service, &start
	return config
}

// command starts this test's process as a service, and signed has that ask for tokens and have a policy.
var command = "env " + serviceVariable + "=yes '" + os.Args[0] + "' --listen {listen} --cert {cert} --key {key} --ca {ca} --assert {assert} --allow {allow} "

const signed = " --jwks {jwks} --trust-domain {trust_domain} --issuer {issuer} --forward {forward} --policy {policy}"

func newKeys(t *testing.T) *conformance.Keys {
	t.Helper()
	keys, err := conformance.NewKeys(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func settings(keys *conformance.Keys, target string) conformance.Config {
	return conformance.Config{
		Target: target, ServerName: conformance.ServerName, Gateway: keys.Gateway, Caller: keys.Caller, Unlisted: keys.Unlisted,
		Keys: keys, RequireProbe: true, Patience: time.Minute, Now: time.Now,
	}
}

// judge returns the ids by verdict.
func judge(t *testing.T, config conformance.Config) (doctor.Report, map[doctor.Verdict][]string) {
	t.Helper()
	report, err := config.Judge(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ids := map[doctor.Verdict][]string{}
	for _, result := range report {
		ids[result.Verdict] = append(ids[result.Verdict], result.Check)
	}
	return report, ids
}

// TestLibrary has the Go library pass everything.
func TestLibrary(t *testing.T) {
	t.Parallel()
	config := start(t, "--probe"+signed)
	told := 0
	config.Progress = func(doctor.Finding) { told++ }
	report, ids := judge(t, config)
	if len(ids[doctor.OK]) != len(conformance.Checks()) || told != len(report) {
		var text bytes.Buffer
		_ = report.Print(&text)
		t.Errorf("%d told of\n%s", told, &text)
	}
}

// TestWithoutTokens has it pass the rest as a service that asks for no tokens, though they come.
func TestWithoutTokens(t *testing.T) {
	t.Parallel()
	config := start(t, "--probe")
	config.Run = regexp.MustCompile("^(caller|token_|policy_|idempotency$)")
	_, ids := judge(t, config)
	if !slices.Equal(ids[doctor.OK], []string{"caller", "idempotency"}) || len(ids[doctor.Failed]) > 0 {
		t.Errorf("%v", ids)
	}
}

// TestWithoutProbe judges what can be seen from outside alone, with what a stranger to the service has.
func TestWithoutProbe(t *testing.T) {
	t.Parallel()
	config := start(t, "")
	config.RequireProbe = false
	config.Caller.Cert, config.Unlisted.Cert, config.Keys, config.Process = "", "", nil, nil
	_, ids := judge(t, config)
	want := []string{"refuses_unlisted", "refuses_common_name", "allowed_caller", "forged_metadata", "certificate_reload", "authority_reload"}
	for _, check := range conformance.Checks() {
		if check.Probe {
			want = append(want, check.ID)
		}
	}
	if !slices.Equal(ids[doctor.Skipped], want) || len(ids[doctor.Failed]) > 0 {
		t.Errorf("skipped %v, failed %v, want skipped %v", ids[doctor.Skipped], ids[doctor.Failed], want)
	}
	config.RequireProbe, config.Run = true, regexp.MustCompile("^(integers|health)$")
	if _, ids := judge(t, config); !slices.Equal(ids[doctor.Failed], []string{"integers"}) || !slices.Equal(ids[doctor.OK], []string{"health"}) {
		t.Errorf("where the probe is required: %v", ids)
	}
}

func TestStartFails(t *testing.T) {
	t.Parallel()
	for command, want := range map[string]string{
		"echo cannot >&2; false {cert} {key} {ca}":   "cannot",
		"service --cert {cert} --key {key}":          "{ca} is missing",
		"service {cert} {key} {ca} --as {name}":      "{name} is unknown",
		"no-such-program-anywhere {cert} {key} {ca}": "not found",
		"service {cert} {key} {ca} --jwks {jwks}":    "{issuer} is missing",
	} {
		_, err := conformance.Start{Command: command, Keys: newKeys(t), Patience: time.Minute}.Run(t.Context())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", command, err, want)
		}
	}
	// One that does not listen is ended.
	_, err := conformance.Start{Command: "sleep 600 {cert} {key} {ca}", Keys: newKeys(t), Patience: 200 * time.Millisecond}.Run(t.Context())
	if err == nil {
		t.Error("it was waited for in vain")
	}
}

func TestJudgeRefuses(t *testing.T) {
	t.Parallel()
	config := settings(newKeys(t), "127.0.0.1:1")
	config.Run = regexp.MustCompile("nothing")
	if _, err := config.Judge(t.Context()); err == nil || !strings.Contains(err.Error(), "nothing") {
		t.Errorf("got %v, want that there is no such check", err)
	}
	config.Target = "ftp:///nowhere"
	config.ServerName = ""
	if _, err := config.Judge(t.Context()); err == nil {
		t.Error("a bad target is judged")
	}
	if _, err := (conformance.Config{}).Judge(t.Context()); err == nil {
		t.Error("nothing is judged")
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := settings(newKeys(t), "127.0.0.1:1").Judge(ended); err == nil {
		t.Error("it is judged on, though the context has ended")
	}
}

// TestChecks has all checks say what they are about.
func TestChecks(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, check := range conformance.Checks() {
		if seen[check.ID] || !regexp.MustCompile(`^[a-z][a-z0-9_]+$`).MatchString(check.ID) || !strings.HasSuffix(check.Relies, ".") {
			t.Errorf("%+v", check)
		}
		seen[check.ID] = true
	}
}
