package doctor

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/caller"
	"github.com/intentgate/intentgate/services/mtls/devca"
)

// calls asks for the service's health: as the gateway for itself, as the gateway for an agent, and as strangers. All
// that a service registers obeys the same lists of callers, so that this tells how turns would fare, and changes nothing.
func (i instance) calls(ctx context.Context, handshake time.Duration) Report {
	client, closeClient, err := i.client(i.identity.ClientCredentials(i.ServerName))
	if err != nil {
		return Report{Fail("allowed", err.Error(), "a gRPC client", "correct services[].target")}
	}
	defer closeClient()
	health, err := check(ctx, client)
	report := i.allowed(health, err)
	if !report.Failed() {
		started := i.Now()
		report = append(report, i.asserting(ctx, client), latency(handshake, i.Now().Sub(started)))
	}
	return append(report, i.strangers(ctx))
}

// client makes a gRPC client of the instance.
func (i instance) client(creds credentials.TransportCredentials) (client grpc_health_v1.HealthClient, closeClient func(), err error) {
	conn, err := grpc.NewClient("passthrough:///"+i.address, grpc.WithTransportCredentials(creds), grpc.WithNoProxy(), grpc.WithDisableServiceConfig(),
		grpc.WithUserAgent("intentgate-doctor"),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return i.dial(ctx) }))
	if err != nil {
		return nil, nil, err
	}
	return grpc_health_v1.NewHealthClient(conn), func() { _ = conn.Close() }, nil
}

func check(ctx context.Context, client grpc_health_v1.HealthClient) (*grpc_health_v1.HealthCheckResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return client.Check(ctx, &grpc_health_v1.HealthCheckRequest{})
}

// allowed judges what the gateway hears that calls for itself.
func (i instance) allowed(health *grpc_health_v1.HealthCheckResponse, err error) Report {
	own := names(i.identity.Certificate().Leaf)
	allowed := Pass("allowed", "%s may call", own)
	switch code := status.Code(err); {
	case code == codes.OK && health.GetStatus() == grpc_health_v1.HealthCheckResponse_SERVING:
		return Report{allowed, Pass("health", "SERVING")}
	case code == codes.OK:
		return Report{allowed, Fail("health", health.GetStatus().String(), "SERVING", "the service is starting or stopping, or says so: wait, and look at its log")}
	case code == codes.Unimplemented:
		return Report{allowed, Warn("health", told(err), "SERVING",
			"the gateway takes a connection for health then: let the service register grpc.health.v1.Health, as the service library does")}
	case code == codes.PermissionDenied || code == codes.Unauthenticated:
		return Report{Fail("allowed", fmt.Sprintf("%s, as %s", told(err), own), "OK",
			"start the service with --assert and one of these names: no name of the gateway's certificate is on its lists. Its log says so in `refusal`")}
	default:
		return Report{Fail("allowed", told(err), "OK", "the service's log says why")}
	}
}

// asserting judges whether the service believes the gateway when it says for whom it calls, as it does in every turn. One
// that has the gateway among those who may only call looks healthy, while all turns are refused.
func (i instance) asserting(ctx context.Context, client grpc_health_v1.HealthClient) Finding {
	const name = "asserting"
	outgoing, err := caller.NewOutgoingContext(ctx, caller.Outgoing{
		Caller: &intentgatev1.Caller{Platform: intentgatev1.Platform_PLATFORM_CX},
		Ref:    &intentgatev1.CallRef{RequestId: "doctor." + rand.Text()},
	})
	if err != nil {
		return Fail(name, err.Error(), "a caller", "this is a mistake of the doctor's")
	}
	switch _, err = check(outgoing, client); status.Code(err) {
	case codes.OK:
		return Pass(name, "the gateway may say for whom it calls")
	case codes.PermissionDenied:
		return Fail(name, told(err)+", with a caller in the metadata", "OK: without a caller the service answered",
			"start the service with --assert instead of --allow for the gateway: it looks healthy as it is, and refuses every turn")
	case codes.Unimplemented:
		return Skip(name, "the service has no health service to ask")
	default:
		return Fail(name, told(err)+", with a caller in the metadata", "OK: without a caller the service answered",
			"something between adds or drops metadata, or the service knows an older contract: its log says why in `refusal`")
	}
}

func latency(handshake, call time.Duration) Finding {
	const slow = 250 * time.Millisecond // turns suffer beyond
	saw := fmt.Sprintf("handshake %s, call %s", handshake.Round(100*time.Microsecond), call.Round(100*time.Microsecond))
	if call > slow {
		return Warn("latency", saw, "calls within "+slow.String(), "bring gateway and service nearer to each other: every turn pays this out of Dialogflow's time limit")
	}
	return Pass("latency", "%s", saw)
}

// strangers judges whether others are refused: somebody without a certificate, and somebody whose certificate has the
// gateway's names by a CA that nobody knows.
func (i instance) strangers(ctx context.Context) Finding {
	const name = "strangers"
	own := i.identity.Certificate().Leaf
	forged, err := forge(devca.Leaf{Subject: own.Subject, DNS: own.DNSNames, URIs: own.URIs}, own.Issuer.CommonName+" (forged)", i.Now())
	if err != nil {
		return Fail(name, err.Error(), "a certificate to try", "this is a mistake of the doctor's")
	}
	var let []string
	for _, stranger := range []struct {
		who         string
		certificate *tls.Certificate
	}{{"somebody without a certificate", &tls.Certificate{}}, {"a self-made certificate with the gateway's names", forged}} {
		config, err := i.config(i.ServerName)
		if err != nil {
			return Fail(name, err.Error(), "a configuration", "correct services[].tls")
		}
		config.MinVersion = tls.VersionTLS13
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return stranger.certificate, nil }
		client, closeClient, err := i.client(credentials.NewTLS(config))
		if err != nil {
			return Fail(name, err.Error(), "a gRPC client", "correct services[].target")
		}
		_, err = check(ctx, client)
		closeClient()
		switch status.Code(err) {
		case codes.Unavailable, codes.Unauthenticated, codes.PermissionDenied:
		default:
			let = append(let, fmt.Sprintf("%s hears %s", stranger.who, status.Code(err)))
		}
	}
	if len(let) > 0 {
		return Fail(name, strings.Join(let, ", "), "a refusal",
			"let the service demand client certificates and verify them against its own CA alone, health included, as the service library does")
	}
	return Pass(name, "refused: no certificate, and a self-made one with the gateway's names")
}

// forge makes a certificate by an authority that nobody knows.
func forge(leaf devca.Leaf, authority string, now time.Time) (*tls.Certificate, error) {
	ca, err := devca.New(devca.Options{CommonName: authority, Organization: authority, Now: func() time.Time { return now }})
	if err != nil {
		return nil, fmt.Errorf("make an authority that nobody knows: %w", err)
	}
	certificate, err := ca.Issue(leaf)
	if err != nil {
		return nil, fmt.Errorf("make a stranger's certificate: %w", err)
	}
	pair := certificate.TLS()
	return &pair, nil
}

// told is a status as one line.
func told(err error) string {
	return fmt.Sprintf("%s %q", status.Code(err), status.Convert(err).Message())
}
