package intents_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/intentgate/intentgate/gateway/binding"
	"github.com/intentgate/intentgate/gateway/intents"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

var (
	track  = method{service: "shop.v1.Orders", name: "Track", intent: claiming("order.track")}
	cancel = method{service: "shop.v1.Cancelling", name: "Cancel", intent: claiming("order.cancel")}
	pay    = method{service: "pay.v1.Payments", name: "Pay", intent: claiming("pay.now")}
	plain  = method{service: "shop.v1.Internal", name: "Reindex"}
)

// TestClaims has a service that may claim some names claim others.
func TestClaims(t *testing.T) {
	orders := intents.Allow{Intents: []string{"order.*"}, Tags: []string{"order.track"}}
	long := strings.Repeat("x", 2000)
	for name, test := range map[string]struct {
		allow    intents.Allow
		claims   *intentgatev1.IntentOptions
		serves   []string // intents and tags
		problems []intents.Kind
	}{
		"within":                 {orders, &intentgatev1.IntentOptions{DisplayName: []string{"order.track", "order.x*"}, Tag: []string{"order.track"}}, []string{"order.track", "order.xyz"}, nil},
		"said twice":             {orders, claiming("order.track", "order.track"), []string{"order.track"}, nil},
		"another service's":      {orders, claiming("order.track", "pay.now"), []string{"order.track"}, []intents.Kind{intents.Refused, intents.Refused}},
		"everything":             {orders, claiming("*"), nil, []intents.Kind{intents.Refused, intents.Refused}},
		"more than is allowed":   {orders, claiming("order*"), nil, []intents.Kind{intents.Refused, intents.Refused}},
		"by a pattern around it": {orders, claiming("*order.track"), nil, []intents.Kind{intents.Refused, intents.Refused}},
		"nothing":                {orders, claiming(""), nil, []intents.Kind{intents.Refused, intents.Refused}},
		"a giant":                {everything, claiming(long), nil, []intents.Kind{intents.Refused, intents.Refused}},
		"no names at all":        {orders, claiming(), nil, nil},
		"allowed everything":     {everything, claiming("*"), []string{"order.track", "order.xyz", "pay.now", "x"}, nil},
		"allowed nothing":        {intents.Allow{}, claiming("order.track"), nil, []intents.Kind{intents.Refused, intents.Refused}},
		"allowed an empty name":  {intents.Allow{Intents: []string{""}}, claiming("order.track"), nil, []intents.Kind{intents.Refused, intents.Refused}},
		"allowed gRPC service":   {intents.Allow{Intents: []string{"*"}, Tags: []string{"*"}, Services: []string{"shop.*"}}, claiming("order.track"), []string{"order.track"}, nil},
		"forbidden gRPC service": {intents.Allow{Intents: []string{"*"}, Tags: []string{"*"}, Services: []string{"pay.*", "shop.v1.Order"}}, claiming("order.track"), nil, []intents.Kind{intents.Refused}},
	} {
		t.Run(name, func(t *testing.T) {
			claimant := track
			claimant.intent = test.claims
			c := loaded(t, []intents.View{es, cx}, intents.Service{Name: "orders", Allow: test.allow, Load: from(methods(t, claimant, plain))})
			for _, name := range []string{"order.track", "order.xyz", "pay.now", "x", ""} {
				want := ""
				if slices.Contains(test.serves, name) {
					want = "orders /shop.v1.Orders/Track"
				}
				c.finds(es, intent(name), want)
				if name != "order.xyz" {
					c.finds(cx, tag(name, ""), want)
				}
			}
			for _, problem := range c.problems("orders", test.problems...) {
				if !strings.HasPrefix(problem.Element, "shop.v1.OrdersTrack.proto: shop.v1.Orders.Track") || !strings.Contains(problem.Text, "; ") {
					t.Errorf("it says too little: %+v", problem)
				}
			}
			if got := c.log.count("Intent not served", "orders"); got != len(test.problems) {
				t.Errorf("%d lines, want %d", got, len(test.problems))
			}
		})
	}
}

// TestReserved has descriptors name gRPC's own services, which the gateway calls as itself.
func TestReserved(t *testing.T) {
	hostile := method{service: "grpc.health.v1.Health", name: "Check", intent: claiming("order.track")}
	for name, bindings := range map[string]map[string]*binding.Annotations{
		"annotated": nil,
		"bound":     {"grpc.health.v1.Health/Check": {Intent: claiming("order.track")}},
	} {
		allow := everything
		allow.Services = []string{"grpc.*"}
		c := loaded(t, []intents.View{es}, intents.Service{Name: name, Allow: allow, Bindings: bindings, Load: from(methods(t, hostile))})
		c.finds(es, intent("order.track"), "")
		c.problems(name, intents.Refused)
	}
}

// TestPrecedence has services claim what others do.
func TestPrecedence(t *testing.T) {
	greedy := method{service: "bad.v1.Greedy", name: "Take", intent: claiming("order.track", "order.*", "pay.now")}
	first := intents.Service{Name: "orders", Allow: intents.Allow{Intents: []string{"order.*"}, Tags: []string{"*"}}, Load: from(methods(t, track, cancel))}
	second := intents.Service{Name: "greedy", Allow: everything, Load: from(methods(t, greedy))}
	third := second
	third.Name = "copy"
	// What was learnt first is no matter, only the order in the configuration.
	for _, order := range [][]string{{"orders", "greedy", "copy"}, {"copy", "greedy", "orders"}} {
		c := newCatalog(t, []intents.View{es, cx, es}, first, second, third)
		for _, name := range order {
			c.load(name)
		}
		c.finds(es, intent("order.track"), "orders /shop.v1.Orders/Track")
		c.finds(es, intent("order.cancel"), "orders /shop.v1.Cancelling/Cancel")
		c.finds(es, intent("order.other"), "greedy /bad.v1.Greedy/Take")
		c.finds(cx, tag("pay.now", ""), "greedy /bad.v1.Greedy/Take")
		c.problems("orders")
		lost := c.problems("greedy", intents.Taken, intents.Taken)
		if want := `the intent "order.track" is answered by shop.v1.Orders/Track of service orders, which stands earlier in the configuration`; lost[0].Text != want {
			t.Errorf("got %q, want %q", lost[0].Text, want)
		}
		c.problems("copy", intents.Taken, intents.Taken, intents.Taken, intents.Taken, intents.Taken, intents.Taken)
		if got := c.log.count("Intent not served", "greedy"); got != 2 {
			t.Errorf("it was told %d times that greedy lost, want 2", got)
		}
	}
}

// TestVersions tells two versions of a contract apart in one binary, and lets one environment try the new one.
func TestVersions(t *testing.T) {
	v1, v2 := track, track
	v2.service = "shop.v2.Orders"
	both := from(methods(t, v1, v2))
	stable := intents.Service{Name: "orders", Allow: everything, Load: both}
	// Nothing chooses: the first by name answers, and is not taken over when the second one appears.
	c := loaded(t, []intents.View{cx}, stable)
	c.finds(cx, tag("order.track", "prod"), "orders /shop.v1.Orders/Track")
	if lost := c.problems("orders", intents.Taken); !strings.Contains(lost[0].Text, "intents.allow.services chooses") {
		t.Errorf("no remedy: %v", lost)
	}

	stable.Allow.Services = []string{"shop.v1.*"}
	canary := intents.Service{Name: "orders-canary", Allow: everything, Load: both}
	canary.Allow.Services, canary.Allow.Environments = []string{"shop.v2.*"}, []string{"canary", "-"}
	c = loaded(t, []intents.View{cx}, canary, stable)
	c.finds(cx, tag("order.track", "canary"), "orders-canary /shop.v2.Orders/Track")
	c.finds(cx, tag("order.track", ""), "orders-canary /shop.v2.Orders/Track")
	c.finds(cx, tag("order.track", "prod"), "orders /shop.v1.Orders/Track")
	c.problems("orders", intents.Refused) // v2
	c.problems("orders-canary", intents.Refused)

	// The canary stands last: it never gets a turn, and that is told.
	c = loaded(t, []intents.View{cx}, stable, canary)
	c.finds(cx, tag("order.track", "canary"), "orders /shop.v1.Orders/Track")
	c.problems("orders-canary", intents.Refused, intents.Taken)
}

func TestBindings(t *testing.T) {
	c := loaded(t, []intents.View{es}, intents.Service{
		Name: "orders", Allow: intents.Allow{Intents: []string{"order.*"}}, Load: from(methods(t, plain, track)),
		Bindings: map[string]*binding.Annotations{
			"shop.v1.Internal/Reindex": {Intent: claiming("order.reindex")},
			"shop.v1.Orders/Track":     {Intent: &intentgatev1.IntentOptions{DisplayName: []string{"order.where", "pay.now"}}},
			"shop.v1.Orders/None":      {Intent: claiming("order.none")},
		},
	})
	c.finds(es, intent("order.reindex"), "orders /shop.v1.Internal/Reindex")
	c.finds(es, intent("order.where"), "orders /shop.v1.Orders/Track")
	c.finds(es, intent("order.track"), "") // the configuration stands in for the annotation
	c.finds(es, intent("order.none"), "")
	c.finds(es, intent("pay.now"), "")
	// The tag of claiming is refused; so is pay.now.
	c.problems("orders", intents.Refused, intents.Refused, intents.Broken)
}

// TestLastGood has bad descriptors come after good ones.
func TestLastGood(t *testing.T) {
	s := &source{set: methods(t, track, cancel)}
	c := newCatalog(t, []intents.View{es, cx}, intents.Service{Name: "orders", Source: "orders.binpb", Allow: everything, Load: s.load})
	c.load("orders")
	start := c.now
	serves := func(name, want string) {
		t.Helper()
		c.finds(es, intent(name), want)
		c.finds(cx, tag(name, ""), want)
	}
	const tracking, cancelling = "orders /shop.v1.Orders/Track", "orders /shop.v1.Cancelling/Cancel"
	for name, bad := range map[string][]byte{
		"garbage": []byte("no set"), "empty": {}, "half": s.set[:len(s.set)/2], "large": make([]byte, intents.MaxDescriptors+1),
	} {
		c.now = c.now.Add(time.Minute)
		s.become(bad, nil)
		_, err := c.Load(t.Context(), "orders")
		if err == nil || !strings.HasPrefix(err.Error(), "service orders: descriptors of orders.binpb: ") {
			t.Errorf("%s: %v", name, err)
		}
		serves("order.track", tracking)
		serves("order.cancel", cancelling)
		if report := c.Report()[0]; !errors.Is(report.Err, err) || !report.Loaded.Equal(start) || !report.Read.Equal(start) || len(report.Methods) != 2 {
			t.Errorf("%s: %+v", name, report)
		}
	}
	// The same as before is no change, and good again.
	s.become(methods(t, track, cancel), nil)
	changed, err := c.Load(t.Context(), "orders")
	if report := c.Report()[0]; changed || err != nil || report.Err != nil || !report.Loaded.Equal(start) || !report.Read.Equal(c.now) {
		t.Errorf("changed %t, error %v: %+v", changed, err, report)
	}
	// A method that cannot be bound any more stays as it was, another goes, and a third comes.
	streams := track
	streams.intent = claiming("order.stream")
	streams.edit = func(file *descriptorpb.FileDescriptorProto) {
		yes := true
		file.Service[0].Method[0].ServerStreaming = &yes
	}
	s.become(methods(t, streams, pay), nil)
	if changed, err := c.Load(t.Context(), "orders"); !changed || err != nil {
		t.Errorf("changed %t, error %v", changed, err)
	}
	serves("order.track", tracking)
	serves("order.stream", "")
	serves("order.cancel", "")
	serves("pay.now", "orders /pay.v1.Payments/Pay")
	problems := c.problems("orders", intents.Broken, intents.Broken)
	if problems[0].Text != "the RPC streams; a turn is one request with one response: annotate a unary RPC" || !strings.Contains(problems[1].Text, "as it was described before") {
		t.Errorf("got %+v", problems)
	}
	// A claim that is given up is gone, however good it was.
	silent := track
	silent.intent = nil
	s.become(methods(t, silent), nil)
	c.load("orders")
	serves("order.track", "")
	c.problems("orders")
}

// TestKnown begins with what another catalog has learnt, under other bounds.
func TestKnown(t *testing.T) {
	before := loaded(t, []intents.View{es}, intents.Service{Name: "orders", Allow: everything, Load: from(methods(t, track, cancel))})
	known := before.Descriptors("orders")
	if known == nil || before.Descriptors("nobody") != nil {
		t.Fatalf("%d bytes of the service, %d of none", len(known), len(before.Descriptors("nobody")))
	}
	s := &source{err: errors.New("not there")}
	allow := intents.Allow{Intents: []string{"order.track", "order.soon"}}
	c := newCatalog(t, []intents.View{es}, intents.Service{Name: "orders", Allow: allow, Load: s.load, Known: known},
		intents.Service{Name: "garbage", Allow: intents.Allow{Intents: []string{"order.soon"}}, Load: s.load, Known: []byte("no set")})
	if _, err := c.Load(t.Context(), "orders"); err == nil {
		t.Fatal("no error")
	}
	c.finds(es, intent("order.track"), "orders /shop.v1.Orders/Track")
	c.finds(es, intent("order.cancel"), "")
	if service, awaited := c.Awaited(es, intent("order.soon")); !awaited || service != "garbage" {
		t.Errorf("%q is awaited", service)
	}
	s.become(methods(t, track, cancel), nil)
	if changed, err := c.Load(t.Context(), "orders"); changed || err != nil {
		t.Errorf("the same is told: changed %t, error %v", changed, err)
	}
}

// TestAwaited asks for turns that a service may claim which has not answered yet.
func TestAwaited(t *testing.T) {
	s := &source{err: errors.New("not there")}
	orders := intents.Service{Name: "orders", Load: s.load, Allow: intents.Allow{Intents: []string{"order.*"}, Tags: []string{"track"}, Environments: []string{"prod"}}}
	orders.Allow.Environments = []string{"-", "prod"}
	c := newCatalog(t, []intents.View{es, cx}, orders, intents.Service{Name: "cancelling", Load: from(methods(t, cancel)), Allow: everything})
	c.load("cancelling")
	if _, err := c.Load(t.Context(), "orders"); err == nil {
		t.Fatal("no error")
	}
	awaits := func(want bool) {
		t.Helper()
		for _, is := range []bool{
			second(c.Awaited(es, intent("order.track"))), second(c.Awaited(cx, tag("track", "prod"))),
		} {
			if is != want {
				t.Errorf("awaited: %t, want %t", is, want)
			}
		}
		for _, is := range []bool{
			second(c.Awaited(es, intent("pay.now"))), second(c.Awaited(cx, tag("track", "test"))), second(c.Awaited(cx, tag("other", "prod"))),
			second(c.Awaited(intents.View{TimeZone: "else"}, intent("order.track"))),
		} {
			if is {
				t.Error("a turn is awaited that is not allowed")
			}
		}
	}
	awaits(true)
	c.finds(es, intent("order.cancel"), "cancelling /shop.v1.Cancelling/Cancel") // it is known who answers this one
	s.become(methods(t, cancel), nil)
	c.load("orders")
	awaits(false)
	s.become(nil, errors.New("gone"))
	if _, err := c.Load(t.Context(), "orders"); err == nil {
		t.Fatal("no error")
	}
	awaits(false)
}

func second(_ string, is bool) bool { return is }
