package dialogflow_test

import (
	"bytes"
	"encoding/json"
	"strconv"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// canonical writes a body that Read accepted the way protobuf's JSON mapping wants it: the liberties that Read takes,
// and no others, are undone, as far as a message's descriptor says what a value should be.
func canonical(tb testing.TB, md protoreflect.MessageDescriptor, body []byte) []byte {
	tb.Helper()
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		tb.Fatalf("accepted though encoding/json refuses it: %v", err)
	}
	b, err := json.Marshal(canonicalMessage(md, v))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func canonicalMessage(md protoreflect.MessageDescriptor, v any) any {
	if list, ok := v.([]any); v == "" || ok && len(list) == 0 { // an empty object of another kind
		if md.FullName() != "google.protobuf.Value" {
			return map[string]any{}
		}
	}
	switch md.FullName() {
	case "google.protobuf.Struct", "google.protobuf.Value":
		return inRange(v)
	}
	object, ok := v.(map[string]any)
	if !ok {
		return v
	}
	for name, v := range object {
		fd := md.Fields().ByJSONName(name)
		if fd == nil {
			fd = md.Fields().ByTextName(name)
		}
		switch {
		case fd == nil || v == nil:
		case unread(fd):
			delete(object, name)
		case fd.ContainingOneof() != nil && fd.ContainingOneof().Name() == "message" && fd.Name() != "text":
			if _, ok := canonicalMessage(fd.Message(), v).(map[string]any); ok {
				object[name] = map[string]any{} // an object is all that it has to be
			}
		default:
			object[name] = canonicalField(fd, v)
		}
	}
	return object
}

func canonicalField(fd protoreflect.FieldDescriptor, v any) any {
	switch list, isList := v.([]any); {
	case fd.IsList() && isList:
		for i := range list {
			if fd.Message() != nil {
				list[i] = canonicalMessage(fd.Message(), list[i])
			}
		}
		return list
	case fd.IsList():
		return v
	case fd.IsMap():
		if v == "" || isList && len(list) == 0 {
			return map[string]any{}
		}
		object, _ := v.(map[string]any) // anything else stays as it is
		for name := range object {
			object[name] = canonicalMessage(fd.MapValue().Message(), object[name])
		}
		return v
	case fd.Message() != nil:
		return canonicalMessage(fd.Message(), v)
	case fd.Kind() == protoreflect.BoolKind && (v == "true" || v == "false"):
		return v == "true"
	default:
		return v
	}
}

// unread reports whether Read passes over a field that protobuf's reader looks into.
func unread(fd protoreflect.FieldDescriptor) bool {
	switch fd.ContainingMessage().FullName() {
	case "google.cloud.dialogflow.v2beta1.Intent":
		return fd.Name() != "name" && fd.Name() != "display_name" && fd.Name() != "is_fallback" && fd.Name() != "end_interaction"
	case "google.cloud.dialogflow.cx.v3.ResponseMessage":
		return fd.Name() == "response_type"
	case "google.cloud.dialogflow.cx.v3.ResponseMessage.Text":
		return fd.Name() == "allow_playback_interruption"
	default:
		return false
	}
}

// inRange replaces the numbers that a double does not reach.
func inRange(v any) any {
	switch v := v.(type) {
	case json.Number:
		if _, err := strconv.ParseFloat(v.String(), 64); err != nil {
			return 0
		}
	case []any:
		for i := range v {
			v[i] = inRange(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = inRange(v[name])
		}
	}
	return v
}
