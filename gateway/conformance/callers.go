package conformance

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	conformancev1 "github.com/intentgate/intentgate/gen/go/intentgate/conformance/v1"
	"github.com/intentgate/intentgate/services/caller"
	"github.com/intentgate/intentgate/services/mtls"
)

// refuses judges whether somebody who has a certificate of the CA is refused, by health and by reflection.
func (b *bench) refuses(ctx context.Context, files mtls.Files) (string, error) {
	conn, err := b.as(files)
	if err != nil {
		return "", err
	}
	listed := func() error {
		ctx, cancel := context.WithTimeout(ctx, b.Patience)
		defer cancel()
		stream, err := grpc_reflection_v1.NewServerReflectionClient(conn).ServerReflectionInfo(ctx)
		if err != nil {
			return err
		}
		// What has ended the stream, receiving tells.
		_ = stream.Send(&grpc_reflection_v1.ServerReflectionRequest{MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_ListServices{}})
		_, err = stream.Recv()
		return err
	}
	var saw []string
	var problems []error
	for _, asked := range []struct {
		what string
		err  error
		fine []codes.Code
	}{
		{"health", b.health(ctx, conn, nil), nil},
		{"reflection", listed(), []codes.Code{codes.Unimplemented}}, // there is none
	} {
		heard := asked.what + " says " + status.Code(asked.err).String()
		if !slices.Contains(append(asked.fine, codes.PermissionDenied, codes.Unauthenticated, codes.Unavailable), status.Code(asked.err)) {
			problems = append(problems, fmt.Errorf("%s to %s", heard, who(files)))
		}
		saw = append(saw, heard)
	}
	return all(strings.Join(saw, ", "), problems...)
}

// who names somebody by the names in his certificate.
func who(files mtls.Files) string {
	certificates, err := mtls.ReadCertificates(files.Cert)
	if err != nil {
		return files.Cert
	}
	return strings.Join(slices.Collect(mtls.SANs(certificates[0])), ", ")
}

func refusesUnlisted(ctx context.Context, b *bench) (string, error) {
	if b.Unlisted.Cert == "" {
		return "", skip("no certificate of somebody who is on no list: see --unlisted-cert")
	}
	return b.refuses(ctx, b.Unlisted)
}

func refusesCommonName(ctx context.Context, b *bench) (string, error) {
	if b.Keys == nil {
		return "", notStarted // nobody has such a certificate
	}
	return b.refuses(ctx, b.Keys.Namesake)
}

const noCaller = skip("no certificate of a program that is allowed to call: see --caller-cert")

func allowedCaller(ctx context.Context, b *bench) (string, error) {
	if b.Caller.Cert == "" {
		return "", noCaller
	}
	conn, err := b.as(b.Caller)
	if err != nil {
		return "", err
	}
	if err := b.health(ctx, conn, nil); err != nil {
		return "", fmt.Errorf("%s hears %w", who(b.Caller), said(err))
	}
	return who(b.Caller) + " may call", nil
}

// attempt is metadata that must be refused.
type attempt struct {
	what string
	md   metadata.MD
}

// refused tries all, and wants them to end with one code.
func (b *bench) refused(ctx context.Context, conn *grpc.ClientConn, want codes.Code, attempts []attempt) (string, error) {
	var problems []error
	for _, attempt := range attempts {
		if code := status.Code(b.health(ctx, conn, attempt.md)); code != want {
			problems = append(problems, fmt.Errorf("%s: %s", attempt.what, code))
		}
	}
	return all(fmt.Sprintf("%s, %d times", want, len(attempts)), problems...)
}

// edited returns the metadata of a turn with changes: a key with its new values; none: it is left out.
func edited(key string, values ...string) (metadata.MD, error) {
	md, err := turn().Metadata()
	if err != nil {
		return nil, err
	}
	if delete(md, key); len(values) > 0 {
		md[key] = values
	}
	return md, nil
}

func forgedMetadata(ctx context.Context, b *bench) (string, error) {
	if b.Caller.Cert == "" {
		return "", noCaller
	}
	whole, err := turn().Metadata()
	if err != nil {
		return "", err
	}
	conn, err := b.as(b.Caller)
	if err != nil {
		return "", err
	}
	return b.refused(ctx, conn, codes.PermissionDenied, []attempt{
		{"a caller", whole},
		{"a request id alone", metadata.Pairs(caller.MetadataRequestID, "1")},
		{"a key of a newer gateway's", metadata.Pairs(caller.Prefix+"later", "1")},
	})
}

func duplicateMetadata(ctx context.Context, b *bench) (string, error) {
	var attempts []attempt
	for _, key := range []string{caller.MetadataCaller, caller.MetadataCall, caller.MetadataRequestID, caller.Prefix + "later"} {
		md, err := turn().Metadata()
		if err != nil {
			return "", err
		}
		first := append(md[key], "1")[0]
		md[key] = []string{first, first}
		attempts = append(attempts, attempt{key, md})
	}
	conn, err := b.gateway()
	if err != nil {
		return "", err
	}
	return b.refused(ctx, conn, codes.InvalidArgument, attempts)
}

func malformedMetadata(ctx context.Context, b *bench) (string, error) {
	var attempts []attempt
	for _, change := range []struct {
		what, key string
		values    []string
	}{
		{"no caller", caller.MetadataCaller, nil},
		{"no call reference", caller.MetadataCall, nil},
		{"no request id", caller.MetadataRequestID, nil},
		{"another request id", caller.MetadataRequestID, []string{"1.another"}},
		{"a caller of no message", caller.MetadataCaller, []string{"\xff\xff\xff"}},
		{"a caller without a platform", caller.MetadataCaller, []string{""}},
		{"a call reference of no message", caller.MetadataCall, []string{"\xff\xff\xff"}},
	} {
		md, err := edited(change.key, change.values...)
		if err != nil {
			return "", err
		}
		attempts = append(attempts, attempt{change.what, md})
	}
	conn, err := b.gateway()
	if err != nil {
		return "", err
	}
	return b.refused(ctx, conn, codes.InvalidArgument, attempts)
}

func largeMetadata(ctx context.Context, b *bench) (string, error) {
	turn := turn()
	const tag = 4 // bytes of the field that is made long: its number and its length
	turn.Caller.GetCertificate().Subject = strings.Repeat("x", caller.MaxCaller-proto.Size(turn.Caller)-tag)
	turn.Ref.TurnId = ""
	turn.Ref.TurnId = strings.Repeat("7", caller.MaxCall-proto.Size(turn.Ref)-tag)
	md, err := turn.Metadata()
	if err != nil {
		return "", err
	}
	conn, err := b.gateway()
	if err != nil {
		return "", err
	}
	if err := b.health(ctx, conn, md); err != nil {
		return "", said(err)
	}
	return fmt.Sprintf("%d and %d bytes are taken", len(md[caller.MetadataCaller][0]), len(md[caller.MetadataCall][0])), nil
}

func unknownMethod(ctx context.Context, b *bench) (string, error) {
	conn, err := b.gateway()
	if err != nil {
		return "", err
	}
	var problems []error
	for _, method := range []string{"/intentgate.conformance.v1.NoService/Nothing", "/grpc.health.v1.Health/Nothing"} {
		ctx, cancel := context.WithTimeout(ctx, b.Patience)
		err := conn.Invoke(ctx, method, &conformancev1.WaitResponse{}, &conformancev1.WaitResponse{})
		cancel()
		if status.Code(err) != codes.Unimplemented {
			problems = append(problems, fmt.Errorf("%s: %s", method, status.Code(err)))
		}
	}
	return all("UNIMPLEMENTED", problems...)
}

func callerArrives(ctx context.Context, b *bench) (string, error) {
	conn, err := b.gateway()
	if err != nil {
		return "", err
	}
	sent := turn()
	ctx, err = told(ctx, sent)
	if err != nil {
		return "", err
	}
	response, err := echo(ctx, b, conn, &conformancev1.EchoRequest{})
	if err != nil {
		return "", said(err)
	}
	problems := []error{same("the caller", response.GetCaller(), sent.Caller), same("the call reference", response.GetRef(), sent.Ref)}
	if id := response.GetRequestId(); id != sent.Ref.GetRequestId() {
		problems = append(problems, fmt.Errorf("the idempotency key: %q instead of %q", id, sent.Ref.GetRequestId()))
	}
	if response.GetDirect() {
		problems = append(problems, fmt.Errorf("the call is told to be direct"))
	}
	if peer := strings.Join(response.GetPeer(), ", "); peer != who(b.Gateway) {
		problems = append(problems, fmt.Errorf("the peer is %q instead of %q", peer, who(b.Gateway)))
	}
	return all("the caller, the call reference and the idempotency key are those that were sent", problems...)
}

func directCall(ctx context.Context, b *bench) (string, error) {
	conn, err := b.gateway()
	if err != nil {
		return "", err
	}
	response, err := echo(ctx, b, conn, &conformancev1.EchoRequest{})
	if err != nil {
		return "", said(err)
	}
	if !response.GetDirect() || response.Caller != nil || response.GetRequestId() != "" {
		return "", fmt.Errorf("direct: %t, caller: %s, idempotency key: %q", response.GetDirect(), short(response.GetCaller()), response.GetRequestId())
	}
	return "direct, without a caller", nil
}
