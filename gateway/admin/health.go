package admin

import (
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/connectivity"

	"github.com/intentgate/intentgate/gateway/authn/idtoken"
	"github.com/intentgate/intentgate/gateway/expiry"
)

// Health knows whether the gateway should be sent turns: its edge is listening, has a certificate to show and is not draining, and every service that is
// required can be reached and has told its intents once. That the configuration is loaded is implied, since without it there is no Health. It is safe
// for concurrent use.
type Health struct {
	sources             Sources
	listening, draining atomic.Bool
}

// Sources are what a Health asks each time. All but Services and Waiting only inform, and all but Services may be nil.
type Sources struct {
	Services func() []Service
	State    func() ConfigState
	Ends     iter.Seq[expiry.End]  // when certificates of the gateway's own end, roots, and dates of profiles
	Profiles func() []Profile      // whose client certificates are trusted
	Keys     func() idtoken.Status // how those of ID tokens are; without a Source: there are none
	Files    func() []File         // that are watched
	Waiting  func() string         // for what the edge waits before anybody can connect; empty: nothing
	Now      func() time.Time      // needed with Ends
}

// NewHealth returns a Health that is not ready yet.
func NewHealth(sources Sources) (*Health, error) {
	if sources.Services == nil || sources.Ends != nil && sources.Now == nil {
		return nil, errors.New("admin: Health needs the services and, with Ends, a clock")
	}
	return &Health{sources: sources}, nil
}

// Listening says that the edge accepts connections from now on.
func (h *Health) Listening() { h.listening.Store(true) }

// Draining says that the gateway is stopping; it does not become ready again.
func (h *Health) Draining() { h.draining.Store(true) }

// readiness is the answer of /readyz.
type readiness struct {
	Ready     bool               `json:"ready"`
	Listening bool               `json:"listening"`
	Draining  bool               `json:"draining"`
	Services  []serviceReadiness `json:"services"`
	Waiting   string             `json:"waiting,omitempty"`
	// What follows only informs: what was good is still in force.
	Config       *ConfigState `json:"config,omitempty"`
	Certificates []expiry.End `json:"certificates,omitempty"`
	Profiles     []Profile    `json:"profiles,omitempty"`
	IDTokenKeys  *keys        `json:"id_token_keys,omitempty"`
	Expiring     []expiry.End `json:"expiring,omitempty"`
	BadFiles     []File       `json:"bad_files,omitempty"`
}

type serviceReadiness struct {
	Name     string `json:"name"`
	State    string `json:"state"`
	Required bool   `json:"required"`
	Detail   string `json:"detail,omitempty"`

	Intents *intentsReadiness `json:"intents,omitempty"`
}

// intentsReadiness is in short what AdminService tells in full.
type intentsReadiness struct {
	Methods  int       `json:"methods"`
	Learnt   time.Time `json:"learnt,omitzero"` // absent: never
	Problems int       `json:"problems"`
	Error    string    `json:"error,omitempty"`
}

// Profile is a trust profile in short.
type Profile struct {
	Name   string  `json:"name"`
	Chains []Chain `json:"chains"`
}

// Chain is a chain of a trust profile, with as many roots as are trusted.
type Chain struct {
	Name     string    `json:"name"`
	Roots    int       `json:"roots"`
	NotAfter time.Time `json:"not_after"`      // of the root that ends first
	Until    time.Time `json:"until,omitzero"` // when the chain is no longer meant to be used; zero: open
}

type keys struct {
	Source  string    `json:"source"`
	Keys    int       `json:"keys"` // that are in use; 0: every token is refused
	Expires time.Time `json:"expires,omitzero"`
	Detail  string    `json:"detail,omitempty"` // why the last fetch failed
}

// check looks at everything now.
func (h *Health) check() readiness {
	result := readiness{Listening: h.listening.Load(), Draining: h.draining.Load(), Services: []serviceReadiness{}}
	if h.sources.Waiting != nil {
		result.Waiting = h.sources.Waiting()
	}
	result.Ready = result.Listening && !result.Draining && result.Waiting == ""
	for _, service := range h.sources.Services() {
		state, detail := service.State()
		ready := serviceReadiness{service.Name, state.String(), service.Required, detail, nil}
		learnt := true
		if service.Intents != nil {
			known := service.Intents()
			learnt = !known.Loaded.IsZero()
			ready.Intents = &intentsReadiness{Methods: len(known.Methods), Learnt: known.Loaded.UTC(), Problems: len(known.Problems)}
			if known.Err != nil {
				ready.Intents.Error = known.Err.Error()
			}
		}
		result.Services = append(result.Services, ready)
		if service.Required && (state != connectivity.Ready || !learnt) {
			result.Ready = false
		}
	}
	if h.sources.State != nil {
		state := h.sources.State()
		result.Config = &state
	}
	if h.sources.Ends != nil {
		for end := range h.sources.Ends {
			if end.Own() {
				result.Certificates = append(result.Certificates, end)
			}
		}
		result.Expiring = expiry.Near(h.sources.Ends, h.sources.Now())
	}
	if h.sources.Profiles != nil {
		result.Profiles = h.sources.Profiles()
	}
	if h.sources.Keys != nil {
		if status := h.sources.Keys(); status.Source != "" {
			result.IDTokenKeys = &keys{Source: status.Source, Keys: status.Keys, Expires: status.Expires.UTC()}
			if status.Err != nil {
				result.IDTokenKeys.Detail = status.Err.Error()
			}
		}
	}
	if h.sources.Files != nil {
		result.BadFiles = slices.DeleteFunc(h.sources.Files(), func(f File) bool { return f.Error == "" })
	}
	return result
}

// ServeHTTP answers 200 when the gateway is ready and 503 when it is not, with the reasons.
func (h *Health) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	result := h.check()
	body, err := json.Marshal(result)
	if err != nil {
		http.Error(w, "internal", http.StatusInternalServerError) // A year beyond 9999; nothing else can fail.
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if !result.Ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_, _ = w.Write(append(body, '\n')) // an error: the caller has gone
}
