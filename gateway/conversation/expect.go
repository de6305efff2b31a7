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
)

// kind is a kind of expectation.
type kind struct {
	name     string
	platform string // which alone has it; empty: both
	check    func(p *parser, node *yaml.Node)
	// got returns what there was, to be compared; false: nobody could see it.
	got func(p *Played) (any, bool)
}

// kinds are all of them, in the order in which differences are told.
var kinds = []kind{
	{"heard", "", (*parser).saidOrShape, func(p *Played) (any, bool) { return p.Turn.Heard, true }},
	{"status", "", (*parser).statusShape, func(p *Played) (any, bool) {
		if len(p.Turn.Exchanges) == 0 {
			return nil, true
		}
		return p.Turn.Exchanges[len(p.Turn.Exchanges)-1].Answer.Status, true
	}},
	{"event", "", (*parser).textShape, func(p *Played) (any, bool) { return orNil(p.Turn.Event), true }},
	{"target", CX, (*parser).textShape, func(p *Played) (any, bool) { return orNil(p.Turn.Target), true }},
	{"form", "", (*parser).formShape, func(p *Played) (any, bool) { return p.State.Form, true }},
	{"parameters", "", (*parser).namesShape, func(p *Played) (any, bool) { return p.State.Parameters, true }},
	{"contexts", ES, (*parser).contextsShape, func(p *Played) (any, bool) { return p.State.Contexts, true }},
	{"calls", "", (*parser).callsShape, func(p *Played) (any, bool) { return orEmpty(p.Calls), p.CallsSeen }},
	{"answer", "", (*parser).namesShape, func(p *Played) (any, bool) {
		if len(p.Turn.Exchanges) == 0 {
			return nil, true
		}
		return json.RawMessage(p.Turn.Exchanges[len(p.Turn.Exchanges)-1].Answer.Body), true
	}},
	{"problems", "", (*parser).saidOrShape, func(p *Played) (any, bool) { return p.Turn.Problems, true }},
}

func orNil(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func orEmpty(calls []Call) []Call {
	if calls == nil {
		return []Call{}
	}
	return calls
}

// saidOrShape checks a text or a matcher of one, or a list of them.
func (p *parser) saidOrShape(node *yaml.Node) {
	p.elements(true, func(node *yaml.Node) {
		if node.Kind != yaml.MappingNode {
			if node.Kind != yaml.ScalarNode || node.ShortTag() == "!!null" {
				p.at(node, "%s; want a text, {contains: …} or {matches: …}, or a list of them", saw(node))
			}
			return
		}
		var text, pattern string
		p.fields(node, "a matcher", field{"contains", p.text(&text)}, field{"matches", func(node *yaml.Node) {
			p.text(&pattern)(node)
			if _, err := regexp.Compile(pattern); err != nil {
				p.at(node, "%q is no regular expression: %s", pattern, err.Error())
			}
		}})
		if len(node.Content) != 2 {
			p.at(node, "a matcher: want one key, contains or matches")
		}
	})(node)
}

func (p *parser) statusShape(node *yaml.Node) {
	status, err := strconv.Atoi(node.Value)
	if node.Kind != yaml.ScalarNode || node.ShortTag() != "!!null" && (err != nil || status != 0 && (status < 100 || status > 599)) {
		p.at(node, "%s; want an HTTP status such as 200, 0 for no answer, or null where the webhook is not called", saw(node))
	}
}

func (p *parser) textShape(node *yaml.Node) {
	if node.Kind != yaml.ScalarNode {
		p.at(node, "%s; want text, or null for none", saw(node))
	}
}

func (p *parser) formShape(node *yaml.Node) {
	p.namesShape(node)
	p.members(func(_ string, node *yaml.Node) {
		var state string
		p.oneOf(&state, "EMPTY", "FILLED", "INVALID")(node)
	})(node)
}

// namesShape checks a mapping that has something in it: an empty one says nothing.
func (p *parser) namesShape(node *yaml.Node) {
	if node.Kind == yaml.MappingNode && len(node.Content) == 0 {
		p.at(node, "an empty mapping fits everything; name something, with null for what is not to be there")
	}
	p.members(func(string, *yaml.Node) {})(node)
}

func (p *parser) contextsShape(node *yaml.Node) {
	p.namesShape(node)
	p.members(func(name string, node *yaml.Node) {
		if node.ShortTag() != "!!null" {
			p.fields(node, "context "+name, field{"lifespan", func(*yaml.Node) {}}, field{"parameters", p.namesShape})
		}
	})(node)
}

func (p *parser) callsShape(node *yaml.Node) {
	p.elements(false, func(node *yaml.Node) {
		var method string
		p.fields(node, "call", field{"method", p.text(&method)}, field{"request", p.members(func(string, *yaml.Node) {})})
		if method == "" && node.Kind == yaml.MappingNode {
			p.at(node, "call: no method; want one such as OrderService/TrackOrder")
		}
	})(node)
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
func (t *Turn) compare(p *Played) (differences []Difference) {
	m := matching{}
	for _, kind := range kinds {
		node, expected := t.expected[kind.name]
		if !expected || kind.platform != "" && kind.platform != p.platform {
			continue
		}
		got, seen := kind.got(p)
		switch texts, said := got.([]string); {
		case said:
			list, _ := plain(texts).([]any)
			m.heard(kind.name, node, list)
		case seen:
			m.match(kind.name, node, plain(got))
		}
	}
	expects := func(names ...string) (any bool) {
		for _, name := range names {
			_, ok := t.expected[name]
			any = any || ok
		}
		return any
	}
	if len(p.Turn.Problems) > 0 && !expects("problems") && !(p.Turn.Failed && expects("status", "event")) {
		m.found = append(m.found, Difference{Path: "problems", Want: []any{}, Got: plain(p.Turn.Problems)})
	}
	if p.Turn.Unhandled && !p.Turn.Failed && !expects("event") {
		m.found = append(m.found, Difference{Path: "event", Got: p.Turn.Event})
	}
	return m.found
}

// plain returns a value as JSON has it, with every digit.
func plain(v any) any {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v) // an answer that is no JSON
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
	m.found = append(m.found, Difference{Path: path, Line: want.Line, Want: plain((&parser{}).value(want)), Got: got, node: want})
}

// heard compares what was said, or other texts: a list one by one; one text is all of it, and a matcher looks at all of it.
func (m *matching) heard(path string, want *yaml.Node, list []any) {
	if want.Kind == yaml.SequenceNode {
		m.match(path, want, list)
		return
	}
	got, whole := any(list), any(list)
	if len(list) == 1 {
		got, whole = list[0], list[0]
	} else if want.Kind == yaml.MappingNode {
		texts := make([]string, len(list))
		for i := range list {
			texts[i], _ = list[i].(string)
		}
		got = strings.Join(texts, "\n")
	}
	found := matching{}
	if found.match(path, want, got); len(found.found) > 0 {
		m.differ(path, want, whole)
	}
}

// match compares a value: mappings by the members that are expected, lists one by one, texts with what matches them.
func (m *matching) match(path string, want *yaml.Node, got any) {
	if text, ok := got.(string); ok && want.Kind == yaml.MappingNode && len(want.Content) == 2 {
		pattern := want.Content[1].Value
		matches := false
		switch want.Content[0].Value {
		case "contains":
			matches = strings.Contains(text, pattern)
		case "matches":
			expression, err := regexp.Compile(pattern)
			matches = err == nil && expression.MatchString(text)
		}
		if !matches {
			m.differ(path, want, got)
		}
		return
	}
	switch want.Kind {
	case yaml.MappingNode:
		members, ok := got.(map[string]any)
		if !ok {
			m.differ(path, want, got)
			return
		}
		for i := 0; i < len(want.Content); i += 2 {
			name := want.Content[i].Value
			m.match(path+"."+name, want.Content[i+1], members[name])
		}
	case yaml.SequenceNode:
		list, ok := got.([]any)
		if !ok || len(list) != len(want.Content) {
			m.differ(path, want, got)
			return
		}
		for i, element := range want.Content {
			m.match(fmt.Sprintf("%s[%d]", path, i), element, list[i])
		}
	default:
		if !same(path, want, got) {
			m.differ(path, want, got)
		}
	}
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
