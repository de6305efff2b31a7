package intents_test

import (
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/intentgate/intentgate/gateway/intents"
	ordersv1 "github.com/intentgate/intentgate/gen/go/shop/orders/v1"
)

// BenchmarkLoad learns the example service, and finds who answers a turn.
func BenchmarkLoad(b *testing.B) {
	set, err := proto.Marshal(&descriptorpb.FileDescriptorSet{File: closure(ordersv1.File_shop_orders_v1_order_service_proto)})
	if err != nil {
		b.Fatal(err)
	}
	service := intents.Service{Name: "orders", Allow: everything, Load: from(set)}
	b.Run("learn", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			loaded(b, []intents.View{es, cx}, service)
		}
	})
	c, turn := loaded(b, []intents.View{es, cx}, service), intent("order.track")
	b.Run("find", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, ok := c.Find(es, turn); !ok {
				b.Fatal("not found")
			}
		}
	})
}
