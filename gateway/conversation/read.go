package conversation

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/intentgate/intentgate/gateway/config"
	"github.com/intentgate/intentgate/gateway/words"
)

// reader reads YAML nodes, and collects what is wrong with them.
type reader struct {
	file     string
	problems []config.Problem
}

func (r *reader) at(node *yaml.Node, format string, args ...any) {
	r.problems = append(r.problems, config.Problem{File: r.file, Line: node.Line, Column: node.Column, Text: fmt.Sprintf(format, args...)})
}

// err returns the problems in the order of the file, or nil.
func (r *reader) err() error {
	if len(r.problems) == 0 {
		return nil
	}
	slices.SortStableFunc(r.problems, func(a, b config.Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return &config.Error{Problems: r.problems}
}

// saw tells what a node is.
func saw(node *yaml.Node) string {
	switch {
	case node.Kind == yaml.MappingNode:
		return "a mapping"
	case node.Kind == yaml.SequenceNode:
		return "a list"
	case node.ShortTag() == "!!null":
		return "no value"
	default:
		return strconv.Quote(node.Value)
	}
}

// field is a key with what reads its value.
type field struct {
	key  string
	read func(*yaml.Node)
}

// fields reads a mapping of known keys.
func (r *reader) fields(node *yaml.Node, what string, known ...field) {
	var keys []string
	for _, f := range known {
		keys = append(keys, f.key)
	}
	if node.Kind != yaml.MappingNode {
		r.at(node, "%s: %s; want a mapping with the keys %s", what, saw(node), strings.Join(keys, ", "))
		return
	}
	for i := 0; i < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		at := slices.Index(keys, key.Value)
		switch {
		case key.Kind == yaml.ScalarNode && at >= 0:
			known[at].read(value)
		case config.Nearest(key.Value, keys) != "":
			r.at(key, "%s: unknown key %q; did you mean %s?", what, key.Value, config.Nearest(key.Value, keys))
		default:
			r.at(key, "%s: unknown key %s; allowed: %s", what, saw(key), strings.Join(keys, ", "))
		}
	}
}

// members reads a mapping of names.
func (r *reader) members(read func(name string, value *yaml.Node)) func(*yaml.Node) {
	return func(node *yaml.Node) {
		if node.Kind != yaml.MappingNode {
			r.at(node, "%s; want a mapping of names", saw(node))
			return
		}
		for i := 0; i < len(node.Content); i += 2 {
			if node.Content[i].Kind != yaml.ScalarNode {
				r.at(node.Content[i], "%s; want a name", saw(node.Content[i]))
				continue
			}
			read(node.Content[i].Value, node.Content[i+1])
		}
	}
}

// elements reads a list; where one will do, also a value by itself.
func (r *reader) elements(orOne bool, read func(*yaml.Node)) func(*yaml.Node) {
	return func(node *yaml.Node) {
		switch {
		case node.Kind == yaml.SequenceNode:
			for _, element := range node.Content {
				read(element)
			}
		case orOne:
			read(node)
		default:
			r.at(node, "%s; want a list", saw(node))
		}
	}
}

// text reads a scalar as it is written.
func (r *reader) text(into *string) func(*yaml.Node) {
	return func(node *yaml.Node) {
		if node.Kind != yaml.ScalarNode || node.ShortTag() == "!!null" || node.Value == "" {
			r.at(node, "%s; want text", saw(node))
			return
		}
		*into = node.Value
	}
}

// oneOf reads a scalar that is one of some words.
func (r *reader) oneOf(into *string, allowed ...string) func(*yaml.Node) {
	return func(node *yaml.Node) {
		if node.Kind != yaml.ScalarNode || !slices.Contains(allowed, node.Value) {
			r.at(node, "%s; want one of %s", saw(node), strings.Join(allowed, ", "))
			return
		}
		*into = node.Value
	}
}

func (r *reader) texts(into *[]string) func(*yaml.Node) {
	return r.elements(true, func(node *yaml.Node) {
		var text string
		r.text(&text)(node)
		*into = append(*into, text)
	})
}

func (r *reader) flag(into *bool) func(*yaml.Node) {
	return func(node *yaml.Node) {
		if node.ShortTag() != "!!bool" {
			r.at(node, "%s; want true or false, without quotes", saw(node))
			return
		}
		*into = node.Value == "true"
	}
}

// words reads a text for all languages, or a mapping of texts by language.
func (r *reader) words(into **words.Texts) func(*yaml.Node) {
	return func(node *yaml.Node) {
		byLanguage := map[string]string{}
		add := func(language string, node *yaml.Node) {
			var text string
			r.text(&text)(node)
			byLanguage[language] = cmp.Or(text, "?") // an empty one is told of
		}
		if node.Kind == yaml.MappingNode {
			r.members(add)(node)
		} else {
			add(words.Default, node)
		}
		texts, err := words.New(byLanguage)
		if err != nil {
			r.at(node, "%s", err.Error())
		}
		*into = texts
	}
}

// values reads parameters of any kind.
func (r *reader) values(into *map[string]any) func(*yaml.Node) {
	return r.members(func(name string, node *yaml.Node) {
		if *into == nil {
			*into = map[string]any{}
		}
		(*into)[name] = r.value(node)
	})
}

// number is what JSON takes for one.
var number = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$`)

// value returns a node as JSON has it, every digit of numbers kept. What YAML takes for a date is text.
func (r *reader) value(node *yaml.Node) any {
	switch node.Kind {
	case yaml.MappingNode:
		members := map[string]any{}
		r.members(func(name string, value *yaml.Node) { members[name] = r.value(value) })(node)
		return members
	case yaml.SequenceNode:
		list := []any{}
		for _, element := range node.Content {
			list = append(list, r.value(element))
		}
		return list
	default:
		switch tag := node.ShortTag(); {
		case tag == "!!null":
			return nil
		case tag == "!!bool":
			return node.Value == "true"
		case (tag == "!!int" || tag == "!!float") && number.MatchString(node.Value):
			return json.Number(node.Value)
		default:
			return node.Value
		}
	}
}
