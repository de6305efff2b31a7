package binding_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/intentgate/intentgate/gateway/binding"
	"github.com/intentgate/intentgate/gateway/binding/rules"
	"github.com/intentgate/intentgate/gateway/dialogflow"
)

// noon is the time by which rules ask for it.
var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func ruled(tb testing.TB, name string, platform dialogflow.Platform) *typed {
	tb.Helper()
	return compile(tb, "RulesService."+name, binding.Options{
		Platform: platform, TimeZone: berlin(tb), Rules: rules.NewCompiler(func() time.Time { return noon }),
	})
}

// fine is what breaks no rule.
const fine = `{"order_id": "A-1042", "phone": "5550100"}`

func TestRules(t *testing.T) {
	method := ruled(t, "Ruled", dialogflow.ES)
	for _, c := range []struct{ add, field, parameters, problem, reprompt string }{
		{add: ``},
		{`"order_id": "1042"`, "order_id", "order_id", "does not match regex pattern `^[A-Z]-[0-9]{4}$`", "An order number is a letter and four digits."},
		{`"order_id": ""`, "order_id", "order_id", "value is required", "An order number is a letter and four digits."},
		{`"number": 101`, "count", "number", "must be greater than or equal to 0 and less than or equal to 100", ""},
		{`"Articles": [{"sku": "ab", "quantity": 1}, {"sku": "cd", "quantity": 0}]`, "articles[1].quantity", "Articles", "must be greater than 0", "How many?"},
		{`"articles": [{"sku": "ab", "quantity": 1}, {"sku": "ab", "quantity": 1}]`, "articles", "articles", "must name each article once", ""},
		{`"articles": [{"sku": "ab", "quantity": 1}], "number": 2`, "", "", "count must be that of the articles", ""},
		{`"labels": {"long": 1}`, "labels[…]", "labels", "must be at most 3 characters", ""},
		{`"labels": {"a": 0}`, "labels[…]", "labels", "must be greater than 0", ""},
		{`"email": "ann"`, "email", "email", "must be a valid email address", ""},
		{`"pin": "12345"`, "pin", "pin", `breaks the rule this.size() < 5 ? '' : 'a pin has four digits, and not ' + this`, ""},
		{`"at": "2026-11-22T11:59:59Z"`, "at", "at", "must be greater than now", ""},
		{add: `"at": "2026-11-22T12:00:00Z"`},
		{`"lasting": {"amount": 1, "unit": "h"}`, "lasting", "lasting", "must be less than 3600s", ""},
		{`"note": "ab"`, "note", "note", "must be at least 3 characters", ""},
		{`"day": {"year": 2026}`, "day", "day", "a day has a month and a year", "Which day?"},
		{`"nickname": "a", "initials": "A"`, "", "", "only one of nickname, initials can be set", ""},
		{`"initials": "Ab"`, "initials", "initials", "must be in capitals", ""},
		{`"plate": "b-1"`, "plate", "plate", "is not like ^[A-Z]{1,3}-[0-9]{1,4}$", ""},
		{`"phone": ""`, "way", "phone address", "exactly one field is required in oneof", ""},
		{`"phone": "1"`, "phone", "phone", "must be at least 4 characters", ""},
		{`"tree": {"left": {"nodes": [{"name": "ok"}, {"name": "bad"}]}}`, "tree.left.nodes[1]", "tree", `"this.name != 'bad'" returned false`, ""},
		{`"words": ["aa", "aa"]`, "words", "words", "repeated value must contain unique items", ""},
		{`"words": ["aa", "no"]`, "words[1]", "words", "must not be in list [no, nay]", ""},
		{`"share": 1.5`, "share", "share", "must be less than 1", ""},
		{`"secret": {"word": "a", "again": "b"}`, "secret", "secret", "breaks the rule this.word == this.again ? '' : this.word + ' is not ' + this.again", ""},
		{add: `"free": {"year": 2026}`},
	} {
		parameters := strings.TrimSuffix(fine, "}")
		if name, _, _ := strings.Cut(c.add, ":"); strings.Contains(fine, name) && name != "" {
			parameters = strings.Replace(parameters, name+": ", `"was": `, 1)
		}
		if c.add != "" {
			parameters += ", " + c.add
		}
		turn := turnOf(t, dialogflow.ES, parameters+"}")
		call, err := method.Call(turn)
		if c.problem == "" {
			if err != nil || len(call.Request) == 0 {
				t.Errorf("%s: %v", c.add, err)
			}
			continue
		}
		v := violation(err)
		if text, _ := v.Reprompt.In("en"); v.Field != c.field || strings.Join(v.Parameters, " ") != c.parameters || !strings.Contains(v.Problem, c.problem) || text != c.reprompt {
			t.Errorf("%s: got %v (%q), want field %q from %q: %s (%q)", c.add, err, text, c.field, c.parameters, c.problem, c.reprompt)
		}
		if call.Request != nil {
			t.Errorf("%s: there is a request all the same", c.add)
		}
	}
}

// What was never a parameter is nobody's to be asked for again.
func TestRuleOfSource(t *testing.T) {
	turn := turnOf(t, dialogflow.ES, fine)
	turn.Language = "a-long-one"
	_, err := ruled(t, "Ruled", dialogflow.ES).Call(turn)
	if v := violation(err); v.Field != "language" || v.Parameters != nil {
		t.Errorf("got %v, want a violation of language, without a parameter", err)
	}
}

func TestRulesTellAll(t *testing.T) {
	_, err := ruled(t, "Ruled", dialogflow.CX).Call(turnOf(t, dialogflow.CX, `{"number": 101, "email": "x"}`))
	invalid, _ := errors.AsType[*binding.InvalidError](err)
	var fields []string
	for i := range invalid.Violations {
		fields = append(fields, invalid.Violations[i].Field)
	}
	if got := strings.Join(fields, " "); got != "way order_id count email" {
		t.Errorf("got violations of %s", got)
	}
}

// A rule that cannot be applied lets nothing through, and is no fault of the user's.
func TestRulesThatFail(t *testing.T) {
	method := ruled(t, "Fails", dialogflow.ES)
	if _, err := method.Call(turnOf(t, dialogflow.ES, `{"all": 4, "parts": 2}`)); err != nil {
		t.Errorf("got %v, want none: the turn is in the request that is checked", err)
	}
	if _, err := method.Call(turnOf(t, dialogflow.ES, `{"all": 2, "parts": 2}`)); violation(err).Problem == "" {
		t.Errorf("got %v, want a violation", err)
	}
	_, err := method.Call(turnOf(t, dialogflow.ES, `{"all": 2, "parts": 0}`))
	if _, invalid := errors.AsType[*binding.InvalidError](err); err == nil || invalid || !strings.Contains(err.Error(), "division by zero") {
		t.Errorf("got %v, want an error that is no InvalidError", err)
	}
}

// What is not checked is not let through either.
func TestRulesOfLargeRequests(t *testing.T) {
	method := ruled(t, "Ruled", dialogflow.ES)
	for parameters, want := range map[string]string{
		`{"order_id": "` + strings.Repeat("a", 65<<10) + `"}`:              "the request has 665",
		`{"words": ["` + strings.Repeat(`aa", "`, 301) + `"], ` + fine[1:]: "more than the 300 messages and elements",
	} {
		if _, err := method.Call(turnOf(t, dialogflow.ES, parameters)); !strings.HasPrefix(violation(err).Problem, "the request has") || !strings.Contains(err.Error(), want) {
			t.Errorf("got %.200v, want %q", err, want)
		}
	}
}

func BenchmarkRules(b *testing.B) {
	const parameters = `{"order_id": "A-1042", "date": "2026-11-22T12:00:00+01:00", "number": 3.0}`
	turn := turnOf(b, dialogflow.ES, parameters)
	for _, name := range []string{"KindsService.TrackOrder", "RulesService.Track", "RulesService.TrackWithCel"} {
		method := compile(b, name, binding.Options{Platform: dialogflow.ES})
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := method.Call(turn); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
