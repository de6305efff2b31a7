package orders

import (
	"context"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/intentgate/intentgate/services/caller"
)

// refuse returns a status that says in its details what a user hears.
func refuse(code codes.Code, lang language, words string) error {
	s, err := status.New(code, words).WithDetails(&errdetails.LocalizedMessage{Locale: lang.String(), Message: words})
	if err != nil {
		return status.Error(code, words)
	}
	return s.Err()
}

// inWords leaves a refusal to a program as it is. A user hears it instead: Dialogflow would learn of a status no more than
// that something failed.
func inWords[R any](ctx context.Context, err error, say func(words string) *R) (*R, error) {
	if call, ok := caller.FromContext(ctx); !ok || call.Direct() {
		return nil, err
	}
	for _, detail := range status.Convert(err).Details() {
		if message, ok := detail.(*errdetails.LocalizedMessage); ok {
			return say(message.GetMessage()), nil
		}
	}
	return nil, err
}
