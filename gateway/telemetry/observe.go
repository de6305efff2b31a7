package telemetry

import (
	"iter"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/connectivity"

	"github.com/intentgate/intentgate/gateway/admission"
	"github.com/intentgate/intentgate/gateway/authn/idtoken"
	"github.com/intentgate/intentgate/gateway/backend"
	"github.com/intentgate/intentgate/gateway/expiry"
	"github.com/intentgate/intentgate/gateway/intents"
)

// Sources are asked at every scrape, by many goroutines. Of what is nil nothing is told.
type Sources struct {
	Services  iter.Seq[Service]
	Intents   func() []intents.Report
	Keys      func() idtoken.Status // of ID tokens; without a Source there are none
	Ends      iter.Seq[expiry.End]
	Files     iter.Seq2[string, bool] // that are watched, by name, and whether they are good
	Config    func() (loaded time.Time, good bool)
	Admission *admission.Control
	Edge      func() (connections, handshakes int) // that are open, and in flight
}

// Service is a service with its connection and its load.
type Service struct {
	Name  string
	State func() connectivity.State
	Load  func() backend.Load
}

// Observe has it exported what the sources tell. It is to be called once.
func (t *Telemetry) Observe(from Sources) {
	m := t.meter
	if from.Services != nil {
		observeServices(m, from.Services)
	}
	if from.Intents != nil {
		observeIntents(m, from.Intents)
	}
	if from.Keys != nil {
		observeKeys(m, from.Keys)
	}
	if from.Ends != nil {
		m.gauge("intentgate_certificate_not_after_timestamp_seconds",
			"When a certificate, the first root of a trust profile's chain or its dates end, as Unix time.", func(tell tell) {
				for end := range from.Ends {
					tell(float64(end.NotAfter.Unix()), "kind", end.Kind, "name", end.Name)
				}
			})
	}
	if from.Files != nil {
		m.gauge("intentgate_files_good", "1 while the files are in force as they are, 0 while older ones are because these are no good.", func(tell tell) {
			for name, good := range from.Files {
				tell(number(good), "name", name)
			}
		})
	}
	if from.Config != nil {
		m.gauge("intentgate_config_loaded_timestamp_seconds", "When the configuration that is in force was loaded, as Unix time.", func(tell tell) {
			loaded, _ := from.Config()
			tell(unix(loaded))
		})
		m.gauge("intentgate_config_good", "1 while the configuration file is in force as it is, 0 while it is no good.", func(tell tell) {
			_, good := from.Config()
			tell(number(good))
		})
	}
	if from.Admission != nil {
		observeAdmission(m, from.Admission)
	}
	if from.Edge != nil {
		m.gauge("intentgate_connections", "Connections of the edge that are open.", func(tell tell) {
			connections, _ := from.Edge()
			tell(float64(connections))
		})
		m.gauge("intentgate_handshakes_in_flight", "Handshakes in work.", func(tell tell) {
			_, handshakes := from.Edge()
			tell(float64(handshakes))
		})
	}
}

func observeServices(m meter, services iter.Seq[Service]) {
	var states []string
	for state := connectivity.Idle; state <= connectivity.Shutdown; state++ {
		states = append(states, strings.ToLower(state.String()))
	}
	m.gauge("intentgate_service_state", "1 for the state that the service's connection is in.", func(tell tell) {
		for service := range services {
			tell.states(states, strings.ToLower(service.State().String()), "service", service.Name)
		}
	})
	m.gauge("intentgate_service_circuit", "1 for the state that the service's circuit is in: while it is open, the service is not called.",
		func(tell tell) {
			for service := range services {
				tell.states(backend.Circuits(), service.Load().Circuit, "service", service.Name)
			}
		})
	each := func(value func(backend.Load) float64) func(tell) {
		return func(tell tell) {
			for service := range services {
				tell(value(service.Load()), "service", service.Name)
			}
		}
	}
	m.gauge("intentgate_service_calls_limit", "Calls that the service may have in work.", each(func(l backend.Load) float64 { return float64(l.Limit) }))
	m.gauge("intentgate_service_calls_in_flight", "Calls that the service has in work.", each(func(l backend.Load) float64 { return float64(l.InFlight) }))
	m.gauge("intentgate_service_calls_queued", "Calls that wait until the service has less in work.",
		each(func(l backend.Load) float64 { return float64(l.Queued) }))
	m.total("intentgate_service_retries_total", "Tries beyond the first of a call.", each(func(l backend.Load) float64 { return float64(l.Retries) }))
	m.total("intentgate_service_ejections_total", "Instances that were left out for a while, since they failed.",
		each(func(l backend.Load) float64 { return float64(l.Ejections) }))
	m.gauge("intentgate_service_instances", "Instances of the service, in use or left out; none on xds targets, where the control plane sees to them.",
		func(tell tell) {
			for service := range services {
				load := service.Load()
				tell(float64(load.In), "service", service.Name, "state", "in")
				tell(float64(load.Out), "service", service.Name, "state", "out")
			}
		})
}

// observeIntents tells what is known of the services' own methods.
func observeIntents(m meter, report func() []intents.Report) {
	each := func(observe func(tell, intents.Report)) func(tell) {
		return func(tell tell) {
			for _, now := range report() {
				observe(tell, now)
			}
		}
	}
	m.gauge("intentgate_intents_methods", "Methods of the service that answer intents.", each(func(tell tell, now intents.Report) {
		tell(float64(len(now.Methods)), "service", now.Service)
	}))
	m.gauge("intentgate_intents_problems", "What the service claims and the gateway does not serve.", each(func(tell tell, now intents.Report) {
		for _, kind := range []intents.Kind{intents.Broken, intents.Refused, intents.Taken} {
			others := slices.DeleteFunc(slices.Clone(now.Problems), func(p intents.Problem) bool { return p.Kind != kind })
			tell(float64(len(others)), "service", now.Service, "kind", string(kind))
		}
	}))
	m.gauge("intentgate_intents_read_timestamp_seconds", "When the service's descriptors were last read well, as Unix time; 0: never.",
		each(func(tell tell, now intents.Report) { tell(unix(now.Read), "service", now.Service) }))
}

func observeKeys(m meter, status func() idtoken.Status) {
	when := func(is func(idtoken.Status) bool, value func(idtoken.Status) float64) func(tell) {
		return func(tell tell) {
			if now := status(); now.Source != "" && is(now) {
				tell(value(now))
			}
		}
	}
	always := func(idtoken.Status) bool { return true }
	fetched := func(now idtoken.Status) bool { return !now.Fetched.IsZero() }
	m.gauge("intentgate_id_token_keys", "Keys that ID tokens are verified with; without any, every token is refused.",
		when(always, func(now idtoken.Status) float64 { return float64(now.Keys) }))
	m.gauge("intentgate_id_token_keys_fetched_timestamp_seconds", "When the keys of ID tokens were last fetched well, as Unix time.",
		when(fetched, func(now idtoken.Status) float64 { return unix(now.Fetched) }))
	m.gauge("intentgate_id_token_keys_expiry_timestamp_seconds", "Until when the keys of ID tokens are fresh, as Unix time; a day later they are used no more.",
		when(fetched, func(now idtoken.Status) float64 { return unix(now.Expires) }))
	m.total("intentgate_id_token_keys_failures_total", "Fetches of the keys of ID tokens that failed.",
		when(always, func(now idtoken.Status) float64 { return float64(now.Failures) }))
}

func observeAdmission(m meter, of *admission.Control) {
	gauge := func(name, what string, value func() int64) {
		m.gauge(name, what, func(tell tell) { tell(float64(value())) })
	}
	gauge("intentgate_turns_in_work", "Turns in work.", func() int64 { turns, _ := of.InUse(); return turns })
	gauge("intentgate_turns_limit", "Turns that may be in work.", func() int64 { return int64(of.Limits().Turns) })
	gauge("intentgate_held_bytes", "Bytes of bodies that are held for turns in work.", func() int64 { _, bytes := of.InUse(); return bytes })
	gauge("intentgate_held_limit_bytes", "Bytes of bodies that may be held.", func() int64 { return of.Limits().HeldBytes })
}

// unix is a time in Prometheus' words, 0 for none.
func unix(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1e3
}
