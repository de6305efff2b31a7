package orders

import "time"

// stage is how far an order has come.
type stage int

const (
	packing stage = iota // can still be cancelled
	shipped
	delivered
	cancelled
)

// order is one order of the shop.
type order struct {
	id      string // a letter, a dash, four digits
	items   text
	status  stage
	carrier string
	day     time.Time // when it is due; once delivered or cancelled, when it was
}

// catalogue returns the shop's orders by number. Their days are told from today, so that they never grow old.
func catalogue(today time.Time) map[string]*order {
	day := func(n int) time.Time { return today.AddDate(0, 0, n) }
	orders := []order{
		{"A-1042", text{"two stoneware mugs", "zwei Steingutbecher"}, packing, "DHL", day(3)},
		{"A-1043", text{"a walnut chopping board", "ein Schneidebrett aus Nussholz"}, shipped, "DHL", day(1)},
		{"A-1044", text{"a linen table cloth", "eine Tischdecke aus Leinen"}, delivered, "UPS", day(-2)},
		{"A-1045", text{"six wine glasses", "sechs Weingläser"}, cancelled, "UPS", day(-5)},
		{"B-2001", text{"a cast-iron pan", "eine gusseiserne Pfanne"}, packing, "Hermes", day(4)},
		{"B-2002", text{"a pair of oven gloves", "ein Paar Ofenhandschuhe"}, packing, "DHL", day(2)},
		{"B-2003", text{"a teapot and a strainer", "eine Teekanne und ein Sieb"}, shipped, "Hermes", day(2)},
		{"C-3100", text{"a set of kitchen knives", "ein Satz Küchenmesser"}, delivered, "UPS", day(-9)},
	}
	byID := make(map[string]*order, len(orders))
	for i := range orders {
		byID[orders[i].id] = &orders[i]
	}
	return byID
}
