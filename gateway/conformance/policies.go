package conformance

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	conformancev1 "github.com/intentgate/intentgate/gen/go/intentgate/conformance/v1"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/caller"
)

// policy is what {policy} holds. Nothing of the service's own may be called.
const policy = `{"methods": {
  "intentgate.conformance.v1.ProbeService/*": {"callers": ["` + Asserting + `"], "asserted": {}},
  "intentgate.conformance.v1.ProbeService/Once": {"callers": ["` + Asserting + `"], "asserted": {"project": ["ID_TOKEN", "SECRET"], "agent": ["CERTIFICATE"]}},
  "intentgate.conformance.v1.ProbeService/Waited": {"callers": ["` + Asserting + `", "` + Allowed + `"]}
}}
`

// unregistered names a method that nobody has.
const unregistered = `{"methods": {"intentgate.conformance.v1.ProbeService/Ecko": {"asserted": {}}}}`

const noPolicy = skip("the service has no policy: see {policy} of --start")

type prober = conformancev1.ProbeServiceClient

// ruling is a call of a method, and how it has to end by the policy.
type ruling struct {
	what, want string
	self       bool                       // a program calls that may call for itself, and not the gateway
	who        func(*intentgatev1.Caller) // whom it is made for; nil: nobody
	method     func(context.Context, prober) error
}

func echo(ctx context.Context, p prober) error {
	_, err := p.Echo(ctx, &conformancev1.EchoRequest{})
	return err
}

func once(ctx context.Context, p prober) error {
	_, err := p.Once(ctx, &conformancev1.OnceRequest{})
	return err
}

func waited(ctx context.Context, p prober) error {
	_, err := p.Waited(ctx, &conformancev1.WaitedRequest{})
	return err
}

func agent(*intentgatev1.Caller) {}

// ruled makes calls where there is a policy.
func ruled(rulings ...ruling) func(ctx context.Context, b *bench) (string, error) {
	return func(ctx context.Context, b *bench) (saw string, err error) {
		if !b.Start.uses("policy") {
			return "", noPolicy
		}
		program, failed := b.allowed()
		if failed != nil {
			return "", failed
		}
		for _, r := range rulings {
			made, by := ctx, b.probe
			if r.self {
				by = conformancev1.NewProbeServiceClient(program)
			}
			if r.who != nil {
				turn := turn()
				r.who(turn.Caller)
				if made, failed = caller.NewOutgoingContext(ctx, turn); failed != nil {
					return "", failed
				}
			}
			if told := reason(r.method(made, by)); told != r.want {
				err = errors.Join(err, fmt.Errorf("%s: %s instead of %s", r.what, orOK(told), orOK(r.want)))
			}
		}
		return fmt.Sprintf("%d calls are judged rightly", len(rulings)), err
	}
}

var policyCallers = ruled(
	ruling{what: "a program, of a method that is for it", self: true, method: waited},
	ruling{what: "a program, of one that is not", want: caller.ReasonCaller, self: true, method: echo},
	ruling{what: "the gateway for an agent, of a method for none", want: caller.ReasonCaller, who: agent, method: waited},
	ruling{what: "the gateway for an agent, of one for any", who: agent, method: echo},
)

var policyProofs = ruled(
	ruling{what: "a project by an ID token", who: agent, method: once},
	ruling{what: "a project by a secret, known by its number", who: func(c *intentgatev1.Caller) {
		c.ProjectNumber, c.ProjectId = &intentgatev1.Caller_Value{Value: "415104041262", Proof: intentgatev1.Caller_PROOF_SECRET}, nil
	}, method: once},
	ruling{what: "a project that is stated", want: caller.ReasonProof, who: func(c *intentgatev1.Caller) {
		c.ProjectId.Proof = intentgatev1.Caller_PROOF_STATED
	}, method: once},
	ruling{what: "a project by another proof", want: caller.ReasonProof, who: func(c *intentgatev1.Caller) {
		c.ProjectId.Proof = intentgatev1.Caller_PROOF_CERTIFICATE
	}, method: once},
	ruling{what: "no project", want: caller.ReasonProof, who: func(c *intentgatev1.Caller) { c.ProjectId = nil }, method: once},
	ruling{what: "an agent that is stated", want: caller.ReasonProof, who: func(c *intentgatev1.Caller) {
		c.Agent.Proof = intentgatev1.Caller_PROOF_STATED
	}, method: once},
	ruling{what: "a project that is stated, of a method for any", who: func(c *intentgatev1.Caller) {
		c.ProjectId.Proof = intentgatev1.Caller_PROOF_STATED
	}, method: echo},
)

// policyDefault calls a method of the service's own, which has to be refused before the service sees it.
func policyDefault(ctx context.Context, b *bench) (string, error) {
	if !b.Start.uses("policy") {
		return "", noPolicy
	}
	files, err := b.files(ctx)
	if err != nil {
		return "", undescribed
	}
	var own []string
	for file := range files.RangeFiles {
		for i := range file.Services().Len() {
			service := file.Services().Get(i)
			if strings.HasPrefix(string(service.FullName()), "grpc.") || strings.HasPrefix(string(service.FullName()), "intentgate.conformance.") {
				continue
			}
			for j := range service.Methods().Len() {
				if method := service.Methods().Get(j); !method.IsStreamingClient() && !method.IsStreamingServer() {
					own = append(own, "/"+string(service.FullName())+"/"+string(method.Name()))
				}
			}
		}
	}
	if own == nil {
		return "", skip("the service has no method but the probe's")
	}
	method := slices.Min(own)
	called := ruled(
		ruling{what: method, want: caller.ReasonMethod, who: agent, method: func(ctx context.Context, _ prober) error {
			return b.conn.Invoke(ctx, method, &conformancev1.OnceRequest{}, &conformancev1.OnceRequest{})
		}},
	)
	saw, err := called(ctx, b)
	return method + ": " + saw, err
}

// policyNames starts the service once more, by a policy with a mistake.
func policyNames(ctx context.Context, b *bench) (string, error) {
	if !b.Start.uses("policy") {
		return "", noPolicy
	}
	again, keys := *b.Start, *b.Keys
	keys.Policy = filepath.Join(filepath.Dir(keys.Policy), "unregistered.json")
	if err := os.WriteFile(keys.Policy, []byte(unregistered), 0o600); err != nil {
		return "", err
	}
	again.Listen, again.Keys = "", &keys
	service, err := again.Run(ctx)
	switch {
	case err == nil:
		service.Close()
		return "", errors.New("it has started by a policy that names a method which is not there")
	case !errors.Is(err, errEnded):
		return "", err
	case !strings.Contains(err.Error(), "Ecko") || !strings.Contains(err.Error(), "Echo"):
		return "", fmt.Errorf("it does not tell of the name that is not there and of those that are: %w", err)
	}
	return "it does not start, and says why", nil
}
