package intents

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/intentgate/intentgate/gateway/binding"
	"github.com/intentgate/intentgate/gateway/binding/rules"
	"github.com/intentgate/intentgate/gateway/router"
)

// The bounds on what is told of what a service claims.
const (
	maxClaims   = 10_000
	maxProblems = 200
	maxText     = 600 // bytes of each part of a problem
)

// Method is a method with what it claims and the plans by which it is called.
type Method struct {
	Name       string                   // full, such as shop.orders.v1.OrderService/TrackOrder
	Claims     []Name                   // within what is allowed
	Plans      map[View]*binding.Method // none for a platform that no webhook serves
	Descriptor protoreflect.MethodDescriptor
}

// Name is a name of turns that a method answers.
type Name struct {
	Key     router.Key
	Pattern string
}

// learn makes plans of methods. What is wrong with one leaves the others alone, and itself as it was before.
func (c *Catalog) learn(service *Service, descriptors []protoreflect.MethodDescriptor, before []*Method) ([]*Method, []Problem) {
	budget := binding.MaxBudget
	l := learner{service: service, views: c.config.Views, zones: c.zones, budget: &budget, rules: rules.NewCompiler(c.config.Now), reprompts: map[protoreflect.FullName]*binding.Reprompt{}}
	for field, texts := range service.Reprompts {
		l.reprompts[field] = &binding.Reprompt{Texts: texts}
	}
	unbound := map[string]bool{}
	for name := range service.Bindings {
		unbound[name] = true
	}
	for _, descriptor := range descriptors {
		name := methodName(descriptor)
		delete(unbound, name)
		method, ok := l.method(descriptor)
		if !ok {
			if i := slices.IndexFunc(before, func(m *Method) bool { return m.Name == name }); i >= 0 {
				l.problem(Broken, element(descriptor), "is called as it was described before")
				method = before[i]
			}
		}
		if method != nil {
			l.methods = append(l.methods, method)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(unbound)) {
		l.problem(Broken, name, "is bound by the configuration, but the service has no such method")
	}
	for _, field := range slices.Sorted(maps.Keys(l.reprompts)) {
		if !l.reprompts[field].Used {
			l.problem(Broken, string(field), "has a reprompt in the configuration, but no method that answers intents has such a field in its request; correct intents.reprompts")
		}
	}
	return l.methods, l.problems
}

// learner collects what one service claims.
type learner struct {
	service  *Service
	views    []View
	zones    map[string]*time.Location
	budget   *int // of the fields that may still be compiled
	claims   int
	methods  []*Method
	problems []Problem

	rules     *rules.Compiler
	reprompts map[protoreflect.FullName]*binding.Reprompt
}

func (l *learner) problem(kind Kind, element, format string, args ...any) {
	problem := Problem{kind, short(element), short(fmt.Sprintf(format, args...))}
	if len(l.problems) < maxProblems && !slices.Contains(l.problems, problem) { // it may be compiled for several webhooks
		l.problems = append(l.problems, problem)
	}
}

// method learns a method if it claims anything, and is nil otherwise. Not ok: it cannot be bound.
func (l *learner) method(descriptor protoreflect.MethodDescriptor) (_ *Method, ok bool) {
	name, at := methodName(descriptor), element(descriptor)
	annotations := l.service.Bindings[name]
	options, err := binding.Intent(descriptor)
	if annotations != nil {
		options, err = annotations.Intent, nil
	}
	if err != nil {
		l.broken(at, err)
		return nil, false
	}
	if options == nil {
		return nil, true
	}
	allow, grpc := &l.service.Allow, string(descriptor.Parent().FullName())
	switch {
	case strings.HasPrefix(grpc, "grpc."):
		l.problem(Refused, at, "%s is one of gRPC's own services, which answer no intents", grpc)
		return nil, true
	case len(allow.Services) > 0 && !router.Within(grpc, allow.Services):
		l.problem(Refused, at, "the gRPC service %s is not allowed; list it in intents.allow.services", grpc)
		return nil, true
	}
	method := &Method{Name: name, Plans: map[View]*binding.Method{}, Descriptor: descriptor}
	l.claim(method, at, router.Intent, options.GetDisplayName(), allow.Intents, "intents")
	l.claim(method, at, router.Action, options.GetAction(), allow.Actions, "actions")
	l.claim(method, at, router.Tag, options.GetTag(), allow.Tags, "tags")
	ok = true
	for _, view := range l.views {
		if !method.claimsOn(view) {
			continue
		}
		plan, err := binding.Compile(descriptor, binding.Options{
			Platform: view.Platform, TimeZone: l.zones[view.TimeZone], Annotations: annotations, Reprompts: l.reprompts, Rules: l.rules, Budget: l.budget,
		})
		if err != nil {
			l.broken(at, err)
			ok = false
			continue
		}
		method.Plans[view] = plan
	}
	if len(method.Claims) == 0 || !ok && len(method.Plans) == 0 {
		return nil, ok
	}
	return method, ok
}

func (m *Method) claimsOn(view View) bool {
	return slices.ContainsFunc(m.Claims, func(n Name) bool { return n.Key.Platform() == view.Platform })
}

// claim adds the names that the configuration allows.
func (l *learner) claim(method *Method, at string, key router.Key, patterns, allowed []string, list string) {
	for _, pattern := range patterns {
		if l.claims++; l.claims > maxClaims {
			l.problem(Refused, at, "the service claims more than %d names; use patterns, such as order.*", maxClaims)
			return
		}
		name := Name{key, pattern}
		switch {
		case pattern == "":
			l.problem(Refused, at, "claims an %s without a name; give it one", key)
		case len(pattern) > maxName:
			l.problem(Refused, at, "claims an %s whose name has %d bytes; at most %d are read", key, len(pattern), maxName)
		case !router.Within(pattern, allowed):
			l.problem(Refused, at, "claims the %s %q, which is not allowed; list it in intents.allow.%s", key, pattern, list)
		case slices.Contains(method.Claims, name): // said twice
		default:
			method.Claims = append(method.Claims, name)
		}
	}
}

// broken adds the problems of a method that cannot be bound.
func (l *learner) broken(at string, err error) {
	all := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok { // the one that Compile returns, and not what is in it
		all = joined.Unwrap()
	}
	for _, one := range all {
		if failed, ok := errors.AsType[*binding.CompileError](one); ok {
			l.problem(Broken, failed.Element, "%s; %s", failed.Problem, failed.Remedy)
		} else {
			l.problem(Broken, at, "%s", one)
		}
	}
}

// element names a method with the file that declares it.
func element(method protoreflect.MethodDescriptor) string {
	return method.ParentFile().Path() + ": " + string(method.FullName())
}

// short cuts what a service says.
func short(text string) string {
	if len(text) <= maxText {
		return text
	}
	return strings.ToValidUTF8(text[:maxText], "") + "…"
}
