package serve

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/stats"

	"github.com/intentgate/intentgate/services/caller"
	"github.com/intentgate/intentgate/services/mtls"
	"github.com/intentgate/intentgate/services/mtls/spiffe"
)

// DefaultDrain is how long calls in flight may take to end where the configuration does not say.
const DefaultDrain = 30 * time.Second

// DefaultMaxConnectionAge is how long connections last where the configuration does not say.
const DefaultMaxConnectionAge = 30 * time.Minute

// Config is what a server is made of. All of it is required, except where a default is named.
type Config struct {
	// Name is the service's name in the log and in messages, such as orders.
	Name string
	// Listen is the address to listen on, such as :8443; port 0 takes any free one.
	Listen string
	// TLS are the server's own certificate and the authorities of its callers.
	TLS mtls.Files
	// WorkloadAPI is the address of the SPIFFE Workload API that issues both, in the place of TLS, such as
	// unix:///run/spire/agent/api.sock. Callers are judged by the bundle of the trust domain that they say they are of.
	WorkloadAPI string
	// Allowed are the callers that call for themselves, each `dns:<name>` or `uri:<id>`, compared exactly, but for capitals in DNS
	// names, with the subject alternative names of their certificates. Nobody is allowed by default.
	Allowed []string
	// Asserting are the callers that are believed when they say on whose behalf they call: the gateway. Written
	// like Allowed, which need not repeat them.
	Asserting []string
	// Tokens, where it is not nil, has callers count only with a token that the gateway has signed.
	Tokens *Tokens
	// Methods say who may call which method, and for whom; nil: whoever may call may call all.
	Methods caller.Methods
	// Register registers the service's handlers.
	Register func(grpc.ServiceRegistrar)
	// Flags are flags of the service's own, such as that of its store, for Main and Run; nil: there are none.
	Flags *flag.FlagSet
	// Open, where it is not nil, is called by Main and Run once they have read the command line, and before anybody is
	// answered: open what the handlers need. What it returns is closed when all calls have ended.
	Open func() (io.Closer, error)
	// StatsHandler sees every connection and call, such as OpenTelemetry's otelgrpc.NewServerHandler(); nil: nobody does.
	StatsHandler stats.Handler
	// Logger takes one line a call, and what else there is to tell.
	Logger *slog.Logger
	// Drain is how long calls in flight may take to end once the server is told to stop; 0 means DefaultDrain.
	Drain time.Duration
	// MaxConnectionAge is how long a connection lasts, give or take a tenth; 0 means DefaultMaxConnectionAge. Then the caller
	// is told to connect anew, which makes both ends judge each other again, and calls in flight have Drain to end.
	MaxConnectionAge time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Tokens say whose signatures are believed.
type Tokens struct {
	// Keys is where the gateway's public keys are: a file, or a URL with https://. They are read again as they change.
	Keys string
	// CA is the file of the authorities by which that URL's server is judged; empty means those of the callers, TLS.CA. With
	// WorkloadAPI a URL needs it.
	CA string
	// TrustDomain is whom tokens are for, as the gateway's configuration says.
	TrustDomain string
	// Issuer, where it is not empty, is who must have issued them.
	Issuer string
	// Forwarders may pass a caller on, each with the gRPC service that the gateway calls it by:
	// `dns:orders.internal=shop.orders.v1.OrderService`.
	Forwarders []string
}

// check returns the rules about callers, or an error that names every gap at once. It fills in the defaults.
func (c *Config) check() (caller.Policy, error) {
	var problems []error
	need := func(there bool, problem string) {
		if !there {
			problems = append(problems, errors.New(problem))
		}
	}
	need(c.Name != "", "Name is missing: what is the service called?")
	need(c.Listen != "", "Listen is missing: want an address such as :8443")
	if c.WorkloadAPI == "" {
		need(c.TLS.Cert != "", "TLS.Cert is missing: want the file of the service's certificate (--cert), or the Workload API (--workload-api)")
		need(c.TLS.Key != "", "TLS.Key is missing: want the file of that certificate's private key (--key)")
		need(c.TLS.CA != "", "TLS.CA is missing: want the file of the authorities that issue the callers' certificates (--ca)")
	} else {
		need(c.TLS == mtls.Files{}, "TLS and WorkloadAPI are both there: want --cert, --key and --ca, or --workload-api")
		if _, err := spiffe.Address(c.WorkloadAPI); err != nil {
			problems = append(problems, fmt.Errorf("bad WorkloadAPI (--workload-api): %w", err))
		}
	}
	need(c.Register != nil, "Register is missing: there is nothing to serve")
	need(c.Logger != nil, "Logger is missing")
	need(c.Drain >= 0, "Drain is negative")
	need(c.MaxConnectionAge >= 0, "MaxConnectionAge is negative")
	need(len(c.Allowed)+len(c.Asserting) > 0 || c.Tokens != nil && len(c.Tokens.Forwarders) > 0,
		"Allowed and Asserting are both empty: nobody could call; name the gateway's certificate in Asserting (--assert), such as dns:gateway.internal")

	var policy caller.Policy
	var err error
	if policy.Allowed, err = mtls.ParseSANs(c.Allowed); err != nil {
		problems = append(problems, fmt.Errorf("bad entry in Allowed: %w", err))
	}
	if policy.Asserting, err = mtls.ParseSANs(c.Asserting); err != nil {
		problems = append(problems, fmt.Errorf("bad entry in Asserting: %w", err))
	}
	if c.Tokens != nil {
		need(c.Tokens.Keys != "", "Tokens.Keys is missing: want the file or the URL of the gateway's public keys (--jwks)")
		need(c.Tokens.TrustDomain != "", "Tokens.TrustDomain is missing: want that of the gateway's caller_tokens, such as shop.internal (--trust-domain)")
		need(c.WorkloadAPI == "" || c.Tokens.CA != "" || !strings.HasPrefix(c.Tokens.Keys, "https:"),
			"Tokens.CA is missing: want the file of the authorities by which the server of the keys is judged (--jwks-ca)")
		policy.Tokens = &caller.Tokens{} // its verifier is made when the keys are read
		for _, text := range c.Tokens.Forwarders {
			forwarder, err := caller.ParseForwarder(text)
			if err != nil {
				problems = append(problems, err)
			}
			policy.Tokens.Forwarders = append(policy.Tokens.Forwarders, forwarder)
		}
	}
	if c.WorkloadAPI != "" {
		problems = append(problems, notIssued(&policy)...)
	}
	policy.Methods = c.Methods
	if c.Drain == 0 {
		c.Drain = DefaultDrain
	}
	if c.MaxConnectionAge == 0 {
		c.MaxConnectionAge = DefaultMaxConnectionAge
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return policy, errors.Join(problems...)
}

// notIssued complains of callers that are not named by SPIFFE IDs. A trust domain answers for its own IDs alone: one that is federated
// could write any other name into its certificates.
func notIssued(policy *caller.Policy) (problems []error) {
	sans := slices.Concat(policy.Allowed, policy.Asserting)
	if policy.Tokens != nil {
		for _, forwarder := range policy.Tokens.Forwarders {
			sans = append(sans, forwarder.Peer)
		}
	}
	for _, san := range sans {
		if _, err := spiffe.ParseID(strings.TrimPrefix(san.String(), "uri:")); err != nil && san != (mtls.SAN{}) { // which has been complained of
			problems = append(problems, fmt.Errorf("%s: with WorkloadAPI (--workload-api) callers are known by their SPIFFE IDs alone; want such as uri:spiffe://shop.internal/gateway", san))
		}
	}
	return problems
}
