// Package contract tells what the methods of services mean to an agent: which intents and tags they answer, which parameters
// they take, what they say and remember. And what of that has changed, so that an agent breaks.
package contract

import (
	"fmt"
	"slices"
	"strings"

	"github.com/intentgate/intentgate/gateway/binding"
	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/intents"
	"github.com/intentgate/intentgate/gateway/router"
)

// Service is a service with its methods that answer intents.
type Service struct {
	Service  string    `json:"service"`
	Source   string    `json:"source"`
	Error    string    `json:"error,omitempty"` // why its descriptors could not be read
	Methods  []Method  `json:"methods"`
	Problems []Problem `json:"problems,omitempty"` // what it claims and is not served
	Warnings []string  `json:"warnings,omitempty"`
}

// Problem is why something is not served.
type Problem struct {
	Kind    intents.Kind `json:"kind"`
	Element string       `json:"element"`
	Problem string       `json:"problem"`
}

// Method is what a method means to an agent.
type Method struct {
	Method   string   `json:"method"`
	File     string   `json:"file"`
	Intents  []string `json:"intents,omitempty"` // ES
	Actions  []string `json:"actions,omitempty"` // ES
	Tags     []string `json:"tags,omitempty"`    // CX
	Context  *Context `json:"context,omitempty"` // ES: what it remembers is kept there
	Request  []Field  `json:"request,omitempty"`
	Response []Effect `json:"response,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
	// ContinueFor is how long it may take on ES, in seconds, if its answer is fetched by an event; 0: it is not.
	ContinueFor float64 `json:"continue_for,omitempty"`
}

// Context is a context of ES.
type Context struct {
	Name     string `json:"name"`
	Lifespan int32  `json:"lifespan"` // in turns
}

// Field is a field of a request.
type Field binding.RequestField

// Effect is what becomes of a field of a response.
type Effect binding.ResponseField

// Of returns the contracts of services.
func Of(reports []intents.Report) []Service {
	services := make([]Service, 0, len(reports))
	for _, report := range reports {
		service := Service{Service: report.Service, Source: report.Source, Methods: []Method{}}
		if report.Err != nil {
			service.Error = report.Err.Error()
		}
		for _, method := range report.Methods {
			service.Methods = append(service.Methods, methodOf(method))
		}
		for _, problem := range report.Problems {
			service.Problems = append(service.Problems, Problem{problem.Kind, problem.Element, problem.Text})
		}
		services = append(services, service)
	}
	return services
}

func methodOf(known *intents.Method) Method {
	m := Method{Method: known.Name, File: known.Descriptor.ParentFile().Path()}
	for _, name := range known.Claims {
		list := [...]*[]string{router.Intent: &m.Intents, router.Action: &m.Actions, router.Tag: &m.Tags}[name.Key]
		*list = append(*list, name.Pattern)
	}
	plans := map[dialogflow.Platform]*binding.Method{}
	for view, plan := range known.Plans {
		plans[view.Platform] = plan // what methods take and say is the same in all time zones
	}
	for _, platform := range []dialogflow.Platform{dialogflow.ES, dialogflow.CX} {
		if plan := plans[platform]; plan != nil {
			m.add(platform, plan)
		} else if slices.ContainsFunc(known.Claims, func(n intents.Name) bool { return n.Key.Platform() == platform }) {
			m.warn("no webhook of %s calls it: its names of that platform are never heard of", platform)
		}
	}
	if len(plans) > 0 && len(m.Response) == 0 && !strings.HasPrefix(string(known.Descriptor.Output().FullName()), "google.cloud.dialogflow.") {
		m.warn("nothing in its response is said or remembered: annotate a field with text or set, or add a Reply")
	}
	return m
}

func (m *Method) warn(format string, args ...any) {
	m.Warnings = append(m.Warnings, fmt.Sprintf(format, args...))
}

// add adds what a method takes and says on a platform; most of it is the same on both.
func (m *Method) add(platform dialogflow.Platform, plan *binding.Method) {
	described := plan.Describe()
	for _, f := range described.Request {
		i := slices.IndexFunc(m.Request, func(known Field) bool { return known.Path == f.Path })
		if i < 0 {
			i = len(m.Request)
			m.Request = append(m.Request, Field(f))
		}
		if platform == dialogflow.CX {
			m.Request[i].CX = f.CX
		}
	}
	if platform == dialogflow.ES {
		name, lifespan := plan.Context()
		m.Context, m.ContinueFor = &Context{name, lifespan}, plan.ContinueFor().Seconds()
	}
	if m.Response != nil {
		return
	}
	for _, f := range described.Response {
		m.Response = append(m.Response, Effect(f))
	}
}
