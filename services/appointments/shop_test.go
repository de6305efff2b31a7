package appointments_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	appointmentsv1 "github.com/intentgate/intentgate/gen/go/shop/appointments/v1"
	"github.com/intentgate/intentgate/services/appointments"
	"github.com/intentgate/intentgate/services/caller"
	"github.com/intentgate/intentgate/services/mtls"
	"github.com/intentgate/intentgate/services/mtls/mtlstest"
	"github.com/intentgate/intentgate/services/serve"
)

// monday is when the shop is asked in these tests, unless they say otherwise: half past ten in Berlin, half past nine in London.
var monday = time.Date(2026, time.November, 30, 9, 30, 0, 0, time.UTC)

// The kinds of callers that the shop has.
const (
	es      = intentgatev1.Platform_PLATFORM_ES
	cx      = intentgatev1.Platform_PLATFORM_CX
	program = intentgatev1.Platform_PLATFORM_UNSPECIFIED // calls for itself
)

// counter is a source of random numbers that counts: the first appointment's is 100001.
type counter struct{ n byte }

func (c *counter) Read(b []byte) (int, error) {
	clear(b)
	c.n++
	b[len(b)-1] = c.n
	return len(b), nil
}

// shop is a running service with the connections of the gateway and of a program.
type shop struct {
	file             string
	random           *counter
	gateway, program *grpc.ClientConn
	close            func()
}

// open starts the shop as its main does, at a time.
func open(t *testing.T, now time.Time) *shop {
	t.Helper()
	s := &shop{file: filepath.Join(t.TempDir(), "appointments.db"), random: &counter{}}
	s.start(t, now)
	t.Cleanup(func() { s.close() })
	return s
}

// restart ends the process, as it were, and starts another one with its file.
func (s *shop) restart(t *testing.T, now time.Time) {
	t.Helper()
	s.close()
	s.start(t, now)
}

func (s *shop) start(t *testing.T, now time.Time) {
	t.Helper()
	service := appointments.New(appointments.Config{Now: func() time.Time { return now }, Random: s.random})
	if err := service.Open(s.file); err != nil {
		t.Fatal(err)
	}
	ca := mtlstest.NewCA(t)
	logger := slog.New(slog.DiscardHandler)
	server, err := serve.New(t.Context(), serve.Config{
		Name: "appointments", Listen: "127.0.0.1:0", TLS: ca.Files("dns:appointments.internal"), Logger: logger,
		Asserting: []string{"dns:gateway.internal"}, Allowed: []string{"dns:callcenter.internal"},
		Register: func(r grpc.ServiceRegistrar) { appointmentsv1.RegisterAppointmentServiceServer(r, service) },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx) }()
	dial := func(name string) *grpc.ClientConn {
		identity, err := mtls.Open(ca.Files(name), mtls.Options{Logger: logger})
		if err != nil {
			t.Fatal(err)
		}
		conn, err := grpc.NewClient(server.Addr().String(), grpc.WithTransportCredentials(identity.ClientCredentials("appointments.internal")))
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
	s.gateway, s.program = dial("dns:gateway.internal"), dial("dns:callcenter.internal")
	s.close = func() {
		stop()
		for _, err := range []error{s.gateway.Close(), s.program.Close(), <-ended, service.Close()} {
			if err != nil {
				t.Error(err)
			}
		}
	}
}

// ask calls a method with a request in JSON. Programs have no request id.
func (s *shop) ask(t *testing.T, kind intentgatev1.Platform, requestID, method, request string) (proto.Message, error) {
	t.Helper()
	ctx, conn := t.Context(), s.program
	if kind != program {
		conn = s.gateway
		var err error
		ctx, err = caller.NewOutgoingContext(ctx, caller.Outgoing{
			Caller: &intentgatev1.Caller{Platform: kind},
			Ref:    &intentgatev1.CallRef{RequestId: requestID},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	service := appointmentsv1.File_shop_appointments_v1_appointment_service_proto.Services().ByName("AppointmentService")
	rpc := service.Methods().ByName(protoreflect.Name(method))
	resp := message(t, rpc.Output(), `{}`)
	err := conn.Invoke(ctx, "/"+string(service.FullName())+"/"+method, message(t, rpc.Input(), request), resp)
	return resp, err
}

// must is ask where the answer is a response, and returns its text.
func (s *shop) must(t *testing.T, kind intentgatev1.Platform, requestID, method, request string) string {
	t.Helper()
	resp, err := s.ask(t, kind, requestID, method, request)
	if err != nil {
		t.Fatalf("%s %s: %v", method, request, err)
	}
	spoken, ok := resp.(interface{ GetText() string })
	if !ok {
		t.Fatalf("%T says nothing", resp)
	}
	return spoken.GetText()
}

// message reads a message from JSON.
func message(t *testing.T, of protoreflect.MessageDescriptor, text string) proto.Message {
	t.Helper()
	kind, err := protoregistry.GlobalTypes.FindMessageByName(of.FullName())
	if err != nil {
		t.Fatal(err)
	}
	m := kind.New().Interface()
	if err := protojson.Unmarshal([]byte(text), m); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return m
}

// booking is a request in JSON; the hour is such as 14:30.
func booking(branch, day, hour, people, language string) string {
	at, _ := time.Parse("2006-1-2 15:04", day+" "+hour)
	return fmt.Sprintf(`{"branch": "BRANCH_%s", "date": {"year": %d, "month": %d, "day": %d}, "time": {"hours": %d, "minutes": %d}, "people": %s, "language": %q}`,
		branch, at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), people, language)
}
