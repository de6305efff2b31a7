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
	problems := []error{b.echoed(ctx, "an answer of 256 KiB", &conformancev1.EchoRequest{Data: bytes.Repeat([]byte{0, 0xff, 'x', '\n'}, answer/4)})}
	conn, err := b.gateway()
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, b.Patience)
	defer cancel()
	if _, err := conformancev1.NewProbeServiceClient(conn).Waited(ctx, &conformancev1.WaitedRequest{Id: strings.Repeat("x", request)}); err != nil {
		problems = append(problems, fmt.Errorf("a request of 3 MiB: %w", said(err)))
	}
	return all("both pass", problems...)
}

func emptyMessages(ctx context.Context, b *bench) (string, error) {
	conn, err := b.gateway()
	if err != nil {
		return "", err
	}
	problems := []error{b.echoed(ctx, "an empty request", &conformancev1.EchoRequest{})}
	ctx, cancel := context.WithTimeout(ctx, b.Patience)
	defer cancel()
	if _, err := conformancev1.NewProbeServiceClient(conn).Wait(ctx, &conformancev1.WaitRequest{}); err != nil {
		problems = append(problems, fmt.Errorf("an empty answer: %w", said(err)))
	}
	return all("both pass", problems...)
}

// everyPlane has what is mangled most often: what JavaScript and Java need two units for, marks that combine, a byte order mark,
// text from right to left, and U+0000.
const everyPlane = "Grüße\u0000 e\u0301 \ufeff العربية 日本語 \u2028 𝒳 👩‍👩‍👧 𠜎 \U000e0041 \U0010fffd"

func unicodeText(ctx context.Context, b *bench) (string, error) {
	request := &conformancev1.RefuseRequest{
		Code: int32(codes.NotFound), Message: strings.ReplaceAll(everyPlane, "\u0000", "%41\n"),
		Localized: map[string]string{"de": everyPlane}, Violations: []*conformancev1.RefuseRequest_Violation{{Field: "straße", Description: everyPlane}},
	}
	_, err := b.refusal(ctx, request)
	return all("passes unchanged", b.echoed(ctx, "a text", &conformancev1.EchoRequest{Text: everyPlane}), err)
}

func integers(ctx context.Context, b *bench) (string, error) {
	const beyondDouble = 1<<53 + 1
	return all("every digit is kept",
		b.echoed(ctx, "the largest", &conformancev1.EchoRequest{Signed: math.MaxInt64, Unsigned: math.MaxUint64, Fixed: math.MaxUint64}),
		b.echoed(ctx, "the smallest", &conformancev1.EchoRequest{Signed: math.MinInt64, Unsigned: 1, Fixed: 1}),
		b.echoed(ctx, "what a double has no place for", &conformancev1.EchoRequest{Signed: -beyondDouble, Unsigned: beyondDouble, Fixed: beyondDouble}))
}

func unknownFields(ctx context.Context, b *bench) (string, error) {
	conn, err := b.gateway()
	if err != nil {
		return "", err
	}
	const later = 4711
	newer := protowire.AppendBytes(protowire.AppendTag(nil, later, protowire.BytesType), []byte("of a newer contract"))
	sent := turn()
	sent.Caller.ProtoReflect().SetUnknown(newer)
	sent.Ref.ProtoReflect().SetUnknown(newer)
	ctx, err = told(ctx, sent)
	if err != nil {
		return "", err
	}
	request := &conformancev1.EchoRequest{Text: "x"}
	request.ProtoReflect().SetUnknown(newer)
	response, err := echo(ctx, b, conn, request)
	switch {
	case err != nil:
		return "", said(err)
	case response.GetRequest().GetText() != "x" || response.GetCaller().GetAgent().GetValue() != sent.Caller.GetAgent().GetValue():
		return "", errors.New("the fields beside them are lost")
	case len(response.GetRequest().ProtoReflect().GetUnknown()) == 0:
		return "they are dropped", nil
	default:
		return "they are kept", nil
	}
}

// crash has a method fail in a way that it did not foresee.
func crash(ctx context.Context, b *bench) (string, error) {
	const secret = "the password is swordfish"
	heard, err := b.refuse(ctx, &conformancev1.RefuseRequest{Crash: true, Message: secret})
	if err != nil {
		return "", err
	}
	var problems []error
	if heard.Code() != codes.Internal && heard.Code() != codes.Unknown {
		problems = append(problems, fmt.Errorf("%s instead of INTERNAL", heard.Code()))
	}
	if strings.Contains(fmt.Sprint(heard.Proto()), secret) {
		problems = append(problems, fmt.Errorf("the text is told: %q", heard.Message()))
	}
	return all(fmt.Sprintf("%s %q", heard.Code(), heard.Message()), append(problems, b.echoed(ctx, "the next call", &conformancev1.EchoRequest{}))...)
}

// refuse asks for a status.
func (b *bench) refuse(ctx context.Context, request *conformancev1.RefuseRequest) (*status.Status, error) {
	conn, err := b.gateway()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, b.Patience)
	defer cancel()
	_, err = conformancev1.NewProbeServiceClient(conn).Refuse(ctx, request)
	return status.Convert(err), nil
}
