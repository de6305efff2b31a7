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
)

// emptyFile tells of the keys that a file needs.
const emptyFile = "the file is empty; want the keys %s"

// Document returns the root of the one YAML document of a file that has other keys than a configuration and is read as
// strictly: without duplicate keys, aliases, anchors and tags. The error is an *Error.
func Document(file string, data []byte, keys string) (*yaml.Node, error) {
	r := &report{file: file}
	root := r.document(data, keys)
	return root, r.err()
}

// document parses the one YAML document of a file and returns its root, or nil where there is nothing to decode. It
// refuses what the YAML library accepts although people never mean it.
func (r *report) document(data []byte, keys string) *yaml.Node {
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
		r.add(1, 1, emptyFile, keys)
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
		r.at(root, emptyFile, keys)
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
