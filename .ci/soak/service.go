package main

import (
	"context"
	"flag"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	ordersv1 "github.com/intentgate/intentgate/gen/go/shop/orders/v1"
	"github.com/intentgate/intentgate/services/once"
	"github.com/intentgate/intentgate/services/refuse"
	"github.com/intentgate/intentgate/services/serve"
)

// serviceCommand is the first argument of the process that is the intent service: the same program.
const serviceCommand = "service"

// service does as an ask says. What has side effects is done once for each key, and written into the journal.
type service struct {
	ordersv1.UnimplementedOrderServiceServer
	intentgatev1.UnimplementedIntentServiceServer

	journal *journal
	answers *once.Answers
}

// runService is `soak service`: see [serve.Run] for its arguments.
func runService(ctx context.Context, args []string) error {
	s := &service{}
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	path := flags.String("journal", "", "what was done: a `FILE` of its own")
	logger := slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{ReplaceAttr: nil}))
	return serve.Run(ctx, args, os.Stdout, os.Stderr, serve.Config{
		Name: serviceCommand, Flags: flags, Drain: 2 * time.Second,
		Open: func() (_ io.Closer, err error) {
			if s.journal, err = openJournal(*path, logger); err != nil {
				return nil, err
			}
			s.answers = once.NewAnswers(s.journal)
			return s.journal, nil
		},
		Register: func(r grpc.ServiceRegistrar) {
			ordersv1.RegisterOrderServiceServer(r, s)
			intentgatev1.RegisterIntentServiceServer(r, s)
		},
	})
}

// TrackOrder changes nothing.
func (s *service) TrackOrder(ctx context.Context, req *ordersv1.TrackOrderRequest) (*ordersv1.TrackOrderResponse, error) {
	a, text, err := listen(ctx, req.GetOrderId(), track)
	if err != nil {
		return nil, err
	}
	resp := &ordersv1.TrackOrderResponse{Text: text}
	spoil(a, resp)
	return resp, pause(ctx, a.after)
}

// ConfirmCancellation changes something, once.
func (s *service) ConfirmCancellation(ctx context.Context, req *ordersv1.ConfirmCancellationRequest) (*ordersv1.ConfirmCancellationResponse, error) {
	return do(ctx, s, req.GetOrderToCancel(), book, func(text string) *ordersv1.ConfirmCancellationResponse {
		return &ordersv1.ConfirmCancellationResponse{Text: text}
	})
}

// Fulfill changes something, once.
func (s *service) Fulfill(ctx context.Context, req *intentgatev1.FulfillRequest) (*intentgatev1.FulfillResponse, error) {
	return do(ctx, s, req.GetParameters().GetFields()["ask"].GetStringValue(), plain, func(text string) *intentgatev1.FulfillResponse {
		return &intentgatev1.FulfillResponse{Reply: &intentgatev1.Reply{Texts: []string{text}}}
	})
}

// do does what is asked, as a team's service would, and answers it.
func do[R proto.Message](ctx context.Context, s *service, asked, method string, answer func(text string) R) (resp R, err error) {
	a, err := parseAsk(asked)
	if err != nil {
		return resp, status.Error(codes.InvalidArgument, err.Error())
	}
	resp, err = once.Do(context.WithValue(ctx, turnKey{}, a.number), s.answers, func() (R, error) {
		_, text, err := listen(ctx, asked, method)
		if err != nil {
			var none R
			return none, err
		}
		return answer(text), nil
	})
	if err == nil {
		spoil(a, resp)
		err = pause(ctx, a.after)
	}
	return resp, err
}

// listen takes the time that is asked for, and returns what to say, or the refusal that is asked for.
func listen(ctx context.Context, asked, method string) (a ask, text string, err error) {
	if a, err = parseAsk(asked); err != nil {
		return a, "", status.Error(codes.InvalidArgument, err.Error())
	}
	if err := pause(ctx, a.before); err != nil {
		return a, "", err
	}
	text = a.words(method)
	if a.refuse {
		return a, "", refuse.With(codes.FailedPrecondition, "as asked", refuse.Saying("en", text))
	}
	if a.large {
		text += strings.Repeat("x", 1<<20)
	}
	return a, text, nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return status.FromContextError(ctx.Err()).Err()
	}
}

// garbage is what no reader of protobuf takes for a message with a text in field 1.
var garbage = []string{
	"\x0a\x7fcut off",          // a length beyond the end
	"\x0a\x03\xff\xfe\xfd",     // no UTF-8
	"\x0b",                     // a group that does not end
	"\x00\x00",                 // field 0
	"\x0a\xff\xff\xff\xff\x7f", // a length of gigabytes
}

// spoil makes the bytes of a response what no client expects.
func spoil(a ask, resp proto.Message) {
	if a.garbage > 0 {
		proto.Reset(resp)
		resp.ProtoReflect().SetUnknown([]byte(garbage[(a.garbage-1)%len(garbage)]))
	}
}
