package dialogflow

import (
	"strings"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// writeCX writes a v3 WebhookResponse.
func (w *writer) writeCX() {
	response := w.open("fulfillmentResponse", '{')
	w.messages("messages")
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
