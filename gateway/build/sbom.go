package build

import (
	"runtime/debug"
	"strings"
)

// SBOM is a bill of materials in the form of CycloneDX 1.6, to be written as JSON. It is the same for the same binary.
type SBOM struct {
	Schema     string      `json:"$schema"`
	Format     string      `json:"bomFormat"`
	Spec       string      `json:"specVersion"`
	Version    int         `json:"version"` // of this bill
	Metadata   metadata    `json:"metadata"`
	Components []Component `json:"components"`
}

type metadata struct {
	Timestamp string    `json:"timestamp,omitempty"`
	Component Component `json:"component"` // the program
}

// Component is the program, a module in it, or Go's standard library.
type Component struct {
	Type       string     `json:"type"`
	Ref        string     `json:"bom-ref"`
	Name       string     `json:"name"` // the path of the module
	Version    string     `json:"version"`
	URL        string     `json:"purl"`
	Properties []Property `json:"properties,omitempty"`
}

// Property is what CycloneDX has no field for.
type Property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// SBOM lists the modules that are in the binary, as they were compiled: one that was replaced by what replaces it.
func (i *Info) SBOM() *SBOM {
	program := component("application", i.main, i.Version)
	program.note("intentgate:commit", i.Commit)
	if i.Modified {
		program.note("intentgate:modified", "true")
	}
	program.note("intentgate:platform", i.Platform)
	bill := &SBOM{
		Schema: "http://cyclonedx.org/schema/bom-1.6.schema.json", Format: "CycloneDX", Spec: "1.6", Version: 1,
		Metadata:   metadata{Timestamp: i.Time, Component: program},
		Components: []Component{component("library", "std", strings.TrimPrefix(i.Go, "go"))},
	}
	for _, module := range i.modules {
		bill.Components = append(bill.Components, compiled(module))
	}
	return bill
}

func compiled(module *debug.Module) Component {
	original := module.Path
	if module.Replace != nil {
		module = module.Replace
	}
	c := component("library", module.Path, module.Version)
	c.note("intentgate:go.sum", module.Sum) // such as h1:…, as it stands in go.sum
	if module.Path != original {
		c.note("intentgate:replaces", original)
	}
	return c
}

func component(kind, path, version string) Component {
	url := "pkg:golang/" + strings.ToLower(path) // as the type's definition has it
	if version != "" {
		url += "@" + strings.NewReplacer("+", "%2B", "(", "%28", ")", "%29").Replace(version)
	}
	return Component{Type: kind, Ref: url, Name: path, Version: version, URL: url}
}

// note adds a property, if it has a value.
func (c *Component) note(name, value string) {
	if value != "" {
		c.Properties = append(c.Properties, Property{name, value})
	}
}
