package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"

	conformancev1 "github.com/intentgate/intentgate/gen/go/intentgate/conformance/v1"
)

func largeMessages(ctx context.Context, b *bench) (string, error) {
	const answer, request = 256 << 10, 3 << 20
	_, err := b.probe.Waited(ctx, &conformancev1.WaitedRequest{Id: strings.Repeat("x", request)})
	if err != nil {
		err = fmt.Errorf("a request of 3 MiB: %w", err)
	}
	return "both pass", errors.Join(err,
		b.echoed(ctx, "an answer of 256 KiB", &conformancev1.EchoRequest{Data: bytes.Repeat([]byte{0, 0xff, 'x', '\n'}, answer/4)}))
}

func emptyMessages(ctx context.Context, b *bench) (string, error) {
	_, err := b.probe.Wait(ctx, &conformancev1.WaitRequest{})
	return "both pass", errors.Join(err, b.echoed(ctx, "an empty request", &conformancev1.EchoRequest{}))
}

// everyPlane has what is mangled most often: what JavaScript and Java need two units for, marks that combine, a byte order mark,
// text from right to left, and U+0000.
const everyPlane = "Grüße\u0000 e\u0301 \ufeff العربية 日本語 \u2028 𝒳 👩‍👩‍👧 𠜎 \U000e0041 \U0010fffd"

func unicodeText(ctx context.Context, b *bench) (string, error) {
	_, err := b.refusal(ctx, &conformancev1.RefuseRequest{
		Code: int32(codes.NotFound), Message: strings.ReplaceAll(everyPlane, "\u0000", "%41\n"),
		Localized: map[string]string{"de": everyPlane}, Violations: []*conformancev1.RefuseRequest_Violation{{Field: "straße", Description: everyPlane}},
	})
	return "passes unchanged", errors.Join(err, b.echoed(ctx, "a text", &conformancev1.EchoRequest{Text: everyPlane}))
}

func integers(ctx context.Context, b *bench) (string, error) {
	const beyondDouble = 1<<53 + 1
	return "every digit is kept", errors.Join(
		b.echoed(ctx, "the largest", &conformancev1.EchoRequest{Signed: math.MaxInt64, Unsigned: math.MaxUint64, Fixed: math.MaxUint64}),
		b.echoed(ctx, "the smallest", &conformancev1.EchoRequest{Signed: math.MinInt64, Unsigned: 1, Fixed: 1}),
		b.echoed(ctx, "what a double has no place for", &conformancev1.EchoRequest{Signed: -beyondDouble, Unsigned: beyondDouble, Fixed: beyondDouble}))
}

func unknownFields(ctx context.Context, b *bench) (string, error) {
	const number = 4711
	newer := protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), []byte("of a newer contract"))
	request, sent := &conformancev1.EchoRequest{Text: "x"}, turn()
	request.ProtoReflect().SetUnknown(newer)
	sent.Caller.ProtoReflect().SetUnknown(newer)
	sent.Ref.ProtoReflect().SetUnknown(newer)
	response, err := b.echo(ctx, sent, request)
	switch {
	case response == nil:
		return "", err
	case response.GetRequest().GetText() != "x" || response.GetCaller().GetAgent().GetValue() != sent.Caller.GetAgent().GetValue():
		return "", errors.New("the fields beside them are lost")
	case err != nil: // the messages differ
		return "they are dropped", nil //nolint:nilerr // which is fine
	default:
		return "they are kept", nil
	}
}

// crash has a method fail in a way that it did not foresee.
func crash(ctx context.Context, b *bench) (string, error) {
	const secret = "the password is swordfish"
	_, err := b.probe.Refuse(ctx, &conformancev1.RefuseRequest{Crash: true, Message: secret})
	heard := status.Convert(err)
	var problem error
	if heard.Code() != codes.Internal && heard.Code() != codes.Unknown || strings.Contains(fmt.Sprint(heard.Proto()), secret) {
		problem = fmt.Errorf("%s %q, after the text %q", heard.Code(), heard.Message(), secret)
	}
	return fmt.Sprintf("%s %q", heard.Code(), heard.Message()), errors.Join(problem, b.echoed(ctx, "the next call", &conformancev1.EchoRequest{}))
}
