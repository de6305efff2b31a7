package fallback

import (
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/words"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// answer is what one fallback says, to one cause or in general.
type answer struct {
	at         string
	text       *words.Texts
	event      string
	page, flow string
	remember   *structpb.Struct
	onPurpose  bool       // a status
	status     codes.Code // OK: that of the failure
}

// to returns what is answered to a turn; false where there is nothing for its platform or its language. Parameters to remember
// go with the rest; they are an answer only where there is no rest at all.
func (a *answer) to(turn *dialogflow.Turn) (Answer, bool) {
	if a == nil {
		return Answer{}, false
	}
	if a.onPurpose {
		return Answer{At: a.at, Status: a.status}, true
	}
	reply := &intentgatev1.Reply{SessionParameters: a.remember}
	found := a.text == nil && a.event == "" && a.page == "" && a.flow == ""
	if turn.Platform == dialogflow.ES && a.event != "" {
		reply.FollowupEvent = &intentgatev1.Reply_Event{Name: a.event} // Dialogflow ignores words beside it
		return Answer{At: a.at, Reply: reply}, true
	}
	if turn.Platform == dialogflow.CX && a.page != "" {
		reply.Target, found = &intentgatev1.Reply_TargetPage{TargetPage: a.page}, true
	}
	if turn.Platform == dialogflow.CX && a.flow != "" {
		reply.Target, found = &intentgatev1.Reply_TargetFlow{TargetFlow: a.flow}, true
	}
	if text, ok := a.text.In(turn.Language); ok {
		reply.Texts, found = []string{text}, true
	}
	return Answer{At: a.at, Reply: reply}, found
}

// unread returns what is answered to a turn that nobody has read. There is nothing to remember on ES then: a context is replaced as
// a whole, with what others keep in it.
func (a *answer) unread(platform dialogflow.Platform) (Answer, bool) {
	if a == nil {
		return Answer{}, false
	}
	known := *a
	if platform == dialogflow.ES {
		known.remember = nil
	}
	found, ok := known.to(&dialogflow.Turn{Platform: platform, Language: a.text.Only()})
	return found, ok && (known.onPurpose || !proto.Equal(found.Reply, &intentgatev1.Reply{}))
}

// final says that the answer is one to every turn of a platform, whatever its language.
func (a *answer) final(platform dialogflow.Platform) bool {
	if a == nil {
		return false
	}
	_, ok := a.to(&dialogflow.Turn{Platform: platform}) // no language: that of all others
	return ok
}
