package dialogflow_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/intentgate/intentgate/gateway/dialogflow"
)

// request is an ES request with parameters, and with other fields.
func request(parameters, fields string) []byte {
	return fmt.Appendf(nil, `{"session": "projects/shop/agent/sessions/1", "queryResult": {"action": "track", "parameters": {%s}}%s}`,
		parameters, fields)
}

func TestReadNamesUnknownFieldsUpToALimit(t *testing.T) {
	var fields strings.Builder
	for i := range 500 {
		fmt.Fprintf(&fields, `, "%03d%s": {"a": 1}`, i, strings.Repeat("ö", i))
	}
	turn, err := dialogflow.Read(dialogflow.ES, request("", fields.String()))
	if err != nil {
		t.Fatal(err)
	}
	if len(turn.Unknown) != 100 {
		t.Errorf("%d unknown fields are named, want 100", len(turn.Unknown))
	}
	for _, name := range turn.Unknown {
		if n := utf8.RuneCountInString(name); n > 64 || !utf8.ValidString(name) {
			t.Errorf("the name %q has %d characters, want at most 64", name, n)
		}
	}
}

func TestReadManyParameters(t *testing.T) {
	for _, n := range []int{1, 16, 17, 18, 5000} {
		var parameters []string
		for i := range n {
			parameters = append(parameters, fmt.Sprintf(`"p%d": {"a": [%d.0]}`, i, i))
		}
		turn, err := dialogflow.Read(dialogflow.ES, request(strings.Join(parameters, ", "), ""))
		if err != nil || len(turn.Parameters) != n {
			t.Fatalf("of %d parameters: got %d, error %v", n, len(turn.Parameters), err)
		}
		if got, want := string(turn.Parameters.Get(fmt.Sprintf("p%d", n-1))), fmt.Sprintf(`{"a": [%d.0]}`, n-1); got != want {
			t.Errorf("the last of %d parameters: got %s, want %s", n, got, want)
		}
		for _, again := range []int{0, n / 2, n - 1} {
			twice := strings.Join(append(parameters, fmt.Sprintf(`"p%d": 1`, again)), ", ")
			want := fmt.Sprintf("queryResult.parameters.p%d: stands twice in one object, wanted it once", again)
			if _, err := dialogflow.Read(dialogflow.ES, request(twice, "")); err == nil || err.Error() != want {
				t.Errorf("parameter %d of %d twice: got error %v, want %s", again, n, err, want)
			}
		}
	}
}

// TestReadLargestOnRecord reads a body of the size and depth of the largest that Dialogflow was seen to send.
func TestReadLargestOnRecord(t *testing.T) {
	const deep = `{"richContent": [[{"options": [{"card": {"rows": [{"cells": [{"text": "Größe \ud83d\udce6", "price": 24795.0}]}]}}]}]]}`
	var messages []string
	for range 320 {
		messages = append(messages, `{"payload": `+deep+`, "source": "VIRTUAL_AGENT"}`)
	}
	body := request("", `, "alternativeQueryResults": [{"fulfillmentMessages": [`+strings.Join(messages, ",\n")+`]}]`)
	if len(body) < 41_769 {
		t.Fatalf("the body has %d bytes, want more", len(body))
	}
	turn, err := dialogflow.Read(dialogflow.ES, body)
	if err != nil {
		t.Fatal(err)
	}
	if len(turn.AlternativeResults) != 1 || len(turn.AlternativeResults[0].Messages) != len(messages) {
		t.Fatalf("got %d alternatives, want 1 with %d messages", len(turn.AlternativeResults), len(messages))
	}
	if got := string(turn.AlternativeResults[0].Messages[319].Content); got != messages[319] {
		t.Errorf("the last message: got %s, want %s", got, messages[319])
	}
	if want := []string{"alternativeQueryResults[].fulfillmentMessages[].source"}; len(turn.Unknown) != 1 || turn.Unknown[0] != want[0] {
		t.Errorf("unknown: got %q, want %q", turn.Unknown, want)
	}
}

// TestReadKeepsOnlyTheBody changes the body after reading: texts stay, values change with it.
func TestReadKeepsOnlyTheBody(t *testing.T) {
	body := request(`"order_id": "A-1001", "größe": "XL"`, "")
	turn, err := dialogflow.Read(dialogflow.ES, body)
	if err != nil {
		t.Fatal(err)
	}
	for i := range body {
		body[i] = '#'
	}
	if turn.Action != "track" || turn.Session.ID != "1" || turn.Parameters[1].Name != "größe" {
		t.Errorf("texts changed with the body: %+v", turn)
	}
	if got := string(turn.Parameters[0].Value); got != "########" {
		t.Errorf("the value is %s, want it to be a part of the body", got)
	}
}
