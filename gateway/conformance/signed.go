package conformance

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/intentgate/intentgate/gateway/callertoken"
	conformancev1 "github.com/intentgate/intentgate/gen/go/intentgate/conformance/v1"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/caller"
	"github.com/intentgate/intentgate/services/caller/token"
	"github.com/intentgate/intentgate/services/mtls"
)

// signed sends the gateway's token with each call for somebody that has none, as the gateway does. A service that asks for none has to
// ignore it.
func (b *bench) signed(ctx context.Context, method string, req, resp any, conn *grpc.ClientConn, call grpc.UnaryInvoker, options ...grpc.CallOption) error {
	md, _ := metadata.FromOutgoingContext(ctx)
	if _, has := md[caller.MetadataToken]; b.Keys != nil && !has && len(md[caller.MetadataCaller]) == 1 && !strings.HasPrefix(method, "/grpc.") {
		who, bytes := &intentgatev1.Caller{}, md[caller.MetadataCaller][0]
		if err := proto.Unmarshal([]byte(bytes), who); err != nil {
			return err
		}
		made, err := b.Keys.signer.Token(&callertoken.Call{Caller: who, CallerBin: bytes, Workload: Asserting, Method: method, Idempotent: true})
		if err != nil {
			return err
		}
		md.Set(caller.MetadataToken, made)
		ctx = metadata.NewOutgoingContext(ctx, md)
	}
	return call(ctx, method, req, resp, conn, options...)
}

// draft is a call of the probe with a token, before it is made: good, for this turn alone, from the gateway.
type draft struct {
	*Keys

	turn    caller.Outgoing
	from    mtls.Files
	header  string // KID stands for the key's
	claims  token.Claims
	payload string // in the place of claims
	key     *ecdsa.PrivateKey
	sign    func(input string) ([]byte, error)
	finish  func(token string) []string
	last    func(metadata.MD)
	err     error // why it cannot be made
}

// draft returns one for a turn.
func (b *bench) draft() *draft {
	d := &draft{
		Keys: b.Keys, turn: turn(), from: b.Gateway, header: `{"alg":"ES256","kid":"KID","typ":"` + token.Type + `"}`,
		finish: func(token string) []string { return []string{token} }, last: func(metadata.MD) {},
	}
	now := b.Now().Unix()
	d.claims = token.Claims{
		Issuer: Issuer, IssuedAt: now, Expires: now + 60, ID: rand.Text(), Audience: TrustDomain, Workload: Asserting,
		Target: conformancev1.ProbeService_ServiceDesc.ServiceName,
	}
	d.sign = d.es256
	if d.key, d.err = callertoken.ReadKey(b.Keys.signing); d.err == nil {
		d.bind()
	}
	return d
}

// bind binds the token to the turn as it is.
func (d *draft) bind() {
	md, err := d.turn.Metadata()
	if d.err = err; err == nil {
		d.claims.RequestID, d.claims.Session = d.turn.Ref.GetRequestId(), d.turn.Ref.GetSession()
		d.claims.CallerHash = token.HashCaller(md[caller.MetadataCaller][0])
		d.claims.Subject = "projects/" + d.turn.Caller.GetProjectId().GetValue()
	}
}

// free makes it a token that is used for many turns.
func (d *draft) free() { d.claims.RequestID, d.claims.Session, d.claims.CallerHash = "", "", "" }

func (d *draft) es256(input string) ([]byte, error) {
	digest := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, d.key, digest[:])
	if err != nil {
		return nil, err
	}
	return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...), nil
}

// metadata makes the call's.
func (d *draft) metadata() (metadata.MD, error) {
	md, err := d.turn.Metadata()
	if err = errors.Join(d.err, err); err != nil {
		return nil, err
	}
	payload := []byte(d.payload)
	if d.payload == "" {
		if payload, err = json.Marshal(d.claims); err != nil {
			return nil, err
		}
	}
	b64 := base64.RawURLEncoding.EncodeToString
	input := b64([]byte(strings.ReplaceAll(d.header, "KID", d.kid))) + "." + b64(payload)
	signature, err := d.sign(input)
	if err != nil {
		return nil, err
	}
	md[caller.MetadataToken] = d.finish(input + "." + b64(signature))
	d.last(md)
	return md, nil
}

// forgery is a token, or a call with it, that differs from a good one, and how a service has to end it.
type forgery struct {
	what  string
	want  string // "" means that it is accepted
	spoil func(*draft)
}

// forged makes each call twice, for what is remembered of a token is no proof of the call.
func forged(forgeries ...forgery) func(ctx context.Context, b *bench) (string, error) {
	return func(ctx context.Context, b *bench) (saw string, err error) {
		if !b.Start.uses("jwks") {
			return "", noTokens
		}
		conns := map[mtls.Files]*grpc.ClientConn{}
		for _, f := range forgeries {
			d := b.draft()
			f.spoil(d)
			md, failed := d.metadata()
			if failed != nil {
				return "", failed
			}
			if conns[d.from] == nil {
				if conns[d.from], failed = b.as(d.from); failed != nil {
					return "", failed
				}
			}
			for range 2 {
				_, refused := conformancev1.NewProbeServiceClient(conns[d.from]).Echo(metadata.NewOutgoingContext(ctx, md), &conformancev1.EchoRequest{})
				if told := reason(refused); told != f.want {
					err = errors.Join(err, fmt.Errorf("%s: %s instead of %s", f.what, orOK(told), orOK(f.want)))
					break
				}
			}
		}
		return fmt.Sprintf("%d calls are judged rightly, and again", len(forgeries)), err
	}
}

// reason is what a peer is told: nothing, a status, or in capitals why somebody else is refused.
func reason(err error) string {
	s := status.Convert(err)
	if s.Code() == codes.OK {
		return ""
	}
	for _, detail := range s.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.GetDomain() == "intentgate" && s.Code() == codes.PermissionDenied {
			return info.GetReason()
		}
	}
	return s.Code().String()
}

func orOK(reason string) string {
	if reason == "" {
		return codes.OK.String()
	}
	return reason
}
