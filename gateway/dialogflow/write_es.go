package dialogflow

import (
	"slices"
	"strings"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// writeES writes a v2 or v2beta1 WebhookResponse.
func (w *writer) writeES() {
	beta := w.opt.API == V2Beta1
	if !beta {
		w.opt.API = V2
	}
	if w.reply.GetFollowupEvent().GetName() == "" {
		w.text("fulfillmentText", w.plainText())
		w.messagesES(beta)
		w.object("payload", "payload", w.reply.GetPayload())
	}
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
	w.dropCXOnly()
}

// dropCXOnly names what ES cannot express.
func (w *writer) dropCXOnly() {
	if w.reply.GetTarget() != nil {
		w.drop("target: ES has neither pages nor flows; use contexts or followup_event")
	}
	if len(w.reply.GetFormParameters()) > 0 {
		w.drop("form_parameters: ES has no forms")
	}
	switch w.reply.GetMergeBehavior() {
	case intentgatev1.Reply_MERGE_BEHAVIOR_UNSPECIFIED, intentgatev1.Reply_MERGE_BEHAVIOR_REPLACE:
		// On ES the webhook's messages always replace those of the agent.
	default:
		w.drop("merge_behavior: on ES messages replace those of the agent")
	}
}

// plainText is what the reply says to every channel, in plain words.
//
// Dialogflow copies fulfillmentText and fulfillmentMessages separately into its result. Google advises the messages, and
// rich channels use them; but SMS gateways, the conversation history and API callers read the text, and without one
// here they are left with the agent's own built-in words instead of the service's.
func (w *writer) plainText() string {
	var said []string
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
	if len(w.reply.GetTexts()) > 0 || len(w.reply.GetMessages()) > 0 || w.reply.GetPayload() != nil || w.reply.GetTransferCall() != "" {
		w.drop("texts, messages, payload, transfer_call: ES ignores them beside followup_event")
	}
	m := w.open("followupEventInput", '{')
	w.text("name", event.GetName())
	if event.GetLanguage() == "" {
		w.text("languageCode", w.turn.Language)
	} else {
		w.text("languageCode", event.GetLanguage())
	}
	w.object("parameters", "followup_event.parameters", event.GetParameters())
	w.close(m, '}')
}

// sessionEntityTypes writes the entity types of this session. Whatever Dialogflow requires of one is seen to here,
// because it refuses a whole answer for one that lacks it.
func (w *writer) sessionEntityTypes() {
	list := w.open("sessionEntityTypes", '[')
	for i, t := range w.reply.GetSessionEntityTypes() {
		name, ok := w.ofSession("/entityTypes/", t.GetName())
		if !ok {
			w.drop("session_entity_types[%d]: %q is not the name of an entity type of this session", i, t.GetName())
			continue
		}
		if !slices.ContainsFunc(t.GetEntities(), hasValue) {
			w.drop("session_entity_types[%d]: it has no entity with a value", i)
			continue
		}
		mode := "ENTITY_OVERRIDE_MODE_SUPPLEMENT"
		if t.GetMode() == intentgatev1.Reply_SessionEntityType_OVERRIDE_MODE_OVERRIDE {
			mode = "ENTITY_OVERRIDE_MODE_OVERRIDE"
		}
		m := w.open("", '{')
		w.text("name", w.turn.Session.Name+"/entityTypes/"+name)
		w.text("entityOverrideMode", mode)
		w.entities(t.GetEntities())
		w.close(m, '}')
	}
	w.close(list, ']')
}

func hasValue(e *intentgatev1.Reply_SessionEntityType_Entity) bool { return e.GetValue() != "" }

func (w *writer) entities(entities []*intentgatev1.Reply_SessionEntityType_Entity) {
	list := w.open("entities", '[')
	for _, e := range entities {
		if !hasValue(e) {
			continue
		}
		m := w.open("", '{')
		w.text("value", e.GetValue())
		if len(e.GetSynonyms()) > 0 {
			w.texts("synonyms", e.GetSynonyms())
		} else {
			w.texts("synonyms", []string{e.GetValue()}) // required: at least the value stands for itself
		}
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
