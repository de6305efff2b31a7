package config

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"

	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
)

// fixed are the settings of listeners, which are open as long as the gateway runs.
var fixed = []string{
	"edge.listen", "status.listen", "admin.listen",
	"edge.limits.header_bytes", "edge.limits.handshake_timeout", "edge.limits.header_timeout", "edge.limits.read_timeout",
	"edge.limits.idle_timeout", "edge.limits.handshakes", "edge.limits.connections",
}

// Fixed says whether the value at a path cannot change while the gateway runs.
func Fixed(path string) bool {
	return slices.Contains(fixed, path) || path == "edge.acme" || strings.HasPrefix(path, "edge.acme.")
}

// unchanged adds what would be other than it is in force and cannot change. Defaults are filled in.
func (r *report) unchanged(config, inForce *gatewayv1.Config) {
	for _, path := range fixed {
		if is, was := valueAt(config, path), valueAt(inForce, path); is != was {
			r.field(path, "%s, and %s is in force; it cannot change while the gateway runs: restart it, or write what is in force", quote(is), quote(was))
		}
	}
	if !proto.Equal(config.GetEdge().GetAcme(), inForce.GetEdge().GetAcme()) {
		r.field("edge.acme", "another one is in force; it cannot change while the gateway runs: restart it, or write what is in force")
	}
	if (config.GetStatus().GetCertificate() == nil) != (inForce.GetStatus().GetCertificate() == nil) {
		r.field("status.certificate", "TLS is switched on or off, which cannot be while the gateway runs: restart it, or write what is in force")
	}
}

// valueAt returns the value of a field as text; that of a section which is not there is empty.
func valueAt(config *gatewayv1.Config, path string) string {
	value := protoreflect.ValueOfMessage(config.ProtoReflect())
	for name := range strings.SplitSeq(path, ".") {
		message := value.Message()
		value = message.Get(message.Descriptor().Fields().ByName(protoreflect.Name(name)))
	}
	if message, ok := value.Interface().(protoreflect.Message); ok {
		if duration, ok := message.Interface().(*durationpb.Duration); ok {
			return duration.AsDuration().String()
		}
	}
	return value.String()
}
