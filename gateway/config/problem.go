package config

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Problem is one thing that is wrong in a configuration file.
type Problem struct {
	File   string
	Line   int // from 1
	Column int // from 1
	Text   string
}

// String returns `file:line:column: text`.
func (p Problem) String() string {
	return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Text)
}

// Error is all that is wrong in a configuration file.
type Error struct {
	// Problems are sorted by position; there is at least one.
	Problems []Problem
}

// Error returns the problems, one a line.
func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for i, problem := range e.Problems {
		lines[i] = problem.String()
	}
	return strings.Join(lines, "\n")
}

// place is where a field stands in the file.
type place struct {
	key   *yaml.Node // nil for an element of a list
	value *yaml.Node
}

// report collects problems. Fields are named by paths as protovalidate writes them: `webhooks[0].profiles[1]`; the root's
// path is empty.
type report struct {
	file     string
	schema   Schema
	places   map[string]place
	broken   map[string]bool // paths that could not be decoded: what follows from that is not told
	told     map[string]bool // paths that have a problem already
	problems []Problem
	alone    bool // nothing but the file is looked at
}

func newReport(file string, schema Schema) *report {
	return &report{file: file, schema: schema, places: map[string]place{}, broken: map[string]bool{}, told: map[string]bool{}}
}

// at adds a problem at a node.
func (r *report) at(node *yaml.Node, format string, args ...any) {
	r.add(node.Line, node.Column, format, args...)
}

// add adds a problem at a position.
func (r *report) add(line, column int, format string, args ...any) {
	r.problems = append(r.problems, Problem{File: r.file, Line: max(line, 1), Column: max(column, 1), Text: fmt.Sprintf(format, args...)})
}

// undecodable adds a problem of a field whose value cannot be used. That of an alias is told where aliases are.
func (r *report) undecodable(node *yaml.Node, path, format string, args ...any) {
	r.broken[path] = true
	if node.Kind != yaml.AliasNode {
		r.at(node, "%s: %s", named(path), fmt.Sprintf(format, args...))
	}
}

// named returns what to call a path in a problem.
func named(path string) string {
	if path == "" {
		return "the file"
	}
	return path
}

// field adds a problem of a field: at its value or, if it is missing, at what it is missing from. One problem a field is
// enough, and none is told that only follows from a value that could not be decoded.
func (r *report) field(path, format string, args ...any) {
	for p, ok := path, true; ok; p, ok = parent(p) {
		if r.broken[p] {
			return
		}
	}
	if r.told[path] {
		return
	}
	r.told[path] = true
	node := r.locate(path)
	r.at(node, "%s: %s", path, fmt.Sprintf(format, args...))
}

// brokenBelow says whether something in a field could not be decoded: what is missed there may be that.
func (r *report) brokenBelow(path string) bool {
	for broken := range r.broken {
		if strings.HasPrefix(broken, path+".") {
			return true
		}
	}
	return false
}

// has says whether the file gives the field.
func (r *report) has(path string) bool {
	_, ok := r.places[path]
	return ok
}

// locate returns the node of a field's value or, if it is missing, of the nearest thing around it that is there: its key,
// since that is where people look.
func (r *report) locate(path string) *yaml.Node {
	if p, ok := r.places[path]; ok {
		return p.value
	}
	for p, ok := parent(path); ok; p, ok = parent(p) {
		if around, ok := r.places[p]; ok {
			if around.key != nil {
				return around.key
			}
			return around.value
		}
	}
	return &yaml.Node{}
}

// parent cuts the last step off a path; the root has no parent.
func parent(path string) (string, bool) {
	if path == "" {
		return "", false
	}
	return path[:max(strings.LastIndexAny(path, ".["), 0)], true
}

// err returns the problems sorted by position, or nil.
func (r *report) err() error {
	if len(r.problems) == 0 {
		return nil
	}
	slices.SortStableFunc(r.problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return &Error{Problems: r.problems}
}

// saw tells what a node is.
func saw(node *yaml.Node) string {
	switch {
	case node.Kind == yaml.MappingNode:
		return "a mapping"
	case node.Kind == yaml.SequenceNode && len(node.Content) == 0:
		return "an empty list"
	case node.Kind == yaml.SequenceNode:
		return "a list"
	case node.ShortTag() == "!!null":
		return "no value"
	default:
		return quote(node.Value)
	}
}

// sawOf is saw where values of a field are wanted: text where secrets belong may be one, and is not to be told.
func sawOf(field protoreflect.FieldDescriptor, node *yaml.Node) string {
	if node.Kind == yaml.ScalarNode && field.Message() != nil && field.Message().FullName() == "intentgate.gateway.v1.Secret" {
		return "text"
	}
	return saw(node)
}

// quote quotes text for a problem, cut to a length that leaves the line readable.
func quote(text string) string {
	const most = 80
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return strconv.Quote(text)
}
