package dialogflow

import (
	"fmt"
	"strings"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// writeCX writes a v3 WebhookResponse.
func (w *writer) writeCX() {
	response := w.open("fulfillmentResponse", '{')
	w.messagesCX()
	switch w.reply.GetMergeBehavior() {
	case intentgatev1.Reply_MERGE_BEHAVIOR_UNSPECIFIED:
	case intentgatev1.Reply_MERGE_BEHAVIOR_APPEND:
		w.text("mergeBehavior", "APPEND")
	case intentgatev1.Reply_MERGE_BEHAVIOR_REPLACE:
		w.text("mergeBehavior", "REPLACE")
	}
	w.close(response, '}')

	w.formParameters()

	session := w.open("sessionInfo", '{')
	w.object("parameters", "session_parameters", w.reply.GetSessionParameters()) // null deletes one
	w.close(session, '}')

	w.payload("cx_payload", w.reply.GetCxPayload())
	w.target()
	w.dropESOnly()
}

// dropESOnly names what CX cannot express.
func (w *writer) dropESOnly() {
	if len(w.reply.GetContexts()) > 0 {
		w.drop("contexts: CX has none; use session_parameters")
	}
	if w.reply.GetFollowupEvent() != nil {
		w.drop("followup_event: CX has none; use target_page or target_flow")
	}
	if len(w.reply.GetSessionEntityTypes()) > 0 {
		w.drop("session_entity_types: a CX webhook cannot set them")
	}
	if w.reply.GetEndInteraction() && w.reply.GetTarget() != nil && !strings.HasSuffix(w.reply.GetTargetPage(), endSession) {
		w.drop("end_interaction: CX goes to the target instead; pages/END_SESSION is where a conversation ends")
	}
}

func (w *writer) messagesCX() {
	list := w.open("messages", '[')
	for _, s := range w.reply.GetTexts() {
		m := w.open("", '{')
		w.textMessage(s)
		w.close(m, '}')
	}
	for i, m := range w.reply.GetMessages() {
		if !w.isFor(m) {
			continue
		}
		object := w.open("", '{')
		w.kindCX(i, m)
		if !w.empty(object) {
			w.text("channel", m.GetChannel())
		}
		w.close(object, '}')
	}
	if number := w.reply.GetTransferCall(); number != "" {
		m := w.open("", '{')
		w.transferCall(number)
		w.close(m, '}')
	}
	if handoff := w.reply.GetLiveAgentHandoff(); handoff != nil {
		m := w.open("", '{')
		inner := w.open("liveAgentHandoff", '{')
		w.object("metadata", "live_agent_handoff.metadata", handoff.GetMetadata())
		if w.empty(inner) {
			w.b = append(w.b, '}') // an empty one says it too: its presence is the message
		} else {
			w.close(inner, '}')
		}
		w.close(m, '}')
	}
	w.close(list, ']')
}

func (w *writer) kindCX(i int, m *intentgatev1.Reply_Message) {
	switch kind := m.GetKind().(type) {
	case *intentgatev1.Reply_Message_Text:
		w.textMessage(kind.Text.GetVariants()...)
	case *intentgatev1.Reply_Message_Ssml:
		w.wrapped("outputAudioText", "ssml", kind.Ssml)
	case *intentgatev1.Reply_Message_AudioUri:
		w.wrapped("playAudio", "audioUri", kind.AudioUri)
	case *intentgatev1.Reply_Message_Payload:
		w.object("payload", messagePlace(i, "payload"), kind.Payload)
	case *intentgatev1.Reply_Message_Image:
		w.drop("messages[%d].image: CX has no images; use payload", i)
	case *intentgatev1.Reply_Message_Card:
		w.drop("messages[%d].card: CX has no cards; use payload", i)
	case *intentgatev1.Reply_Message_QuickReplies:
		w.drop("messages[%d].quick_replies: CX has no quick replies; use payload", i)
	}
}

// The message kinds that both platforms share.

func (w *writer) textMessage(variants ...string) {
	m := w.open("text", '{')
	w.texts("text", variants)
	w.close(m, '}')
}

func (w *writer) transferCall(number string) {
	w.wrapped("telephonyTransferCall", "phoneNumber", number)
}

// wrapped writes a text alone in an object, as most kinds of messages are.
func (w *writer) wrapped(object, name, s string) {
	m := w.open(object, '{')
	w.text(name, s)
	w.close(m, '}')
}

func messagePlace(i int, kind string) string {
	return fmt.Sprintf("messages[%d].%s", i, kind)
}
