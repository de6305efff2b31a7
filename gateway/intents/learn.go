package intents

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/intentgate/intentgate/gateway/binding"
	"github.com/intentgate/intentgate/gateway/router"
)

// Method is a method with what it claims and the plans by which it is called.
type Method struct {
	Name       string // full, such as shop.orders.v1.OrderService/TrackOrder
	Claims     []Name // within what is allowed
	Plans      map[View]*binding.Method
	Descriptor protoreflect.MethodDescriptor
}

// Name is a name of turns that a method answers.
type Name struct {
	Key     router.Key
	Pattern string
}

// Problem is why something that a service claims is not served.
type Problem struct {
	Element string // the method, message or field, with the file that declares it
	Text    string
}

// learn makes plans of descriptors. What is wrong with one method leaves the others alone.
func (c *Catalog) learn(service *Service, set []byte) (knowledge, error) {
	descriptors, err := parse(set)
	if err != nil {
		return knowledge{}, err
	}
	l := learner{service: service, views: c.config.Views, zones: c.zones}
	unbound := map[string]bool{}
	for name := range service.Bindings {
		unbound[name] = true
	}
	for _, descriptor := range descriptors {
		for i := range descriptor.Methods().Len() {
			method := descriptor.Methods().Get(i)
			delete(unbound, methodName(method))
			l.method(method)
		}
	}
	for name := range unbound {
		l.problem(name, "is bound by the configuration, but the service has no such method")
	}
	byName := func(a, b *Method) int { return strings.Compare(a.Name, b.Name) }
	slices.SortFunc(l.methods, byName) // the order in which files come is nobody's choice
	return knowledge{set: set, methods: l.methods, problems: l.problems, loaded: c.config.Now()}, nil
}

// learner collects what one service claims.
type learner struct {
	service  *Service
	views    []View
	zones    map[string]*time.Location
	methods  []*Method
	problems []Problem
}

func (l *learner) problem(element, format string, args ...any) {
	l.problems = append(l.problems, Problem{element, fmt.Sprintf(format, args...)})
}

// method learns a method if it claims anything.
func (l *learner) method(descriptor protoreflect.MethodDescriptor) {
	name, element := methodName(descriptor), descriptor.ParentFile().Path()+": "+string(descriptor.FullName())
	annotations := l.service.Bindings[name]
	options, err := binding.Intent(descriptor)
	if annotations != nil {
		options, err = annotations.Intent, nil
	}
	if err != nil {
		l.problem(element, "%s", err)
		return
	}
	if options == nil {
		return
	}
	allow := &l.service.Allow
	if grpc := string(descriptor.Parent().FullName()); len(allow.Services) > 0 && !router.Within(grpc, allow.Services) {
		l.problem(element, "the gRPC service %s is not allowed; list it in intents.allow.services", grpc)
		return
	}
	method := &Method{Name: name, Plans: map[View]*binding.Method{}, Descriptor: descriptor}
	l.claim(method, element, router.Intent, options.GetDisplayName(), allow.Intents, "intents")
	l.claim(method, element, router.Action, options.GetAction(), allow.Actions, "actions")
	l.claim(method, element, router.Tag, options.GetTag(), allow.Tags, "tags")
	for _, view := range l.views {
		if !slices.ContainsFunc(method.Claims, func(n Name) bool { return n.Key.Platform() == view.Platform }) {
			continue
		}
		plan, err := binding.Compile(descriptor, binding.Options{Platform: view.Platform, TimeZone: l.zones[view.TimeZone], Annotations: annotations})
		if err != nil {
			l.broken(element, err)
			continue
		}
		method.Plans[view] = plan
	}
	if len(method.Plans) > 0 {
		l.methods = append(l.methods, method)
	}
}

// claim adds the names that the configuration allows.
func (l *learner) claim(method *Method, element string, key router.Key, patterns, allowed []string, list string) {
	for _, pattern := range patterns {
		switch {
		case pattern == "":
			l.problem(element, "claims an %s without a name; give it one", key)
		case !router.Within(pattern, allowed):
			l.problem(element, "claims the %s %q, which is not allowed; list it in intents.allow.%s", key, pattern, list)
		default:
			method.Claims = append(method.Claims, Name{key, pattern})
		}
	}
}

// broken adds the problems of a method that cannot be compiled, each once: it may be compiled for several webhooks.
func (l *learner) broken(element string, err error) {
	all := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok { //nolint:errorlint // the one that Compile returns, and not what is in it
		all = joined.Unwrap()
	}
	for _, one := range all {
		problem := Problem{element, one.Error()}
		var failed *binding.CompileError
		if errors.As(one, &failed) {
			problem = Problem{failed.Element, failed.Problem + "; " + failed.Remedy}
		}
		if !slices.Contains(l.problems, problem) {
			l.problems = append(l.problems, problem)
		}
	}
}

// methodName returns a method's name as people write it: shop.orders.v1.OrderService/TrackOrder.
func methodName(method protoreflect.MethodDescriptor) string {
	return string(method.Parent().FullName()) + "/" + string(method.Name())
}
