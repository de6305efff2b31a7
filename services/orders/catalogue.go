package orders

import (
	"time"

	"google.golang.org/genproto/googleapis/type/date"

	ordersv1 "github.com/intentgate/intentgate/gen/go/shop/orders/v1"
)

// The stages of an order, for short.
const (
	packing   = ordersv1.OrderStatus_ORDER_STATUS_PACKING // can still be cancelled
	shipped   = ordersv1.OrderStatus_ORDER_STATUS_SHIPPED
	delivered = ordersv1.OrderStatus_ORDER_STATUS_DELIVERED // can be sent back
	cancelled = ordersv1.OrderStatus_ORDER_STATUS_CANCELLED
)

// order is one order of the shop.
type order struct {
	id      string // a letter, a dash, four digits
	items   text
	goods   []goods
	status  ordersv1.OrderStatus
	carrier string
	ordered time.Time
	day     time.Time // when it is due; once delivered or cancelled, when it was
	note    string    // of the warehouse
}

// goods are the pieces of one product in an order.
type goods struct {
	product string
	pieces  int32 // less those that were sent back
	cents   int64 // what one of them costs
}

// catalogue returns the shop's orders by number. Their days are told from today, so that they never grow old.
func catalogue(today time.Time) map[string]*order {
	day := func(n int) time.Time { return today.AddDate(0, 0, n) }
	orders := []order{
		{
			"A-1042",
			text{"two stoneware mugs", "zwei Steingutbecher"},
			[]goods{{"mug", 2, 1290}},
			packing, "DHL", day(-1), day(3), "bay 4, fragile",
		},
		{
			"A-1043",
			text{"a walnut chopping board", "ein Schneidebrett aus Nussholz"},
			[]goods{{"chopping-board", 1, 4900}},
			shipped, "DHL", day(-3), day(1), "",
		},
		{
			"A-1044",
			text{"a linen table cloth", "eine Tischdecke aus Leinen"},
			[]goods{{"table-cloth", 1, 5950}},
			delivered, "UPS", day(-6), day(-2), "left with the neighbour",
		},
		{
			"A-1045",
			text{"six wine glasses", "sechs Weingläser"},
			[]goods{{"wine-glass", 6, 890}},
			cancelled, "UPS", day(-7), day(-5), "",
		},
		{
			"B-2001",
			text{"a cast-iron pan", "eine gusseiserne Pfanne"},
			[]goods{{"pan", 1, 6900}},
			packing, "Hermes", day(-1), day(4), "needs two people",
		},
		{
			"B-2002",
			text{"a pair of oven gloves", "ein Paar Ofenhandschuhe"},
			[]goods{{"oven-gloves", 1, 1990}},
			packing, "DHL", day(0), day(2), "",
		},
		{
			"B-2003",
			text{"a teapot and a strainer", "eine Teekanne und ein Sieb"},
			[]goods{{"teapot", 1, 3900}, {"strainer", 1, 750}},
			shipped, "Hermes", day(-2), day(2), "",
		},
		{
			"C-3100",
			text{"six soup bowls and a ladle", "sechs Suppenteller und eine Kelle"},
			[]goods{{"soup-bowl", 6, 1450}, {"ladle", 1, 2200}},
			delivered, "UPS", day(-14), day(-9), "",
		},
	}
	byID := make(map[string]*order, len(orders))
	for i := range orders {
		byID[orders[i].id] = &orders[i]
	}
	return byID
}

// dateOf returns the day of a time.
func dateOf(t time.Time) *date.Date {
	return &date.Date{Year: int32(t.Year()), Month: int32(t.Month()), Day: int32(t.Day())} //nolint:gosec // years of a calendar
}

// compareDays tells which day is earlier: the result is negative, zero or positive.
func compareDays(a, b *date.Date) int32 {
	number := func(d *date.Date) int32 { return d.GetYear()*10000 + d.GetMonth()*100 + d.GetDay() }
	return number(a) - number(b)
}
