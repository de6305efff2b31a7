package main

import (
	"encoding/json"
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
		"chain gts: SAN dns:*.dialogflow.com, extended key usage clientAuth or serverAuth\n",
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
