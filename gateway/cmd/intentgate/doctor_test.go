package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/intentgate/intentgate/gateway/doctor"
)

// diagnose runs the doctor for programs, and returns each check's finding.
func diagnose(t *testing.T, wantFailed bool, args ...string) map[string]doctor.Finding {
	t.Helper()
	stdout, stderr, err := execute(t, append([]string{"doctor", "--json"}, args...)...)
	var report struct {
		Failed   bool
		Findings []doctor.Finding
	}
	if decodeErr := json.Unmarshal([]byte(stdout), &report); decodeErr != nil {
		t.Fatalf("%v: %v, %v\n%s", args, decodeErr, err, stdout)
	}
	if (err != nil) != wantFailed || report.Failed != wantFailed || strings.Contains(stderr, "Trying") != strings.HasPrefix(args[0], "https://") {
		t.Errorf("%v: returned %v, failed %t, want %t\n%s%s", args, err, report.Failed, wantFailed, stdout, stderr)
	}
	findings := map[string]doctor.Finding{}
	for _, f := range report.Findings {
		findings[strings.TrimSpace(f.About+" "+f.Check)] = f
	}
	return findings
}

// TestDoctorServer examines a gateway: all is well with it, but that it wants no ID token here.
func TestDoctorServer(t *testing.T) {
	t.Parallel()
	g := start(t)
	url := "https://localhost:" + g.port() + esPath
	good := []string{url, "--ca", g.file("edge-ca.pem"), "--cert", g.file("dialogflow-ssl-com.pem"), "--key", g.file("dialogflow-ssl-com.key")}
	findings := diagnose(t, false, good...)
	if len(findings) < 20 {
		t.Errorf("%d checks", len(findings))
	}
	for check, f := range findings {
		switch {
		case check == "handshake_time": // a busy machine is slow
		case check == "wants_id_token":
			if f.Verdict != doctor.Warning || !strings.Contains(f.Saw, "HTTP 400") {
				t.Errorf("%+v", f)
			}
		case f.Verdict != doctor.OK:
			t.Errorf("%+v", f)
		}
	}
	// The gateway has seen what the doctor tells.
	for _, reason := range []string{"no_certificate", "unknown_authority", "not_tls", "protocol_version"} {
		g.log.await(t, 1, entry{"msg": "Handshake refused", "reason": reason})
	}
	g.audit.await(t, 2, entry{"msg": "Connection accepted"})

	stdout, _, err := execute(t, append([]string{"doctor"}, good...)...)
	if err != nil || !strings.Contains(stdout, "\nok       refuses_stranger  ") || !strings.HasSuffix(stdout, " ok, 1 warning\n") {
		t.Errorf("%v\n%s", err, stdout)
	}

	for name, test := range map[string]struct {
		check   string
		verdict doctor.Verdict
		args    []string
	}{
		"without its CA": {"server_chain", doctor.Failed, []string{url}},
		"expired client": {"accepts_client", doctor.Failed, []string{
			url, "--ca", g.file("edge-ca.pem"), "--cert", g.file("refused/expired.pem"), "--key", g.file("refused/expired.key"),
		}},
		"client alone": {"profile dialogflow accepts", doctor.Failed, []string{"--cert", g.file("dialogflow-ssl-com.pem")}},
		"client by the configuration": {"profile dev accepts", doctor.OK, []string{
			"--cert", g.file("dialogflow-gts.pem"), "--key", g.file("dialogflow-gts.key"), "--config", filepath.Join(g.dir, configFile),
		}},
		"inner hop": {"service shop-orders asserting", doctor.OK, []string{"--config", filepath.Join(g.dir, configFile)}},
		"copied client": {"client_key_match", doctor.Failed, []string{
			"--cert", g.file("refused/copied.pem"), "--key", g.file("refused/copied.key"), "--config", filepath.Join(g.dir, configFile),
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			findings := diagnose(t, test.verdict == doctor.Failed, test.args...)
			f, ok := findings[test.check]
			for about, finding := range findings { // the certificate's file is part of it
				if strings.HasSuffix(about, " "+test.check) {
					f, ok = finding, true
				}
			}
			if !ok || f.Verdict != test.verdict || f.Verdict == doctor.Failed && f.Remedy == "" {
				t.Errorf("%+v in %+v", f, findings)
			}
		})
	}
}

func TestDoctorBadInput(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		want string
		args []string
	}{
		{"nothing to examine", nil},
		{"want https://HOST/PATH", []string{"http://shop.example/x"}},
		{"more than 0", []string{"https://shop.example/x", "--timeout", "0s"}},
		{"both --cert and --key", []string{"https://shop.example/x", "--cert", "x.pem"}},
		{"not about a URL", []string{"https://shop.example/x", "--config", "x.yaml"}},
		{"goes with a URL", []string{"--cert", "x.pem", "--ca", "y.pem"}},
		{"none.pem", []string{"https://shop.example/x", "--ca", "none.pem"}},
		{"none.pem", []string{"--cert", "none.pem"}},
		{"none.yaml", []string{"--cert", "none.pem", "--config", "none.yaml"}},
		{"accepts at most 1 arg", []string{"a", "b"}},
	} {
		stdout, _, err := execute(t, append([]string{"doctor"}, test.args...)...)
		if err == nil || !strings.Contains(err.Error(), test.want) || stdout != "" {
			t.Errorf("%q: %v, want %q\n%s", test.args, err, test.want, stdout)
		}
	}
}
