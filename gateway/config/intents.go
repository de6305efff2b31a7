package config

import (
	"fmt"
	"slices"
	"time"
	_ "time/tzdata" // a container has none

	"github.com/intentgate/intentgate/gateway/router"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
)

// intents checks where a service's intents are learnt and what it may claim.
func (r *report) intents(at string, intents *gatewayv1.Intents) {
	if intents == nil {
		return
	}
	switch {
	case intents.GetDescriptorSet() == "" && intents.GetReflection() == nil:
		r.field(at, "no source; want descriptor_set: FILE, or reflection: {} to ask the running service")
	case intents.GetDescriptorSet() != "" && intents.GetReflection() != nil:
		r.field(at+".reflection", "there is a descriptor_set too; remove one of them")
	}
	allow := intents.GetAllow()
	switch {
	case allow == nil:
		r.field(at+".allow", "missing, so that the service could claim nothing; want what it may, such as {intents: [\"order.*\"], tags: [track-order]}")
	case len(allow.GetIntents())+len(allow.GetTags())+len(allow.GetActions()) == 0:
		r.field(at+".allow", "no intents, tags or actions, so that the service could claim nothing; want at least one, such as intents: [\"order.*\"]")
	}
	for _, list := range []struct {
		name  string
		names []string
	}{
		{"intents", allow.GetIntents()},
		{"tags", allow.GetTags()},
		{"actions", allow.GetActions()},
		{"services", allow.GetServices()},
		{"agents", allow.GetAgents()},
		{"environments", allow.GetEnvironments()},
	} {
		if i := slices.Index(list.names, ""); i >= 0 {
			r.field(fmt.Sprintf("%s.allow.%s[%d]", at, list.name, i), "empty; want a name, or remove it")
		}
	}
	unique(r, intents.GetMethods(), at+".methods[%d].method", (*gatewayv1.MethodBinding).GetMethod)
	for i, method := range intents.GetMethods() {
		r.binding(fmt.Sprintf("%s.methods[%d]", at, i), method, allow)
	}
	unique(r, intents.GetReprompts(), at+".reprompts[%d].field", (*gatewayv1.Reprompt).GetField)
	for i, reprompt := range intents.GetReprompts() {
		r.texts(fmt.Sprintf("%s.reprompts[%d].text", at, i), reprompt.GetText())
	}
}

// binding checks the names that a method is bound to.
func (r *report) binding(at string, method *gatewayv1.MethodBinding, allow *gatewayv1.Allow) {
	if len(method.GetIntents())+len(method.GetTags())+len(method.GetActions()) == 0 {
		r.field(at, "no intents, tags or actions; want at least one that the method answers")
	}
	for _, list := range []struct {
		name           string
		names, allowed []string
	}{
		{"intents", method.GetIntents(), allow.GetIntents()},
		{"tags", method.GetTags(), allow.GetTags()},
		{"actions", method.GetActions(), allow.GetActions()},
	} {
		for i, name := range list.names {
			if !router.Within(name, list.allowed) {
				r.field(fmt.Sprintf("%s.%s[%d]", at, list.name, i), "%s is not among what is allowed; list it in allow.%s", quote(name), list.name)
			}
		}
	}
	for i, field := range method.GetFields() {
		r.texts(fmt.Sprintf("%s.fields[%d].options.reprompt", at, i), field.GetOptions().GetReprompt())
	}
	unique(r, method.GetFields(), at+".fields[%d].field", (*gatewayv1.FieldBinding).GetField)
}

// timeZone checks that a time zone is one.
func (r *report) timeZone(at, name string) {
	if name == "" {
		return
	}
	if _, err := time.LoadLocation(name); err != nil || name == "Local" {
		r.field(at, "%s is no time zone; want one of the IANA database, such as Europe/Berlin", quote(name))
	}
}
