package conversation

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Update returns the file with its expectations as the results have it, and how many of them it changed. Only the lines of
// what differs are others; comments stay. Results are those of the file's conversations.
//
// Where something was not expected at all, or two platforms differ, it is an error and the file stays as it is.
func (f *File) Update(results []*Result) (data []byte, changed int, err error) {
	positions, at := flatten(f.root, nil), map[*yaml.Node]*position{}
	for _, p := range positions {
		at[p.value] = p
	}
	replaced := map[*position]bool{} // those whose lines are written anew
	done := map[*yaml.Node]bool{}
	for _, r := range results {
		if r.Error != "" {
			return f.data, 0, fmt.Errorf("%s:%d: %s (%s) could not be played: %s", r.File, r.Line, r.Name, r.Platform, r.Error)
		}
		for _, turn := range r.Turns {
			for _, d := range turn.Differences {
				if d.node != nil && !done[d.node] {
					replaced[f.ownLines(at[d.node])], done[d.node] = true, true
					set(d.node, lasting(d))
				}
			}
		}
	}
	for _, r := range results {
		for i := range r.Turns {
			if left := r.conversation.Turns[i].compare(&r.Turns[i]); len(left) > 0 {
				d := left[0]
				return f.data, 0, fmt.Errorf("%s:%d: turn %d of %s (%s): %s is %s, and cannot be written down: it is not expected at all, or another one on the "+
					"other platform, which wants a conversation of its own", r.File, cmp.Or(d.Line, r.Turns[i].Line), i+1, r.Name, r.Platform, d.Path, compact(d.Got))
			}
		}
	}
	if len(done) == 0 {
		return f.data, 0, nil
	}
	lines := bytes.SplitAfter(f.data, []byte("\n"))
	for i, p := range slices.Backward(positions) { // from the end, so that the lines before keep their numbers
		if !replaced[p] {
			continue
		}
		end := len(lines)
		if next := i + p.size; next < len(positions) {
			end = positions[next].start().Line - 1
		}
		start := p.start().Line - 1
		for end > start+1 && trailing(lines[end-1], p.start().Column-1) {
			end--
		}
		text, err := encode(p, lines[start])
		if err != nil {
			return f.data, 0, err
		}
		lines = slices.Replace(lines, start, end, text)
	}
	data = bytes.Join(lines, nil)
	if _, err := Parse(f.Path, data); err != nil {
		return f.data, 0, fmt.Errorf("%s is left as it was, since it could not be read any more: %w", f.Path, err)
	}
	return data, len(done), nil
}

// lasting is what there was without what is another each time: the whole turn in the request of a service for all intents.
func lasting(d Difference) any {
	if calls, ok := d.Got.([]any); ok && d.Path == "calls" {
		for _, call := range calls {
			members, _ := call.(map[string]any)
			request, _ := members["request"].(map[string]any)
			delete(request, "turn")
		}
	}
	return d.Got
}

// position is a value with its key, where it has one.
type position struct {
	key, value *yaml.Node
	around     *position // in which it stands; nil: the file
	size       int       // how many there are, with all below it
}

func (p *position) start() *yaml.Node {
	if p.key != nil {
		return p.key
	}
	return p.value
}

// flatten lists everything below a node in the order of the file.
func flatten(node *yaml.Node, around *position) (all []*position) {
	for i := 0; i < len(node.Content); i++ {
		p := &position{value: node.Content[i], around: around}
		if node.Kind == yaml.MappingNode {
			i++
			p.key, p.value = node.Content[i-1], node.Content[i]
		}
		below := flatten(p.value, p)
		p.size = 1 + len(below)
		all = append(append(all, p), below...)
	}
	return all
}

// ownLines returns the nearest position around one, or that one, that can be written anew with its key and all below it: before
// that nothing stands but spaces and the dashes of lists. That of `conversations` can, for one.
func (f *File) ownLines(p *position) (own *position) {
	lines := bytes.Split(f.data, []byte("\n"))
	for ; p != nil; p = p.around {
		if p.value.Style&yaml.FlowStyle != 0 {
			own = nil // its members have commas behind them
		}
		if start := p.start(); own == nil && strings.Trim(string([]rune(string(lines[start.Line-1]))[:start.Column-1]), " -") == "" {
			own = p
		}
	}
	return own
}

// trailing says whether a line behind a value is none of it: a blank one, the dash of what follows, or a comment that is no
// deeper than the value's key.
func trailing(line []byte, indent int) bool {
	text := bytes.TrimLeft(line, " ")
	return len(bytes.Trim(text, "- \t\r\n")) == 0 || text[0] == '#' && len(line)-len(text) <= indent
}

// encode writes a value and its key in place of the line that begins with them.
func encode(p *position, line []byte) ([]byte, error) {
	node := p.value
	node.FootComment = "" // as all comments around it, it stands where it stood
	if p.key != nil {
		key := *p.key
		key.HeadComment, key.FootComment = "", ""
		node = &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{&key, p.value}}
	}
	node.HeadComment = ""
	var text bytes.Buffer
	encoder := yaml.NewEncoder(&text)
	encoder.SetIndent(2)
	if err := encoder.Encode(node); err != nil {
		return nil, err
	}
	before := []rune(string(line))[:p.start().Column-1]
	indented := strings.ReplaceAll(strings.TrimRight(text.String(), "\n"), "\n", "\n"+strings.Repeat(" ", len(before)))
	return []byte(string(before) + indented + "\n"), nil
}

// set makes a node a value, and leaves its comments.
func set(node *yaml.Node, v any) {
	fresh := nodeOf(v)
	node.Kind, node.Tag, node.Value, node.Style, node.Content = fresh.Kind, fresh.Tag, fresh.Value, fresh.Style, fresh.Content
}

// nodeOf is a value as people write it: JSON is YAML, but for its style.
func nodeOf(v any) *yaml.Node {
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(compact(v)), &document); err != nil {
		return &yaml.Node{Kind: yaml.ScalarNode, Value: err.Error()}
	}
	plainly(&document)
	return document.Content[0]
}

func plainly(node *yaml.Node) {
	node.Style = 0
	for _, child := range node.Content {
		plainly(child)
	}
}

// compact is a value in one line.
func compact(v any) string {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return err.Error()
	}
	return strings.TrimSpace(text.String())
}
