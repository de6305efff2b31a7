package orders

import (
	"strconv"
	"testing"

	ordersv1 "github.com/intentgate/intentgate/gen/go/shop/orders/v1"
)

func TestMemoryIsBounded(t *testing.T) {
	var m memory
	for n := range remembered {
		m.put(strconv.Itoa(n), &ordersv1.ReturnOrderResponse{})
	}
	if m.answers["0"] == nil {
		t.Error("forgotten too early")
	}
	if m.put("one more", &ordersv1.ReturnOrderResponse{}); m.answers["0"] != nil || m.answers["1"] == nil || len(m.answers) != remembered {
		t.Errorf("%d answers are remembered, want %d without the oldest", len(m.answers), remembered)
	}
}
