package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ask is what a turn asks of the service. It travels as the value of the parameter.
type ask struct {
	number uint64 // of the turn: no two have the same, so that an answer that is another turn's is seen
	// before and after are how long the service takes before it does what is asked, and between that and its answer.
	before, after time.Duration
	large         bool // answer a mebibyte
	garbage       int  // answer bytes that are no message: which, from 1; 0: none of them
	refuse        bool // say no, with words
}

// String is how it travels: `17`, `17.before=300`, `17.garbage=2`.
func (a ask) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d", a.number)
	for _, part := range []struct {
		name  string
		value int64
	}{
		{"before", a.before.Milliseconds()},
		{"after", a.after.Milliseconds()},
		{"large", number(a.large)},
		{"garbage", int64(a.garbage)},
		{"refuse", number(a.refuse)},
	} {
		if part.value != 0 {
			fmt.Fprintf(&b, ".%s=%d", part.name, part.value)
		}
	}
	return b.String()
}

func number(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}

// parseAsk reads what String wrote.
func parseAsk(text string) (a ask, err error) {
	parts := strings.Split(text, ".")
	if a.number, err = strconv.ParseUint(parts[0], 10, 64); err != nil {
		return ask{}, fmt.Errorf("ask %q: want the number of a turn first", text)
	}
	for _, part := range parts[1:] {
		name, text, _ := strings.Cut(part, "=")
		value, err := strconv.Atoi(text)
		if err != nil {
			return ask{}, fmt.Errorf("ask %q: %w", part, err)
		}
		switch name {
		case "before":
			a.before = time.Duration(value) * time.Millisecond
		case "after":
			a.after = time.Duration(value) * time.Millisecond
		case "large":
			a.large = true
		case "garbage":
			a.garbage = value
		case "refuse":
			a.refuse = true
		default:
			return ask{}, fmt.Errorf("ask %q: unknown", part)
		}
	}
	return a, nil
}

// The methods that are asked. Each answers in words of its own.
const (
	track = "Tracked"   // shop.orders.v1.OrderService/TrackOrder, which has no side effect
	book  = "Cancelled" // shop.orders.v1.OrderService/ConfirmCancellation, which has one
	plain = "Fulfilled" // intentgate.v1.IntentService/Fulfill, which has one, too
)

// words are what the user of a turn is to hear from a method, and nobody else.
func (a ask) words(method string) string {
	if a.refuse {
		method = "Refused"
	}
	return fmt.Sprintf("%s %d.", method, a.number)
}
