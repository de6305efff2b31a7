package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/intentgate/intentgate/gateway/config"
)

// TestReload has a file change under a gateway that runs by it.
func TestReload(t *testing.T) {
	path := filepath.Join(fixtures(t), "reload.yaml")
	const (
		head = "edge:\n  listen: \":8443\"\n  certificate: {cert: any.pem, key: any.pem}\n  clients: [{name: dialogflow}]\n"
		tail = "webhooks: [{path: /es, platform: ES, profiles: [dialogflow], id_token: {audiences: [\"https://a.example/es\"]}, projects: [{id: shop, number: 7}]}]\n" +
			"services: [{name: orders, target: \"orders:1\", tls: {ca: any.pem, cert: any.pem, key: any.pem}}]\nroutes: [{service: orders}]\n"
		listeners = "status: {listen: \":9900\"}\nadmin: {listen: \"127.0.0.1:9901\"}\n"
	)
	save := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	save(head + tail + listeners)
	inForce, err := config.Load(path, now)
	if err != nil {
		t.Fatal(err)
	}
	const cannot = " is in force; it cannot change while the gateway runs: restart it, or write what is in force"
	for name, test := range map[string]struct{ text, want string }{
		"nothing":          {head + tail + listeners, ""},
		"a default":        {head + "  limits: {connections: 10000, idle_timeout: 2m}\n" + tail + listeners, ""},
		"what may":         {head + "  drain: 1s\n  drain_delay: 1s\n  send_ca_names: true\n  limits: {turns: 7, held_bytes: 7, body_bytes: 7, project_turns_per_second: 7}\n" + tail + listeners, ""},
		"edge":             {strings.Replace(head, "8443", "8444", 1) + tail + listeners, `:2:11: edge.listen: ":8444", and ":8443"` + cannot},
		"status":           {head + tail + strings.Replace(listeners, "9900", "9909", 1), `:8:18: status.listen: ":9909", and ":9900"` + cannot},
		"no admin":         {head + tail + listeners[:strings.Index(listeners, "admin")], `:1:1: admin.listen: "", and "127.0.0.1:9901"` + cannot},
		"status by TLS":    {head + tail + strings.Replace(listeners, "}", ", certificate: {cert: any.pem, key: any.pem}}", 1), ":8:40: status.certificate: TLS is switched on or off"},
		"acme":             {strings.Replace(head, "certificate: {cert: any.pem, key: any.pem}", "acme: {domains: [a.example], folder: acme, accept_terms: true}", 1) + tail + listeners, "edge.acme: another one is in force"},
		"header_bytes":     {head + "  limits: {header_bytes: 7}\n" + tail + listeners, `edge.limits.header_bytes: "7", and "32768"` + cannot},
		"handshakes":       {head + "  limits: {handshakes: 7}\n" + tail + listeners, `edge.limits.handshakes: "7", and "256"` + cannot},
		"connections":      {head + "  limits: {connections: 7}\n" + tail + listeners, `edge.limits.connections: "7", and "10000"` + cannot},
		"handshake":        {head + "  limits: {handshake_timeout: 7s}\n" + tail + listeners, `edge.limits.handshake_timeout: "7s", and "5s"` + cannot},
		"header":           {head + "  limits: {header_timeout: 7s}\n" + tail + listeners, `edge.limits.header_timeout: "7s", and "5s"` + cannot},
		"read":             {head + "  limits: {read_timeout: 7s}\n" + tail + listeners, `edge.limits.read_timeout: "7s", and "10s"` + cannot},
		"idle":             {head + "  limits: {idle_timeout: 7s}\n" + tail + listeners, `edge.limits.idle_timeout: "7s", and "2m0s"` + cannot},
		"what is no good":  {head + tail + listeners + "rotes: []\n", `unknown key "rotes"`},
		"a file that went": {strings.Replace(head, "cert: any.pem", "cert: gone.pem", 1) + tail + listeners, `gone.pem" does not exist`},
	} {
		t.Run(name, func(t *testing.T) {
			save(test.text)
			_, err := config.Reload(path, now, inForce)
			switch {
			case test.want == "" && err != nil:
				t.Error(err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("it says %v, want %s", err, test.want)
			}
		})
	}
}
