package conformance

import (
	"context"
	"fmt"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	conformancev1 "github.com/intentgate/intentgate/gen/go/intentgate/conformance/v1"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

func statusDetails(ctx context.Context, b *bench) (string, error) {
	var problems []error
	for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
		if _, err := b.refusal(ctx, &conformancev1.RefuseRequest{Code: int32(code), Message: "as asked"}); err != nil {
			problems = append(problems, err)
		}
	}
	details, err := b.refusal(ctx, &conformancev1.RefuseRequest{
		Code: int32(codes.FailedPrecondition), Message: "the slot is full", Localized: map[string]string{"en": "We are full at two.", "pt-BR": "Estamos lotados."},
		Violations: []*conformancev1.RefuseRequest_Violation{{Field: "time", Description: "full"}, {Field: "items[0].quantity", Description: "too many"}},
		Reply: &intentgatev1.Reply{Messages: []*intentgatev1.Reply_Message{{
			Kind: &intentgatev1.Reply_Message_Text{Text: &intentgatev1.Reply_Text{Variants: []string{strings.Repeat("How about three? ", 500)}}}, // 8 KiB
		}}},
	})
	return all(fmt.Sprintf("16 codes, and %d details", details), append(problems, err)...)
}

// refusal asks for a status and compares what comes of it. It returns the number of its details.
func (b *bench) refusal(ctx context.Context, request *conformancev1.RefuseRequest) (int, error) {
	heard, err := b.refuse(ctx, request)
	if err != nil {
		return 0, err
	}
	if want := codes.Code(request.GetCode()); heard.Code() != want || heard.Message() != request.GetMessage() { //nolint:gosec // a code
		return 0, fmt.Errorf("%s %q instead of %s %q", heard.Code(), heard.Message(), want, request.GetMessage())
	}
	got := &conformancev1.RefuseRequest{Code: request.GetCode(), Message: request.GetMessage(), Localized: map[string]string{}}
	for _, detail := range heard.Details() {
		switch detail := detail.(type) {
		case *errdetails.LocalizedMessage:
			got.Localized[detail.GetLocale()] = detail.GetMessage()
		case *errdetails.BadRequest:
			for _, v := range detail.GetFieldViolations() {
				got.Violations = append(got.Violations, &conformancev1.RefuseRequest_Violation{Field: v.GetField(), Description: v.GetDescription()})
			}
		case *intentgatev1.Reply:
			got.Reply = detail
		default:
			return 0, fmt.Errorf("%s has a detail that nobody asked for: %v", heard.Code(), detail)
		}
	}
	return len(heard.Details()), same(fmt.Sprintf("the details of %s", heard.Code()), got, request)
}

func deadline(ctx context.Context, b *bench) (string, error) {
	conn, err := b.gateway()
	if err != nil {
		return "", err
	}
	const given = 20 * time.Second
	short, cancel := context.WithTimeout(ctx, given)
	defer cancel()
	limited, err := conformancev1.NewProbeServiceClient(conn).Echo(short, &conformancev1.EchoRequest{})
	if err != nil {
		return "", said(err)
	}
	var problems []error
	if left := limited.GetTimeLeft(); left == nil || left.AsDuration() <= 0 || left.AsDuration() > given {
		problems = append(problems, fmt.Errorf("with %s left, the method was told %s", given, duration(left)))
	}
	open, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer context.AfterFunc(ctx, stop)()
	defer time.AfterFunc(b.Patience, stop).Stop()
	defer stop()
	unlimited, err := conformancev1.NewProbeServiceClient(conn).Echo(open, &conformancev1.EchoRequest{})
	switch {
	case err != nil:
		problems = append(problems, said(err))
	case unlimited.GetTimeLeft() != nil:
		problems = append(problems, fmt.Errorf("without a deadline, the method was told %s", duration(unlimited.GetTimeLeft())))
	}
	return all("it is told, and work ends with it", append(problems, b.passes(ctx, conn, 200*time.Millisecond))...)
}

// passes has a deadline pass while a method works. A call that has not even reached the method is made again, with more time.
func (b *bench) passes(ctx context.Context, conn *grpc.ClientConn, time time.Duration) error {
	wait := b.wait(conn)
	short, cancel := context.WithTimeout(ctx, time)
	defer cancel()
	if err := wait.call(short, 10*b.Patience); status.Code(err) != codes.DeadlineExceeded {
		return fmt.Errorf("when it had passed: %s", status.Code(err))
	}
	if wait.is(ctx, conformancev1.WaitedResponse_END_UNSPECIFIED) == nil && time < b.Patience {
		return b.passes(ctx, conn, 2*time)
	}
	return wait.until(ctx, conformancev1.WaitedResponse_END_CANCELLED)
}

func duration(d *durationpb.Duration) string {
	if d == nil {
		return "nothing"
	}
	return d.AsDuration().String()
}

func cancellation(ctx context.Context, b *bench) (string, error) {
	conn, err := b.gateway()
	if err != nil {
		return "", err
	}
	wait := b.wait(conn)
	given, giveUp := context.WithCancel(ctx)
	defer giveUp()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = wait.call(given, 10*b.Patience) // cancelled
	}()
	err = wait.until(ctx, conformancev1.WaitedResponse_END_WAITING)
	giveUp()
	<-ended
	if err == nil {
		err = wait.until(ctx, conformancev1.WaitedResponse_END_CANCELLED)
	}
	return "work has ended", err
}
