package backend

import (
	"encoding/json"
	"fmt"

	"google.golang.org/grpc/balancer"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/serviceconfig"
	"google.golang.org/grpc/status"
	_ "google.golang.org/grpc/xds" // has outlier detection
)

// instancesPolicy is the name of the load balancing policy below.
const instancesPolicy = "intentgate_instances"

// ejection leaves out an instance for a while of which more than half of a few calls failed, each time for longer. At most half
// of them are left out, rounded up, and never the only one that is called: what all of them do is no fault of one's.
const ejection = `{
	"interval": "5s",
	"baseEjectionTime": "10s",
	"maxEjectionTime": "60s",
	"maxEjectionPercent": 50,
	"failurePercentageEjection": {"threshold": 50, "enforcementPercentage": 100, "minimumHosts": 2, "requestVolume": 3},
	"childPolicy": [{"round_robin": {}}]
}`

// Policies have to be registered before the first connection is made, and for the whole program.
func init() { balancer.Register(instances{}) }

// instances builds grpc's outlier detection over round robin, and has it count as failures only what says something of an
// instance's health: to grpc each status is one, and an instance that is asked for what is not there would be ejected.
type instances struct{}

// Name is what the service config calls it.
func (instances) Name() string { return instancesPolicy }

// Build makes the policy of one connection.
func (instances) Build(cc balancer.ClientConn, options balancer.BuildOptions) balancer.Balancer {
	builder := balancer.Get("outlier_detection_experimental")
	return &ejecting{Balancer: builder.Build(healthOnly{cc}, options), parse: builder.(balancer.ConfigParser).ParseConfig} //nolint:errcheck,forcetypeassert // it is one
}

// ejecting gives outlier detection its configuration.
type ejecting struct {
	balancer.Balancer

	parse func(json.RawMessage) (serviceconfig.LoadBalancingConfig, error)
}

// UpdateClientConnState passes addresses on.
func (e *ejecting) UpdateClientConnState(state balancer.ClientConnState) (err error) {
	if state.BalancerConfig, err = e.parse(json.RawMessage(ejection)); err != nil {
		return fmt.Errorf("outlier detection: %w", err)
	}
	return e.Balancer.UpdateClientConnState(state)
}

// healthOnly is a connection for outlier detection.
type healthOnly struct{ balancer.ClientConn }

// UpdateState passes the state on, with a picker around that of outlier detection.
func (h healthOnly) UpdateState(state balancer.State) {
	state.Picker = healthPicker{state.Picker}
	h.ClientConn.UpdateState(state)
}

type healthPicker struct{ balancer.Picker }

// Pick picks an instance, and has an answer, whatever it is, counted as a success.
func (p healthPicker) Pick(info balancer.PickInfo) (balancer.PickResult, error) {
	result, err := p.Picker.Pick(info)
	if done := result.Done; done != nil {
		result.Done = func(end balancer.DoneInfo) {
			if code := status.Code(end.Err); code != codes.Unavailable && code != codes.DeadlineExceeded {
				end.Err = nil
			}
			done(end)
		}
	}
	return result, err
}
