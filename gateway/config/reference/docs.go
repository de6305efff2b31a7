package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/intentgate/intentgate/gateway/config"
)

const preface = `<!-- Written by make generate, out of proto/intentgate/gateway/v1/config.proto and gateway/config/reference. -->

# The configuration

One YAML file, intentgate.yaml, read strictly: a key that is not in these tables, a key that stands twice, a value of another kind, a file
that is not there: all of that is told at once, each with its line, and nothing is served. Any key that has a default may be left out.

` + "```sh" + `
intentgate config print --config intentgate.yaml          # what it means: defaults filled in, paths from the root
intentgate config diff intentgate.yaml next.yaml          # what is other, key by key, and whether that needs a restart
intentgate config diff --config intentgate.yaml --admin 127.0.0.1:9901   # likewise, against what is in force
intentgate config schema > intentgate.schema.json         # for editors
intentgate check --config intentgate.yaml                 # files, certificates, services
` + "```" + `

- **Editors** that know JSON Schema, such as those with yaml-language-server, complete the keys and tell what they mean. The first line of the file
  leads them to the schema, which is also [in the repository](../gen/jsonschema/intentgate.schema.json):
  ` + "`# yaml-language-server: $schema=intentgate.schema.json`" + `
- **Files** are named by paths from the folder of the configuration file.
- **Secrets** never stand in the configuration. ` + "`{file: PATH}` or `{env: NAME}`" + ` says where they are; files are read again when they change,
  variables with each start.
- **Changes** are put in force while the gateway runs: when the file changes, at SIGHUP, and when AdminService is told to reload.
  [A bad file changes nothing](time.md#changing-the-configuration). What is **fixed** in the tables cannot change while the gateway runs.
- **Durations** have units: ` + "`300ms`, `5s`, `1m30s`" + `. **Times** are such as ` + "`2026-12-01T00:00:00Z`" + `, or dates, which begin at midnight UTC.
`

// docs returns the page about all keys, in the order of the schema.
func (r *reference) docs(root *protogen.Message, example string) string {
	page := &page{reference: r}
	page.text.WriteString(preface)
	for _, field := range root.Fields {
		name := string(field.Desc.Name())
		page.heading("`"+name+"`", comment(field.Comments))
		page.fields(path(name, field.Desc), r.messages[field.Desc.Message().FullName()], true)
	}
	for i := 0; i < len(page.shared); i++ { // which may grow
		message := page.shared[i].message
		page.heading(shapeName(message), comment(message.Comments))
		page.at = page.shared[i].at
		page.fields("", message, false)
	}
	page.heading("Every key", "The tests read this file, so that the reader, the schema and this page know the same keys.")
	page.text.WriteString("```yml\n" + example + "```\n")
	return page.text.String()
}

// page is the page as far as it is written.
type page struct {
	*reference

	text   strings.Builder
	shared []shared // messages with a section of their own
	at     string   // where the message of this section stands, for one
	table  bool
}

type shared struct {
	message *protogen.Message
	at      string
}

func (p *page) heading(title, text string) {
	fmt.Fprintf(&p.text, "\n## %s\n\n%s\n", title, text)
	p.table = false
}

// fields writes the keys of a message at a path, those of a section first.
func (p *page) fields(at string, message *protogen.Message, section bool) {
	if section && p.separate(message) {
		fmt.Fprintf(&p.text, "\n%s.\n", p.link(message, at))
		return
	}
	required := p.required(message.Desc.FullName())
	for _, field := range message.Fields {
		name := string(field.Desc.Name())
		key := strings.TrimPrefix(at+"."+name, ".")
		p.row(key, field, slices.Contains(required, name))
		if below := p.below(field.Desc); below != nil && !p.separate(below) {
			p.fields(path(key, field.Desc), below, false)
		}
	}
}

// row writes a key.
func (p *page) row(key string, field *protogen.Field, required bool) {
	if !p.table {
		p.text.WriteString("\n| key | value | default | |\n|---|---|---|---|\n")
		p.table = true
	}
	standard := ""
	if value, ok := p.defaults[field.Desc.FullName()]; ok {
		standard = fmt.Sprintf("`%v`", value)
	}
	if required {
		standard = "**required**"
	}
	full := strings.TrimPrefix(p.at+"."+key, ".")
	text := comment(field.Comments)
	if below := p.below(field.Desc); below != nil && !p.separate(below) {
		_, more, _ := strings.Cut(comment(below.Comments), ".") // the first sentence says the same in other words
		text = strings.TrimSpace(text + " " + strings.TrimSpace(more))
	}
	if config.Fixed(full) {
		text += " **Fixed.**"
	}
	cells := []string{"`" + key + "`", p.kind(key, field.Desc, full), standard, text}
	for i, cell := range cells {
		cells[i] = strings.NewReplacer("|", "\\|", "\n\n", "<br>").Replace(cell)
	}
	fmt.Fprintf(&p.text, "| %s |\n", strings.Join(cells, " | "))
}

// kind says what a value is, and which are allowed.
func (p *page) kind(key string, field protoreflect.FieldDescriptor, full string) string {
	of, prefix := field, ""
	switch {
	case field.IsList():
		prefix = "list of "
	case field.IsMap():
		of, prefix = field.MapValue(), "mapping of names to "
	}
	kind := prefix + p.single(of, path(key, field))
	if kind == "list of mapping" {
		kind += "s"
	}
	var allowed []string
	for _, at := range []string{full, full + "[]"} {
		words := config.Wanted(at)
		words, _, _ = strings.Cut(words, "; remove the key")
		words = strings.TrimSuffix(words, ", or no such key")
		if words != "" && (prefix != "" || p.below(field) == nil) {
			allowed = append(allowed, words)
		}
	}
	if field.Enum() != nil {
		allowed = config.EnumWords(field.Enum())
	}
	if len(allowed) == 0 {
		return kind
	}
	return kind + ": " + strings.Join(allowed, ", ")
}

// single names the kind of one value.
func (p *page) single(field protoreflect.FieldDescriptor, key string) string {
	switch field.Kind() {
	case protoreflect.BoolKind:
		return "true or false"
	case protoreflect.Uint32Kind, protoreflect.Uint64Kind:
		return "whole number"
	case protoreflect.DoubleKind:
		return "number"
	case protoreflect.MessageKind:
		if below := p.below(field); below != nil && p.separate(below) {
			return p.link(below, strings.TrimPrefix(p.at+"."+key, "."))
		}
		return cmp.Or(map[protoreflect.FullName]string{
			"google.protobuf.Duration": "duration", "google.protobuf.Timestamp": "time",
		}[field.Message().FullName()], "mapping")
	default:
		return "text"
	}
}

// separate says whether a message has a section of its own: it stands in several places.
func (p *page) separate(message *protogen.Message) bool { return p.uses[message.Desc.FullName()] > 1 }

// link leads to the section of a message, which stands at a path.
func (p *page) link(message *protogen.Message, at string) string {
	known := false
	for _, one := range p.shared {
		known = known || one.message == message
	}
	if !known {
		p.shared = append(p.shared, shared{message, at})
	}
	name := shapeName(message)
	return fmt.Sprintf("[%s](#%s)", name, strings.ReplaceAll(strings.ToLower(name), " ", "-"))
}

// shapeName is what the section of a message is called.
func shapeName(message *protogen.Message) string { return "mapping " + string(message.Desc.Name()) }

// below returns the message of a field's values, if its keys are the schema's.
func (p *page) below(field protoreflect.FieldDescriptor) *protogen.Message {
	if field.IsMap() {
		field = field.MapValue()
	}
	if field.Message() == nil || field.Message().ParentFile().Package() == "google.protobuf" {
		return nil
	}
	return p.messages[field.Message().FullName()]
}

// path is that of the values of a field.
func path(key string, field protoreflect.FieldDescriptor) string {
	if field.IsList() || field.IsMap() {
		return key + "[]"
	}
	return key
}
