package conversation

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/intentgate/intentgate/gateway/simulator"
)

// kind is a kind of expectation.
type kind struct {
	name     string
	platform string // which alone has it; empty: both
	said     bool   // texts, which may be matched in part
	// got returns what there was, to be compared.
	got func(p *Played) any
}

// on says whether a platform has it.
func (k *kind) on(platform string) bool { return k.platform == "" || k.platform == platform }

// kinds are all of them, in the order in which differences are told.
var kinds = []kind{
	{"heard", "", true, func(p *Played) any { return p.Turn.Heard }},
	{"status", "", false, func(p *Played) any { return p.last().Status }},
	{"event", "", false, func(p *Played) any { return p.Turn.Event }},
	{"target", CX, false, func(p *Played) any { return p.Turn.Target }},
	{"form", "", false, func(p *Played) any { return p.State.Form }},
	{"parameters", "", false, func(p *Played) any { return p.State.Parameters }},
	{"contexts", ES, false, func(p *Played) any { return p.State.Contexts }},
	{"calls", "", false, func(p *Played) any { return p.Calls }},
	{"answer", "", false, func(p *Played) any { return json.RawMessage(p.last().Body) }},
	{"problems", "", true, func(p *Played) any { return p.Turn.Problems }},
}

// last is the last answer of the turn, if there is any.
func (p *Played) last() (answer simulator.Answer) {
	if n := len(p.Turn.Exchanges); n > 0 {
		answer = p.Turn.Exchanges[n-1].Answer
	}
	return answer
}

// Difference is where something is not as it was expected.
type Difference struct {
	Path string `json:"path"` // such as heard[0] or calls[1].request.orderId
	Line int    `json:"line"` // in the file; 0: nothing there expects it
	Want any    `json:"want"`
	Got  any    `json:"got"`

	node *yaml.Node // nil: there is none that could be brought up to date
}

// compare tells what of a turn is not as it was expected. An answer that Dialogflow would not use, one that has parts
// without effect, and an event that nobody handles are wrong unless they are expected.
func (t *Turn) compare(p *Played) []Difference {
	m := matching{}
	for _, kind := range kinds {
		want, expected := t.expected[kind.name]
		if !expected || !kind.on(p.platform) || kind.name == "calls" && !p.callsSeen {
			continue
		}
		got := plain(kind.got(p))
		if kind.said {
			list, _ := got.([]any)
			m.said(kind.name, want, append([]any{}, list...)) // of nothing, none
		} else {
			m.match(kind.name, want, got)
		}
	}
	_, event := t.expected["event"]
	_, status := t.expected["status"]
	_, problems := t.expected["problems"]
	told := problems || p.Turn.Failed && (event || status)
	if len(p.Turn.Problems) > 0 && !told {
		m.found = append(m.found, Difference{Path: "problems", Want: []any{}, Got: plain(p.Turn.Problems)})
	}
	if p.Turn.Unhandled && !p.Turn.Failed && !event {
		m.found = append(m.found, Difference{Path: "event", Want: "", Got: p.Turn.Event})
	}
	return m.found
}

// plain returns a value as JSON has it, with every digit.
func plain(v any) any {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprintf("%s", v) // an answer that is no JSON
	}
	var out any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&out); err != nil {
		return string(text)
	}
	return out
}

// matching compares what is expected with what there was.
type matching struct{ found []Difference }

func (m *matching) differ(path string, want *yaml.Node, got any) {
	m.found = append(m.found, Difference{Path: path, Line: want.Line, Want: valueOf(want), Got: got, node: want})
}

// said compares texts: a list one by one; a single text is all of it, and a single matcher looks at all of it.
func (m *matching) said(path string, want *yaml.Node, list []any) {
	if want.Kind == yaml.SequenceNode {
		m.match(path, want, list)
		return
	}
	var got, whole any = list, list
	if len(list) == 1 {
		got, whole = list[0], list[0]
	} else if want.Kind == yaml.MappingNode {
		texts := make([]string, len(list))
		for i := range list {
			texts[i], _ = list[i].(string)
		}
		got = strings.Join(texts, "\n")
	}
	if found := (matching{}); !found.match(path, want, got) {
		m.differ(path, want, whole)
	}
}

// match compares a value: mappings by the members that are expected, lists one by one, texts with what matches them.
func (m *matching) match(path string, want *yaml.Node, got any) bool {
	before := len(m.found)
	how, pattern, isMatcher := matcher(want)
	if text, ok := got.(string); ok && isMatcher {
		expression, err := regexp.Compile(pattern)
		if how == "contains" && !strings.Contains(text, pattern) || how == "matches" && (err != nil || !expression.MatchString(text)) {
			m.differ(path, want, got)
		}
		return len(m.found) == before
	}
	switch want.Kind {
	case yaml.MappingNode:
		members, ok := got.(map[string]any)
		if !ok {
			m.differ(path, want, got)
			break
		}
		for i := 0; i < len(want.Content); i += 2 {
			name := want.Content[i].Value
			m.match(path+"."+name, want.Content[i+1], members[name])
		}
	case yaml.SequenceNode:
		list, ok := got.([]any)
		if !ok || len(list) != len(want.Content) {
			m.differ(path, want, got)
			break
		}
		for i, element := range want.Content {
			m.match(fmt.Sprintf("%s[%d]", path, i), element, list[i])
		}
	default:
		if !same(path, want, got) {
			m.differ(path, want, got)
		}
	}
	return len(m.found) == before
}

// valueOf returns what is expected, for people: what YAML takes for a date is text.
func valueOf(node *yaml.Node) (v any) {
	switch {
	case node.Kind == yaml.MappingNode:
		members := map[string]any{}
		for i := 0; i < len(node.Content); i += 2 {
			members[node.Content[i].Value] = valueOf(node.Content[i+1])
		}
		return members
	case node.Kind == yaml.SequenceNode:
		list := []any{}
		for _, element := range node.Content {
			list = append(list, valueOf(element))
		}
		return list
	case node.ShortTag() == "!!timestamp" || node.Decode(&v) != nil:
		return node.Value
	}
	return v
}

// same compares a scalar: text as it is written, whatever YAML takes it for; numbers by their value.
func same(path string, want *yaml.Node, got any) bool {
	switch got := got.(type) {
	case nil:
		return want.ShortTag() == "!!null"
	case string:
		if strings.HasPrefix(path, "calls[") && strings.HasSuffix(path, "].method") { // the end of its name will do
			return want.Value == got || strings.HasSuffix(got, "/"+want.Value) || strings.HasSuffix(got, "."+want.Value)
		}
		return want.ShortTag() != "!!null" && want.Value == got
	case bool:
		return want.ShortTag() == "!!bool" && want.Value == strconv.FormatBool(got)
	case json.Number:
		a, isNumber := new(big.Rat).SetString(want.Value)
		b, _ := new(big.Rat).SetString(got.String())
		return want.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) == 0 && isNumber && b != nil && a.Cmp(b) == 0
	default:
		return false
	}
}
