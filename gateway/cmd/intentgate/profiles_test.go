package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestProfiles(t *testing.T) {
	t.Parallel()
	stdout, _, err := execute(t, "profiles")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"dialogflow\n", `chain ssl.com: exactly one CN "Google LLC"`, "extended key usage clientAuth\n",
		"chain gts: SAN dns:*.dialogflow.com, extended key usage clientAuth or serverAuth\n    used until 2026-12-01T00:00:00Z, not enforced\n",
		"until 2041-02-12  SHA-256 85666a562ee0be5ce925c1d8890a6f76a87ec16d4d7d5f29ea7419cf20123b69\n",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %q in\n%s", want, stdout)
		}
	}

	dir := folder(t, edit{"webhooks:\n", "    - {name: shop, roots: {file: certs/gts-root.pem}, subject: {dns: [agent.shop.example]}," +
		" agents: [projects/shop/locations/global/agents/a-1]}\nwebhooks:\n"})
	stdout, _, err = execute(t, "profiles", "--config", filepath.Join(dir, configFile), "--json")
	if err != nil {
		t.Fatal(err)
	}
	var shown struct{ Profiles []profile }
	if err := json.Unmarshal([]byte(stdout), &shown); err != nil {
		t.Fatal(err)
	}
	if len(shown.Profiles) != 2 || shown.Profiles[0].Name != "dev" || len(shown.Profiles[0].Chains) != 2 ||
		shown.Profiles[1].Agents[0] != "projects/shop/locations/global/agents/a-1" ||
		shown.Profiles[1].Chains[0].Subject != "SAN dns:agent.shop.example" ||
		!shown.Profiles[1].Chains[0].Roots[0].NotAfter.Equal(keys(t).GTSRoot.Certificate().NotAfter) {
		t.Errorf("got %s", stdout)
	}
	if _, _, err := execute(t, "profiles", "--config", filepath.Join(dir, "none.yaml")); err == nil {
		t.Error("a configuration that is not there was shown")
	}
}

// TestProfilesTellsEveryRule shows a profile of every kind.
func TestProfilesTellsEveryRule(t *testing.T) {
	t.Parallel()
	dir := folder(t,
		edit{"gts: certs/gts-root.pem}}", "gts: certs/gts-root.pem}, dates: {enforce: true}}"},
		edit{"webhooks:\n", `    - name: shop
      roots: {folder: roots}
      subject: {common_name: agent}
      issuer: {common_name: Agents CA, organization: Shop}
      key_usages: [serverAuth]
      dates: {from: 2026-01-02}
    - {name: open, roots: {folder: roots}, subject: {common_name: agent}}
webhooks:
`})
	roots := filepath.Join(dir, "roots")
	if err := os.Mkdir(roots, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := keys(t).GTSRoot.WriteFile(filepath.Join(roots, "root.crt")); err != nil {
		t.Fatal(err)
	}
	stdout, _, err := execute(t, "profiles", "--config", filepath.Join(dir, configFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"    used until 2026-12-01T00:00:00Z, enforced\n    roots of " + filepath.Join(dir, "certs", "gts-root.pem") + "\n    CN=",
		"shop\n  chain custom: exactly one CN \"agent\", an issuer with exactly one CN \"Agents CA\", exactly one O \"Shop\", extended key usage serverAuth\n" +
			"    used from 2026-01-02T00:00:00Z, not enforced\n    roots of " + roots + "\n    CN=",
		"open\n  chain custom: exactly one CN \"agent\", extended key usage clientAuth or left open\n    roots of " + roots + "\n    CN=",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %q in\n%s", want, stdout)
		}
	}
	stdout, _, err = execute(t, "profiles", "--config", filepath.Join(dir, configFile), "--json")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"issuer": "exactly one CN \"Agents CA\", exactly one O \"Shop\""`, `"usage_open": true`, `"from": "2026-01-02T00:00:00Z"`,
		`"until": "2026-12-01T00:00:00Z"`, `"enforce": true`, `"enforce": false`, `"source": "` + roots + `"`,
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %s in\n%s", want, stdout)
		}
	}
}
