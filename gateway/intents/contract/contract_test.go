package contract_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/intentgate/intentgate/gateway/intents/contract"
)

// track is the contract that tests change.
func track() contract.Method {
	return contract.Method{
		Method: "shop.v1.Orders/Track", File: "shop/v1/orders.proto",
		Intents: []string{"order.track"}, Actions: []string{"order.track"}, Tags: []string{"track-order", "where"},
		Context: &contract.Context{Name: "orders", Lifespan: 5},
		Request: []contract.Field{
			{Path: "order_id", Type: "string", From: "parameter", Names: []string{"order_id"}, ES: []string{"intent", "context orders"}, CX: []string{"form", "intent", "session"}},
			{Path: "day", Type: "google.type.Date", From: "parameter", Names: []string{"date", "order-date"}, ES: []string{"intent"}, CX: []string{"session"}, Required: true},
			{Path: "at", Type: "google.type.DateTime", From: "join", Names: []string{"day", "time"}},
			{Path: "items", Type: "repeated shop.v1.Item", From: "parameter", Names: []string{"items"}},
			{Path: "items.count", Type: "int32", From: "parameter", Names: []string{"number"}},
			{Path: "status", Type: "shop.v1.Status", From: "parameter", Names: []string{"status"}, Words: []string{"PACKING", "being | packed"}},
			{Path: "caller", Type: "string", From: "payload", Rules: []string{"required", "string.min_len"}, Reprompt: true, Names: []string{"telephony.caller_id"}, Sensitive: true},
			{Path: "language", Type: "string", From: "language"},
			{Path: "turn", Type: "intentgate.v1.Turn", From: "turn"},
		},
		Response: []contract.Effect{
			{Path: "text", Type: "string", Text: true},
			{Path: "status", Type: "shop.v1.Status", Set: "order_status", Clear: true, Sensitive: true},
			{Path: "total", Type: "int32", Text: false, Set: "total"},
			{Path: "reply", Type: "intentgate.v1.Reply", Reply: true},
		},
	}
}

func services(methods ...contract.Method) []contract.Service {
	return []contract.Service{{Service: "orders", Source: "orders.binpb", Methods: methods}}
}

// TestBreaks changes one thing in a contract each.
func TestBreaks(t *testing.T) {
	for name, test := range map[string]struct {
		change func(m *contract.Method)
		want   []string
	}{
		"nothing": {func(*contract.Method) {}, nil},
		"what no agent sees": {func(m *contract.Method) {
			m.Method, m.File, m.Context.Lifespan = "shop.v2.Shop/Find", "other.proto", 9
			m.Request[0].Path, m.Response[0].Path = "id", "words"
			m.Request[3].Path, m.Request[4].Path, m.Request[3].Type = "things", "things.count", "repeated shop.v2.Thing"
			m.Request[7] = contract.Field{Path: "locale", Type: "string", From: "language"}
		}, nil},
		"more of everything": {func(m *contract.Method) {
			m.Tags = append(m.Tags, "more")
			m.Request[0].Names = append(m.Request[0].Names, "number")
			m.Request[5].Words = append(m.Request[5].Words, "SHIPPED")
			m.Request = append(m.Request, contract.Field{Path: "note", Type: "string", From: "parameter", Names: []string{"note"}})
			m.Response = append(m.Response, contract.Effect{Path: "more", Type: "string", Text: true})
		}, nil},
		"a list of it":             {func(m *contract.Method) { m.Request[0].Type = "repeated string" }, nil},
		"a wider type":             {func(m *contract.Method) { m.Response[2].Type, m.Request[4].Type = "int64", "sint64" }, nil},
		"another encoding":         {func(m *contract.Method) { m.Response[2].Type, m.Request[4].Type = "sfixed32", "sint32" }, nil},
		"another spelling":         {func(m *contract.Method) { m.Request[0].Names = []string{"orderId"} }, nil},
		"a pattern for names":      {func(m *contract.Method) { m.Intents, m.Tags = []string{"order.*"}, []string{"track-*", "where"} }, nil},
		"an intent gone":           {func(m *contract.Method) { m.Intents = []string{"order.find"} }, []string{"intent order.track: nobody answers it any more"}},
		"an action gone":           {func(m *contract.Method) { m.Actions = nil }, []string{"action order.track: nobody answers it any more"}},
		"a tag renamed":            {func(m *contract.Method) { m.Tags[0] = "track_order" }, []string{"tag track-order: nobody answers it any more"}},
		"a parameter renamed":      {func(m *contract.Method) { m.Request[0].Names = []string{"order"} }, []string{"parameter order_id: is no longer read"}},
		"an alternative gone":      {func(m *contract.Method) { m.Request[1].Names = []string{"order-date"} }, []string{"parameter date: is no longer read"}},
		"a part of a join gone":    {func(m *contract.Method) { m.Request[2].Names = []string{"day", "hour"} }, []string{"parameter time: is no longer read"}},
		"a member renamed":         {func(m *contract.Method) { m.Request[4].Names = []string{"count"} }, []string{"member number of items: is no longer read"}},
		"another path":             {func(m *contract.Method) { m.Request[6].Names = []string{"caller"} }, []string{"payload telephony.caller_id: is no longer read"}},
		"another type":             {func(m *contract.Method) { m.Request[1].Type = "google.protobuf.Timestamp" }, []string{"parameter date: was google.type.Date, is google.protobuf.Timestamp now"}},
		"another type of a member": {func(m *contract.Method) { m.Request[4].Type = "uint32" }, []string{"member number of items: was int32, is uint32 now"}},
		"no list":                  {func(m *contract.Method) { m.Request[3].Type = "shop.v1.Item" }, []string{"parameter items: was repeated shop.v1.Item, is shop.v1.Item now"}},
		"a word gone":              {func(m *contract.Method) { m.Request[5].Words = []string{"packing"} }, []string{`parameter status: no longer knows the word "being | packed"`}},
		"a place gone":             {func(m *contract.Method) { m.Request[0].ES = []string{"intent"} }, []string{"parameter order_id: is no longer looked for in: context orders"}},
		"required":                 {func(m *contract.Method) { m.Request[0].Required = true }, []string{"field order_id: is required now"}},
		"a text dropped":           {func(m *contract.Method) { m.Response[0].Text = false }, []string{"text: 1 of 1 fields are no longer said"}},
		"a set dropped":            {func(m *contract.Method) { m.Response[2].Set = "" }, []string{"set total: is no longer remembered"}},
		"a set of another type":    {func(m *contract.Method) { m.Response[2].Type = "map<string, double>" }, []string{"set total: was int32, is map<string, double> now"}},
		"a reply dropped":          {func(m *contract.Method) { m.Response = m.Response[:3] }, []string{"reply: there is no Reply any more that is obeyed"}},
		"another context":          {func(m *contract.Method) { m.Context.Name = "shop" }, []string{"context orders: what is remembered is kept in the context shop now"}},
		"a parameter no longer one": {func(m *contract.Method) {
			m.Request[0] = contract.Field{Path: "order_id", Type: "string", From: "session"}
		}, []string{"parameter order_id: is no longer read"}},
	} {
		t.Run(name, func(t *testing.T) {
			now := track()
			test.change(&now)
			var got []string
			for _, one := range contract.Breaks(services(track()), services(contract.Method{Method: "shop.v1.Other/Do", Tags: []string{"other"}}, now)) {
				if one.Method != "shop.v1.Orders/Track" {
					t.Errorf("got %+v", one)
				}
				got = append(got, one.Element+": "+one.Problem)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
	two := track()
	two.Tags, two.Actions, two.Method = []string{"where"}, nil, "shop.v1.Where/Is"
	one := track()
	one.Tags = one.Tags[:1]
	two.Request = nil
	if got := contract.Breaks(services(track()), services(one, two)); len(got) == 0 || got[0].Element != "parameter order_id" {
		t.Errorf("the method that answers a tag now reads less: %v", got)
	}
	if got := contract.Breaks(nil, services(track())); got != nil {
		t.Errorf("something new breaks: %v", got)
	}
}

// TestPrint prints a contract with all that there can be, and with names that would write over others.
func TestPrint(t *testing.T) {
	m := track()
	m.Warnings, m.ContinueFor = []string{"mind this"}, 13
	all := services(m)
	all[0].Error = "service orders: gone\x1b[2J"
	all[0].Problems = []contract.Problem{{Kind: "refused", Element: "a.proto: a.B.C", Problem: "claims the tag \"a|b\""}}
	all[0].Warnings = []string{"and this"}
	var b strings.Builder
	if err := contract.Print(&b, all); err != nil {
		t.Fatal(err)
	}
	const text = `service orders, by orders.binpb
  error: service orders: gone\x1b[2J

  shop.v1.Orders/Track
    answers  ES intent    order.track
    answers  ES action    order.track
    answers  CX tag       track-order, where
    takes    order_id     string                 parameter order_id; ES: intent, context orders
    takes    day          google.type.Date       parameter date or order-date; CX: session; required
    takes    at           google.type.DateTime   join day and time
    takes    items        repeated shop.v1.Item  parameter items
    takes    items.count  int32                  member number
    takes    status       shop.v1.Status         parameter status; one of PACKING, being | packed
    takes    caller       string                 payload telephony.caller_id; rules string.min_len; has a reprompt; sensitive
    takes    language     string                 language
    takes    turn         intentgate.v1.Turn     the whole turn
    gives    text         string                 said
    gives    status       shop.v1.Status         remembered as order_status; forgotten where it is absent; sensitive
    gives    total        int32                  remembered as total
    gives    reply        intentgate.v1.Reply    obeyed
    remembers ES: in the context orders, for 5 turns
    continues ES: for up to 13s, by the event intentgate-continue, to which an intent of the agent has to listen
    warning: mind this

  refused: a.proto: a.B.C
    claims the tag "a|b"
  warning: and this
`
	if got := b.String(); got != text {
		t.Errorf("got\n%s\nwant\n%s", got, text)
	}
	b.Reset()
	if err := contract.Markdown(&b, all); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"# orders\n\n**Error:** service orders: gone\\x1b[2J\n\n## shop.v1.Orders/Track\n\n- ES intent: order.track\n",
		"| takes | type | from |\n| --- | --- | --- |\n| `order_id` | `string` | parameter order_id; ES: intent, context orders |\n",
		"| `status` | `shop.v1.Status` | parameter status; one of PACKING, being \\| packed |\n",
		"| `total` | `int32` | remembered as total |\n",
		"\nRemembered on ES: in the context orders, for 5 turns.\n\nContinued on ES: for up to 13s, by the event intentgate-continue, to which an intent of the agent has to listen.\n\n**Warning:** mind this\n",
		"## Not served\n\n| kind | element | problem |\n| --- | --- | --- |\n| refused | a.proto: a.B.C | claims the tag \"a\\|b\" |\n\n**Warning:** and this\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}
