package binding

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// maxWords is how many of an enum's words an error names.
const maxWords = 20

// vocabulary is the texts that stand for the values of an enum.
type vocabulary struct {
	exact  map[string]protoreflect.EnumNumber // the names of the values
	folded map[string]protoreflect.EnumNumber // those without the enum's prefix, and synonyms, in lower case
}

// vocabulary compiles that of an enum.
func (c *compiler) vocabulary(enum protoreflect.EnumDescriptor) *vocabulary {
	w := &vocabulary{exact: map[string]protoreflect.EnumNumber{}, folded: map[string]protoreflect.EnumNumber{}}
	values, short := enum.Values(), shortNames(enum)
	for i := range values.Len() {
		v := values.Get(i)
		w.exact[string(v.Name())] = v.Number()
		for _, name := range []string{strings.ToLower(short[i]), strings.ToLower(string(v.Name()))} {
			if _, taken := w.folded[name]; !taken && name != "" {
				w.folded[name] = v.Number()
			}
		}
	}
	for i := range values.Len() {
		v := values.Get(i)
		synonyms := c.synonyms(v)
		if !c.spend(v, len(synonyms)) {
			break
		}
		for _, synonym := range synonyms {
			synonym = strings.ToLower(strings.TrimSpace(synonym))
			if synonym == "" {
				c.problem(v, "a name is empty", "write it, or remove it")
			}
			if number, taken := w.folded[synonym]; taken && number != v.Number() {
				c.problem(v, fmt.Sprintf("the synonym %q stands for another value as well", synonym), "let each word stand for one value")
			}
			w.folded[synonym] = v.Number()
		}
	}
	return w
}

// shortNames are the names of an enum's values without the enum's prefix.
func shortNames(enum protoreflect.EnumDescriptor) []string {
	prefix := strings.ToUpper(strings.ReplaceAll(kebab(string(enum.Name())), "-", "_")) + "_"
	values := enum.Values()
	names := make([]string, values.Len())
	for i := range names {
		names[i] = strings.TrimPrefix(string(values.Get(i).Name()), prefix)
	}
	return names
}

// offered are the short names that are worth telling: nobody says UNSPECIFIED, though it is taken.
func offered(enum protoreflect.EnumDescriptor) []string {
	return slices.DeleteFunc(shortNames(enum), func(name string) bool { return name == "UNSPECIFIED" })
}

// synonyms are all of those of an enum's values.
func synonyms(enum protoreflect.EnumDescriptor) (all []string) {
	budget := MaxBudget
	c := &compiler{Options: Options{Budget: &budget}}
	for i := range enum.Values().Len() {
		all = append(all, c.synonyms(enum.Values().Get(i))...)
	}
	return all
}

// number returns the value that a text stands for.
func (w *vocabulary) number(text []byte) (protoreflect.EnumNumber, bool) {
	if number, ok := w.exact[string(text)]; ok {
		return number, true
	}
	number, ok := w.folded[strings.ToLower(string(bytes.TrimSpace(text)))]
	return number, ok
}

// enumWriter takes the words of an enum, and the numbers of its values.
func (c *compiler) enumWriter(enum protoreflect.EnumDescriptor) writer {
	if known, ok := c.enums[enum.FullName()]; ok {
		return known
	}
	if !c.spend(enum, enum.Values().Len()) {
		return writer{}
	}
	w, numbers, all := c.vocabulary(enum), enum.Values(), offered(enum)
	wanted := "one of " + strings.Join(all[:min(len(all), maxWords)], ", ")
	if len(all) > maxWords {
		wanted += ", …"
	}
	c.enums[enum.FullName()] = writer{wire: protowire.VarintType, write: func(b *binder, raw []byte) (bool, *misfit) {
		number, ok := w.number(b.unquote(raw))
		if !ok {
			v, whole := b.integer(raw, 32, true)
			number = protoreflect.EnumNumber(int64(v)) //nolint:gosec // 32 bits, as was asked for
			ok = whole && numbers.ByNumber(number) != nil
		}
		if !ok {
			return false, unfit(raw, wanted)
		}
		b.b = protowire.AppendVarint(b.b, uint64(int64(number))) //nolint:gosec // negative numbers are written as their two's complement
		return true, nil
	}}
	return c.enums[enum.FullName()]
}
