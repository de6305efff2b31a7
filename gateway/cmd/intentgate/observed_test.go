package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

const (
	rulesFile     = "deploy/prometheus/intentgate.rules.yaml"
	rulesTests    = "deploy/prometheus/tests/*.yaml"
	dashboardFile = "deploy/grafana/intentgate.json"
)

// TestObserved has a gateway meet all that can happen to turns, and looks for every metric, label and value that alerts, dashboard and
// documentation speak of.
func TestObserved(t *testing.T) {
	t.Parallel()
	scraped := scrape(t, eventful(t))
	groups, board, pages := rulesOf(t), dashboardOf(t), documents(t)
	recorded := map[string]bool{}
	expressions := map[string][]string{dashboardFile: board.expressions()}
	for _, rule := range groups {
		recorded[rule.Record] = true
		expressions[rulesFile] = append(expressions[rulesFile], rule.Expr)
	}
	for name, text := range documents(t, rulesTests, "deploy/*/*.yaml") {
		if strings.HasPrefix(name, "deploy/prometheus/tests/") {
			expressions[name] = seriesOf(t, text)
		}
		missing := map[string]bool{}
		for _, found := range ours.FindAllStringSubmatch(text, -1) {
			if metric := found[1]; !scraped.has(metric, found[2]) && !missing[metric] {
				missing[metric] = true
				t.Errorf("%s speaks of %s%s, which a running gateway does not have", name, metric, found[2])
			}
		}
	}
	watched := strings.Join(slices.Concat(expressions[rulesFile], expressions[dashboardFile]), "\n")
	everything := strings.Join(slices.Collect(maps.Values(pages)), "\n")
	for metric := range scraped {
		if family := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(metric, "_sum"), "_count"), "_bucket"); strings.HasPrefix(metric, "intentgate_") &&
			!strings.Contains(watched, family) {
			t.Errorf("%s is neither on the dashboard nor in an alert", family)
		}
	}
	for where, all := range expressions {
		told := map[string]bool{}
		for _, expr := range all {
			for _, problem := range scraped.judge(expr, recorded, everything) {
				if !told[problem] {
					told[problem] = true
					t.Errorf("%s: %s\n%s", where, problem, expr)
				}
			}
		}
	}
	if promtool := strings.Fields(os.Getenv("PROMTOOL")); len(promtool) > 0 {
		board.evaluate(t, promtool, scraped)
	}
}

// eventful is the address of a gateway's metrics, to which all has happened that takes no special care.
func eventful(t *testing.T) string {
	t.Helper()
	dir, m := folder(t), newMint(t)
	front := frontOf(t, dir)
	s := startService(t, dir, "127.0.0.1:0")
	turns, err := typedFiles(t).FindFileByPath("turns.proto")
	if err != nil {
		t.Fatal(err)
	}
	writeSet(t, filepath.Join(dir, "turns.binpb"), turns)
	const off = "    id_token: {mode: off, allow_any_project: true}\n"
	edits := []edit{
		{"127.0.0.1:1\n", s.addr + "\n"},
		{"  clients:\n", "  proxies: [{name: front, profile: lb, header: XFCC}]\n  clients:\n    - {name: lb, roots: {file: certs/lb-ca.pem}, subject: {dns: [lb.internal]}}\n"},
		{"platform: ES\n", "platform: ES\n    timeout: 5s\n    reserve: 4s\n"},
		{"    api: V2BETA1\n    profiles: [dev]\n" + off, "    api: V2BETA1\n    profiles: [dev]\n    projects: [{id: shop, number: 415104041262}]\n    id_token: {audiences: [\"" + audience + "\"]}\n"},
		{"    required: true\n", "    intents: {descriptor_set: turns.binpb, allow: {intents: [\"order.*\"]}}\n"},
		{"  - service: shop-orders\n", "  - {service: shop-orders, match: {platform: ES}, continue_for: 20s}\n  - service: shop-orders\n"},
		{"status:", "id_token_keys: {file: " + m.published + "}\n" +
			"telemetry: {traces: {otlp: {endpoint: \"127.0.0.1:1\"}, sample: 1}}\nfallback: {text: {en: Sorry.}}\nstatus:"},
	}
	configure(t, dir, edits...)
	g := serveFolder(t, dir)
	g.log.await(t, 1, entry{"msg": "Service reachable"})
	asked, over := make(chan struct{}, 1), make(chan struct{})
	s.answers(func(ctx context.Context, r *intentgatev1.FulfillRequest) (*intentgatev1.FulfillResponse, error) {
		switch r.GetTurn().GetId() {
		case "fails":
			return nil, status.Error(codes.Unavailable, "away")
		case "leaves":
			asked <- struct{}{}
			fallthrough
		case "slow":
			select {
			case <-over:
			case <-ctx.Done():
			}
			return nil, status.Error(codes.Internal, "nobody listens")
		default:
			return &intentgatev1.FulfillResponse{Reply: &intentgatev1.Reply{Texts: []string{"Here."}, Target: &intentgatev1.Reply_TargetPage{TargetPage: "Next"}}}, nil
		}
	})
	g.reconfigure(t, strings.Replace(edited(t, edits...), "Sorry.", "Not now.", 1))
	g.log.await(t, 1, reloaded)
	m.publish(m.jwk(m.first, m.firstID))
	g.log.await(t, 1, entry{"msg": "Files reloaded"})
	client := g.dialogflow(t)
	strange := strings.Replace(esTurn("strange"), `"queryResult":{`, `"newField":1,"queryResult":{"intentDetectionConfidence":"0.5",`, 1)
	for _, body := range []string{strange, strange, esTurn("fails"), esTurn("slow"), "{}"} {
		g.post(t, client, esPath, body)
	}
	ctx, leave := context.WithCancel(t.Context())
	go func() {
		<-asked
		leave()
	}()
	if got, err := send(client, g.request(ctx, t, esPath, esTurn("leaves"))); err == nil {
		t.Errorf("who left is answered %s", got.body)
	}
	for _, token := range []string{m.good(nil), "none"} {
		request := g.request(t.Context(), t, esBetaPath, esTurn("token"))
		request.Header.Set("Authorization", "Bearer "+token)
		ask(t, client, request)
	}
	if got := g.post(t, g.client(t, front.TLS(), false), esPath, esTurn("handed on")); got.StatusCode != http.StatusForbidden {
		t.Errorf("a load balancer's own certificate is answered with %d", got.StatusCode)
	}
	if _, err := send(g.client(t, g.pki.Refused.Expired.TLS(), false), g.request(t.Context(), t, esPath, esTurn("refused"))); err == nil {
		t.Error("an expired certificate was accepted")
	}
	g.log.await(t, 1, entry{"msg": "Turn", "reason": "caller_left", "outcome": "failed"})
	close(over)
	g.log.await(t, 1, entry{"msg": "Handshake refused"})
	g.log.await(t, 9, entry{"msg": "Turn"})
	return g.Status + "/metrics"
}

// metrics are the labels of each metric, with all values that they have.
type metrics map[string]map[string][]string

var (
	sample = regexp.MustCompile(`(?m)^(\w+)(?:\{(.*)\})? (\S+)$`)
	pair   = regexp.MustCompile(`(\w+)="((?:[^"\\]|\\.)*)"`)
	// ours are metrics of ours in any text, with the ellipsis of those whose end is left out.
	ours = regexp.MustCompile(`(?:^|[^:^\w])(intentgate_[a-z_]+\w)(_?…)?`)
	// selector is a metric in an expression, with its matchers.
	selector = regexp.MustCompile(`(?:^|[^:\w."])((?:intentgate|go|process)_\w+|target_info|up)(?:\{([^}]*)\})?`)
	matcher  = regexp.MustCompile(`(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"`)
	grouping = regexp.MustCompile(`\b(?:by|on|without|ignoring|group_left|group_right)\s*\(([^)]*)\)`)
	record   = regexp.MustCompile(`\b\w+:intentgate_\w+:\w+`)
)

// given are the labels that Prometheus adds.
var given = []string{"job", "instance", "namespace"}

func scrape(t *testing.T, url string) metrics {
	t.Helper()
	got := get(t, url)
	if got.StatusCode != http.StatusOK {
		t.Fatalf("status %d: %s", got.StatusCode, got.body)
	}
	m := metrics{"up": {}}
	for _, line := range sample.FindAllStringSubmatch(got.body, -1) {
		if m[line[1]] == nil {
			m[line[1]] = map[string][]string{"": {}}
		}
		m[line[1]][""] = append(m[line[1]][""], line[2]) // whole series, under a name that no label has
		for _, label := range pair.FindAllStringSubmatch(line[2], -1) {
			m[line[1]][label[1]] = append(m[line[1]][label[1]], label[2])
		}
	}
	return m
}

// has says whether there is a metric of a name, or a histogram; or one that begins so, where the end is left out.
func (m metrics) has(name, left string) bool {
	if left != "" {
		return slices.ContainsFunc(slices.Collect(maps.Keys(m)), func(metric string) bool { return strings.HasPrefix(metric, name) })
	}
	return m[name] != nil || m[name+"_bucket"] != nil
}

// judge says what an expression speaks of that is not there.
func (m metrics) judge(expr string, recorded map[string]bool, documented string) (problems []string) {
	labels := slices.Clone(given)
	for _, found := range selector.FindAllStringSubmatch(expr, -1) {
		name, matchers := found[1], found[2]
		if m[name] == nil {
			problems = append(problems, fmt.Sprintf("no metric %s", name))
			continue
		}
		labels = slices.AppendSeq(labels, maps.Keys(m[name]))
		for _, match := range matcher.FindAllStringSubmatch(matchers, -1) {
			label, values := match[1], match[3]
			if m[name][label] == nil && !slices.Contains(given, label) {
				problems = append(problems, fmt.Sprintf("%s has no label %s", name, label))
			}
			problems = append(problems, m.unknown(name, label, values, documented)...)
		}
	}
	for _, list := range grouping.FindAllStringSubmatch(expr, -1) {
		for label := range strings.SplitSeq(list[1], ",") {
			if label = strings.TrimSpace(label); label != "" && !slices.Contains(labels, label) {
				problems = append(problems, fmt.Sprintf("nothing in it has the label %s", label))
			}
		}
	}
	for _, name := range record.FindAllString(expr, -1) {
		if !recorded[name] {
			problems = append(problems, fmt.Sprintf("no rule records %s", name))
		}
	}
	return problems
}

// unknown are the values of a matcher that are neither there nor in the documentation. Names that users choose are not looked for.
func (m metrics) unknown(name, label, values, documented string) (problems []string) {
	if slices.Contains(append([]string{"service", "webhook", "project", "profile", "name"}, given...), label) {
		return nil
	}
	for value := range strings.SplitSeq(values, "|") {
		if !strings.ContainsAny(value, "$.") && value != "" && !slices.Contains(m[name][label], value) &&
			!strings.Contains(documented, "`"+value+"`") && !strings.Contains(documented, "="+value+"`") {
			problems = append(problems, fmt.Sprintf("%s of %s is never %q, as far as the documentation goes", label, name, value))
		}
	}
	return problems
}
