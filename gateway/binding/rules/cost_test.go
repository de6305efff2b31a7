package rules_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/intentgate/intentgate/gateway/binding/rules"
)

func unmarshalText(text string, m proto.Message) error { return prototext.Unmarshal([]byte(text), m) }

// dearest are expressions that cost nearly as much as they may, with the request for which they do.
func dearest() map[string][2]string {
	long := strings.Repeat("a", 60<<10)
	flat := strings.Repeat(`flat: {text: "`+strings.Repeat("a", 190)+`"} `, 300)
	nested := func(n int, body string) string {
		text := "[" + strings.Repeat("1,", 99) + "1]"
		for i := range n {
			body = fmt.Sprintf("%s.all(v%d, %s)", text, i, body)
		}
		return body
	}
	return map[string][2]string{
		"loops over literals":         {nested(2, "v0 + v1 < 1000 || true"), ""},
		"loops":                       {"this.flat.all(a, this.flat.all(b, a.number == b.number))", flat},
		"comparisons":                 {"this.flat.all(a, this.flat.all(b, a.text == b.text))", flat},
		"deep comparisons":            {"this == this && this.flat.all(a, a == a)", flat},
		"concatenation":               {"(this.text + this.text + this.text + this.text).size() > 0", `text: "` + long + `"`},
		"doubling":                    {"[this.text].map(a, a + a).map(b, b + b).map(c, c + c).all(d, d != '')", `text: "` + long + `"`},
		"parsing":                     {"this.text.isEmail() || this.text.isUri() || this.text.isHostname() || true", `text: "` + long + `@` + `"`},
		"pattern":                     {"this.text.matches('(a?){22}a{22}b') || true", `text: "` + long + `"`},
		"pattern that fails":          {"this.text.matches('(a|aa){18}b') || true", `text: "` + long + `"`},
		"patterns of elements":        {"this.flat.all(f, f.text.matches('(a?){22}a{22}b') || true)", flat},
		"searching":                   {"this.text.indexOf('aaaaaaaab') == -1", `text: "` + long + `"`},
		"replacing":                   {"this.text.replace('a', 'bbbbbbbbbb').size() > 0", `text: "` + long + `"`},
		"splitting":                   {"this.text.split('').size() > 0", `text: "` + long + `"`},
		"a list of the pieces":        {"this.text.split('').all(c, c == 'a')", `text: "` + long + `"`},
		"quoting":                     {"strings.quote(this.text) != ''", `text: "` + long + `"`},
		"formatting":                  {"'%s %s'.format([this.texts, this.text]) != ''", `text: "` + long + `"`},
		"the same text again":         {"this.flat.all(f, this.text.size() > 0)", `text: "` + strings.Repeat("ü", 15<<10) + `" ` + strings.Repeat("flat: {} ", 300)},
		"time zones":                  {"this.flat.all(f, this.at.getHours('Europe/Berlin') >= 0)", "at: {} " + strings.Repeat("flat: {} ", 298)},
		"joined lists":                {"(this.flat + this.flat).all(f, f.number == 0)", flat},
		"maps":                        {"this.words.all(k, this.words[k] == k)", manyWords()},
		"building lists":              {"this.flat.map(a, this.flat.map(b, b.number)).size() > 0", flat},
		"free JSON":                   {"this.free.all(k, k != '')", `free: {` + manyMembers() + `}`},
		"the same list of texts":      {"this.texts.all(t, this.texts.unique() || true)", strings.Repeat(`texts: "`+strings.Repeat("a", 190)+`" `, 300)},
		"a message that holds itself": {"true", "tree: {" + strings.Repeat("left: {", 30) + `text: "` + long + `"` + strings.Repeat("}", 31)},
	}
}

func manyWords() string {
	var b strings.Builder
	for i := range 300 {
		fmt.Fprintf(&b, `words: {key: "%0180d" value: "a"} `, i)
	}
	return b.String()
}

func manyMembers() string {
	var b strings.Builder
	for i := range 2500 {
		fmt.Fprintf(&b, `fields: {key: "%d" value: {number_value: 1}} `, i)
	}
	return b.String()
}

// largest returns the wire bytes of a request written as text.
func largest(tb testing.TB, message protoreflect.MessageDescriptor, text string) []byte {
	tb.Helper()
	m := dynamicpb.NewMessage(message)
	if err := unmarshalText(text, m); err != nil {
		tb.Fatal(err)
	}
	wire, err := proto.Marshal(m)
	if err != nil {
		tb.Fatal(err)
	}
	return wire
}

// Rules that may be used end soon, whatever they are applied to: here, what they take longest for.
func TestDearest(t *testing.T) {
	for name, c := range dearest() {
		t.Run(name, func(t *testing.T) {
			message := cel(t, c[0])
			if _, err := compiled(t, message).Check(largest(t, message, c[1])); err != nil {
				t.Error(err)
			}
		})
	}
}

func BenchmarkDearest(b *testing.B) {
	for name, c := range dearest() {
		message := cel(b, c[0])
		checker, err := rules.NewCompiler(now).Compile(message)
		if err != nil {
			b.Logf("%s: %v", name, err)
			continue
		}
		wire := largest(b, message, c[1])
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if v, err := checker.Check(wire); err != nil || len(v) > 0 && v[0].Rule == "size" {
					b.Fatal(err, v)
				}
			}
		})
	}
}

// TestDocumentedCosts compiles the examples in docs/annotations.md.
func TestDocumentedCosts(t *testing.T) {
	text, err := os.ReadFile("../../../docs/annotations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, played, found := strings.Cut(string(text), "<!-- Played by gateway/binding/rules: costs. -->\n\n")
	played, _, _ = strings.Cut(played, "\n\n")
	rows := regexp.MustCompile("(?m)^\\| `(.+)` \\| (.+) \\|$").FindAllStringSubmatch(played, -1)
	if !found || len(rows) < 10 {
		t.Fatalf("%d rows", len(rows))
	}
	for _, row := range rows {
		_, err := rules.NewCompiler(now).Compile(cel(t, row[1]))
		if fits := row[2] == "fits"; fits != (err == nil) || !fits && !strings.Contains(err.Error(), row[2]) {
			t.Errorf("%s: got %v, want %s", row[1], err, row[2])
		}
	}
}

// What may take too long is refused, and that in no time.
func TestHostile(t *testing.T) {
	text := func(pattern string) *validate.FieldRules {
		return validate.FieldRules_builder{String: validate.StringRules_builder{Pattern: &pattern}.Build()}.Build()
	}
	literal := "[" + strings.Repeat("1,", 99) + "1]"
	for name, c := range map[string]struct {
		message protoreflect.MessageDescriptor
		want    string
	}{
		"joined in a list":       {cel(t, "[this.texts].map(a, a + a).map(a, a + a).all(a, a.size() > 0)"), "puts joined lists into"},
		"joined in a map":        {cel(t, "{'a': this.texts + this.texts}['a'].size() > 0"), "puts joined lists into"},
		"an absolute name":       {cel(t, ".this.text.replace('', .this.text) == ''"), "begins with a point"},
		"a name for the pattern": {cel(t, "[this.text].all(rule, this.text.matches(rule))"), "over one that is called rule"},
		"open, then many":        {cel(t, "this.text.matches('^.*.{999}$')"), "may take too long"},
		"nested loops":           {cel(t, "this.texts.all(a, this.texts.all(b, this.texts.all(c, a + b == c)))"), "may take too long"},
		"nested literals":        {cel(t, literal+".all(a, "+literal+".all(b, "+literal+".all(c, "+literal+".all(d, a + b + c + d > 0))))"), "may take too long"},
		"too deep":               {cel(t, strings.Repeat("[1].all(a, ", 7)+"true"+strings.Repeat(")", 7)), "more than 6 loops"},
		"exponential strings":    {cel(t, "[this.text]"+strings.Repeat(".map(a, a + a)", 20)+".all(a, a == '')"), "may take too long"},
		"exponential lists":      {cel(t, "[[1]]"+strings.Repeat(".map(a, a + a)", 20)+".all(a, a.size() > 0)"), "puts joined lists into"},
		"replacing again":        {cel(t, "this.text.replace('', this.text).replace('', this.text) == ''"), "may take too long"},
		"joining lists":          {cel(t, "(this.texts + this.texts + this.texts).all(a, a == '')"), "joins more than two"},
		"a wide number":          {cel(t, "'%.999999999f'.format([1.0]) == ''"), "a number of a hundred digits"},
		"a format that is made":  {cel(t, "this.text.format([1.0]) == ''"), "a format that is computed"},
		"a pattern that is made": {cel(t, "this.text.matches(this.text)"), "a pattern that is computed"},
		"a huge pattern":         {cel(t, "this.text.matches('(abcdefghij){1000}')"), "may take too long"},
		"huger":                  {cel(t, "this.text.matches('(((a{1000}){1000}){1000}){1000}')"), "none of RE2"},
		"a huge pattern rule":    {on(t, nil, map[string]*validate.FieldRules{"text": text("(abcdefghij){1000}")}), "may take too long"},
		"no pattern":             {on(t, nil, map[string]*validate.FieldRules{"text": text("(")}), "none of RE2"},
		"of keys":                {on(t, nil, map[string]*validate.FieldRules{"words": validate.FieldRules_builder{Map: validate.MapRules_builder{Keys: text("(abcdefghij){1000}")}.Build()}.Build()}), "may take too long"},
		"of elements":            {on(t, nil, map[string]*validate.FieldRules{"texts": validate.FieldRules_builder{Repeated: validate.RepeatedRules_builder{Items: text("(abcdefghij){1000}")}.Build()}.Build()}), "may take too long"},
		"deep comparisons":       {cel(t, "this.flat.all(a, this.flat.all(b, this == this))"), "may take too long"},
		"free JSON":              {cel(t, "this.free.all(a, this.free.all(b, a == b))"), "may take too long"},
		"a made list":            {cel(t, "this.text.split('').all(a, this.text.split('').all(b, a == b))"), "may take too long"},
		"no CEL":                 {cel(t, "this.text =="), "is no CEL"},
		"an unknown function":    {cel(t, "this.text.fold()"), "of which this gateway does not know"},
		"of two variables":       {cel(t, "this.words.all(k, v, k == v)"), "of which this gateway does not know"},
		"a long one":             {cel(t, "this.text == '"+strings.Repeat("a", 2000)+"'"), "has 2015 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := rules.NewCompiler(now).Compile(c.message); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// Rules add up: those of one message, those of messages of which there may be many, and those along the way to each byte.
func TestTogether(t *testing.T) {
	many := func(n int, expression string) protoreflect.MessageDescriptor {
		return on(t, validate.MessageRules_builder{CelExpression: slices.Repeat([]string{expression}, n)}.Build(), nil)
	}
	compares := "this.flat.all(a, this.flat.all(b, a.number == b.number))"
	for name, c := range map[string]struct {
		message protoreflect.MessageDescriptor
		fits    bool
	}{
		"two": {many(2, compares), true}, "three": {many(3, compares), false},
		"once for each byte": {many(20, "this.text.isEmail() || true"), true}, "often": {many(100, "this.text.isEmail() || true"), false},
		"of many": {linked(t, flatWith(t, 1, "this.text.size() < 10")), true}, "much of many": {linked(t, flatWith(t, 60, strings.Repeat("this.number != 1 && ", 60)+"true")), false},
	} {
		if _, err := rules.NewCompiler(now).Compile(c.message); (err == nil) != c.fits || err != nil && !strings.Contains(err.Error(), "its rules together may take too long") {
			t.Errorf("%s: got %v, want it to fit: %t", name, err, c.fits)
		}
	}
}

// flatWith is Thing's file with expressions on the message of which it has many.
func flatWith(tb testing.TB, n int, expression string) *descriptorpb.FileDescriptorProto {
	tb.Helper()
	file := protodesc.ToFileDescriptorProto(on(tb, nil, nil).ParentFile())
	flat := file.MessageType[slices.IndexFunc(file.MessageType, func(m *descriptorpb.DescriptorProto) bool { return m.GetName() == "Flat" })]
	flat.Options = &descriptorpb.MessageOptions{}
	proto.SetExtension(flat.Options, validate.E_Message, validate.MessageRules_builder{CelExpression: slices.Repeat([]string{expression}, n)}.Build())
	return file
}
