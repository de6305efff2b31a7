package simulator

import (
	"regexp"
	"slices"
	"strings"

	"cloud.google.com/go/dialogflow/apiv2/dialogflowpb"
	betapb "cloud.google.com/go/dialogflow/apiv2beta1/dialogflowpb"

	"github.com/intentgate/intentgate/gateway/dialogflow"
)

// contextID is what the name of a context may be made of.
var contextID = regexp.MustCompile(`^[A-Za-z0-9_%-]{1,250}$`)

// es judges the answer to an ES agent.
func (v *verdict) es(body []byte) {
	// v2beta1 has all that v2 has: it tells the fields, v2 whether the agent knows them.
	var answer betapb.WebhookResponse
	if v.api != dialogflow.V2Beta1 && !v.decode(body, new(dialogflowpb.WebhookResponse)) || !v.decode(body, &answer) {
		return
	}
	if event := answer.GetFollowupEventInput(); event != nil {
		v.follow(event, &answer)
	} else {
		v.messages(&answer)
	}
	for i, c := range answer.GetOutputContexts() {
		id, ok := v.ofSession(c.GetName(), "contexts")
		if !ok || !contextID.MatchString(id) {
			v.refuse("outputContexts[%d]: the name %q; %s/contexts/<letters, digits, _, -, %%> is wanted", i, c.GetName(), v.asked.Session)
			continue
		}
		id = strings.ToLower(id) // as Dialogflow does
		next := esContext{
			Name: c.GetName()[:len(c.GetName())-len(id)] + id, Lifespan: max(int(c.GetLifespanCount()), 0), Parameters: c.GetParameters().AsMap(),
		}
		v.contexts = append(v.contexts, next)
		if next.Lifespan == 0 {
			v.effect("end the context %s", id)
			continue
		}
		v.effect("set the context %s for %d turns with %s", id, next.Lifespan, names(next.Parameters))
	}
	for i, entity := range answer.GetSessionEntityTypes() {
		id, ok := v.ofSession(entity.GetName(), "entityTypes")
		if !ok || id == "" || strings.Contains(id, "/") || entity.GetEntityOverrideMode() == 0 {
			v.refuse("sessionEntityTypes[%d]: the name %q with %s; %s/entityTypes/<name> and a mode are wanted",
				i, entity.GetName(), entity.GetEntityOverrideMode(), v.asked.Session)
			continue
		}
		if len(entity.GetEntities()) == 0 || slices.ContainsFunc(entity.GetEntities(), incomplete) {
			v.refuse("sessionEntityTypes[%d]: entities, each with a value and synonyms, are wanted", i)
			continue
		}
		v.effect("take %d values for @%s in this session: %s", len(entity.GetEntities()), id, entity.GetEntityOverrideMode())
	}
	if answer.GetLiveAgentHandoff() {
		v.effect("bring in a live agent")
	}
	if answer.GetEndInteraction() {
		v.effect("end the conversation")
	}
}

// incomplete reports whether an entity lacks what is required of it.
func incomplete(e *betapb.EntityType_Entity) bool {
	return e.GetValue() == "" || len(e.GetSynonyms()) == 0
}

// ofSession cuts a resource's name behind the session's. Where the request names no session, any will do.
func (v *verdict) ofSession(name, collection string) (id string, ok bool) {
	session, id, ok := strings.Cut(name, "/"+collection+"/")
	return id, ok && (session == v.asked.Session || v.asked.Session == "")
}

// follow goes on with an event in place of words.
func (v *verdict) follow(event *betapb.EventInput, answer *betapb.WebhookResponse) {
	if event.GetName() == "" {
		v.refuse("followupEventInput: without a name no intent can be matched")
		return
	}
	v.followup = &followup{event.GetName(), event.GetLanguageCode(), event.GetParameters().AsMap()}
	v.effect("raise the event %s with %s, and go on with the intent that it matches, calling its webhook",
		event.GetName(), names(event.GetParameters().GetFields()))
	if answer.GetFulfillmentText() != "" || len(answer.GetFulfillmentMessages()) > 0 || answer.GetPayload() != nil {
		v.note("fulfillmentText, fulfillmentMessages and payload are ignored, because an event follows")
	}
}

// messages are what is said and shown.
func (v *verdict) messages(answer *betapb.WebhookResponse) {
	for i, m := range answer.GetFulfillmentMessages() {
		platform, everywhere := m.GetPlatform(), m.GetPlatform() == betapb.Intent_Message_PLATFORM_UNSPECIFIED
		texts := m.GetText().GetText()
		switch kind := kind(m); {
		case kind == "":
			v.note("fulfillmentMessages[%d]: no kind of message; nothing is shown for it", i)
		case kind == "text" && everywhere && len(texts) > 0:
			v.Heard = append(v.Heard, texts[0])
			if len(texts) > 1 {
				v.effect("choose one of the %d texts of fulfillmentMessages[%d]", len(texts), i)
			}
		case everywhere:
			v.effect("show fulfillmentMessages[%d]: %s", i, kind)
		default:
			v.effect("show fulfillmentMessages[%d] on %s only: %s", i, platform, kind)
		}
	}
	if text := answer.GetFulfillmentText(); len(v.Heard) == 0 && text != "" {
		v.Heard = []string{text}
	}
	if answer.GetPayload() != nil {
		v.effect("pass on the payload: %s", names(answer.GetPayload().GetFields()))
	}
	if len(v.Heard) == 0 && len(answer.GetFulfillmentMessages()) == 0 && answer.GetPayload() == nil {
		v.silent = true
		v.effect("say the intent's own responses or prompts, because the answer says nothing")
	}
}
