package telemetry_test

import (
	"io"
	"slices"
	"testing"

	"google.golang.org/grpc/connectivity"

	"github.com/intentgate/intentgate/gateway/backend"
	"github.com/intentgate/intentgate/gateway/telemetry"
)

func TestObserveLoads(t *testing.T) {
	load := backend.Load{Circuit: "half_open", Limit: 200, InFlight: 3, Queued: 2, Retries: 7, Ejections: 4, In: 2, Out: 1}
	orders := telemetry.Service{
		Name: "orders", Load: func() backend.Load { return load }, State: func() connectivity.State { return connectivity.Idle },
	}
	before := orders
	before.Load = func() backend.Load { return backend.Load{Circuit: "open", Limit: 100} } // of what is told twice, the last counts
	told := newTelemetry(t, io.Discard)
	told.Observe(telemetry.Sources{Services: slices.Values([]telemetry.Service{before, orders})})
	has(t, scrape(t, told),
		`intentgate_service_circuit{service="orders",state="half_open"} 1`,
		`intentgate_service_circuit{service="orders",state="closed"} 0`,
		`intentgate_service_calls_limit{service="orders"} 200`,
		`intentgate_service_calls_in_flight{service="orders"} 3`,
		`intentgate_service_calls_queued{service="orders"} 2`,
		`intentgate_service_retries_total{service="orders"} 7`,
		`intentgate_service_ejections_total{service="orders"} 4`,
		`intentgate_service_instances{service="orders",state="in"} 2`,
		`intentgate_service_instances{service="orders",state="out"} 1`,
	)
	load.Circuit = "closed"
	has(t, scrape(t, told),
		`intentgate_service_circuit{service="orders",state="half_open"} 0`,
		`intentgate_service_circuit{service="orders",state="closed"} 1`,
	)
}
