package config

import (
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
)

// FillDefaults gives every key that was left out the value that the schema's comments promise.
func FillDefaults(config *gatewayv1.Config) {
	if edge := config.GetEdge(); edge != nil {
		fillDuration(&edge.Drain, 35*time.Second)
		fillDuration(&edge.DrainDelay, 5*time.Second)
		if edge.Limits == nil {
			edge.Limits = &gatewayv1.Limits{}
		}
		limits := edge.Limits
		fill(&limits.HeaderBytes, 32<<10)
		fill(&limits.BodyBytes, 1<<20)
		fillDuration(&limits.HandshakeTimeout, 5*time.Second)
		fillDuration(&limits.HeaderTimeout, 5*time.Second)
		fillDuration(&limits.ReadTimeout, 10*time.Second)
		fillDuration(&limits.IdleTimeout, 120*time.Second)
		fill(&limits.Handshakes, 256)
		fill(&limits.Connections, 10000)
		fill(&limits.Turns, 1000)
		fill(&limits.HeldBytes, 256<<20)
	}
	for _, service := range config.GetServices() {
		if reflection := service.GetIntents().GetReflection(); reflection != nil {
			fillDuration(&reflection.Refresh, 5*time.Minute)
		}
		if service.Retries == nil {
			service.Retries = &gatewayv1.Retries{}
		}
		fill(&service.Retries.Tries, 3)
		if service.Concurrency == nil {
			service.Concurrency = &gatewayv1.Concurrency{}
		}
		fill(&service.Concurrency.Min, 10)
		fill(&service.Concurrency.Max, 1000)
		if service.Concurrency.Queue == nil {
			service.Concurrency.Queue = proto.Uint32(250)
		}
	}
	if tokens := config.GetCallerTokens(); tokens != nil {
		fillDuration(&tokens.Reuse, time.Minute)
		fill(&tokens.PerTurn, "SIDE_EFFECTS")
	}
	if traces := config.GetTelemetry().GetTraces(); traces != nil {
		if traces.Sample == nil {
			traces.Sample = proto.Float64(0.01)
		}
		fillDuration(&traces.Slow, 2*time.Second)
	}
	for _, webhook := range config.GetWebhooks() {
		fill(&webhook.Api, map[string]string{"ES": "V2", "CX": "V3"}[webhook.GetPlatform()])
		fillDuration(&webhook.Timeout, 5*time.Second)
		fillDuration(&webhook.Reserve, 300*time.Millisecond)
		if webhook.RetriesRepeatId == nil {
			webhook.RetriesRepeatId = proto.Bool(true)
		}
	}
}

// fill sets a value that is zero.
func fill[T comparable](value *T, otherwise T) {
	var zero T
	if *value == zero {
		*value = otherwise
	}
}

// fillDuration sets a duration that is absent; zero is a value.
func fillDuration(value **durationpb.Duration, otherwise time.Duration) {
	if *value == nil {
		*value = durationpb.New(otherwise)
	}
}
