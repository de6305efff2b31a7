package deploy_test

import (
	"fmt"
	"net"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/intentgate/intentgate/gateway/config"
	"github.com/intentgate/intentgate/gateway/pki"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
)

// slips are manifests that Kubernetes would take, and the gateway would not run by, or not as meant.
var slips = map[string]edit{
	"killed while it drains":         {"terminationGracePeriodSeconds: 60", "terminationGracePeriodSeconds: 44", "44 s are less than drain_delay and drain"},
	"a Service's port":               {"targetPort: edge", "targetPort: https", "Service/intentgate leads to the port https"},
	"a Service's selector":           {"  selector:\n    app.kubernetes.io/name: intentgate\n  type:", "  selector:\n    app.kubernetes.io/name: gate\n  type:", "Service/intentgate selects no pod"},
	"a probe's port":                 {"path: /readyz\n            port: status", "path: /readyz\n            port: admin", "probe of /readyz"},
	"a budget of nobody's":           {"  maxUnavailable: 1\n  selector:\n    matchLabels:\n      app.kubernetes.io/name: intentgate", "  maxUnavailable: 1\n  selector:\n    matchLabels:\n      app.kubernetes.io/name: gate", "PodDisruptionBudget/intentgate selects no pod"},
	"a policy for nobody":            {"  podSelector:\n    matchLabels:\n      app.kubernetes.io/name: intentgate\n  policyTypes", "  podSelector:\n    matchLabels:\n      app.kubernetes.io/name: gate\n  policyTypes", "NetworkPolicy/intentgate selects no pod"},
	"nothing to scale":               {"    kind: Deployment\n    name: intentgate\n", "    kind: Deployment\n    name: gate\n", "scales Deployment/gate"},
	"a metric that is none":          {"name: intentgate_turns_in_work", "name: intentgate_turns_in_flight", "no metric intentgate_turns_in_flight"},
	"nothing to scrape":              {"    app.kubernetes.io/component: status\n", "    app.kubernetes.io/component: state\n", "ServiceMonitor/intentgate selects no Service"},
	"a port that nobody scrapes":     {"path: /metrics\n    port: status", "path: /metrics\n    port: metrics", "ServiceMonitor/intentgate asks at the port metrics"},
	"a label of two":                 {"action: labeldrop", "action: labelkeep", "label service exported_service"},
	"renewed too late":               {"renewBefore: 720h", "renewBefore: 84h", "Certificate/intentgate-client is renewed when alerts fire"},
	"another port":                   {`listen: ":8443"`, `listen: ":8444"`, "listens on :8444"},
	"another port of its status":     {`listen: ":9900"`, `listen: ":9901"`, "listens on :9901"},
	"a mount of another name":        {"mountPath: /etc/intentgate/client", "mountPath: /etc/intentgate/clients", "client/ca.crt"},
	"a file that is not there":       {"key: /etc/intentgate/edge/tls.key", "key: /etc/intentgate/edge/key.pem", "edge/key.pem"},
	"a secret of nobody's":           {"secretName: intentgate-client\n  usages", "secretName: intentgate\n  usages", "no Certificate has the secret intentgate-client"},
	"no configuration":               {"- --config\n        - /etc/intentgate/config/intentgate.yaml", "- --config\n        - /etc/intentgate/intentgate.yaml", "there is no configuration at /etc/intentgate/intentgate.yaml"},
	"a bad configuration":            {"platform: CX", "platform: XC", "platform"},
	"more connections than memory":   {"connections: 5000", "connections: 20000", "GOMEMLIMIT"},
	"no room beside Go's memory":     {"memory: 1280Mi", "memory: 1Gi", "limits.memory"},
	"root":                           {"runAsNonRoot: true", "runAsNonRoot: false", "root"},
	"a root file system to write":    {"readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "read-only"},
	"more rights than it began with": {"allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true", "privileges"},
}

// TestRules has the gateway run by the configuration that the manifests give it, and holds them against each other.
func TestRules(t *testing.T) {
	keys, err := pki.New(pki.Options{RSABits: 2048})
	if err != nil {
		t.Fatal(err)
	}
	certs := t.TempDir()
	if _, err := keys.Write(filepath.Join(certs, "certs")); err != nil {
		t.Fatal(err)
	}
	r := &ruler{certs: filepath.Join(certs, "certs")}
	r.metrics = r.run(t, parse(t, render(t, "example")))
	for _, folder := range []string{"base", "example"} {
		if findings := r.judge(t, parse(t, render(t, folder)), folder == "example"); len(findings) > 0 {
			t.Errorf("%s: %s", folder, strings.Join(findings, "\n"))
		}
	}
	good := render(t, "example")
	for name, slip := range slips {
		t.Run(name, func(t *testing.T) {
			findings := r.judge(t, parse(t, replaced(t, good, slip.from, slip.to)), true)
			if !strings.Contains(strings.Join(findings, "\n"), slip.want) {
				t.Errorf("said %q, want %q", findings, slip.want)
			}
		})
	}
}

// ruler knows what manifests are held against.
type ruler struct {
	certs   string // the folder of a development PKI
	metrics string // of a gateway that runs
}

// judge tells what is wrong.
func (r *ruler) judge(t *testing.T, all objects, issued bool) (findings []string) {
	t.Helper()
	say := func(wrong bool, format string, args ...any) {
		if wrong {
			findings = append(findings, fmt.Sprintf(format, args...))
		}
	}
	template := all["Deployment/intentgate"].Spec.Template
	main := template.Spec.Containers[0]
	open := map[string]string{} // ports by name
	for _, p := range main.Ports {
		open[p.Name] = p.Container
	}
	for name, o := range all {
		picks, isPicking := map[string]selector{
			"Service": o.Spec.Selector, "Deployment": o.Spec.Selector, "PodDisruptionBudget": o.Spec.Selector, "NetworkPolicy": o.Spec.PodSelector,
		}[o.Kind]
		say(isPicking && !picks.selects(template.Metadata.Labels), "%s selects no pod", name)
		if o.Kind == "Service" {
			for _, p := range o.Spec.Ports {
				say(open[p.Target] == "", "%s leads to the port %s, which no container has", name, p.Target)
			}
		}
	}
	for _, p := range []probe{main.Liveness, main.Readiness} {
		say(open[p.Get.Port] == "" || p.Get.Port != "status", "the probe of %s asks at the port %s", p.Get.Path, p.Get.Port)
	}
	for _, scaler := range all.of("HorizontalPodAutoscaler") {
		target := scaler.Spec.Target.Kind + "/" + scaler.Spec.Target.Name
		say(all[target] == nil, "%s scales %s, which is not there", scaler.Metadata.Name, target)
		metric := scaler.Spec.Metrics[0].Pods.Metric.Name
		say(!strings.Contains(r.metrics, "\n"+metric+" "), "the gateway has no metric %s", metric)
	}
	for _, monitor := range all.of("ServiceMonitor") {
		i := slices.IndexFunc(all.of("Service"), func(s *object) bool { return monitor.Spec.Selector.selects(s.Metadata.Labels) })
		say(i < 0, "ServiceMonitor/%s selects no Service", monitor.Metadata.Name)
		for _, e := range monitor.Spec.Endpoints {
			say(open[e.Port] == "", "ServiceMonitor/%s asks at the port %s", monitor.Metadata.Name, e.Port)
			for _, label := range []string{"namespace", "service", "pod", "container", "endpoint", "job", "instance"} { // Prometheus' operator's
				ours := regexp.MustCompile(`(?m)^intentgate_.*[{,]` + label + `="`).MatchString(r.metrics)
				say(ours && !e.drops(label), "ServiceMonitor/%s makes the metrics' label %s exported_%s", monitor.Metadata.Name, label, label)
			}
		}
	}
	for _, c := range all.of("Certificate") {
		before, err := time.ParseDuration(c.Spec.RenewBefore)
		say(c.Spec.RenewBefore != "" && (err != nil || before < 15*24*time.Hour), "Certificate/%s is renewed when alerts fire", c.Metadata.Name)
	}
	for _, v := range template.Spec.Volumes {
		made := v.Secret.Name == "" || slices.ContainsFunc(all.of("Certificate"), func(c *object) bool { return c.Spec.SecretName == v.Secret.Name })
		say(issued && !made, "no Certificate has the secret %s", v.Secret.Name)
	}
	say(!template.Spec.Security.NonRoot, "the gateway would run as root")
	say(!main.Security.ReadOnly, "the root file system is not read-only")
	say(main.Security.Escalate == nil || *main.Security.Escalate, "the gateway may gain privileges")

	file, err := r.mount(t, template.Spec, all)
	if err != nil {
		return append(findings, err.Error())
	}
	settings, err := config.Load(file, time.Now())
	if err != nil {
		return append(findings, err.Error())
	}
	edge, status := settings.GetEdge(), settings.GetStatus()
	needed := edge.GetDrainDelay().AsDuration() + edge.GetDrain().AsDuration()
	say(time.Duration(template.Spec.Grace)*time.Second <= needed, "%d s are less than drain_delay and drain, %s", template.Spec.Grace, needed)
	for name, listen := range map[string]string{"edge": edge.GetListen(), "status": status.GetListen()} {
		_, port, _ := net.SplitHostPort(listen)
		say(port != open[name], "the gateway listens on %s for its %s, the container's port is %s", listen, name, open[name])
	}
	request, limit := mebibytes(t, main.Resources.Requests.Memory), mebibytes(t, main.Resources.Limits.Memory)
	say(request < need(edge.GetLimits()), "GOMEMLIMIT is %d MiB, for limits that want %d", request, need(edge.GetLimits()))
	say(limit*8 < request*9, "limits.memory leaves the kernel less than an eighth beside GOMEMLIMIT")
	return findings
}

// need is the rule of docs/operations.md for GOMEMLIMIT, in MiB.
func need(l *gatewayv1.Limits) int {
	return int((64<<20 + uint64(l.GetConnections())*(50<<10) + 2*l.GetHeldBytes() + uint64(l.GetTurns())*(64<<10)) * 4 / 3 >> 20)
}

func mebibytes(t *testing.T, quantity string) int {
	t.Helper()
	parts := regexp.MustCompile(`^(\d+)(Mi|Gi)$`).FindStringSubmatch(quantity)
	if parts == nil {
		t.Fatalf("%q are no bytes that the test understands", quantity)
	}
	n, err := strconv.Atoi(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	return n * map[string]int{"Mi": 1, "Gi": 1024}[parts[2]]
}
