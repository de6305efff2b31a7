package spiffe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/spiffe/go-spiffe/v2/bundle/x509bundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/spiffetls/tlsconfig"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/intentgate/intentgate/services/mtls"
)

// A Workload API that is away is asked again after askFirst, and after askLast at most: agents restart in seconds, and nothing
// can be called meanwhile where they have not answered yet.
const (
	askFirst = 200 * time.Millisecond
	askLast  = 5 * time.Second
)

// Source is what the Workload API at one address issues to this process. It may be used by several goroutines.
type Source struct {
	address string
	logger  *slog.Logger
	current atomic.Pointer[mtls.Issued]
	stop    func()

	// Known to the goroutine that asks alone.
	bundles *x509bundle.Set
	stale   chan struct{}
}

// Open begins to ask the Workload API at an address, such as unix:///run/spire/agent/api.sock, or at the one in the environment
// variable SPIFFE_ENDPOINT_SOCKET where address is empty. It does not wait for an answer. The source has to be closed.
func Open(address string, logger *slog.Logger) (*Source, error) {
	if logger == nil {
		return nil, errors.New("spiffe: a logger is needed")
	}
	address, err := Address(address)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	client, err := workloadapi.New(ctx, workloadapi.WithAddr(address), workloadapi.WithBackoffStrategy(strategy{}), workloadapi.WithDialOptions(
		grpc.WithNoProxy(),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: backoff.Config{BaseDelay: askFirst, Multiplier: 1.6, Jitter: 0.2, MaxDelay: askLast}, MinConnectTimeout: askLast}),
	))
	if err != nil {
		cancel()
		return nil, fmt.Errorf("the Workload API at %s: %w", address, err)
	}
	s := &Source{address: address, logger: logger.With("workload_api", address), stale: make(chan struct{})}
	s.current.Store(&mtls.Issued{
		Err: fmt.Errorf("the Workload API at %s has not answered yet", address), Pending: true, Stale: s.stale,
		Verify: func([]*x509.Certificate, time.Time) ([][]*x509.Certificate, error) {
			return nil, errors.New("no trust bundle has been issued yet")
		},
	})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		// The error is that of ctx, or the standard's for "do not ask again", which the source has been told of.
		_ = client.WatchX509Context(ctx, watcher{s, ctx})
	}()
	s.stop = func() { cancel(); <-ended; _ = client.Close() } // whose only error is that of a second call
	return s, nil
}

// Address returns where the Workload API is, by default as SPIFFE_ENDPOINT_SOCKET says. What it issues is a private key, and nobody
// proves who they are: it has to be on this machine.
func Address(address string) (string, error) {
	wanted := "want a socket of this machine, such as unix:///run/spire/agent/api.sock"
	if address == "" {
		if address, _ = workloadapi.GetDefaultAddress(); address == "" {
			return "", fmt.Errorf("no address, and none in the environment variable %s; %s", workloadapi.SocketEnv, wanted)
		}
		wanted += ", in the environment variable " + workloadapi.SocketEnv
	}
	target, err := workloadapi.TargetFromAddress(address)
	if err != nil {
		return "", fmt.Errorf("%q: %w; %s", address, err, wanted)
	}
	if !onThisMachine(target) {
		return "", fmt.Errorf("%q is on another machine; %s", address, wanted)
	}
	return address, nil
}

// ParseID reads the SPIFFE ID of a workload, such as spiffe://shop.internal/orders.
func ParseID(text string) (spiffeid.ID, error) {
	id, err := spiffeid.FromString(text)
	if err == nil && id.Path() == "" {
		err = errors.New("that is a trust domain")
	}
	if err != nil {
		return id, fmt.Errorf("SPIFFE ID %q: %w; want one such as spiffe://shop.internal/orders", text, err)
	}
	return id, nil
}

// Close ends the asking. What was issued stays in force for those who have it.
func (s *Source) Close() { s.stop() }

// Issued returns what is in force.
func (s *Source) Issued() *mtls.Issued { return s.current.Load() }

// Identity returns an identity of what the Workload API issues.
func (s *Source) Identity(o mtls.Options) (*mtls.Identity, error) {
	return mtls.NewIdentity(s.Issued, o)
}

// Wait waits for the first answer. The error says why there is no certificate.
func (s *Source) Wait(ctx context.Context) error {
	for issued := s.Issued(); ; issued = s.Issued() {
		if issued.Certificate != nil {
			return nil
		}
		if !issued.Pending {
			return issued.Err
		}
		select {
		case <-ctx.Done():
			return issued.Err
		case <-issued.Stale:
		}
	}
}

// put puts something else in force.
func (s *Source) put(next mtls.Issued) {
	before := s.stale
	s.stale = make(chan struct{})
	next.Stale = s.stale
	s.current.Store(&next)
	close(before)
}

// watcher hears what a Workload API says, in one goroutine.
type watcher struct {
	*Source

	ctx context.Context //nolint:containedctx // of the goroutine
}

// OnX509ContextUpdate puts what was issued in force, all of it: what is missing was withdrawn.
func (w watcher) OnX509ContextUpdate(all *workloadapi.X509Context) {
	before, svid := *w.Issued(), all.DefaultSVID()
	certificate := certificateOf(svid)
	if before.Certificate != nil && slices.EqualFunc(before.Certificate.Certificate, certificate.Certificate, slices.Equal) && same(w.bundles, all.Bundles) {
		if before.Err != nil {
			before.Err = nil
			w.logger.InfoContext(w.ctx, "Workload API answers again")
			w.put(before)
		}
		return
	}
	domains := make([]string, 0, all.Bundles.Len())
	for _, bundle := range all.Bundles.Bundles() {
		domains = append(domains, bundle.TrustDomain().Name())
	}
	w.logger.InfoContext(w.ctx, "SVID issued", "id", svid.ID.String(), "not_after", certificate.Leaf.NotAfter, "trust_domains", domains)
	w.bundles = all.Bundles
	w.put(mtls.Issued{
		Version: before.Version + 1, Certificate: certificate,
		Verify: func(certs []*x509.Certificate, now time.Time) ([][]*x509.Certificate, error) {
			_, chains, err := x509svid.Verify(certs, all.Bundles, x509svid.WithTime(now))
			return chains, err
		},
		Client: func(server string) (*tls.Config, error) {
			wanted, err := ParseID(server)
			if err != nil {
				return nil, err
			}
			return tlsconfig.MTLSClientConfig(svid, all.Bundles, func(id spiffeid.ID, _ [][]*x509.Certificate) error {
				if id != wanted {
					return fmt.Errorf("the server is %s; want %s", id, wanted)
				}
				return nil
			}), nil
		},
	})
}

// OnX509ContextWatchError keeps what is in force.
func (w watcher) OnX509ContextWatchError(err error) {
	if w.ctx.Err() != nil {
		return
	}
	before := *w.Issued()
	fault := fmt.Errorf("the Workload API at %s: %w%s", w.address, err, remedies[status.Code(err)])
	if before.Err == nil || before.Err.Error() != fault.Error() { // one that stays away is asked many times
		w.logger.WarnContext(w.ctx, "Workload API gives no SVID", "error", fault)
	}
	before.Err, before.Pending = fault, false
	w.put(before)
}

var remedies = map[codes.Code]string{
	codes.Unavailable:      "; is it running, and may this process open its socket?",
	codes.PermissionDenied: "; register an identity for this process there",
	codes.InvalidArgument:  "; it is not asked again: is something between that takes the header workload.spiffe.io away?",
}

func certificateOf(svid *x509svid.SVID) *tls.Certificate {
	certificate := &tls.Certificate{PrivateKey: svid.PrivateKey, Leaf: svid.Certificates[0]}
	for _, cert := range svid.Certificates {
		certificate.Certificate = append(certificate.Certificate, cert.Raw)
	}
	return certificate
}

// same says whether two sets trust the same authorities.
func same(a, b *x509bundle.Set) bool {
	return slices.EqualFunc(a.Bundles(), b.Bundles(), (*x509bundle.Bundle).Equal) // which are in order
}
