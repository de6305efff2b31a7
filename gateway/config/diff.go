package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Change is one thing that is other in a second configuration.
type Change struct {
	// Path is that of a key; elements of lists are named by what they are called: `services[orders].retries.tries`.
	Path string `json:"path"`
	// Before and After are the values, as YAML on one line; empty where there is none.
	Before string `json:"before"`
	After  string `json:"after"`
	// Restart says that it cannot change while the gateway runs.
	Restart bool `json:"restart"`
}

// String tells it on one line.
func (c Change) String() string {
	line := c.Path + ": " + cmp.Or(c.Before, "(absent)") + " → " + cmp.Or(c.After, "(absent)")
	if c.Restart {
		line += " (restart)"
	}
	return line
}

// Diff returns what is other in a second configuration; both are as Print returns them.
func Diff(before, after []byte) ([]Change, error) {
	var a, b yaml.Node
	for text, node := range map[*yaml.Node][]byte{&a: before, &b: after} {
		if err := yaml.Unmarshal(node, text); err != nil {
			return nil, fmt.Errorf("read a printed configuration: %w", err)
		}
	}
	all := changes{} // not null to programs
	all.compare("", content(&a), content(&b))
	return all, nil
}

// content returns the root of a document.
func content(document *yaml.Node) *yaml.Node {
	if document.Kind == yaml.DocumentNode {
		return document.Content[0]
	}
	return nil
}

type changes []Change

// compare adds what is other; nil is nothing.
func (c *changes) compare(path string, a, b *yaml.Node) {
	is := func(kind yaml.Kind) bool {
		return (a == nil || a.Kind == kind) && (b == nil || b.Kind == kind)
	}
	if is(yaml.MappingNode) {
		before, after := pairs(a), pairs(b)
		c.each(path, before, after, func(key string) string { return join(path, key) })
		return
	}
	if is(yaml.SequenceNode) {
		before, ok := elements(path, a)
		after, too := elements(path, b)
		if ok && too {
			c.each(path, before, after, func(key string) string { return path + "[" + key + "]" })
			return
		}
	}
	c.add(path, flow(a), flow(b))
}

// each compares what has the same key, and adds what only one of them has. Elements of lists are whole: what is not there
// has no keys that could be.
func (c *changes) each(path string, before, after []pair, at func(key string) string) {
	var common [2][]string
	for _, was := range before {
		i := slices.IndexFunc(after, func(is pair) bool { return is.key == was.key })
		switch {
		case i >= 0:
			common[0] = append(common[0], was.key)
			c.compare(at(was.key), was.value, after[i].value)
		case was.element:
			c.add(at(was.key), flow(was.value), "")
		default:
			c.compare(at(was.key), was.value, nil)
		}
	}
	for _, is := range after {
		switch {
		case slices.Contains(common[0], is.key):
			common[1] = append(common[1], is.key)
		case is.element:
			c.add(at(is.key), "", flow(is.value))
		default:
			c.compare(at(is.key), nil, is.value)
		}
	}
	first := ordered(path) || path == "services" // of which the first one has what several claim
	if first && !slices.Equal(common[0], common[1]) {
		c.add(path, "in the order "+strings.Join(common[0], ", "), "in the order "+strings.Join(common[1], ", "))
	}
}

func (c *changes) add(path, before, after string) {
	if before != after {
		switched := strings.HasPrefix(path, "status.certificate.") && (before == "" || after == "") // TLS, on or off
		*c = append(*c, Change{Path: path, Before: before, After: after, Restart: Fixed(path) || switched})
	}
}

// pair is a member of a mapping, or an element of a list by what it is called.
type pair struct {
	key     string
	value   *yaml.Node
	element bool
}

func pairs(mapping *yaml.Node) []pair {
	var all []pair
	for i := 0; mapping != nil && i+1 < len(mapping.Content); i += 2 {
		all = append(all, pair{key: mapping.Content[i].Value, value: mapping.Content[i+1]})
	}
	return all
}

// elements returns those of a list by their names, or false where they have none.
func elements(path string, list *yaml.Node) ([]pair, bool) {
	var all []pair
	for i := 0; list != nil && i < len(list.Content); i++ {
		key := nameOf(path, list.Content[i])
		if key == "" {
			return nil, false
		}
		for slices.ContainsFunc(all, func(p pair) bool { return p.key == key }) {
			key += " again"
		}
		all = append(all, pair{key, list.Content[i], true})
	}
	return all, true
}

// nameOf returns what an element of a list is called: the turns that it matches, or its name.
func nameOf(path string, element *yaml.Node) string {
	members := map[string]*yaml.Node{}
	for _, member := range pairs(element) {
		members[member.key] = member.value
	}
	if ordered(path) {
		if match := members["match"]; match != nil && len(match.Content) > 0 {
			return flow(match)
		}
		return "any"
	}
	for _, name := range []string{"name", "path", "method", "field", "id"} {
		if value := members[name]; value != nil {
			return value.Value
		}
	}
	return ""
}

// ordered says whether the first element that matches a turn wins.
func ordered(path string) bool { return path == "routes" || path == "fallbacks" }

// flow returns a value on one line.
func flow(node *yaml.Node) string {
	if node == nil {
		return ""
	}
	var line func(node yaml.Node) *yaml.Node
	line = func(node yaml.Node) *yaml.Node {
		node.Style = yaml.FlowStyle
		if node.Kind == yaml.ScalarNode && (node.Value == mergeKey || strings.Contains(node.Value, "\n")) {
			node.Style = yaml.DoubleQuotedStyle
		}
		node.Content = slices.Clone(node.Content)
		for i, child := range node.Content {
			node.Content[i] = line(*child)
		}
		return &node
	}
	text, err := yaml.Marshal(line(*node))
	if err != nil {
		return err.Error() // it was text before
	}
	return strings.TrimSpace(string(text))
}
