package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	yamlv3 "go.yaml.in/yaml/v3"
)

// dashboard is Grafana's.
type dashboard struct {
	UID        string
	Templating struct {
		List []struct{ Name, Query string }
	}
	Panels []struct {
		ID          int
		Type, Title string
		Targets     []struct{ RefID, Expr string }
	}
	Annotations struct{ List []struct{ Expr string } }
}

func dashboardOf(t *testing.T) (board dashboard) {
	t.Helper()
	text := documents(t, dashboardFile)[dashboardFile]
	if err := json.Unmarshal([]byte(text), &board); err != nil {
		t.Fatal(err)
	}
	ids, titles := map[int]bool{}, map[string]bool{}
	for _, panel := range board.Panels {
		if ids[panel.ID] || titles[panel.Title] || panel.Title == "" {
			t.Errorf("panel %d, %q: want an id and a title of its own", panel.ID, panel.Title)
		}
		ids[panel.ID], titles[panel.Title] = true, true
		if len(panel.Targets) == 0 && panel.Type != "row" {
			t.Errorf("panel %q shows nothing", panel.Title)
		}
		refs := map[string]bool{}
		for _, target := range panel.Targets {
			if target.Expr == "" || refs[target.RefID] {
				t.Errorf("panel %q: want an expression and a letter of its own in %+v", panel.Title, target)
			}
			refs[target.RefID] = true
		}
	}
	var variables []string
	for _, variable := range board.Templating.List {
		variables = append(variables, variable.Name)
	}
	for _, use := range regexp.MustCompile(`\$\{?(\w+)`).FindAllStringSubmatch(text, -1) {
		if !slices.Contains(variables, use[1]) && !strings.HasPrefix(use[1], "__") {
			t.Errorf("the dashboard uses $%s, which it does not define", use[1])
		}
	}
	if board.UID == "" || len(ids) == 0 {
		t.Error("the dashboard has no uid, or no panels")
	}
	return board
}

// expressions are all that the dashboard asks Prometheus.
func (d dashboard) expressions() (all []string) {
	for _, panel := range d.Panels {
		for _, target := range panel.Targets {
			all = append(all, target.Expr)
		}
	}
	for _, annotation := range d.Annotations.List {
		all = append(all, annotation.Expr)
	}
	for _, variable := range d.Templating.List {
		all = append(all, variable.Query)
	}
	return all
}

// evaluate has Prometheus' own evaluation find something for each target, where all series of a gateway grow.
func (d dashboard) evaluate(t *testing.T, promtool []string, scraped metrics) {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", "..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	type series struct{ Series, Values string }
	type query struct {
		Expr     string
		EvalTime string           `yaml:"eval_time"`
		Samples  []map[string]any `yaml:"exp_samples"`
	}
	var all []series
	for metric, labels := range scraped {
		for _, pairs := range labels[""] {
			all = append(all, series{fmt.Sprintf("%s{%s}", metric, strings.Trim(pairs+`,job="intentgate",instance="a"`, ",")), "1+1x90"})
		}
	}
	var queries []query
	variables := strings.NewReplacer("$__rate_interval", "5m", "$__interval", "5m")
	for _, panel := range d.Panels {
		for _, target := range panel.Targets {
			expr := regexp.MustCompile(`\$\w+`).ReplaceAllString(variables.Replace(target.Expr), ".*")
			queries = append(queries, query{"count(" + expr + ") > bool 0", "90m", []map[string]any{{"labels": "{}", "value": 1}}})
		}
	}
	file, err := yamlv3.Marshal(map[string]any{
		"rule_files": []string{filepath.Join(root, rulesFile)},
		"tests":      []any{map[string]any{"interval": "1m", "input_series": all, "promql_expr_test": queries}},
	})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "dashboard.yaml")
	write(t, path, file)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute) // it may have to be built
	defer cancel()
	command := exec.CommandContext(ctx, promtool[0], append(promtool[1:], "test", "rules", path)...) //nolint:gosec // as make says
	command.Dir = root
	if output, err := command.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, output)
	}
}
