package config

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/proto"
)

const emptyFile = "the file is empty; want the keys %s"

// Document is a file with a schema of its own, which is read as strictly as the configuration.
type Document struct{ report *report }

// Schema says what a Document holds.
type Schema struct {
	Keys  string            // those that it needs, for who has an empty file
	Wants map[string]string // what the rules want of a field, in words, by its path without indices
}

// Read decodes a YAML file into a message and applies the rules of its schema. What is wrong with the file is told by Err; the error is
// one of the schema.
func Read(file string, data []byte, schema Schema, into proto.Message) (*Document, error) {
	r := newReport(file, schema)
	if root := r.document(data); root != nil {
		r.message(root, "", into.ProtoReflect())
		if err := r.rules(into); err != nil {
			return nil, err
		}
	}
	return &Document{r}, nil
}

// Node returns the value at a path such as `webhooks[0].path`, and the root for "". It is nil where the file has none.
func (d *Document) Node(path string) *yaml.Node { return d.report.places[path].value }

// Refuse adds a problem at a path, or where it is missing.
func (d *Document) Refuse(path, format string, args ...any) { d.report.field(path, format, args...) }

// Err returns all problems, as an *Error, or nil.
func (d *Document) Err() error { return d.report.err() }

// document parses the one YAML document of a file and returns its root, or nil where there is nothing to decode. It
// refuses what the YAML library accepts although people never mean it.
func (r *report) document(data []byte) *yaml.Node {
	if len(data) > maxSize {
		r.add(1, 1, "the file is larger than %d bytes; is it the right one?", maxSize)
		return nil
	}
	if at := invalidUTF8(data); at >= 0 {
		before := data[:at]
		r.add(1+bytes.Count(before, []byte("\n")), at-bytes.LastIndexByte(before, '\n'), "not UTF-8; save the file as UTF-8")
		return nil
	}
	var document, second yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF):
		r.add(1, 1, emptyFile, r.schema.Keys)
		return nil
	case err != nil:
		r.syntax(err)
		return nil
	}
	switch err := decoder.Decode(&second); {
	case errors.Is(err, io.EOF):
	case err != nil:
		r.syntax(err)
	default:
		r.at(&second, "a second YAML document begins; want one, join them or remove this")
	}
	root := document.Content[0]
	if root.ShortTag() == "!!null" {
		r.at(root, emptyFile, r.schema.Keys)
		return nil
	}
	if deep := tooDeep(root, maxDepth); deep != nil {
		r.at(deep, "nested deeper than %d levels; is this the configuration?", maxDepth)
		return nil
	}
	r.inspect(root)
	return root
}

// maxDepth is how many levels of a file may lie in each other: more than any key needs, and few enough for all that walks
// them, Dialogflow included.
const maxDepth = 30

// tooDeep returns a node below the given number of levels, or nil.
func tooDeep(node *yaml.Node, levels int) *yaml.Node {
	if levels == 0 {
		return node
	}
	for _, child := range node.Content {
		if deep := tooDeep(child, levels-1); deep != nil {
			return deep
		}
	}
	return nil
}

// invalidUTF8 returns the offset of the first byte that is not UTF-8, or -1.
func invalidUTF8(data []byte) int {
	for at := 0; at < len(data); {
		character, size := utf8.DecodeRune(data[at:])
		if character == utf8.RuneError && size == 1 {
			return at
		}
		at += size
	}
	return -1
}

// yamlError takes the YAML library's error text apart; it offers no other way to the line.
var yamlError = regexp.MustCompile(`(?s)^yaml: (?:line (\d+): )?(.*)$`)

// syntax adds an error of the YAML library.
func (r *report) syntax(err error) {
	line, text := 1, err.Error()
	if match := yamlError.FindStringSubmatch(text); match != nil {
		line, _ = strconv.Atoi(match[1]) // no number: 0, the start
		text = strings.Join(strings.Fields(match[2]), " ")
	}
	if strings.Contains(text, "cannot start any token") {
		text += "; indent with spaces, not tabs, and quote text that begins with a special character"
	}
	if strings.HasPrefix(text, "did not find expected ','") {
		text += "; within { } and [ ], quote text that has a comma, a colon or a question mark"
	}
	r.add(line, 1, "not YAML: %s", text)
}

// inspect looks through all nodes, those under unknown keys too, for duplicate keys, aliases and tags.
func (r *report) inspect(node *yaml.Node) {
	if node.Kind == yaml.AliasNode {
		r.at(node, "an alias, %s; write the value out", quote("*"+node.Value))
		return // its target is inspected where it stands
	}
	if node.Anchor != "" {
		r.at(node, "an anchor, %s; remove it and write values out", quote("&"+node.Anchor))
	}
	if node.Style&yaml.TaggedStyle != 0 {
		r.at(node, "a tag, %s; remove it", quote(node.Tag))
	}
	if node.Kind == yaml.MappingNode {
		first := map[string]*yaml.Node{}
		for i := 0; i < len(node.Content); i += 2 {
			key := node.Content[i]
			if key.Kind != yaml.ScalarNode {
				continue
			}
			if other, ok := first[key.Value]; ok {
				r.at(key, "the key %s stands here twice, first in line %d; remove one", quote(key.Value), other.Line)
				continue
			}
			first[key.Value] = key
		}
	}
	for _, child := range node.Content {
		r.inspect(child)
	}
}
