package main

import (
	"bytes"
	"context"
	"crypto/x509/pkix"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/intentgate/intentgate/services/mtls/devca"
)

// execute runs a command that ends by itself.
func execute(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	return executeWithin(t, patience, args...)
}

// executeWithin runs one that may take longer than others.
func executeWithin(t *testing.T, patience time.Duration, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var out, log bytes.Buffer
	err = run(ctx, args, &out, &log)
	if ctx.Err() != nil {
		t.Fatalf("%q did not end by itself: %v\n%s", args, err, &log)
	}
	return out.String(), log.String(), err
}

// serveBadly runs `serve` in a folder, which must fail with one error that holds all of want, and say so by that alone.
func serveBadly(t *testing.T, dir string, want ...string) {
	t.Helper()
	stdout, _, err := execute(t, "serve", "--config", filepath.Join(dir, configFile), "--json")
	if err == nil {
		t.Fatal("serve returned nil")
	}
	text := strings.ReplaceAll(err.Error(), dir, "FOLDER")
	for _, part := range want {
		if !strings.Contains(text, part) {
			t.Errorf("the error has no %q:\n%s", part, text)
		}
	}
	if strings.Contains(text, "\n") || stdout != "" {
		t.Errorf("want one line and nothing on standard output:\n%s\n%s", text, stdout)
	}
}

// TestBadConfiguration has one thing wrong at a time: the error says where it is, what is wrong and what to do.
func TestBadConfiguration(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		edit edit
		want []string
	}{
		"missing key": {
			edit{"    platform: ES\n    profiles: [dev]\n    id_token", "    profiles: [dev]\n    id_token"},
			[]string{"FOLDER/intentgate.yaml:8:5: webhooks[0].platform: missing; want ES or CX"},
		},
		"unknown key": {
			edit{"  listen: \"127.0.0.1:0\"\n  cert", "  listen: \"127.0.0.1:0\"\n  drainn: 5s\n  cert"},
			[]string{"FOLDER/intentgate.yaml:3:3: edge: unknown key \"drainn\"; did you mean drain?; allowed: listen, "},
		},
		"mistyped value": {
			edit{"number: 415104041262", "number: many"},
			[]string{"FOLDER/intentgate.yaml:12:35: webhooks[0].projects[0].number: \"many\"; want a whole number"},
		},
		"mistyped duration": {
			edit{"webhooks:", "  drain: 5\nwebhooks:"},
			[]string{"FOLDER/intentgate.yaml:7:10: edge.drain: \"5\"; want a duration with its unit, such as 300ms, 5s or 2m"},
		},
		"duplicate key": {
			edit{"    required: true\n", "    required: true\n    required: false\n"},
			[]string{"FOLDER/intentgate.yaml:28:5: the key \"required\" stands here twice, first in line 27; remove one"},
		},
		"second document": {
			edit{"admin: {listen: \"127.0.0.1:0\"}\n", "---\nadmin: {listen: \"127.0.0.1:0\"}\n"},
			[]string{"FOLDER/intentgate.yaml:31:1: a second YAML document begins; want one, join them or remove this"},
		},
		"no YAML": {
			edit{"routes:\n", "routes: [\n"},
			[]string{"FOLDER/intentgate.yaml:", "not YAML: "},
		},
		"missing certificate": {
			edit{"cert: certs/edge.pem", "cert: certs/gone.pem"},
			[]string{"FOLDER/intentgate.yaml:3:23: edge.certificate.cert: the file \"FOLDER/certs/gone.pem\" does not exist; paths start from"},
		},
		"unknown service": {
			edit{"  - service: shop-orders", "  - service: shop-order"},
			[]string{"FOLDER/intentgate.yaml:29:14: routes[0].service: \"shop-order\" is not among services; did you mean shop-orders?"},
		},
		"shadowed route": {
			edit{"  - service: shop-orders\n", "  - service: shop-orders\n  - {service: shop-orders, match: {intent: order.*}}\n"},
			[]string{"FOLDER/intentgate.yaml:30:5: routes[1]: can never match: all of it goes to routes[0] (any) before; move it up, or remove it"},
		},
		"admin for everybody": {
			edit{"admin: {listen: \"127.0.0.1:0\"}", "admin: {listen: \":9901\"}"},
			[]string{"FOLDER/intentgate.yaml:31:17: admin.listen: \":9901\": other machines can reach it; want a loopback address"},
		},
		"mismatched pair": {
			edit{"key: certs/edge.key", "key: certs/gateway.key"},
			[]string{"FOLDER/certs/gateway.key is not the key of the first certificate in FOLDER/certs/edge.pem", "put the two that belong together there"},
		},
		"swapped pair": {
			edit{"{cert: certs/edge.pem, key: certs/edge.key}", "{cert: certs/edge.key, key: certs/edge.pem}"},
			[]string{"FOLDER/certs/edge.key: holds a private key where a certificate is wanted; are the two files swapped?"},
		},
		"mismatched pair of the hop": {
			edit{"key: certs/gateway.key", "key: certs/orders.key"},
			[]string{"FOLDER/certs/orders.key is not the key of the first certificate in FOLDER/certs/gateway.pem"},
		},
		"no root": {
			edit{"ssl_com: certs/ssl-com-root.pem", "ssl_com: certs/README.txt"},
			[]string{"FOLDER/certs/README.txt: no PEM block in the file; it has to start with a line like -----BEGIN CERTIFICATE-----"},
		},
		"no CA of the hop": {
			edit{"ca: certs/internal-ca.pem", "ca: certs/orders.key"},
			[]string{"FOLDER/certs/orders.key: holds a private key where a certificate is wanted"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			serveBadly(t, folder(t, test.edit), test.want...)
		})
	}
}

// TestExpiredCertificates are told of at the start, with the place and the file that has to be renewed.
func TestExpiredCertificates(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, place string
		issuer      *devca.Authority
	}{
		{"edge", "3:23: edge.certificate.cert", keys(t).EdgeCA},
		{"gateway", "26:44: services[0].tls.cert", keys(t).InternalCA},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := folder(t)
			now := time.Now()
			certificate, err := test.issuer.Issue(devca.Leaf{
				Subject: pkix.Name{CommonName: "ours"}, DNS: []string{"localhost"}, NotBefore: now.Add(-48 * time.Hour), NotAfter: now.Add(-24 * time.Hour),
			})
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(dir, certsFolder, test.name)
			if err := certificate.WriteFiles(file+".pem", file+".key"); err != nil {
				t.Fatal(err)
			}
			serveBadly(t, dir, "FOLDER/intentgate.yaml:"+test.place+": FOLDER/certs/"+test.name+".pem: ", "has expired on ", "renew it")
		})
	}
}

// TestAllProblemsAtOnce has several things wrong.
func TestAllProblemsAtOnce(t *testing.T) {
	t.Parallel()
	dir := folder(t, edit{"platform: ES\n", "platform: EX\n"}, edit{"api: V2BETA1", "apy: V2BETA1"},
		edit{"cert: certs/gateway.pem", "cert: certs/gone.pem"}, edit{"required: true", "required: yes please"})
	_, _, err := execute(t, "serve", "--config", filepath.Join(dir, configFile))
	if err == nil {
		t.Fatal("serve returned nil")
	}
	var places []string
	for line := range strings.Lines(strings.ReplaceAll(err.Error(), dir, "FOLDER")) {
		place, _, _ := strings.Cut(line, ": ")
		places = append(places, place)
	}
	const file = "FOLDER/" + configFile + ":"
	if got, want := strings.Join(places, " "), file+"9:15 "+file+"15:5 "+file+"26:44 "+file+"27:15"; got != want {
		t.Errorf("problems at %s, want %s:\n%v", got, want, err)
	}
}

// TestPortInUse shows that what was opened before the port that is taken is closed again.
func TestPortInUse(t *testing.T) { // not parallel, so that no other test takes the address meanwhile
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	free, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	edge := edit{"edge:\n  listen: \"127.0.0.1:0\"", "edge:\n  listen: \"" + addr + "\""}
	for name, edits := range map[string][]edit{
		"edge":   {{"edge:\n  listen: \"127.0.0.1:0\"", "edge:\n  listen: \"" + taken.Addr().String() + "\""}},
		"status": {edge, {"status: {listen: \"127.0.0.1:0\"}", "status: {listen: \"" + taken.Addr().String() + "\"}"}},
		"admin":  {edge, {"admin: {listen: \"127.0.0.1:0\"}", "admin: {listen: \"" + taken.Addr().String() + "\"}"}},
	} {
		t.Run(name, func(t *testing.T) {
			serveBadly(t, folder(t, edits...), name, taken.Addr().String(), "address already in use", "choose another address")
			again, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", addr)
			if err != nil {
				t.Fatalf("something is still listening: %v", err)
			}
			if err := again.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestBadCommandLines are told what would be right.
func TestBadCommandLines(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "mine.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args []string
		want []string
		help bool // it goes to standard output
	}{
		{nil, []string{"a command is needed, such as `intentgate demo`"}, true},
		{[]string{"srve"}, []string{`unknown command "srve"`, "intentgate --help"}, false},
		{[]string{"serve", "--cofnig", "x"}, []string{"unknown flag: --cofnig", "intentgate serve --help"}, false},
		{[]string{"serve", "x"}, []string{`unknown command "x" for "intentgate serve"`}, false},
		{[]string{"serve", "--config", filepath.Join(dir, "gone.yaml")}, []string{"gone.yaml: there is no such configuration file", "--config"}, false},
		{[]string{"serve", "--log-format", "xml"}, []string{`--log-format "xml" is unknown: text or json is wanted`}, false},
		{[]string{"serve", "--log-level", "loud"}, []string{`"loud"`, "--log-level", "intentgate serve --help"}, false},
		{[]string{"serve", "--audit-log", filepath.Join(dir, "gone", "audit")}, []string{"open the audit log: ", "gone/audit"}, false},
		{[]string{"certs"}, []string{`required flag(s) "out" not set`}, false},
		{[]string{"certs", "--out", dir}, []string{"folder " + dir + " is not empty, it holds mine.txt", "name a new one"}, false},
		{[]string{"certs", "--out", dir + "/x", "--host", "https://a"}, []string{`host "https://a": want a DNS name or an IP address`}, false},
		{[]string{"demo", "--listen", "nowhere"}, []string{"edge.listen", `"nowhere"`}, false},
	} {
		t.Run(strings.Join(test.args, " "), func(t *testing.T) {
			t.Parallel()
			stdout, _, err := execute(t, test.args...)
			if err == nil {
				t.Fatal("no error")
			}
			for _, part := range test.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("the error has no %q: %v", part, err)
				}
			}
			if strings.Contains(err.Error(), "\n") || (stdout != "") != test.help {
				t.Errorf("want one line, and help on standard output: %t\n%v\n%s", test.help, err, stdout)
			}
		})
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("something was left in the folder: %v, %v", entries, err)
	}
}
