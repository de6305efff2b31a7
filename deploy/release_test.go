package deploy_test

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestWorkflows holds the workflows against GitHub's schema.
func TestWorkflows(t *testing.T) {
	lint := append(tool(t, "ACTIONLINT"), "-shellcheck=", "-pyflakes=")
	for _, name := range []string{"ci", "release"} {
		path := "../.github/workflows/" + name + ".yml"
		if stdout, stderr, err := run(t, append(lint, path[3:])...); err != nil {
			t.Errorf("%s: %s%s", name, stdout, stderr)
		}
		for _, e := range []edit{
			{"runs-on: ubuntu-latest", "run-on: ubuntu-latest", "run-on"},
			{"persist-credentials: false", "persist-credential: false", "persist-credential"},
			{"github.workflow }}", "github.workflows }}", "workflows"},
		} {
			bad := filepath.Join(t.TempDir(), ".github", "workflows", "bad.yml")
			write(t, bad, []byte(replaced(t, read(t, path), e.from, e.to)))
			if stdout, _, err := run(t, append(lint, bad)...); err == nil || !strings.Contains(stdout, e.want) {
				t.Errorf("%s with %s: %v, %s", name, e.to, err, stdout)
			}
		}
	}
}

// TestGoReleaser has goreleaser judge its configuration.
func TestGoReleaser(t *testing.T) {
	check := append(tool(t, "GORELEASER"), "check", "--config")
	mustRun(t, append(check, ".goreleaser.yaml")...)
	for _, e := range []edit{
		{"formats: [deb, rpm]", "format: [deb, rpm]", "format"},
		{"goos: [linux, darwin]", "goos: [linux, darwim]", "darwim"},
	} {
		bad := filepath.Join(t.TempDir(), "bad.yaml")
		write(t, bad, []byte(replaced(t, read(t, "../.goreleaser.yaml"), e.from, e.to)))
		if stdout, stderr, err := run(t, append(check, bad)...); err == nil || !strings.Contains(stdout+stderr, e.want) {
			t.Errorf("with %s: %v, %s%s", e.to, err, stdout, stderr)
		}
	}
	for name, words := range map[string]string{ // one way to build, wherever
		"../.goreleaser.yaml": "env: [CGO_ENABLED=0]\n    flags: [-trimpath]\n    ldflags: [-s -w -buildid=]",
		"deploy.mk":           "CGO_ENABLED=0 GOCACHE=$$dir/$$one/.cache $(GO) build -trimpath -ldflags='-s -w -buildid='",
		"Dockerfile":          "CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -ldflags='-s -w -buildid='",
	} {
		if !strings.Contains(read(t, name), words) {
			t.Errorf("%s: it does not say %q", name, words)
		}
	}
}

// blunders are images that Kubernetes would refuse to start by the manifests, or that hold more than the gateway.
var blunders = map[string]edit{
	"root":               {"USER 65532:65532\n", "", "runs as"},
	"a user by name":     {"USER 65532:65532", "USER intentgate", "runs as"},
	"a shell":            {"FROM scratch", "FROM debian", "FROM debian"},
	"a shell's words":    {`ENTRYPOINT ["/intentgate"]`, "ENTRYPOINT /intentgate", "starts"},
	"a port":             {"EXPOSE 8443 9900", "EXPOSE 8443", "exposes"},
	"links to libraries": {"CGO_ENABLED=0 ", "", "C libraries"},
	"no authorities":     {"COPY --from=build /out/ca-certificates.crt", "#", "ca-certificates"},
	"killed":             {"STOPSIGNAL SIGTERM", "STOPSIGNAL SIGKILL", "SIGKILL"},
}

// TestImage compares what the Dockerfile says with what the Deployment wants. It builds no image.
func TestImage(t *testing.T) {
	good := read(t, "Dockerfile")
	if got := judgeImage(t, good); len(got) > 0 {
		t.Errorf("said %q", got)
	}
	for name, e := range blunders {
		if got := strings.Join(judgeImage(t, replaced(t, good, e.from, e.to)), "\n"); !strings.Contains(got, e.want) {
			t.Errorf("%s: said %q, want %q", name, got, e.want)
		}
	}
}

func judgeImage(t *testing.T, dockerfile string) (findings []string) {
	t.Helper()
	stages := strings.Split(dockerfile, "\nFROM ")
	last := stages[len(stages)-1]
	says := func(instruction string) string {
		found := regexp.MustCompile(`(?m)^` + instruction + ` (.*)$`).FindStringSubmatch(last)
		return strings.Join(found[min(1, len(found)):], "")
	}
	main := parse(t, read(t, "kubernetes/base/deployment.yaml"))["Deployment/intentgate"].Spec.Template.Spec
	var ports []string
	for _, p := range main.Containers[0].Ports {
		ports = append(ports, p.Container)
	}
	if base, _, _ := strings.Cut(last, "\n"); base != "scratch" {
		findings = append(findings, "it is made FROM "+base)
	}
	if user := says("USER"); user == "" || user != main.Security.User+":"+main.Security.Group {
		findings = append(findings, "it runs as "+user+", the Deployment as "+main.Security.User)
	}
	if says("ENTRYPOINT") != `["/intentgate"]` {
		findings = append(findings, "it starts "+says("ENTRYPOINT"))
	}
	if exposed := strings.Fields(says("EXPOSE")); !slices.Equal(exposed, ports) {
		findings = append(findings, "it exposes "+strings.Join(exposed, " "))
	}
	if says("STOPSIGNAL") != "SIGTERM" {
		findings = append(findings, "it is stopped by "+says("STOPSIGNAL"))
	}
	if !strings.Contains(stages[len(stages)-2], "CGO_ENABLED=0") {
		findings = append(findings, "it may need C libraries")
	}
	if !strings.Contains(last, "COPY --from=build /out/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt\n") {
		findings = append(findings, "it has no ca-certificates to know Google by")
	}
	return findings
}
