package conformance

import (
	"context"
	"errors"
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
func (b *bench) refuses(ctx context.Context, files mtls.Files) (saw string, err error) {
	conn, err := b.as(files)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, b.Patience)
	defer cancel()
	stream, listed := grpc_reflection_v1.NewServerReflectionClient(conn).ServerReflectionInfo(ctx)
	if listed == nil {
		// What has ended the stream, receiving tells.
		_ = stream.Send(&grpc_reflection_v1.ServerReflectionRequest{MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_ListServices{}})
		if _, listed = stream.Recv(); status.Code(listed) == codes.Unimplemented {
			listed = status.Error(codes.PermissionDenied, "there is no reflection")
		}
	}
	health, reflection := status.Code(health(ctx, conn, nil)), status.Code(listed)
	for _, code := range []codes.Code{health, reflection} {
		if !slices.Contains([]codes.Code{codes.PermissionDenied, codes.Unauthenticated, codes.Unavailable}, code) {
			err = fmt.Errorf("health says %s to %s, and reflection %s", health, who(files), reflection)
		}
	}
	return fmt.Sprintf("health says %s, and reflection %s", health, reflection), err
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

// allowed returns a connection of a program that may call for itself.
func (b *bench) allowed() (*grpc.ClientConn, error) {
	if b.Caller.Cert == "" {
		return nil, skip("no certificate of a program that is allowed to call: see --caller-cert")
	}
	return b.as(b.Caller)
}

func allowedCaller(ctx context.Context, b *bench) (string, error) {
	conn, err := b.allowed()
	if err != nil {
		return "", err
	}
	return who(b.Caller) + " may call", health(ctx, conn, nil)
}

// refused sends a turn's metadata with one change each, which all have to end with one code. No values: the key is left out.
func refused(ctx context.Context, conn *grpc.ClientConn, want codes.Code, changes []change) (saw string, err error) {
	for _, change := range changes {
		md, failed := turn().Metadata()
		if failed != nil {
			return "", failed
		}
		if delete(md, change.key); len(change.values) > 0 {
			md[change.key] = change.values
		}
		if code := status.Code(health(ctx, conn, md)); code != want {
			err = errors.Join(err, fmt.Errorf("%s: %s", change.what, code))
		}
	}
	return fmt.Sprintf("%s, %d times", want, len(changes)), err
}

type change struct {
	what, key string
	values    []string
}

const later = caller.Prefix + "later" // a key of a newer gateway's

func forgedMetadata(ctx context.Context, b *bench) (string, error) {
	conn, err := b.allowed()
	if err != nil {
		return "", err
	}
	_, err = refused(ctx, conn, codes.PermissionDenied, []change{{"a caller", later, nil}})
	for _, key := range []string{caller.MetadataRequestID, later} {
		if code := status.Code(health(ctx, conn, metadata.Pairs(key, "1"))); code != codes.PermissionDenied {
			err = errors.Join(err, fmt.Errorf("%s alone: %s", key, code))
		}
	}
	return codes.PermissionDenied.String(), err
}

func duplicateMetadata(ctx context.Context, b *bench) (string, error) {
	md, err := turn().Metadata()
	if err != nil {
		return "", err
	}
	var changes []change
	for _, key := range []string{caller.MetadataCaller, caller.MetadataCall, caller.MetadataRequestID, later} {
		value := append(md[key], "1")[0]
		changes = append(changes, change{key, key, []string{value, value}})
	}
	return refused(ctx, b.conn, codes.InvalidArgument, changes)
}

func malformedMetadata(ctx context.Context, b *bench) (string, error) {
	return refused(ctx, b.conn, codes.InvalidArgument, []change{
		{"no caller", caller.MetadataCaller, nil},
		{"no call reference", caller.MetadataCall, nil},
		{"no request id", caller.MetadataRequestID, nil},
		{"another request id", caller.MetadataRequestID, []string{"1.another"}},
		{"a caller of no message", caller.MetadataCaller, []string{"\xff\xff\xff"}},
		{"a caller without a platform", caller.MetadataCaller, []string{""}},
		{"a call reference of no message", caller.MetadataCall, []string{"\xff\xff\xff"}},
	})
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
	return fmt.Sprintf("%d and %d bytes are taken", proto.Size(turn.Caller), proto.Size(turn.Ref)), health(ctx, b.conn, md)
}

func unknownMethod(ctx context.Context, b *bench) (saw string, err error) {
	for _, method := range []string{"/intentgate.conformance.v1.NoService/Nothing", "/grpc.health.v1.Health/Nothing"} {
		failed := b.conn.Invoke(ctx, method, &conformancev1.WaitResponse{}, &conformancev1.WaitResponse{})
		if code := status.Code(failed); code != codes.Unimplemented && (reason(failed) != caller.ReasonMethod || !b.Start.uses("policy")) {
			err = errors.Join(err, fmt.Errorf("%s: %s", method, code))
		}
	}
	return codes.Unimplemented.String(), err
}

func callerArrives(ctx context.Context, b *bench) (string, error) {
	sent := turn()
	got, err := b.echo(ctx, sent, &conformancev1.EchoRequest{})
	if err != nil {
		return "", err
	}
	return "as it was sent", errors.Join(same("the caller", got.GetCaller(), sent.Caller), same("the call reference", got.GetRef(), sent.Ref), same("the rest",
		&conformancev1.EchoResponse{Peer: got.GetPeer(), RequestId: got.GetRequestId(), Direct: got.GetDirect()},
		&conformancev1.EchoResponse{Peer: strings.Split(who(b.Gateway), ", "), RequestId: sent.Ref.GetRequestId()}))
}

func directCall(ctx context.Context, b *bench) (string, error) {
	got, err := b.probe.Echo(ctx, &conformancev1.EchoRequest{})
	if err != nil {
		return "", err
	}
	got.Request, got.Peer, got.TimeLeft = nil, nil, nil
	return "direct, without a caller", same("the method was told", got, &conformancev1.EchoResponse{Direct: true})
}
