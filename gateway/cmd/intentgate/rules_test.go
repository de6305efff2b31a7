package main

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"
)

// TestRulesBeforeTheCall has users break rules of a request, whichever way the gateway has learnt of them: they hear the words of
// the field in their language, and the service nothing of it.
func TestRulesBeforeTheCall(t *testing.T) {
	t.Parallel()
	const (
		number   = "An order number is a letter and four digits."
		nummer   = "Eine Bestellnummer besteht aus einem Buchstaben und vier Ziffern."
		wanted   = "Which order, please?"
		settings = `, allow: {intents: [ruled], tags: [ruled]}, reprompts: [{field: kinds.v1.RuledRequest.count, text: {default: "Which order, please?"}}]`
	)
	es := func(language, parameters string) string {
		return fmt.Sprintf(`{"responseId": "es", "session": "projects/shop/agent/sessions/s-1", "queryResult": {"languageCode": %q, "allRequiredParamsPresent": true,
			"intent": {"displayName": "ruled"}, "parameters": {"phone": "5550100", %s}}}`, language, parameters)
	}
	cx := func(state, value string) string {
		return fmt.Sprintf(`{"detectIntentResponseId": "cx", "languageCode": "en", "fulfillmentInfo": {"tag": "ruled"}, "pageInfo": {
			"currentPage": "projects/shop/locations/global/agents/a-1/flows/f/pages/p", "formInfo": {"parameterInfo": [{"displayName": "order_id", "required": true, "state": %q%s}]}},
			"sessionInfo": {"session": "projects/shop/locations/global/agents/a-1/sessions/s-1", "parameters": {"phone": "5550100"}}}`, state, value)
	}
	files := typedFiles(t)
	for _, source := range []string{"descriptor_set: rules.binpb", "reflection: {}"} {
		dir := folder(t)
		service := startTyped(t, dir, files, "kinds.v1.RulesService", func(proto.Message, *dynamicpb.Message) error { return nil })
		file, err := files.FindFileByPath("rules.proto")
		if err != nil {
			t.Fatal(err)
		}
		writeSet(t, filepath.Join(dir, "rules.binpb"), file)
		configure(t, dir, edit{"platform: CX\n", "platform: CX\n    time_zone: Europe/Berlin\n"}, typedSettings("rules", service.addr, source+settings))
		g := serveFolder(t, dir)
		g.log.await(t, 1, entry{"msg": "Intents learnt", "service": "rules"})
		client := g.dialogflow(t)
		for name, c := range map[string]struct{ path, body, says, marks, fails string }{
			"ES":                 {path: esPath, body: es("en", `"order_id": "1042"`), says: number},
			"in German":          {path: esPath, body: es("de-AT", `"order_id": "1042"`), says: nummer},
			"by configuration":   {path: esPath, body: es("fr", `"order_id": "A-1042", "number": 101`), says: wanted},
			"without words":      {path: esPath, body: es("fr", `"order_id": "1042"`), fails: "field order_id, from parameter \\\"order_id\\\": does not match regex pattern"},
			"CX":                 {path: cxPath, body: cx("FILLED", `, "value": "1042"`), says: number, marks: `"state":"INVALID"`},
			"not asked for yet":  {path: cxPath, body: cx("EMPTY", ""), says: ""},
			"what breaks none":   {path: cxPath, body: cx("FILLED", `, "value": "A-1042"`), says: ""},
			"a rule by a number": {path: esPath, body: es("en", `"order_id": "A-1042", "number": 7.5`), says: wanted},
		} {
			got := g.post(t, client, c.path, c.body)
			calls := len(service.take())
			status := http.StatusOK
			if c.fails != "" {
				status = http.StatusBadRequest
			}
			if got.StatusCode != status || !strings.Contains(got.body, c.says) || !strings.Contains(got.body, c.marks) || !strings.Contains(got.body, c.fails) ||
				c.says == "" && c.fails == "" && got.body != "{}" {
				t.Errorf("%s, %s: status %d, %s; want %q, %s%s", source, name, got.StatusCode, got.body, c.says, c.marks, c.fails)
			}
			if want := name == "what breaks none"; (calls == 1) != want {
				t.Errorf("%s, %s: %d calls", source, name, calls)
			}
		}
		for _, line := range g.log.await(t, 1, entry{"msg": "Turn", "reason": "bad_parameter"}) {
			if text := fmt.Sprint(line); strings.Contains(text, "1042") || !strings.Contains(text, "by its rule string.pattern") {
				t.Errorf("the log says %s; want the rule, and nothing of what the user said", text)
			}
		}
	}
}
