package process

import (
	"log/slog"
	"sync"

	"github.com/intentgate/intentgate/gateway/backend"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
	"github.com/intentgate/intentgate/services/mtls"
	"github.com/intentgate/intentgate/services/mtls/spiffe"
)

// WorkloadAPIs are those that the gateway is issued certificates by: each is asked once, by whatever many services and configurations,
// as long as one of them needs it. It is safe for concurrent use. The zero value has none, and needs its Logger.
type WorkloadAPIs struct {
	Logger *slog.Logger

	mu   sync.Mutex
	open map[string]*workloadAPI
}

// workloadAPI is one of them, and how many use it.
type workloadAPI struct {
	*spiffe.Source

	users int
}

// Open returns the one at an address, empty for that of the environment, until release is called.
func (w *WorkloadAPIs) Open(address string) (source *spiffe.Source, release func(), err error) {
	if address, err = spiffe.Address(address); err != nil {
		return nil, nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	one := w.open[address]
	if one == nil {
		if source, err = spiffe.Open(address, w.Logger); err != nil {
			return nil, nil, err
		}
		if w.open == nil {
			w.open = map[string]*workloadAPI{}
		}
		one = &workloadAPI{Source: source}
		w.open[address] = one
	}
	one.users++
	return one.Source, sync.OnceFunc(func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if one.users--; one.users == 0 {
			delete(w.open, address)
			one.Close()
		}
	}), nil
}

// Identity returns the gateway's certificate for a service, and by what the service's is judged: of files, or of a Workload API, until
// release is called.
func (w *WorkloadAPIs) Identity(service *gatewayv1.Service, options mtls.Options) (_ *mtls.Identity, release func(), err error) {
	tls := service.GetTls()
	if tls.GetSpiffe() == nil {
		identity, err := mtls.Open(mtls.Files{Cert: tls.GetCert(), Key: tls.GetKey(), CA: tls.GetCa()}, options)
		return identity, func() {}, err
	}
	source, release, err := w.Open(tls.GetSpiffe().GetWorkloadApi())
	if err != nil {
		return nil, nil, err
	}
	identity, err := source.Identity(options)
	if err != nil {
		release()
	}
	return identity, release, err
}

// Dial begins to connect to a service, with the gateway's certificate for it.
func Dial(service *gatewayv1.Service, identity *mtls.Identity, logger *slog.Logger, connected func()) (*backend.Client, error) {
	server := service.GetTls().GetServerName()
	if spiffe := service.GetTls().GetSpiffe(); spiffe != nil {
		server = spiffe.GetServerId()
	}
	return backend.Dial(backend.Config{
		Name: service.GetName(), Target: service.GetTarget(), ServerName: server,
		Credentials: identity.ClientCredentials, Affinity: service.GetAffinity() == "SESSION", Logger: logger, Connected: connected,
		Retries: backend.Retries{
			Tries: int(service.GetRetries().GetTries()), TryTimeout: service.GetRetries().GetTryTimeout().AsDuration(),
		},
		Concurrency: backend.Concurrency{
			Min: service.GetConcurrency().GetMin(), Max: service.GetConcurrency().GetMax(), Queue: service.GetConcurrency().GetQueue(),
		},
	})
}
