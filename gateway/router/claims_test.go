package router_test

import (
	"slices"
	"testing"

	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/router"
)

type claim = router.Claim[string]

func TestClaims(t *testing.T) {
	claims, conflicts := router.NewClaims([]claim{
		{Key: router.Intent, Pattern: "order.track", Method: "track"},
		{Key: router.Intent, Pattern: "order.*", Method: "order"},
		{Key: router.Intent, Pattern: "*", Method: "any"},
		{Key: router.Action, Pattern: "order.action.*", Method: "action glob"},
		{Key: router.Action, Pattern: "pay", Method: "pay"},
		{Key: router.Tag, Pattern: "track", Environments: []string{"canary"}, Method: "canary"},
		{Key: router.Tag, Pattern: "track", Environments: []string{"-"}, Method: "draft"},
		{Key: router.Tag, Pattern: "track", Agents: []string{"projects/shop/locations/eu/agents/a1", "a2"}, Method: "agent"},
		{Key: router.Tag, Pattern: "track", Method: "track"},
		{Key: router.Tag, Pattern: "track", Method: "too late"},
		{Key: router.Tag, Pattern: "track", Environments: []string{"canary"}, Agents: []string{"a2"}, Method: "too late"},
		{Key: router.Tag, Pattern: "t*k", Method: "glob"},
	})
	if want := []router.Conflict{{9, 8}, {10, 5}}; !slices.Equal(conflicts, want) {
		t.Errorf("conflicts %v, want %v", conflicts, want)
	}
	es := func(intent, action string) *dialogflow.Turn {
		return &dialogflow.Turn{Platform: dialogflow.ES, Intent: dialogflow.Intent{DisplayName: intent}, Action: action, Tag: "track"}
	}
	cx := func(tag, environment, agent string) *dialogflow.Turn {
		return &dialogflow.Turn{
			Platform: dialogflow.CX, Intent: dialogflow.Intent{DisplayName: "order.track"}, Tag: tag,
			Session: dialogflow.Session{Project: "shop", Location: "eu", Agent: agent, Environment: environment},
		}
	}
	for name, test := range map[string]struct {
		turn *dialogflow.Turn
		want string
	}{
		"exact before glob":             {es("order.track", ""), "track"},
		"exact action before glob":      {es("order.other", "pay"), "pay"},
		"exact intent before action":    {es("order.track", "pay"), "track"},
		"glob":                          {es("order.cancel", ""), "order"},
		"the longer glob of two keys":   {es("order.cancel", "order.action.x"), "action glob"},
		"everything":                    {es("hello", ""), "any"},
		"nothing takes no name":         {es("", ""), ""},
		"CX has no intents":             {cx("", "", "a1"), ""},
		"environment":                   {cx("track", "canary", "a9"), "canary"},
		"draft":                         {cx("track", "", "a9"), "draft"},
		"agent":                         {cx("track", "prod", "a1"), "agent"},
		"agent by its ID":               {cx("track", "prod", "a2"), "agent"},
		"no agent":                      {cx("track", "prod", ""), "track"},
		"the rest":                      {cx("track", "prod", "a3"), "track"},
		"glob on CX":                    {cx("trick", "prod", "a3"), "glob"},
		"an agent of another's project": {&dialogflow.Turn{Platform: dialogflow.CX, Tag: "track", Session: dialogflow.Session{Project: "else", Location: "eu", Agent: "a1", Environment: "x"}}, "track"},
	} {
		t.Run(name, func(t *testing.T) {
			if got, ok := claims.Find(test.turn); got != test.want || ok != (test.want != "") {
				t.Errorf("got %q, %t; want %q", got, ok, test.want)
			}
		})
	}
}

// TestClaimsInOrder lists claims as they are tried, in words.
func TestClaimsInOrder(t *testing.T) {
	claims, _ := router.NewClaims([]claim{
		{Key: router.Tag, Pattern: "*"},
		{Key: router.Tag, Pattern: "pay*"},
		{Key: router.Tag, Pattern: "track", Environments: []string{"canary", "-"}, Agents: []string{"a1"}},
		{Key: router.Action, Pattern: "a b"},
		{Key: router.Tag, Pattern: "track"},
		{Key: router.Tag, Pattern: "track"},
		{Key: router.Intent, Pattern: "track*"},
	})
	var got []string
	for _, claim := range claims.All() {
		got = append(got, claim.String())
	}
	want := []string{
		"platform=CX agent=a1 environment=canary|- tag=track", `platform=ES action="a b"`, "platform=CX tag=track",
		"platform=ES intent=track*", "platform=CX tag=pay*", "platform=CX tag=*",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTakes(t *testing.T) {
	for match, want := range map[router.Match][2]bool{ // ES, CX
		{}:                          {true, true},
		{Platform: dialogflow.CX}:   {false, true},
		{Tag: "t"}:                  {false, true},
		{Agent: "a"}:                {false, true},
		{Action: "a"}:               {true, false},
		{Action: "a", Tag: "t"}:     {false, false},
		{Intent: "i", Project: "p"}: {true, true},
	} {
		if got := [2]bool{match.Takes(dialogflow.ES), match.Takes(dialogflow.CX)}; got != want {
			t.Errorf("%s takes %v, want %v", match, got, want)
		}
	}
}

func TestWithin(t *testing.T) {
	for _, test := range []struct {
		pattern string
		allowed []string
		want    bool
	}{
		{"order.track", []string{"order.track"}, true},
		{"order.track", []string{"pay.*", "order.*"}, true},
		{"order.*", []string{"order.*"}, true},
		{"order.t*", []string{"order.*"}, true},
		{"order.*", []string{"order.t*"}, false},
		{"*", []string{"order.*"}, false},
		{"*", []string{"*"}, true},
		{"order.track", nil, false},
		{"order.track", []string{""}, false},
		{"pay", []string{"order.*"}, false},
	} {
		if got := router.Within(test.pattern, test.allowed); got != test.want {
			t.Errorf("%s within %v: %t", test.pattern, test.allowed, got)
		}
	}
}
