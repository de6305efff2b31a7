package router_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/router"
)

func es(change func(*dialogflow.Turn)) *dialogflow.Turn {
	turn := &dialogflow.Turn{
		Platform: dialogflow.ES,
		Session:  dialogflow.Session{Project: "shop"},
		Language: "en-US",
		Intent:   dialogflow.Intent{DisplayName: "order.track"},
		Action:   "track",
	}
	change(turn)
	return turn
}

func cx(change func(*dialogflow.Turn)) *dialogflow.Turn {
	turn := &dialogflow.Turn{
		Platform: dialogflow.CX,
		Session:  dialogflow.Session{Project: "shop", Location: "global", Agent: "1234", Environment: "prod"},
		Language: "de",
		Intent:   dialogflow.Intent{DisplayName: "order.track"},
		Tag:      "track-order",
	}
	change(turn)
	return turn
}

func same(*dialogflow.Turn) {}

func TestMatch(t *testing.T) {
	language := func(l string) *dialogflow.Turn { return es(func(turn *dialogflow.Turn) { turn.Language = l }) }
	environment := func(e string) *dialogflow.Turn {
		return es(func(turn *dialogflow.Turn) { turn.Session.Environment = e })
	}
	intent := func(name string) *dialogflow.Turn {
		return es(func(turn *dialogflow.Turn) { turn.Intent.DisplayName = name })
	}
	tests := []struct {
		match router.Match
		turn  *dialogflow.Turn
		want  bool
	}{
		{router.Match{}, es(same), true},
		{router.Match{}, cx(same), true},
		{router.Match{Platform: dialogflow.ES}, es(same), true},
		{router.Match{Platform: dialogflow.ES}, cx(same), false},
		{router.Match{Project: "shop"}, es(same), true},
		{router.Match{Project: "415104041262"}, es(same), false},
		{router.Match{Agent: "1234"}, cx(same), true},
		{router.Match{Agent: "12345"}, cx(same), false},
		{router.Match{Environment: "-"}, environment(""), true},
		{router.Match{Environment: "-"}, environment("-"), true},
		{router.Match{Environment: "-"}, environment("prod"), false},
		{router.Match{Environment: "prod"}, environment("prod"), true},
		{router.Match{Environment: "prod"}, environment(""), false},
		{router.Match{Language: "en"}, language("en"), true},
		{router.Match{Language: "en"}, language("en-US"), true},
		{router.Match{Language: "EN"}, language("en_us"), true},
		{router.Match{Language: "en_US"}, language("en-us-x"), true},
		{router.Match{Language: "en-us"}, language("en"), false},
		{router.Match{Language: "en"}, language("eng"), false},
		{router.Match{Language: "en"}, language(""), false},
		{router.Match{Language: "es"}, language("esES"), false},
		{router.Match{Language: "eses"}, language("esES"), true},
		{router.Match{Intent: "order.*"}, intent("order."), true},
		{router.Match{Intent: "order.*"}, intent("Order.track"), false},
		{router.Match{Intent: "*.track"}, intent("order.track"), true},
		{router.Match{Intent: "o*r*k"}, intent("order.track"), true},
		{router.Match{Intent: "a*a"}, intent("a"), false},
		{router.Match{Intent: "ab*bc"}, intent("abc"), false},
		{router.Match{Intent: "*ab*ab*"}, intent("aab"), false},
		{router.Match{Intent: "order?track"}, intent("order.track"), false},
		{router.Match{Intent: "*"}, intent(""), true},
		{router.Match{Intent: "bestellung verfolgen"}, intent("bestellung verfolgen"), true},
		{router.Match{Intent: "order.track"}, cx(same), true},
		{router.Match{Action: "tr*"}, es(same), true},
		{router.Match{Action: "*"}, cx(same), false}, // CX has no action at all
		{router.Match{Tag: "*"}, cx(same), true},
		{router.Match{Tag: "*"}, es(same), false},
		{router.Match{Tag: "track-*", Language: "de", Project: "shop", Environment: "prod"}, cx(same), true},
	}
	for i, test := range tests {
		t.Run(fmt.Sprint(i, " ", test.match), func(t *testing.T) {
			routes, err := router.New([]router.Route{{Match: test.match, Service: "orders", WebhookJSON: true}})
			if err != nil {
				t.Fatal(err)
			}
			route, ok := routes.Find(test.turn)
			if ok != test.want {
				t.Fatalf("Find(%+v) = %t, want %t", test.turn, ok, test.want)
			}
			if ok && (route.Service != "orders" || !route.WebhookJSON || route.Match != test.match) {
				t.Errorf("found %+v, want the route that was given", route)
			}
		})
	}
}

func TestFirstMatchWins(t *testing.T) {
	routes, err := router.New([]router.Route{
		{Match: router.Match{Intent: "order.cancel"}, Service: "cancel"},
		{Match: router.Match{Intent: "order.*"}, Service: "orders"},
		{Service: "rest"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for intent, want := range map[string]string{"order.cancel": "cancel", "order.track": "orders", "faq": "rest"} {
		turn := es(func(turn *dialogflow.Turn) { turn.Intent.DisplayName = intent })
		if route, ok := routes.Find(turn); !ok || route.Service != want {
			t.Errorf("%s went to %+v, want %s", intent, route, want)
		}
	}
	routes.Routes()[0].Service = "changed"
	if got := routes.Routes()[0].Service; got != "cancel" {
		t.Errorf("changing the copy of the routes changed the router: %s", got)
	}
}

func TestNewRefuses(t *testing.T) {
	to := func(matches ...router.Match) (routes []router.Route) {
		for _, match := range matches {
			routes = append(routes, router.Route{Match: match, Service: "orders"})
		}
		return routes
	}
	tests := map[string]struct {
		routes []router.Route
		want   []string // one for each problem, in order
	}{
		"nothing": {nil, nil},
		"after a catch-all": {
			to(router.Match{}, router.Match{Intent: "faq"}),
			[]string{"routes[1] can never match: all of it goes to routes[0] ("},
		},
		"all shadowed ones": {
			to(router.Match{Tag: "a"}, router.Match{Intent: "order.*"}, router.Match{Intent: "order.*.x"}, router.Match{Tag: "a", Language: "de"}),
			[]string{"routes[2] can never match: all of it goes to routes[1] (", "routes[3] can never match: all of it goes to routes[0] ("},
		},
		"stars are absence": {
			to(router.Match{Intent: "**"}, router.Match{}),
			[]string{"routes[1] can never match: all of it goes to routes[0] ("},
		},
		"language": {
			to(router.Match{Language: "en"}, router.Match{Language: "EN_us"}, router.Match{Language: "eng"}),
			[]string{"routes[1] can never match: all of it goes to routes[0] ("},
		},
		"both platforms together": {
			to(router.Match{Action: "*"}, router.Match{Platform: dialogflow.CX}, router.Match{Project: "shop"}),
			[]string{"routes[2] can never match: all of it goes to routes[0] (action=*) and routes[1] (platform=CX) before"},
		},
		"one platform is left": {to(router.Match{Platform: dialogflow.ES}, router.Match{}), nil},
		"tag on ES": {
			to(router.Match{Platform: dialogflow.ES, Tag: "a"}),
			[]string{"routes[0] can never match: only CX has tag"},
		},
		"action on CX": {
			to(router.Match{Platform: dialogflow.CX, Action: "a"}),
			[]string{"routes[0] can never match: only ES has action"},
		},
		"agent on ES": {
			to(router.Match{Platform: dialogflow.ES, Agent: "a"}),
			[]string{"routes[0] can never match: only CX has agent"},
		},
		"action and tag": {
			to(router.Match{Action: "a", Tag: "b"}),
			[]string{"routes[0] can never match: only CX has tag"},
		},
		"a contradiction hides nothing": {
			to(router.Match{Platform: dialogflow.ES, Tag: "*"}, router.Match{Platform: dialogflow.ES}),
			[]string{"routes[0] can never match"},
		},
		"unknown platform": {to(router.Match{Platform: 9}), []string{"routes[0] has platform 9: there are ES and CX only"}},
		"no service":       {[]router.Route{{}}, []string{"routes[0] names no service"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := router.New(test.routes)
			if (err == nil) != (len(test.want) == 0) {
				t.Fatalf("error is %v, want %q", err, test.want)
			}
			if err == nil {
				return
			}
			problems := strings.Split(err.Error(), "\n")
			if len(problems) != len(test.want) {
				t.Fatalf("problems are %q, want %q", problems, test.want)
			}
			for i, problem := range problems {
				if !strings.HasPrefix(problem, test.want[i]) {
					t.Errorf("problem is %q, want %q", problem, test.want[i])
				}
			}
		})
	}
}

func TestMatchString(t *testing.T) {
	tests := map[string]router.Match{
		"any":                                      {},
		"platform=ES intent=order.*":               {Platform: dialogflow.ES, Intent: "order.*"},
		`intent="Default Fallback"`:                {Intent: "Default Fallback"},
		`language=de tag="a\nlevel=x"`:             {Language: "de", Tag: "a\nlevel=x"},
		"project=p agent=a environment=- action=x": {Project: "p", Agent: "a", Environment: "-", Action: "x"},
	}
	for want, match := range tests {
		if got := match.String(); got != want {
			t.Errorf("String() = %s, want %s", got, want)
		}
	}
}

// benchmarkRoutes are a large shop's: 50 teams with three routes each, then one for everything.
func benchmarkRoutes(tb testing.TB) *router.Router {
	tb.Helper()
	var routes []router.Route
	for i := range 50 {
		team := fmt.Sprintf("team%02d", i)
		routes = append(routes,
			router.Route{Match: router.Match{Platform: dialogflow.ES, Intent: team + ".*"}, Service: team},
			router.Route{Match: router.Match{Tag: team + "-*-order", Language: "en"}, Service: team},
			router.Route{Match: router.Match{Action: team}, Service: team})
	}
	found, err := router.New(append(routes, router.Route{Service: "rest"}))
	if err != nil {
		tb.Fatal(err)
	}
	return found
}

func TestFindDoesNotAllocate(t *testing.T) {
	routes, turn := benchmarkRoutes(t), es(same)
	if allocs := testing.AllocsPerRun(100, func() { routes.Find(turn) }); allocs != 0 {
		t.Errorf("Find allocates %v times, want never", allocs)
	}
}

func BenchmarkFind(b *testing.B) {
	find := func(routes *router.Router, turn *dialogflow.Turn) func(*testing.B) {
		return func(b *testing.B) {
			b.Helper()
			b.ReportAllocs()
			for b.Loop() {
				if route, ok := routes.Find(turn); !ok || route.Service != "rest" {
					b.Fatal("the last of the routes was not found")
				}
			}
		}
	}
	b.Run("patterns", find(benchmarkRoutes(b), es(same)))
	b.Run("10,000 exact", find(exactRoutes(b, 10_000), es(same)))
}

// BenchmarkNew judges which of 10,000 routes hide others: without an index, that is 50 million pairs.
func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		exactRoutes(b, 10_000)
	}
}

func exactRoutes(tb testing.TB, n int) *router.Router {
	tb.Helper()
	var routes []router.Route
	for i := range n {
		routes = append(routes, router.Route{Match: router.Match{Intent: fmt.Sprintf("faq.%05d", i)}, Service: "faq"})
	}
	found, err := router.New(append(routes, router.Route{Service: "rest"}))
	if err != nil {
		tb.Fatal(err)
	}
	return found
}
