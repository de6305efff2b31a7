package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	yamlv3 "go.yaml.in/yaml/v3"
)

// TestAlerts looks whether each alert has what those need who are woken up by it: words, what to do about it, and a test that it fires.
func TestAlerts(t *testing.T) {
	t.Parallel()
	page := documents(t)["docs/operations.md"]
	var tests strings.Builder
	for name, text := range documents(t, rulesTests) {
		if strings.HasPrefix(name, "deploy/") {
			tests.WriteString(text)
		}
	}
	if made := "deploy/prometheus/prometheusrule.yaml"; documents(t, made)[made] != operators(documents(t, rulesFile)[rulesFile]) {
		t.Errorf("%s is stale: run make prometheusrule and commit the result", made)
	}
	alerts := map[string]bool{}
	for _, rule := range rulesOf(t) {
		if rule.Alert == "" {
			continue
		}
		alerts[rule.Alert] = true
		if rule.Annotations["summary"] == "" || rule.Annotations["description"] == "" || !slices.Contains([]string{"critical", "warning"}, rule.Labels["severity"]) {
			t.Errorf("%s: want a summary, a description, and critical or warning as severity: %v %v", rule.Alert, rule.Annotations, rule.Labels)
		}
		if url := "https://github.com/intentgate/intentgate/blob/main/docs/operations.md#" + strings.ToLower(rule.Alert); rule.Annotations["runbook_url"] != url {
			t.Errorf("%s: runbook_url is %s, want %s", rule.Alert, rule.Annotations["runbook_url"], url)
		}
		if !strings.Contains(page, "\n#### "+rule.Alert+"\n") {
			t.Errorf("docs/operations.md has no section %s", rule.Alert)
		}
		if !strings.Contains(tests.String(), `ALERTS{alertname="`+rule.Alert+`",alertstate="firing"`) {
			t.Errorf("no test has %s fire", rule.Alert)
		}
	}
	for _, heading := range regexp.MustCompile(`(?m)^#### (IntentGate\w+)$`).FindAllStringSubmatch(page, -1) {
		if !alerts[heading[1]] {
			t.Errorf("docs/operations.md tells of %s, which is no alert", heading[1])
		}
	}
	if len(alerts) == 0 {
		t.Error("there are no alerts")
	}
}

// operators are the rules as Prometheus' operator for Kubernetes takes them: as deploy/deploy.mk makes them.
func operators(rules string) string {
	all := "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: intentgate}\nspec:\n"
	for line := range strings.Lines(rules) {
		if !strings.HasPrefix(line, "#") {
			all += "  " + line
		}
	}
	return all
}

// rule is one of Prometheus': it records or alerts.
type rule struct {
	Record, Alert, Expr, For string
	Labels, Annotations      map[string]string
}

func rulesOf(t *testing.T) (all []rule) {
	t.Helper()
	var file struct{ Groups []struct{ Rules []rule } }
	if err := yamlv3.Unmarshal([]byte(documents(t, rulesFile)[rulesFile]), &file); err != nil {
		t.Fatal(err)
	}
	for _, group := range file.Groups {
		all = append(all, group.Rules...)
	}
	return all
}

// seriesOf are the series that a test of rules begins with: they have to be such as a gateway has.
func seriesOf(t *testing.T, text string) (all []string) {
	t.Helper()
	var file struct {
		Tests []struct {
			Series []struct{ Series string } `yaml:"input_series"`
		}
	}
	if err := yamlv3.Unmarshal([]byte(text), &file); err != nil {
		t.Fatal(err)
	}
	for _, test := range file.Tests {
		for _, series := range test.Series {
			if !strings.Contains(series.Series, `job="other"`) {
				all = append(all, series.Series)
			}
		}
	}
	return all
}
