package intents_test

import (
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/intentgate/intentgate/gateway/intents"
)

// TestSensitive has a parameter that a field which is never told is made of told of no turn, by whatever name it goes; as long as a service
// has not said what it takes, that may be any.
func TestSensitive(t *testing.T) {
	var none *intents.Catalog
	if none.Sensitive("order_id") {
		t.Error("a catalog of nothing holds secrets")
	}
	set := methods(t, method{"shop.v1.OrderService", "Track", claiming("track"), func(file *descriptorpb.FileDescriptorProto) {
		file.MessageType[0].Field[0].Options = &descriptorpb.FieldOptions{DebugRedact: proto.Bool(true)}
	}})
	c := newCatalog(t, []intents.View{cx}, intents.Service{Name: "orders", Allow: everything, Load: from(set)})
	if !c.Sensitive("weather") {
		t.Error("nothing is known of the service, and what it takes is told")
	}
	c.load("orders")
	for name, want := range map[string]bool{"order_id": true, "Order-ID": true, "orderId": true, "weather": false, "": false} {
		if got := c.Sensitive(name); got != want {
			t.Errorf("%q is sensitive: %t", name, got)
		}
	}
}
