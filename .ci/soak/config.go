package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// The clock of Dialogflow, and what the gateway keeps back of it. CX can be made to wait; ES waits for five seconds, of which
// this is a shorter picture.
const (
	clock   = 2500 * time.Millisecond
	reserve = 500 * time.Millisecond
)

// causes are those that a fallback's words name.
var causes = []string{"timeout", "unavailable", "overloaded", "refused", "invalid", "internal", "any"}

// configuration is a replica's.
type configuration struct {
	service    string // the service's address, as the gateways see it
	reflection bool   // ask the service for its intents, instead of a file
	turns      int    // the bound on turns in work: something that reloads change
}

// String is intentgate.yaml.
func (c configuration) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, `edge:
  listen: "127.0.0.1:0"
  certificate: {cert: certs/edge.pem, key: certs/edge.key}
  clients:
    - {name: soak, like: dialogflow, roots: {ssl_com: certs/ssl-com-root.pem, gts: certs/gts-root.pem}}
  drain: 15s
  drain_delay: 1s
  limits: {turns: %d}
id_token_keys: {file: certs/jwks.json}
status: {listen: "127.0.0.1:0"}
webhooks:
`, c.turns)
	for _, w := range webhooks() {
		fmt.Fprintf(&b, `  - path: %s
    platform: %s
    profiles: [soak]
    timeout: %s
    reserve: %s
    retries_repeat_id: %t
    id_token: {audiences: ["https://localhost%s"]}
    projects: [{id: shop, number: %d}]
    fallback:
      text: {default: "%sany"}
      causes:
`, w.path, strings.ToUpper(w.path[1:3]), clock, reserve, !w.newIDs, w.path, projectNumber, fallbackPrefix)
		for _, cause := range causes[:len(causes)-1] {
			fmt.Fprintf(&b, "        %s: {text: {default: %q}}\n", cause, fallbackPrefix+cause)
		}
	}
	source := "descriptor_set: soak.binpb"
	if c.reflection {
		source = "reflection: {}"
	}
	fmt.Fprintf(&b, `services:
  - name: shop
    target: %s
    tls: {ca: certs/internal-ca.pem, cert: certs/gateway.pem, key: certs/gateway.key, server_name: orders.internal}
    intents:
      %s
      allow: {intents: ["order.*"], tags: ["*"], actions: ["order.*"]}
routes:
  - {service: shop, continue_for: 10s}
`, c.service, source)
	return b.String()
}

const projectNumber = 415104041262

// write puts it into a file, by a rename.
func (c configuration) write(path string) error { return replace(path, []byte(c.String())) }

// replace swaps a file in, as an operator's tools do.
func replace(path string, text []byte) error {
	next := filepath.Join(filepath.Dir(path), ".next")
	if err := os.WriteFile(next, text, 0o600); err != nil {
		return err
	}
	return os.Rename(next, path)
}
