package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/intentgate/intentgate/gateway/simulator"
)

// turn is what is said: a whole request, or what one is made from.
type turn struct {
	request   []byte
	utterance simulator.Utterance
}

func (t turn) play(ctx context.Context, conversation *simulator.Conversation) (simulator.Exchange, error) {
	if t.request != nil {
		return conversation.Send(ctx, t.request)
	}
	return conversation.Say(ctx, t.utterance)
}

// title is what a turn is called where there are several.
func (t turn) title(among int) string {
	if among == 1 {
		return ""
	}
	return cmp.Or(t.utterance.Text, t.utterance.Event, t.utterance.Intent, t.utterance.Tag, "a request")
}

// readTurns reads JSON documents, one after another. The name is what errors call the source.
func readTurns(name string, from io.Reader) (turns []turn, err error) {
	decoder := json.NewDecoder(from)
	for {
		var document json.RawMessage
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) && len(turns) > 0 {
			return turns, nil
		}
		var one turn
		if err == nil {
			one, err = readTurn(document)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: document %d, which ends at byte %d: %w; WebhookRequests are wanted, one after another, or short turns such as "+
				"{\"text\": \"hi\", \"intent\": \"welcome\"}", name, len(turns)+1, decoder.InputOffset(), err)
		}
		turns = append(turns, one)
	}
}

// readTurn tells a whole request by members that no short turn has.
func readTurn(document []byte) (turn, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(document, &members); err != nil || members == nil {
		return turn{}, errors.New("no JSON object")
	}
	whole := []string{
		"session", "responseId", "response_id", "queryResult", "query_result", // ES
		"sessionInfo", "session_info", "detectIntentResponseId", "detect_intent_response_id", "fulfillmentInfo", "fulfillment_info", // CX
	}
	for name := range members {
		if slices.Contains(whole, name) {
			return turn{request: document}, nil
		}
	}
	var t turn
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.DisallowUnknownFields()
	decoder.UseNumber()
	if err := decoder.Decode(&t.utterance); err != nil {
		return turn{}, fmt.Errorf("neither a WebhookRequest nor a turn of text, event, intent, action, tag, parameters: %w", err)
	}
	return t, nil
}
