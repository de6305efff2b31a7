package dialogflow

import (
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

const telephony = "TELEPHONY"

// messagesES writes fulfillmentMessages.
func (w *writer) messagesES(beta bool) {
	list := w.open("fulfillmentMessages", '[')
	for _, s := range w.reply.GetTexts() {
		m := w.open("", '{')
		w.textMessage(s)
		w.close(m, '}')
	}
	for i, m := range w.reply.GetMessages() {
		if w.isFor(m) {
			w.messageES(i, m, beta)
		}
	}
	if number := w.reply.GetTransferCall(); number != "" {
		if beta {
			m := w.open("", '{')
			w.transferCall(number)
			w.text("platform", telephony)
			w.close(m, '}')
		} else {
			w.drop("transfer_call: ES V2 has no telephony; V2BETA1 has")
		}
	}
	w.close(list, ']')
}

// messageES writes one message; a message with nothing in it is left out.
func (w *writer) messageES(i int, m *intentgatev1.Reply_Message, beta bool) {
	channel := m.GetChannel()
	speech := ""
	switch m.GetKind().(type) {
	case *intentgatev1.Reply_Message_Ssml:
		speech = "ssml"
	case *intentgatev1.Reply_Message_AudioUri:
		speech = "audio_uri"
	}
	switch {
	case speech != "" && !beta:
		w.drop("messages[%d].%s: ES V2 has no telephony; V2BETA1 has", i, speech)
		return
	case speech != "" && channel != "" && channel != telephony:
		w.drop("messages[%d].%s: ES has it for the channel TELEPHONY only, not for %q", i, speech, channel)
		return
	case speech != "":
		channel = telephony
	case channel != "" && !knownChannel(channel, beta):
		w.drop("messages[%d]: ES %s does not know the channel %q", i, w.opt.API, channel)
		return
	}
	object := w.open("", '{')
	w.kindES(i, m)
	if !w.empty(object) {
		w.text("platform", channel)
	}
	w.close(object, '}')
}

// knownChannel reports whether the enum Intent.Message.Platform has a value. Dialogflow refuses an answer with another.
func knownChannel(name string, beta bool) bool {
	switch name {
	case "FACEBOOK", "SLACK", "TELEGRAM", "KIK", "SKYPE", "LINE", "VIBER", "ACTIONS_ON_GOOGLE", "GOOGLE_HANGOUTS":
		return true
	case telephony:
		return beta
	default:
		return false
	}
}

func (w *writer) kindES(i int, m *intentgatev1.Reply_Message) {
	switch kind := m.GetKind().(type) {
	case *intentgatev1.Reply_Message_Text:
		w.textMessage(kind.Text.GetVariants()...)
	case *intentgatev1.Reply_Message_Ssml:
		w.wrapped("telephonySynthesizeSpeech", "ssml", kind.Ssml)
	case *intentgatev1.Reply_Message_AudioUri:
		w.wrapped("telephonyPlayAudio", "audioUri", kind.AudioUri)
	case *intentgatev1.Reply_Message_Image:
		image := w.open("image", '{')
		w.text("imageUri", kind.Image.GetUri())
		w.text("accessibilityText", kind.Image.GetAccessibilityText())
		w.close(image, '}')
	case *intentgatev1.Reply_Message_Card:
		w.card(kind.Card)
	case *intentgatev1.Reply_Message_QuickReplies:
		replies := w.open("quickReplies", '{')
		w.text("title", kind.QuickReplies.GetTitle())
		w.texts("quickReplies", kind.QuickReplies.GetReplies())
		w.close(replies, '}')
	case *intentgatev1.Reply_Message_Payload:
		w.object("payload", messagePlace(i, "payload"), kind.Payload)
	}
}

func (w *writer) card(c *intentgatev1.Reply_Card) {
	card := w.open("card", '{')
	w.text("title", c.GetTitle())
	w.text("subtitle", c.GetSubtitle())
	w.text("imageUri", c.GetImageUri())
	buttons := w.open("buttons", '[')
	for _, b := range c.GetButtons() {
		button := w.open("", '{')
		w.text("text", b.GetText())
		w.text("postback", b.GetPostback())
		w.close(button, '}')
	}
	w.close(buttons, ']')
	w.close(card, '}')
}
