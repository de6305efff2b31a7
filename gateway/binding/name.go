package binding

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// argument is a named value: a parameter of a turn, or a member of an object.
type argument struct {
	name, value []byte
}

// alias is how a value is called: by one of the exact names, or else by one that is normally equal.
type alias struct {
	exact  []string // best first
	normal []string // as normal returns them
}

// aliases are the ways to call the parameters of given names.
func aliases(names []string) []alias {
	all := make([]alias, 0, len(names))
	for _, name := range names {
		all = append(all, alias{exact: []string{name}, normal: []string{normal(name)}})
	}
	return all
}

// ownNames is how the value of a field is called that has no annotation.
//
// The names that Dialogflow gives the ends of a period depend on what the user said: all of them are start and end.
func ownNames(f protoreflect.FieldDescriptor, nested bool) alias {
	own := alias{exact: []string{string(f.Name()), f.JSONName()}}
	for _, name := range own.exact {
		if name = normal(name); !slices.Contains(own.normal, name) {
			own.normal = append(own.normal, name)
		}
	}
	if name := own.normal[0]; nested && (name == "start" || name == "end") {
		for _, what := range []string{"date", "datetime", "time"} {
			own.normal = append(own.normal, name+what)
		}
	}
	return own
}

// in returns the first argument that is called exactly so, or else normally; the zero one if none is.
func (a *alias) in(arguments []argument) argument {
	for _, name := range a.exact {
		for i := range arguments {
			if string(arguments[i].name) == name {
				return arguments[i]
			}
		}
	}
	for i := range arguments {
		for _, name := range a.normal {
			if isNormally(arguments[i].name, name) {
				return arguments[i]
			}
		}
	}
	return argument{}
}

// NormalName returns a name without what does not tell parameters apart.
func NormalName(name string) string { return normal(name) }

// normal returns a name in lower case without `-`, `_` and `.`: names are normally equal if these are.
func normal(name string) string {
	return strings.Map(func(r rune) rune {
		if ignored(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, name)
}

func ignored(r rune) bool { return r == '-' || r == '_' || r == '.' }

// isNormally reports whether normal(name) is normal, and does not allocate.
func isNormally(name []byte, normal string) bool {
	for len(name) > 0 {
		r, size := rune(name[0]), 1
		switch {
		case r >= utf8.RuneSelf:
			r, size = utf8.DecodeRune(name)
			r = unicode.ToLower(r)
		case 'A' <= r && r <= 'Z':
			r += 'a' - 'A'
		}
		if name = name[size:]; ignored(r) {
			continue
		}
		if normal == "" {
			return false
		}
		want, size := rune(normal[0]), 1
		if want >= utf8.RuneSelf {
			want, size = utf8.DecodeRuneInString(normal)
		}
		if r != want {
			return false
		}
		normal = normal[size:]
	}
	return normal == ""
}
