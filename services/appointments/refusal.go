package appointments

import (
	"context"
	"errors"
	"maps"

	"buf.build/go/protovalidate"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/caller"
	"github.com/intentgate/intentgate/services/refuse"
	"github.com/intentgate/intentgate/services/speech"
)

// check enforces the rules of the proto. For agents the gateway has done so, but programs call past it.
func check(req proto.Message) error {
	err := protovalidate.Validate(req)
	if invalid := (*protovalidate.ValidationError)(nil); errors.As(err, &invalid) {
		return refuse.With(codes.InvalidArgument, err.Error(), invalid.ToProto())
	}
	return err
}

// wish is a request for a visit, as far as its refusal needs to know it.
type wish struct {
	lang speech.Language
	// date and time are the request's fields, which the agent's parameters are called by as well.
	date, time string
	// context is that of ES which keeps what was said, so that the user has to say no more than what they want instead.
	context string
	said    map[string]any
}

// refuse says why a visit cannot be had, and what can.
func (w wish) refuse(ctx context.Context, v visit, f *fault) error {
	field := w.time
	if f.ofDay {
		field = w.date
	}
	words, choices := f.say(v, w.lang)
	return refuse.With(codes.FailedPrecondition, v.say(f.why, speech.English),
		refuse.Saying(w.lang.String(), words),
		refuse.Field(field, "cannot be had"),
		w.offer(ctx, field, choices))
}

// offer lets an agent's user choose in place of a field: by quick replies on ES and chips of Dialogflow Messenger on CX, or by
// what the agent makes of the parameter.
func (w wish) offer(ctx context.Context, field string, choices []string) *intentgatev1.Reply {
	var parameter, chips []any
	for _, choice := range choices {
		parameter = append(parameter, choice)
		chips = append(chips, map[string]any{"text": choice})
	}
	reply := &intentgatev1.Reply{SessionParameters: object(map[string]any{"alternatives": parameter})}
	if len(choices) > 0 {
		reply.Messages = []*intentgatev1.Reply_Message{
			{
				Platform: intentgatev1.Platform_PLATFORM_ES,
				Kind:     &intentgatev1.Reply_Message_QuickReplies{QuickReplies: &intentgatev1.Reply_QuickReplies{Replies: choices}},
			},
			{
				Platform: intentgatev1.Platform_PLATFORM_CX,
				Kind: &intentgatev1.Reply_Message_Payload{Payload: object(map[string]any{
					"richContent": []any{[]any{map[string]any{"type": "chips", "options": chips}}},
				})},
			},
		}
	}
	maps.DeleteFunc(w.said, func(name string, _ any) bool { return name == field })
	reply.Contexts = esContext(ctx, w.context, 3, w.said)
	return reply
}

// settled ends what was on offer.
func (w wish) settled(ctx context.Context) *intentgatev1.Reply {
	return &intentgatev1.Reply{
		SessionParameters: object(map[string]any{"alternatives": nil}),
		Contexts:          esContext(ctx, w.context, 0, nil),
	}
}

// esContext sets a context for a number of turns, 0 to end it, where the caller is an agent of ES. CX has none: its pages know
// what is being talked about.
func esContext(ctx context.Context, name string, turns int32, parameters map[string]any) []*intentgatev1.Reply_Context {
	call, ok := caller.FromContext(ctx)
	if !ok || call.Caller.GetPlatform() != intentgatev1.Platform_PLATFORM_ES {
		return nil
	}
	return []*intentgatev1.Reply_Context{{Name: name, Lifespan: turns, Parameters: object(parameters)}}
}

// object returns an object of JSON, made of values of our own; nil of nil.
func object(members map[string]any) *structpb.Struct {
	if members == nil {
		return nil
	}
	made, err := structpb.NewStruct(members)
	if err != nil {
		return nil // no value of ours is of another type, nor any text of another encoding
	}
	return made
}
