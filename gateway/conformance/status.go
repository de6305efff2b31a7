package conformance

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	conformancev1 "github.com/intentgate/intentgate/gen/go/intentgate/conformance/v1"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

func statusDetails(ctx context.Context, b *bench) (_ string, err error) {
	for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
		_, failed := b.refusal(ctx, &conformancev1.RefuseRequest{Code: int32(code), Message: "as asked"})
		err = errors.Join(err, failed)
	}
	long := &intentgatev1.Reply_Text{Variants: []string{strings.Repeat("How about three? ", 500)}} // 8 KiB
	details, failed := b.refusal(ctx, &conformancev1.RefuseRequest{
		Code: int32(codes.FailedPrecondition), Message: "the slot is full", Localized: map[string]string{"en": "We are full at two.", "pt-BR": "Estamos lotados."},
		Violations: []*conformancev1.RefuseRequest_Violation{{Field: "time", Description: "full"}, {Field: "items[0].quantity", Description: "too many"}},
		Reply:      &intentgatev1.Reply{Messages: []*intentgatev1.Reply_Message{{Kind: &intentgatev1.Reply_Message_Text{Text: long}}}},
	})
	return fmt.Sprintf("16 codes, and %d details", details), errors.Join(err, failed)
}

// refusal asks for a status and compares what comes of it. It returns the number of its details.
func (b *bench) refusal(ctx context.Context, request *conformancev1.RefuseRequest) (int, error) {
	_, err := b.probe.Refuse(ctx, request)
	heard := status.Convert(err)
	got := &conformancev1.RefuseRequest{Code: int32(heard.Code()), Message: heard.Message(), Localized: map[string]string{}} //nolint:gosec // a code is small
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
	return len(heard.Details()), same("the status is "+heard.Code().String(), got, request)
}

func deadline(ctx context.Context, b *bench) (string, error) {
	const given = 20 * time.Second
	short, cancel := context.WithTimeout(ctx, given)
	defer cancel()
	limited, err := b.probe.Echo(short, &conformancev1.EchoRequest{})
	if err != nil {
		return "", err
	}
	unlimited, err := b.probe.Echo(context.WithoutCancel(ctx), &conformancev1.EchoRequest{})
	if err != nil {
		return "", err
	}
	if left := limited.GetTimeLeft(); left == nil || left.AsDuration() <= 0 || left.AsDuration() > given {
		err = fmt.Errorf("the method was told that %v are left, of %s", left, given)
	}
	if unlimited.GetTimeLeft() != nil {
		err = errors.Join(err, fmt.Errorf("without a deadline the method was told that %v are left", unlimited.GetTimeLeft()))
	}
	return "it is told, and work ends with it", errors.Join(err, b.passes(ctx, 200*time.Millisecond))
}

// passes has a deadline pass while a method works. A call that has not even reached the method is made again, with more time.
func (b *bench) passes(ctx context.Context, time time.Duration) error {
	wait := b.wait()
	short, cancel := context.WithTimeout(ctx, time)
	defer cancel()
	if code := status.Code(wait.call(short, 10*b.Patience)); code != codes.DeadlineExceeded {
		return fmt.Errorf("when it had passed: %s", code)
	}
	if wait.is(ctx, conformancev1.WaitedResponse_END_UNSPECIFIED) == nil && time < b.Patience {
		return b.passes(ctx, 2*time)
	}
	return wait.until(ctx, conformancev1.WaitedResponse_END_CANCELLED)
}

func cancellation(ctx context.Context, b *bench) (string, error) {
	wait := b.wait()
	given, giveUp := context.WithCancel(ctx)
	defer giveUp()
	go func() { _ = wait.call(given, 10*b.Patience) }() // ends with giveUp
	if err := wait.until(ctx, conformancev1.WaitedResponse_END_WAITING); err != nil {
		return "", err
	}
	giveUp()
	return "work has ended", wait.until(ctx, conformancev1.WaitedResponse_END_CANCELLED)
}
