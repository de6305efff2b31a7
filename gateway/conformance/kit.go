package conformance

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/intentgate/intentgate/gateway/backend"
	"github.com/intentgate/intentgate/gateway/doctor"
	conformancev1 "github.com/intentgate/intentgate/gen/go/intentgate/conformance/v1"
	"github.com/intentgate/intentgate/services/mtls"
)

// Config says which service is judged, and with what. Target, Gateway, Patience and Now are required.
type Config struct {
	// Target is where the service is, a gRPC name such as orders.internal:8443.
	Target string
	// ServerName is what the service's certificate must be issued to; empty: the host of the target.
	ServerName string
	// Gateway is a certificate that the service takes for the gateway's, and the service's CA.
	Gateway mtls.Files
	// Caller is the certificate of a program that may call for itself, and Unlisted that of one which may not, by a CA that the
	// service knows. What takes one of them is skipped where its Cert is empty. Their CA is that of Gateway.
	Caller, Unlisted mtls.Files
	// Keys made all of these, and the service's own; nil: somebody else did.
	Keys *Keys
	// Start is how the service was started, so that another one can be; nil: somebody else did.
	Start *Start
	// Process is the service's; nil: nobody may stop it.
	Process Process
	// Descriptors is a descriptor set of the service; nil: it is asked by reflection.
	Descriptors []byte
	// Run chooses checks by their ids; nil: all.
	Run *regexp.Regexp
	// RequireProbe fails what is skipped otherwise because the service does not serve the probe.
	RequireProbe bool
	// Patience is how long to wait for what has to come, such as an answer.
	Patience time.Duration
	// Now is the clock that certificates are compared with.
	Now func() time.Time
	// Progress is told of each result when it is there; nil: nobody is.
	Progress func(doctor.Finding)
}

// Process is a service that runs.
type Process interface {
	// Terminate asks it to stop, as SIGTERM does.
	Terminate() error
	// Wait returns when it has ended, with an error if that was not in order, or with the context's.
	Wait(ctx context.Context) error
}

// Judge makes the checks, in their order, with a finding for each, about its kind. The error is that there is nothing to judge, or the context's; what is wrong with the service is in
// the report.
func (c Config) Judge(ctx context.Context) (report doctor.Report, err error) {
	if c.Target == "" || c.Gateway.Cert == "" || c.Now == nil || c.Patience <= 0 {
		return nil, errors.New("conformance: Target, Gateway, Patience and Now are needed")
	}
	if c.ServerName == "" {
		if c.ServerName, err = backend.ServerName(c.Target); err != nil {
			return nil, err
		}
	}
	b := &bench{Config: c}
	defer b.close()
	if b.conn, err = b.dial(c.Gateway); err != nil {
		return nil, err
	}
	b.probe = conformancev1.NewProbeServiceClient(b.conn)
	b.hop = doctor.Hop{Target: c.Target, ServerName: c.ServerName, Files: c.Gateway, Now: c.Now}.Examine(ctx)
	for _, check := range checks {
		if c.Run != nil && !c.Run.MatchString(check.ID) {
			continue
		}
		result := b.make(ctx, check)
		if ctx.Err() != nil {
			return nil, fmt.Errorf("the judgement was broken off: %w", ctx.Err())
		}
		if report = append(report, result); c.Progress != nil {
			c.Progress(result)
		}
	}
	if len(report) == 0 {
		return nil, fmt.Errorf("no check has an id that %q finds; `intentgate conformance --list` lists them", c.Run)
	}
	return report, nil
}

// make makes one check.
func (b *bench) make(ctx context.Context, check Check) doctor.Finding {
	start := time.Now()
	saw, err := "", b.need(ctx, check)
	if err == nil {
		saw, err = check.judge(ctx, b)
	}
	var why skip
	var other unfit
	f := doctor.Fail(check.ID, "", check.Relies, check.Remedy)
	switch {
	case err == nil:
		f = doctor.Pass(check.ID, "%s", saw)
	case errors.Is(err, noProbe) && b.RequireProbe:
		f.Saw, f.Remedy = err.Error(), "start the service with --probe, or do without --require-probe"
	case errors.As(err, &why):
		f = doctor.Skip(check.ID, why.Error())
	case errors.As(err, &other):
		f = other.Finding
		f.Check = check.ID
	default:
		f.Saw = strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	f.About, f.Relies, f.Seconds = check.Kind(), check.Relies, time.Since(start).Seconds()
	return f
}

// need returns why a check cannot be made: a service that does not let the gateway in cannot be judged any further.
func (b *bench) need(ctx context.Context, check Check) error {
	if check.doctors() {
		return nil
	}
	for _, first := range checks {
		if !first.doctors() || first.ID == "refuses_strangers" {
			continue
		}
		if _, err := first.judge(ctx, b); err != nil {
			return skip("not judged, since " + first.ID + " has failed")
		}
	}
	if check.Probe && !b.probed {
		_, err := b.probe.Echo(ctx, &conformancev1.EchoRequest{})
		if status.Code(err) == codes.Unimplemented {
			return noProbe
		}
		b.probed = true
	}
	return nil
}
