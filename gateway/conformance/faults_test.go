package conformance_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/intentgate/intentgate/gateway/conformance"
	"github.com/intentgate/intentgate/gateway/doctor"
	conformancev1 "github.com/intentgate/intentgate/gen/go/intentgate/conformance/v1"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/caller"
)

var errInternal = status.Error(codes.Internal, "internal error")

// on changes what one method of the probe is asked, or its context.
func on[R proto.Message](change func(ctx context.Context, request R) (context.Context, error)) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (_ any, err error) {
		if request, ok := req.(R); ok {
			if ctx, err = change(ctx, request); err != nil {
				return nil, err
			}
		}
		return next(ctx, req)
	}
}

// refusing changes the statuses of Refuse.
func refusing(change func(request *conformancev1.RefuseRequest, s *status.Status) *status.Status) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (_ any, err error) {
		request, ok := req.(*conformancev1.RefuseRequest)
		if !ok {
			return next(ctx, req)
		}
		defer func() {
			if recover() != nil {
				err = errInternal
			}
			err = change(request, status.Convert(err)).Err()
		}()
		return next(ctx, req)
	}
}

// arriving changes the metadata before anybody sees them.
func arriving(change func(metadata.MD)) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		md, _ := metadata.FromIncomingContext(ctx)
		change(md)
		return next(metadata.NewIncomingContext(ctx, md), req)
	}
}

// calling changes what the method learns of its caller.
func calling[R proto.Message](change func(*caller.Call)) grpc.UnaryServerInterceptor {
	return on(func(ctx context.Context, _ R) (context.Context, error) {
		call, _ := caller.FromContext(ctx)
		changed := *call
		change(&changed)
		return caller.NewContext(ctx, &changed), nil
	})
}

// row is a service with one fault, and the checks that have to tell.
type row struct {
	broken

	fails []string
	saw   string // part of what the first of them saw
	life  bool   // whether it is about the service's files or its end, which takes its time
	slow  bool   // whether it shows by waiting in vain
}

func faults(t *testing.T) map[string]row {
	t.Helper()
	type (
		echo = conformancev1.EchoRequest
		once = conformancev1.OnceRequest
		wait = conformancev1.WaitRequest
	)
	down := health.NewServer()
	down.Shutdown()
	few := make(chan struct{}, 32)
	one := func(id string) []string { return []string{id} }
	return map[string]row{
		"nobody there": {broken{config: func(c *conformance.Config) { c.Target = "127.0.0.1:1" }}, one("reachable"), "refused", false, false},
		"TLS 1.2":      {broken{tls: func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }}, one("tls_1_3"), "TLS 1.2", false, false},
		"another name": {broken{config: func(c *conformance.Config) { c.ServerName = "other.internal" }}, one("server_certificate"), "service.internal", false, false},
		"asks nobody":  {broken{tls: func(c *tls.Config) { c.ClientAuth = tls.NoClientCert }}, one("refuses_strangers"), "asks for no", false, false},
		"without a certificate": {
			broken{
				tls:     func(c *tls.Config) { c.ClientAuth = tls.VerifyClientCertIfGiven },
				strange: func(c *x509.Certificate) bool { return c == nil },
			}, one("refuses_strangers"), "without a certificate hears OK", false, false,
		},
		"gateway on no list": {broken{policy: func(p *caller.Policy) { p.Asserting = another(t) }}, one("gateway_accepted"), "PermissionDenied", false, false},
		"not serving":        {broken{health: down}, one("health"), "NOT_SERVING", false, false},
		"no health":          {broken{noHealth: true}, one("health"), "Unimplemented", false, false},
		"not believed":       {broken{policy: func(p *caller.Policy) { p.Allowed, p.Asserting = p.Asserting, nil }}, one("gateway_believed"), "PermissionDenied", false, false},
		"all of the CA": {
			broken{strange: func(c *x509.Certificate) bool { return slices.Contains(c.DNSNames, "unlisted.internal") }},
			[]string{"refuses_unlisted", "token_stolen"},
			"health says OK to dns:unlisted.internal, and reflection PermissionDenied", false, false,
		},
		"open reflection": {broken{openReflection: true}, []string{"refuses_unlisted", "refuses_common_name"}, "health says PermissionDenied to dns:unlisted.internal, and reflection OK", false, false},
		"common names": {
			broken{strange: func(c *x509.Certificate) bool { return c.Subject.CommonName == "gateway.internal" }},
			one("refuses_common_name"), "health says OK", false, false,
		},
		"none allowed":      {broken{policy: func(p *caller.Policy) { p.Allowed = nil }}, []string{"allowed_caller", "policy_callers"}, "PermissionDenied", false, false},
		"everybody asserts": {broken{policy: func(p *caller.Policy) { p.Asserting = append(p.Asserting, p.Allowed...) }}, []string{"forged_metadata", "token_stolen"}, "a caller: OK", false, false},
		"the last one counts": {broken{outer: arriving(func(md metadata.MD) {
			for key, values := range md {
				md[key] = values[len(values)-1:]
			}
		})}, []string{"duplicate_metadata", "token_required"}, "intentgate-caller-bin: OK", false, false},
		"half a caller is none": {broken{outer: arriving(func(md metadata.MD) {
			if len(md[caller.MetadataCaller]) > 0 && len(md[caller.MetadataCall]) == 0 {
				delete(md, caller.MetadataCaller)
				delete(md, caller.MetadataRequestID)
			}
		})}, one("malformed_metadata"), "no call reference: OK", false, false},
		"small headers":       {broken{options: []grpc.ServerOption{grpc.MaxHeaderListSize(8 << 10)}}, one("large_metadata"), "", false, false},
		"unknown is internal": {broken{options: []grpc.ServerOption{grpc.UnknownServiceHandler(func(any, grpc.ServerStream) error { return errInternal })}}, one("unknown_method"), "Internal", false, false},
		"no reflection":       {broken{noReflection: true}, one("descriptors"), "no server reflection", false, false},
		"half a descriptor set": {broken{config: func(c *conformance.Config) {
			c.Descriptors = described(t, func(set *descriptorpb.FileDescriptorSet) { set.File = set.GetFile()[1:] })
		}}, one("descriptors"), "", false, false},
		"a bad annotation": {broken{config: func(c *conformance.Config) { c.Descriptors = described(t, addNameless) }}, []string{"intents", "policy_default"}, "without a name", false, false},
		"no annotations": {broken{config: func(c *conformance.Config) {
			c.Descriptors = described(t, func(set *descriptorpb.FileDescriptorSet) {
				last := set.GetFile()[len(set.GetFile())-1]
				proto.ClearExtension(last.GetService()[0].GetMethod()[0].GetOptions(), intentgatev1.E_Intent)
			})
		}}, one("annotations"), "ProbeService.Echo has the options", false, false},
		"the turn is lost": {broken{inner: calling[*echo](func(c *caller.Call) {
			if !c.Direct() {
				c.Ref = &intentgatev1.CallRef{RequestId: c.RequestID}
			}
		})}, one("caller"), "the call reference", false, false},
		"the key is changed": {broken{inner: calling[*echo](func(c *caller.Call) { c.RequestID += strings.Repeat("x", min(len(c.RequestID), 1)) })}, one("caller"), "the rest", false, false},
		"a made-up caller": {broken{inner: calling[*echo](func(c *caller.Call) {
			if c.Direct() {
				c.Caller = &intentgatev1.Caller{Platform: intentgatev1.Platform_PLATFORM_ES}
			}
		})}, one("direct_call"), "instead of direct:true", false, false},
		"no deadline": {broken{inner: on(func(ctx context.Context, _ *echo) (context.Context, error) { return context.WithoutCancel(ctx), nil })}, one("deadline"), "the method was told that <nil> are left", false, false},
		"works on": {
			broken{inner: on(func(ctx context.Context, _ *wait) (context.Context, error) { return context.WithoutCancel(ctx), nil })},
			[]string{"deadline", "cancellation"},
			"END_WAITING", false, true,
		},
		"a code is changed": {broken{inner: refusing(func(_ *conformancev1.RefuseRequest, s *status.Status) *status.Status {
			if s.Code() == codes.OutOfRange {
				return status.New(codes.Unknown, s.Message())
			}
			return s
		})}, one("status"), "Unknown", false, false},
		"no Reply": {broken{inner: refusing(func(r *conformancev1.RefuseRequest, s *status.Status) *status.Status {
			if r.GetReply() == nil {
				return s
			}
			return status.New(s.Code(), s.Message())
		})}, one("status"), "the status is FailedPrecondition", false, false},
		"tells of crashes": {broken{inner: refusing(func(r *conformancev1.RefuseRequest, s *status.Status) *status.Status {
			if r.GetCrash() {
				return status.New(codes.Internal, r.GetMessage())
			}
			return s
		})}, one("crash"), "swordfish", false, false},
		"small requests": {broken{options: []grpc.ServerOption{grpc.MaxRecvMsgSize(1 << 20)}}, one("large_messages"), "3 MiB", false, false},
		"nothing is an error": {broken{inner: on(func(ctx context.Context, r *wait) (context.Context, error) {
			if proto.Size(r) == 0 {
				return ctx, status.Error(codes.InvalidArgument, "missing")
			}
			return ctx, nil
		})}, one("empty_messages"), "InvalidArgument", false, false},
		"one plane": {broken{inner: on(func(ctx context.Context, r *echo) (context.Context, error) {
			r.Text = strings.Map(func(r rune) rune { return min(r, '\uffff') }, r.GetText())
			return ctx, nil
		})}, one("unicode"), "a text", false, false},
		"messages in ASCII": {broken{inner: refusing(func(_ *conformancev1.RefuseRequest, s *status.Status) *status.Status {
			p := s.Proto()
			p.Message = strings.Map(func(r rune) rune { return min(r, '\x7f') }, p.GetMessage())
			return status.FromProto(p)
		})}, one("unicode"), "the status is NotFound", false, false},
		"doubles": {broken{inner: on(func(ctx context.Context, r *echo) (context.Context, error) {
			r.Unsigned = uint64(float64(r.GetUnsigned()>>1)) << 1
			return ctx, nil
		})}, one("integers"), "", false, false},
		"strict": {broken{inner: on(func(ctx context.Context, r *echo) (context.Context, error) {
			if len(r.ProtoReflect().GetUnknown()) > 0 {
				return ctx, status.Error(codes.InvalidArgument, "unknown field")
			}
			return ctx, nil
		})}, one("unknown_fields"), "InvalidArgument", false, false},
		"few at once": {broken{inner: on(func(ctx context.Context, _ *wait) (context.Context, error) {
			select {
			case few <- struct{}{}:
				context.AfterFunc(ctx, func() { <-few })
				return ctx, nil
			case <-ctx.Done():
				return ctx, ctx.Err()
			}
		})}, one("concurrency"), "while 64 calls wait", false, true},
		"twice": {broken{inner: calling[*once](func(c *caller.Call) { c.RequestID = "" })}, one("idempotency"), "16 tries", false, false},

		"the certificate of the start": {broken{keepCertificate: true}, one("certificate_reload"), "the old certificate", true, false},
		"a bad certificate":            {broken{brittle: true}, one("certificate_reload"), "with a bad new file", true, false},
		"the authorities of the start": {broken{keepCA: true}, one("authority_reload"), "still let in", true, false},
		"hangs up":                     {broken{stop: func(s *running) { s.server.Stop() }}, one("graceful_stop"), "a call in flight was cut off", true, false},
		"forgets what it has taken":    {forgetful(), one("graceful_stop"), "calls were taken and not answered", true, false},
		"stays":                        {broken{stop: func(*running) { select {} }}, one("graceful_stop"), "has not ended", true, false},
	}
}

// forgetful ends as soon as those that were in flight when it was told to are answered, whatever has come since.
func forgetful() broken {
	const after = 20 // calls, so that those in flight have arrived
	var inFlight sync.WaitGroup
	var later atomic.Int32
	over, end := make(chan struct{}), make(chan struct{})
	return broken{
		inner: func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			switch req.(type) {
			case *conformancev1.WaitRequest:
				inFlight.Add(1)
				defer inFlight.Done()
			case *conformancev1.EchoRequest:
				select {
				case <-over:
					if later.Add(1) == after {
						close(end)
						<-ctx.Done()
					}
				default:
				}
			}
			return next(ctx, req)
		},
		stop: func(s *running) {
			inFlight.Wait()
			close(over)
			<-end
			s.server.Stop()
		},
	}
}

// described returns the descriptor set of the probe with a change.
func described(t *testing.T, change func(*descriptorpb.FileDescriptorSet)) []byte {
	t.Helper()
	set := &descriptorpb.FileDescriptorSet{}
	var add func(protoreflect.FileDescriptor)
	add = func(file protoreflect.FileDescriptor) {
		for i := range file.Imports().Len() {
			add(file.Imports().Get(i).FileDescriptor)
		}
		if !slices.ContainsFunc(set.GetFile(), func(f *descriptorpb.FileDescriptorProto) bool { return f.GetName() == file.Path() }) {
			set.File = append(set.File, protodesc.ToFileDescriptorProto(file))
		}
	}
	add(conformancev1.File_intentgate_conformance_v1_probe_service_proto)
	set, _ = proto.Clone(set).(*descriptorpb.FileDescriptorSet) // options are shared with the generated code
	change(set)
	encoded, err := proto.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

// addNameless adds a method that claims an intent without a name.
func addNameless(set *descriptorpb.FileDescriptorSet) {
	options := &descriptorpb.MethodOptions{}
	proto.SetExtension(options, intentgatev1.E_Intent, &intentgatev1.IntentOptions{DisplayName: []string{""}})
	kind := proto.String(".intentgate.conformance.v1.WaitRequest")
	set.File = append(set.File, &descriptorpb.FileDescriptorProto{
		Name: proto.String("nameless.proto"), Package: proto.String("nameless"), Syntax: proto.String("proto3"),
		Dependency: []string{conformancev1.File_intentgate_conformance_v1_probe_service_proto.Path()},
		Service: []*descriptorpb.ServiceDescriptorProto{{
			Name:   proto.String("Nameless"),
			Method: []*descriptorpb.MethodDescriptorProto{{Name: proto.String("Do"), InputType: kind, OutputType: kind, Options: options}},
		}},
	})
}

// TestFaults breaks a service in one way each: the checks that are meant have to tell, and no others.
func TestFaults(t *testing.T) {
	t.Parallel()
	play(t, faults(t))
}

// TestFaultsOfTokens does so with services that ask for tokens, and have a policy.
func TestFaultsOfTokens(t *testing.T) {
	t.Parallel()
	play(t, tokenFaults(t))
}

// TestFaultsOfAll has each check be meant by one.
func TestFaultsOfAll(t *testing.T) {
	t.Parallel()
	var meant []string
	for _, rows := range []map[string]row{faults(t), tokenFaults(t)} {
		for _, row := range rows {
			meant = append(meant, row.fails...)
		}
	}
	for _, check := range conformance.Checks() {
		if !slices.Contains(meant, check.ID) {
			t.Errorf("no fault is meant for %s: can it fail?", check.ID)
		}
	}
}

// play breaks a service in each way.
func play(t *testing.T, rows map[string]row) {
	t.Helper()
	var group sync.WaitGroup // most of the time is spent waiting
	few := make(chan struct{}, 10)
	var life, others []string
	for _, check := range conformance.Checks() {
		if slices.Contains([]string{"certificate_reload", "authority_reload", "graceful_stop"}, check.ID) {
			life = append(life, check.ID)
		} else {
			others = append(others, check.ID)
		}
	}
	extra := func(id string) bool { return strings.HasPrefix(id, "token_") || strings.HasPrefix(id, "policy_") }
	these := func(ids []string) *regexp.Regexp { return regexp.MustCompile("^(" + strings.Join(ids, "|") + ")$") }
	waits := func(name string) int { // first
		if rows[name].life || rows[name].slow {
			return 0
		}
		return 1
	}
	first := func(a, b string) int { return cmp.Compare(waits(a), waits(b)) }
	for _, name := range slices.SortedFunc(maps.Keys(rows), first) {
		row := rows[name]
		few <- struct{}{}
		group.Go(func() {
			defer func() { <-few }()
			keys := newKeys(t)
			service, address := row.run(t, keys)
			config := settings(keys, address)
			config.Process, config.Patience, config.Run = service, 10*time.Second, these(slices.DeleteFunc(slices.Clone(others), func(id string) bool {
				// What has nothing to do with tokens is judged without them, and the other way round; what takes seconds where it is meant.
				if !extra(id) {
					return !slices.ContainsFunc(row.fails, func(id string) bool { return !extra(id) })
				}
				return !slices.ContainsFunc(row.fails, extra) || id == "token_time" && !slices.Contains(row.fails, id)
			}))
			// What is started a second time.
			config.Start = &conformance.Start{Command: "echo no Ecko, but Echo; false {cert} {key} {ca}" + signed, Keys: keys, Patience: 3 * time.Second}
			if row.life {
				config.Patience, config.Run = 5*time.Second, these(life)
			}
			if row.config != nil {
				row.config(&config)
			}
			report, err := config.Judge(t.Context())
			if err != nil {
				t.Errorf("%s: %v", name, err)
				return
			}
			var failed []string
			told := false
			for _, result := range report {
				if result.Verdict != doctor.Failed {
					continue
				}
				failed = append(failed, result.Check)
				told = told || strings.Contains(result.Saw, row.saw)
				if result.Wanted == "" || result.Remedy == "" || result.Relies == "" {
					t.Errorf("%s: it says too little: %+v", name, result)
				}
			}
			if !slices.Equal(failed, row.fails) || !told && row.fails != nil {
				var text bytes.Buffer
				_ = report.Print(&text)
				t.Errorf("%s: failed %v, want %v, seeing %q\n%s", name, failed, row.fails, row.saw, &text)
			}
		})
	}
	group.Wait()
}
