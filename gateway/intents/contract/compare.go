package contract

import (
	"fmt"
	"slices"
	"strings"

	"github.com/intentgate/intentgate/gateway/router"
)

// Break is a change by which an agent breaks that worked before.
type Break struct {
	Method  string `json:"method"`  // the one that answered before
	Element string `json:"element"` // such as `tag track-order` or `parameter date`
	Problem string `json:"problem"`
}

// Breaks returns what of an old contract a new one does not keep. Methods, fields and messages may have other names, as
// long as an agent does not see it; whatever is new breaks nothing.
func Breaks(old, now []Service) []Break {
	c := comparison{}
	seen := map[[2]string]bool{}
	for _, service := range old {
		for i := range service.Methods {
			before := &service.Methods[i]
			for _, name := range before.names() {
				after := Answering(now, name.kind, name.name)
				if after == nil {
					c.add(before, name.kind+" "+name.name, "nobody answers it any more")
					continue
				}
				if pair := [2]string{before.Method, after.Method}; !seen[pair] {
					seen[pair] = true
					c.method(before, after)
				}
			}
		}
	}
	return c.breaks
}

// named is a name of turns.
type named struct{ kind, name string }

func (m *Method) names() (all []named) {
	for _, list := range []struct {
		kind  string
		names []string
	}{{"intent", m.Intents}, {"action", m.Actions}, {"tag", m.Tags}} {
		for _, name := range list.names {
			all = append(all, named{list.kind, name})
		}
	}
	return all
}

// Answering returns the method that answers an intent, action or tag: by that name, or by a pattern that takes all of it; nil
// if none does.
func Answering(services []Service, kind, name string) (method *Method) {
	for _, service := range services {
		for i := range service.Methods {
			m := &service.Methods[i]
			for _, other := range m.names() {
				switch {
				case other == named{kind, name}:
					return m
				case method == nil && other.kind == kind && router.Within(name, []string{other.name}):
					method = m
				}
			}
		}
	}
	return method
}

type comparison struct{ breaks []Break }

func (c *comparison) add(method *Method, element, format string, args ...any) {
	found := Break{method.Method, element, fmt.Sprintf(format, args...)}
	if !slices.Contains(c.breaks, found) {
		c.breaks = append(c.breaks, found)
	}
}

func (c *comparison) method(before, after *Method) {
	c.fields(before, after, "", "")
	for _, f := range after.Request {
		if f.Required && !slices.ContainsFunc(before.Request, func(b Field) bool { return b.Required && b.Path == f.Path }) {
			c.add(before, "field "+f.Path, "is required now")
		}
	}
	for _, effect := range before.Response {
		if effect.Set != "" {
			c.set(before, after, effect)
		}
	}
	texts := func(m *Method) (n int) {
		for _, effect := range m.Response {
			if effect.Text {
				n++
			}
		}
		return n
	}
	if was, is := texts(before), texts(after); is < was {
		c.add(before, "text", "%d of %d fields are no longer said", was-is, was)
	}
	if reply := func(e Effect) bool { return e.Reply }; slices.ContainsFunc(before.Response, reply) && !slices.ContainsFunc(after.Response, reply) {
		c.add(before, "reply", "there is no Reply any more that is obeyed")
	}
	if before.Context != nil && after.Context != nil && before.Context.Name != after.Context.Name {
		c.add(before, "context "+before.Context.Name, "what is remembered is kept in the context %s now", after.Context.Name)
	}
}

// fields compares what is read below a path of a request, by the names that the agent gives it.
func (c *comparison) fields(before, after *Method, in, inAfter string) {
	for _, f := range below(before.Request, in) {
		matched := map[string]bool{}
		for _, name := range f.Names {
			element := f.element(in, name)
			now, ok := reading(below(after.Request, inAfter), &f, name)
			if !ok {
				c.add(before, element, "is no longer read")
				continue
			}
			if matched[now.Path] {
				continue // another name of the same two fields
			}
			matched[now.Path] = true
			c.field(before, element, &f, &now)
			c.fields(before, after, f.Path, now.Path)
		}
	}
}

// reading returns the field that reads a name as another field did.
func reading(fields []Field, as *Field, name string) (Field, bool) {
	i := slices.IndexFunc(fields, func(f Field) bool {
		return f.From == as.From && slices.ContainsFunc(f.Names, func(n string) bool { return normal(n) == normal(name) })
	})
	if i < 0 {
		return Field{}, false
	}
	return fields[i], true
}

// normal is what names have in common that stand for each other.
func normal(name string) string {
	return strings.ToLower(strings.NewReplacer("-", "", "_", "", ".", "").Replace(name))
}

func (f *Field) element(in, name string) string {
	switch {
	case f.From == "payload":
		return "payload " + name
	case in != "":
		return fmt.Sprintf("member %s of %s", name, in)
	default:
		return "parameter " + name
	}
}

func (c *comparison) field(method *Method, element string, f, now *Field) {
	before, after := shape(f.Type), shape(now.Type)
	if before != after && after != "repeated "+before && wider[before] != after { // a list takes a single value, too
		c.add(method, element, "was %s, is %s now", f.Type, now.Type)
		return
	}
	for _, word := range f.Words {
		if !slices.ContainsFunc(now.Words, func(w string) bool { return strings.EqualFold(w, word) }) {
			c.add(method, element, "no longer knows the word %q", word)
		}
	}
	for _, places := range [][2][]string{{f.ES, now.ES}, {f.CX, now.CX}} {
		for _, place := range places[0] {
			if len(places[1]) > 0 && !slices.Contains(places[1], place) {
				c.add(method, element, "is no longer looked for in: %s", place)
			}
		}
	}
}

func (c *comparison) set(before, after *Method, effect Effect) {
	i := slices.IndexFunc(after.Response, func(e Effect) bool { return e.Set == effect.Set })
	if i < 0 {
		c.add(before, "set "+effect.Set, "is no longer remembered")
		return
	}
	if was, is := shape(effect.Type), shape(after.Response[i].Type); was != is && wider[was] != is {
		c.add(before, "set "+effect.Set, "was %s, is %s now", effect.Type, after.Response[i].Type)
	}
}

// below returns the fields that stand directly below a path; all others of the request stand below these.
func below(fields []Field, path string) (all []Field) {
	for _, f := range fields {
		parent := ""
		if at := strings.LastIndexByte(f.Path, '.'); at >= 0 {
			parent = f.Path[:at]
		}
		if parent == path {
			all = append(all, f)
		}
	}
	return all
}

// encodings are types of numbers that differ on the wire alone.
var encodings = map[string]string{
	"sint32": "int32", "sfixed32": "int32", "fixed32": "uint32", "sint64": "int64", "sfixed64": "int64", "fixed64": "uint64",
}

// wider are types that take what another takes, and more.
var wider = map[string]string{"int32": "int64", "uint32": "uint64", "float": "double"}

// shape is a type as far as an agent sees it. Messages and enums of the service's own may be called otherwise: their
// members and words count.
func shape(kind string) string {
	single, list := strings.CutPrefix(kind, "repeated ")
	switch {
	case strings.HasPrefix(single, "map<"):
		key, value, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(single, "map<"), ">"), ", ")
		single = "map<" + shape(key) + ", " + shape(value) + ">"
	case strings.HasPrefix(single, "google.") || strings.HasPrefix(single, "intentgate."):
	case strings.Contains(single, "."):
		single = "of the service's own"
	case encodings[single] != "":
		single = encodings[single]
	}
	if list {
		return "repeated " + single
	}
	return single
}
