package dialogflow

import (
	"cmp"
	"slices"
	"strings"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// writeES writes a v2 or v2beta1 WebhookResponse.
func (w *writer) writeES() {
	beta := w.opt.API == V2Beta1
	w.saidES()
	w.contextsES()
	w.followupEvent()
	w.sessionEntityTypes()
	switch {
	case w.reply.GetLiveAgentHandoff() == nil:
	case !beta:
		w.drop("live_agent_handoff: ES V2 has none; V2BETA1 has")
	default:
		w.yes("liveAgentHandoff")
		if len(w.reply.GetLiveAgentHandoff().GetMetadata().GetFields()) > 0 {
			w.drop("live_agent_handoff.metadata: ES carries none")
		}
	}
	switch {
	case !w.reply.GetEndInteraction():
	case !beta:
		w.drop("end_interaction: ES V2 has none; V2BETA1 has")
	default:
		w.yes("endInteraction")
	}
	switch w.reply.GetTarget().(type) {
	case *intentgatev1.Reply_TargetPage:
		w.drop("target_page: ES has no pages; use contexts or followup_event")
	case *intentgatev1.Reply_TargetFlow:
		w.drop("target_flow: ES has no flows; use contexts or followup_event")
	}
	if len(w.reply.GetFormParameters()) > 0 {
		w.drop("form_parameters: ES has no forms")
	}
}

// saidES writes what the user hears and sees, unless an event takes its place.
func (w *writer) saidES() {
	before := len(w.b)
	w.text("fulfillmentText", w.plainText())
	w.messages("fulfillmentMessages")
	messages := len(w.b) > before
	w.payload("es_payload", w.reply.GetEsPayload())
	event := w.reply.GetFollowupEvent().GetName() != ""
	if event && len(w.b) > before {
		w.drop("texts, messages, payload, es_payload, transfer_call: ES ignores them beside followup_event")
		w.b = w.b[:before]
	}
	switch behavior := w.reply.GetMergeBehavior(); {
	case behavior == intentgatev1.Reply_MERGE_BEHAVIOR_APPEND:
		w.drop("merge_behavior: on ES messages replace those of the agent")
	case behavior == intentgatev1.Reply_MERGE_BEHAVIOR_REPLACE && !messages && !event:
		w.drop("merge_behavior: the reply has no messages, so that ES says those of the agent")
	}
}

// plainText is what the reply says to every channel, in plain words.
//
// Dialogflow copies fulfillmentText and fulfillmentMessages separately into its result. Google advises the messages, and
// rich channels use them; but SMS gateways, the conversation history and API callers read the text, and without one
// here they are left with the agent's own built-in words instead of the service's.
func (w *writer) plainText() string {
	var few [4]string
	said := few[:0]
	for _, s := range w.reply.GetTexts() {
		if s != "" {
			said = append(said, s)
		}
	}
	for _, m := range w.reply.GetMessages() {
		if m.GetChannel() != "" || !w.isFor(m) {
			continue
		}
		for _, s := range m.GetText().GetVariants() {
			if s != "" {
				said = append(said, s)
				break
			}
		}
	}
	return strings.Join(said, "\n")
}

// followupEvent writes the event that takes the place of an answer.
func (w *writer) followupEvent() {
	event := w.reply.GetFollowupEvent()
	if event == nil {
		return
	}
	if event.GetName() == "" {
		w.drop("followup_event: it has no name")
		return
	}
	m := w.open("followupEventInput", '{')
	w.text("name", event.GetName())
	w.text("languageCode", cmp.Or(event.GetLanguage(), w.turn.Language))
	if !strings.EqualFold(event.GetLanguage(), w.turn.Language) && event.GetLanguage() != "" {
		w.drop("followup_event.language: ES ignores it and keeps to that of the turn")
	}
	w.object("parameters", "followup_event.parameters", event.GetParameters())
	w.close(m, '}')
}

// sessionEntityTypes writes the entity types of this session. Whatever Dialogflow requires of one is seen to here,
// because it refuses a whole answer for one that lacks it.
func (w *writer) sessionEntityTypes() {
	named := make(map[string]bool, len(w.reply.GetSessionEntityTypes()))
	list := w.open("sessionEntityTypes", '[')
	for i, t := range w.reply.GetSessionEntityTypes() {
		name, ok := w.ofSession("/entityTypes/", t.GetName())
		if !ok {
			w.drop("session_entity_types[%d]: %q is not the name of an entity type of this session", i, t.GetName())
			continue
		}
		if named[name] {
			w.drop("session_entity_types[%d]: %q is named before", i, t.GetName())
			continue
		}
		if !slices.ContainsFunc(t.GetEntities(), hasValue) {
			w.drop("session_entity_types[%d]: it has no entity with a value", i)
			continue
		}
		named[name] = true
		mode := "ENTITY_OVERRIDE_MODE_SUPPLEMENT"
		if t.GetMode() == intentgatev1.Reply_SessionEntityType_OVERRIDE_MODE_OVERRIDE {
			mode = "ENTITY_OVERRIDE_MODE_OVERRIDE"
		}
		m := w.open("", '{')
		w.text("name", w.turn.Session.Name+"/entityTypes/"+name)
		w.text("entityOverrideMode", mode)
		w.entities(i, t.GetEntities())
		w.close(m, '}')
	}
	w.close(list, ']')
}

func hasValue(e *intentgatev1.Reply_SessionEntityType_Entity) bool { return e.GetValue() != "" }

func (w *writer) entities(i int, entities []*intentgatev1.Reply_SessionEntityType_Entity) {
	list := w.open("entities", '[')
	for j, e := range entities {
		if !hasValue(e) {
			w.drop("session_entity_types[%d].entities[%d]: it has no value", i, j)
			continue
		}
		m := w.open("", '{')
		w.text("value", e.GetValue())
		synonyms := e.GetSynonyms()
		if strings.Join(synonyms, "") == "" {
			synonyms = []string{e.GetValue()} // required: at least the value stands for itself
		}
		w.texts("synonyms", synonyms)
		w.close(m, '}')
	}
	w.close(list, ']')
}

// ofSession returns the last part of the name of something that belongs to a session, given relative or in full. A
// name of another session is refused: no service reaches into a stranger's conversation.
func (w *writer) ofSession(folder, name string) (string, bool) {
	name = strings.TrimPrefix(name, w.turn.Session.Name+folder)
	return name, name != "" && !strings.Contains(name, "/")
}
