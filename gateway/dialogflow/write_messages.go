package dialogflow

import (
	"fmt"
	"strings"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

const telephony = "TELEPHONY"

// messages writes what the user hears and sees, in a list of that name: the texts, the messages, and what a telephone and a
// human are to do.
func (w *writer) messages(name string) {
	list := w.open(name, '[')
	for _, s := range w.reply.GetTexts() {
		m := w.open("", '{')
		w.textMessage(s)
		w.close(m, '}')
	}
	for i, m := range w.reply.GetMessages() {
		if w.isFor(m) {
			w.message(i, m)
		}
	}
	switch number := w.reply.GetTransferCall(); {
	case number == "":
	case w.opt.API == V2:
		w.drop("transfer_call: ES V2 has no telephony; V2BETA1 has")
	default:
		m := w.open("", '{')
		w.wrapped("telephonyTransferCall", "phoneNumber", number)
		if w.opt.API == V2Beta1 {
			w.text("platform", telephony)
		}
		w.close(m, '}')
	}
	if handoff := w.reply.GetLiveAgentHandoff(); handoff != nil && w.opt.API == V3 {
		m := w.open("", '{')
		w.key("liveAgentHandoff") // an empty one says it too
		w.b = append(w.b, '{')
		w.object("metadata", "live_agent_handoff.metadata", handoff.GetMetadata())
		w.b = append(w.b, '}')
		w.close(m, '}')
	}
	w.close(list, ']')
}

// message writes one message; one with nothing in it is left out.
func (w *writer) message(i int, m *intentgatev1.Reply_Message) {
	synthesize, play, member := "telephonySynthesizeSpeech", "telephonyPlayAudio", "platform"
	if w.opt.API == V3 {
		synthesize, play, member = "outputAudioText", "playAudio", "channel"
	}
	channel, ok := w.channel(i, m)
	if !ok {
		return
	}
	object := w.open("", '{')
	switch kind := m.GetKind().(type) {
	case *intentgatev1.Reply_Message_Text:
		w.textMessage(kind.Text.GetVariants()...)
	case *intentgatev1.Reply_Message_Ssml:
		w.wrapped(synthesize, "ssml", kind.Ssml)
	case *intentgatev1.Reply_Message_AudioUri:
		w.wrapped(play, "audioUri", kind.AudioUri)
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
		w.object("payload", fmt.Sprintf("messages[%d].payload", i), kind.Payload)
	}
	if !w.empty(object) {
		w.text(member, channel)
	}
	w.close(object, '}')
}

// channel returns the channel of a message, or tells that this agent has no such message.
func (w *writer) channel(i int, m *intentgatev1.Reply_Message) (channel string, ok bool) {
	channel = m.GetChannel()
	kind, r := "", m.ProtoReflect()
	if f := r.WhichOneof(r.Descriptor().Oneofs().Get(0)); f != nil {
		kind = string(f.Name())
	}
	speech := kind == "ssml" || kind == "audio_uri"
	switch {
	case w.opt.API == V3 && (kind == "image" || kind == "card" || kind == "quick_replies"):
		w.drop("messages[%d].%s: CX has no %ss; use payload", i, kind, strings.TrimSuffix(strings.ReplaceAll(kind, "_", " "), "s"))
	case w.opt.API == V3:
		return channel, true
	case speech && w.opt.API == V2:
		w.drop("messages[%d].%s: ES V2 has no telephony; V2BETA1 has", i, kind)
	case speech && channel != "" && channel != telephony:
		w.drop("messages[%d].%s: ES has it for the channel TELEPHONY only, not for %q", i, kind, channel)
	case speech:
		return telephony, true
	case channel != "" && !knownChannel(channel, w.opt.API):
		w.drop("messages[%d]: ES %s does not know the channel %q", i, w.opt.API, channel)
	default:
		return channel, true
	}
	return "", false
}

// knownChannel reports whether the enum Intent.Message.Platform has a value. Dialogflow refuses an answer with another.
func knownChannel(name string, api API) bool {
	switch name {
	case "FACEBOOK", "SLACK", "TELEGRAM", "KIK", "SKYPE", "LINE", "VIBER", "ACTIONS_ON_GOOGLE", "GOOGLE_HANGOUTS":
		return true
	default:
		return name == telephony && api == V2Beta1
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

func (w *writer) textMessage(variants ...string) {
	m := w.open("text", '{')
	w.texts("text", variants)
	w.close(m, '}')
}

// wrapped writes a text alone in an object, as most kinds of messages are.
func (w *writer) wrapped(object, name, s string) {
	m := w.open(object, '{')
	w.text(name, s)
	w.close(m, '}')
}
