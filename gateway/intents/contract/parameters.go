package contract

import "strings"

// Parameter is what an agent may send to a method.
type Parameter struct {
	Name string
	Type string // of the field, or of its part of one that several make up; empty: not known
}

// Parameters lists the parameters of a method, those of a list by the type of its elements.
func (m *Method) Parameters() (all []Parameter) {
	for _, f := range m.Request {
		kind := strings.TrimPrefix(f.Type, "repeated ")
		moment := kind == "google.type.DateTime" || kind == "google.protobuf.Timestamp"
		for i, name := range f.Names {
			switch {
			case strings.Contains(f.Path, "."): // a member of another one
			case f.From == "parameter":
				all = append(all, Parameter{name, kind})
			case f.From == "join" && moment:
				all = append(all, Parameter{name, [...]string{"google.type.Date", "google.type.TimeOfDay"}[min(i, 1)]})
			case f.From == "join":
				all = append(all, Parameter{name, ""})
			}
		}
	}
	return all
}

// Called reports whether a parameter takes values of a name.
func (p *Parameter) Called(name string) bool { return normal(p.Name) == normal(name) }
