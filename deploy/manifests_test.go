package deploy_test

import (
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// object is what the rules look at of a manifest.
type object struct {
	Kind     string
	Metadata struct {
		Name   string
		Labels map[string]string
	}
	Data map[string]string // of a ConfigMap
	Spec struct {
		Selector    selector
		PodSelector selector `yaml:"podSelector"`
		Template    struct {
			Metadata struct{ Labels map[string]string }
			Spec     pod
		}
		Ports, Endpoints []port
		SecretName       string `yaml:"secretName"`
		RenewBefore      string `yaml:"renewBefore"`
		Target           struct {
			Kind, Name string
		} `yaml:"scaleTargetRef"`
		Metrics []struct {
			Pods struct{ Metric struct{ Name string } }
		}
	}
}

type port struct {
	Name, Port string
	Target     string                           `yaml:"targetPort"`
	Container  string                           `yaml:"containerPort"`
	Relabel    []struct{ Action, Regex string } `yaml:"relabelings"`
}

// drops reports whether Prometheus puts none of its own labels of that name on what it scrapes there.
func (p port) drops(label string) bool {
	return slices.ContainsFunc(p.Relabel, func(r struct{ Action, Regex string }) bool { return r.Action == "labeldrop" && r.Regex == label })
}

type pod struct {
	Grace    int `yaml:"terminationGracePeriodSeconds"`
	Security struct {
		NonRoot bool   `yaml:"runAsNonRoot"`
		User    string `yaml:"runAsUser"`
		Group   string `yaml:"runAsGroup"`
	} `yaml:"securityContext"`
	Containers []container
	Volumes    []volume
}

type volume struct {
	Name      string
	ConfigMap struct{ Name string } `yaml:"configMap"`
	Secret    struct {
		Name string `yaml:"secretName"`
	}
}

type container struct {
	Args      []string
	Ports     []port
	Resources struct{ Requests, Limits struct{ Memory string } }
	Mounts    []struct {
		Name string
		Path string `yaml:"mountPath"`
	} `yaml:"volumeMounts"`
	Liveness  probe `yaml:"livenessProbe"`
	Readiness probe `yaml:"readinessProbe"`
	Security  struct {
		ReadOnly bool  `yaml:"readOnlyRootFilesystem"`
		Escalate *bool `yaml:"allowPrivilegeEscalation"`
	} `yaml:"securityContext"`
}

type probe struct {
	Get struct{ Path, Port string } `yaml:"httpGet"`
}

// selector is one of a Service, which is labels alone, or one of the others.
type selector map[string]string

func (s *selector) UnmarshalYAML(node *yaml.Node) error {
	var others struct {
		Labels map[string]string `yaml:"matchLabels"`
	}
	if err := node.Decode(&others); err == nil && others.Labels != nil {
		*s = others.Labels
		return nil
	}
	return node.Decode((*map[string]string)(s))
}

// selects reports whether labels are selected, and by more than nothing.
func (s selector) selects(labels map[string]string) bool {
	all := maps.Clone(labels)
	maps.Copy(all, s)
	return len(s) > 0 && maps.Equal(all, labels)
}

// objects are the manifests of a rendering by kind and name.
type objects map[string]*object

func parse(t *testing.T, rendered string) objects {
	t.Helper()
	all := objects{}
	for decoder := yaml.NewDecoder(strings.NewReader(rendered)); ; {
		o := &object{}
		if err := decoder.Decode(o); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all[o.Kind+"/"+o.Metadata.Name] = o
	}
}

func (all objects) of(kind string) (some []*object) {
	for _, o := range all {
		if o.Kind == kind {
			some = append(some, o)
		}
	}
	return some
}
