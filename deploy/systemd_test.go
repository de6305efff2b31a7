package deploy_test

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// faults are units that systemd would take, and complain of or not.
var faults = map[string]edit{
	"an unknown type":        {"Type=exec", "Type=exce", "exce"},
	"an unknown key":         {"UMask=", "Umask=", "Umask"},
	"a program that is not":  {"ExecReload=/bin/kill", "ExecReload=/bin/hup", "/bin/hup"},
	"an unknown system call": {"@resources", "@resource", "@resource"},
	"more rights":            {"CapabilityBoundingSet=CAP_NET_BIND_SERVICE\n", "", "exposure"},
	"all file systems":       {"ProtectSystem=strict\nProtectHome=yes\nPrivateTmp=yes\nPrivateDevices=yes\n", "", "exposure"},
	"all system calls":       {"SystemCallFilter=@system-service\n", "", "exposure"},
	"killed while it drains": {"TimeoutStopSec=60s", "TimeoutStopSec=40s", "TimeoutStopSec"},
}

// drained is what edge.drain_delay and edge.drain take by default.
const drained = 40 * time.Second

// TestUnit has systemd judge its unit, and compares it with the gateway's defaults.
func TestUnit(t *testing.T) {
	analyze := tool(t, "SYSTEMD_ANALYZE")
	const unit = "systemd/intentgate.service"
	good := read(t, unit)
	if got := judgeUnit(t, analyze, good); got != "" {
		t.Errorf("%s: %s", unit, got)
	}
	if got := judgeUnit(t, analyze, good, read(t, "systemd/credentials.conf")); got != "" {
		t.Errorf("with credentials.conf: %s", got)
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			if got := judgeUnit(t, analyze, replaced(t, good, fault.from, fault.to)); !strings.Contains(got, fault.want) {
				t.Errorf("said %q, want %q", got, fault.want)
			}
		})
	}
}

func judgeUnit(t *testing.T, analyze []string, unit string, dropIns ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "intentgate.service")
	write(t, path, []byte(strings.ReplaceAll(unit, "/usr/bin/intentgate", "/bin/true"))) // which is not installed here
	for _, dropIn := range dropIns {
		write(t, path+".d/drop-in.conf", []byte(dropIn))
	}
	stdout, stderr, _ := run(t, append(analyze, "verify", "--man=no", path)...)
	said := strings.TrimSpace(stdout + stderr) // it is content with what it only warns of
	if stdout, stderr, err := run(t, append(analyze, "security", "--no-pager", "--offline=true", "--threshold=17", path)...); err != nil {
		lines := strings.Split(strings.TrimSpace(stdout+stderr), "\n")
		said += lines[len(lines)-1]
	}
	stop := regexp.MustCompile(`(?m)^TimeoutStopSec=(.*)$`).FindStringSubmatch(unit)
	if limit, err := time.ParseDuration(stop[1]); err != nil || limit <= drained {
		said += "TimeoutStopSec is less than drain_delay and drain"
	}
	return said
}
