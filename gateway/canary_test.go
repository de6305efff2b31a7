package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/intents"
	"github.com/intentgate/intentgate/gateway/telemetry"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// canaries sings for places: who hears it knows from where it comes.
type canaries map[string]string // places by canary

func (c canaries) text(place string) string {
	canary := fmt.Sprintf("canary%05dy", len(c))
	c[canary] = place
	return canary
}

// number is an integer, so that it stands where integers are wanted.
func (c canaries) number(place string) json.Number {
	canary := fmt.Sprintf("73%05d19", len(c))
	c[canary] = place
	return json.Number(canary)
}

var song = regexp.MustCompile(`canary\d{5}y|73\d{5}19|7\.3\d{5}19e\+08`)

// heard returns from where the canaries come that a text holds.
func (c canaries) heard(text string) []string {
	places := map[string]bool{}
	for _, canary := range song.FindAllString(text, -1) {
		canary = strings.TrimSuffix(canary, "e+08")
		if place, ok := c[strings.Replace(canary, "7.", "7", 1)]; ok {
			places[place] = true
		}
	}
	return slices.Sorted(maps.Keys(places))
}

// leaves calls visit with each text and number in a JSON value, which it may replace.
func leaves(value any, path string, visit func(path string, leaf any, replace func(any))) {
	switch value := value.(type) {
	case map[string]any:
		for name, member := range value {
			at := strings.TrimPrefix(path+"."+name, ".")
			visit(at, member, func(other any) { value[name] = other })
			leaves(member, at, visit)
		}
	case []any:
		for i, member := range value {
			visit(path+"[]", member, func(other any) { value[i] = other })
			leaves(member, path+"[]", visit)
		}
	}
}

// told are the places of requests that the log tells of: whose agent it is, and what its designer has named.
var told = regexp.MustCompile(`(?i)^(response_?id|detect_?intent_?response_?id|query_?result\.(action|language_?code|intent\.display_?name)|` +
	`language_?code|intent_?info\.display_?name|fulfillment_?info\.tag)$`)

// TestCanariesInRequests replaces each leaf of the recorded requests, one at a time: what is no place of those above is nowhere told.
func TestCanariesInRequests(t *testing.T) {
	files := must(fs.Glob(os.DirFS("testdata/turns"), "*.good.json"))(t)
	for _, platform := range []dialogflow.Platform{dialogflow.ES, dialogflow.CX} {
		t.Run(platform.String(), func(t *testing.T) {
			sung, seen, failed := canaries{}, map[string]bool{}, 0
			o := listenIn(t, nil, func(s *setup) {
				s.Platform, s.Projects = platform, nil
				s.answer = func(context.Context) ([]byte, error) {
					if failed++; failed%2 == 0 {
						return nil, status.Error(codes.NotFound, sung.text("the status"))
					}
					return proto.Marshal(&intentgatev1.FulfillResponse{Reply: &intentgatev1.Reply{Texts: []string{sung.text("the reply")}}})
				}
			})
			for _, file := range files {
				if !strings.HasPrefix(file, strings.ToLower(platform.String())) {
					continue
				}
				body := must(fs.ReadFile(os.DirFS("testdata/turns"), file))(t)
				for _, way := range []string{"whole", "end"} {
					for _, one := range sing(t, body, way, sung, seen) {
						request := o.request(t.Context(), one)
						request.Header.Set("User-Agent", sung.text("the header User-Agent"))
						request.Header.Set("X-Goog-Session", sung.text("a header"))
						o.send(request)
						o.line()
						for len(o.service.calls) > 0 {
							<-o.service.calls
						}
					}
				}
			}
			if len(seen) < 60 {
				t.Errorf("only %d places: %v", len(seen), slices.Sorted(maps.Keys(seen)))
			}
			heard := sung.heard(o.last())
			for _, place := range heard {
				if !told.MatchString(place) {
					t.Errorf("what stands at %s is told", place)
				}
			}
			if len(heard) < 4 {
				t.Errorf("nothing is told but %q: is anybody listening?", heard)
			}
		})
	}
}

// sing returns requests of which one leaf each is a canary, or ends with one, unless the place was seen before.
func sing(t *testing.T, body []byte, way string, sung canaries, seen map[string]bool) (all []string) {
	t.Helper()
	var request any
	if err := json.Unmarshal(body, &request); err != nil {
		t.Fatal(err)
	}
	leaves(request, "", func(path string, leaf any, replace func(any)) {
		var canary any
		before, _, named := cutLast(fmt.Sprint(leaf), "/")
		at := path
		switch leaf.(type) {
		case string:
			if way == "end" && !named {
				return
			}
			if canary = sung.text(path); way == "end" {
				at += "/"
				canary = before + "/" + sung.text(at)
			}
		case float64:
			if canary = sung.number(path); way == "end" { // which is a number where none is, in places
				at += " fraction"
				canary = sung.number(at) + ".5"
			}
		default:
			return
		}
		if seen[at] {
			return
		}
		seen[at] = true
		replace(canary)
		all = append(all, string(must(json.Marshal(request))(t)))
		replace(leaf)
	})
	return all
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// stated is a status with details.
func stated(t *testing.T, code codes.Code, text string, details ...proto.Message) error {
	t.Helper()
	var all []protoadapt.MessageV1
	for _, detail := range details {
		all = append(all, protoadapt.MessageV1Of(detail))
	}
	return must(status.New(code, text).WithDetails(all...))(t).Err()
}

// fill sets every field of a message to canaries; of those of which one can be set, the one of the round.
func fill(message protoreflect.Message, path string, round, depth int, sung canaries) {
	fields := message.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if one := f.ContainingOneof(); one != nil && one.Fields().Get(round%one.Fields().Len()) != f {
			continue
		}
		at := path + "." + string(f.Name())
		value := func(holder protoreflect.Value) (protoreflect.Value, bool) {
			kind := f.Kind()
			if f.IsMap() {
				kind = f.MapValue().Kind()
			}
			switch kind {
			case protoreflect.StringKind:
				return protoreflect.ValueOfString(sung.text(at)), true
			case protoreflect.BytesKind:
				return protoreflect.ValueOfBytes([]byte(sung.text(at))), true
			case protoreflect.MessageKind:
				if depth == 0 {
					return holder, false
				}
				fill(holder.Message(), at, round, depth-1, sung)
				return holder, true
			default:
				return holder, false
			}
		}
		switch {
		case f.IsMap():
			if v, ok := value(message.Mutable(f).Map().NewValue()); ok {
				message.Mutable(f).Map().Set(protoreflect.ValueOfString(sung.text(at+" key")).MapKey(), v)
			}
		case f.IsList():
			if v, ok := value(message.Mutable(f).List().NewElement()); ok {
				message.Mutable(f).List().Append(v)
			}
		default:
			if v, ok := value(message.NewField(f)); ok {
				message.Set(f, v)
			}
		}
	}
}

// TestCanariesInAnswers has a service answer with canaries alone: in its replies, statuses and their details, in garbage and panics.
// Only users hear them.
func TestCanariesInAnswers(t *testing.T) {
	for platform, turn := range map[dialogflow.Platform]string{dialogflow.ES: "es-order-track", dialogflow.CX: "cx-order-track"} {
		t.Run(platform.String(), func(t *testing.T) {
			var answer func() ([]byte, error)
			sung := canaries{}
			o := listenIn(t, nil, func(s *setup) {
				s.Platform, s.API, s.ReopenParameters = platform, dialogflow.V2Beta1, true
				s.answer = func(context.Context) ([]byte, error) { return answer() }
			})
			filled := func(message proto.Message, round uint32) proto.Message {
				fill(message.ProtoReflect(), string(message.ProtoReflect().Descriptor().Name()), int(round), 4, sung)
				return message
			}
			var answers []func() ([]byte, error)
			for round := range uint32(12) {
				answers = append(answers, func() ([]byte, error) {
					return proto.Marshal(filled(&intentgatev1.FulfillResponse{}, round))
				}, func() ([]byte, error) {
					return nil, stated(t, codes.Code(1+round), sung.text("the status"), &errdetails.DebugInfo{Detail: sung.text("a detail")},
						&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{
							Field: sung.text("a field"), Description: sung.text("a violation"),
							LocalizedMessage: &errdetails.LocalizedMessage{Locale: "en", Message: sung.text("words")},
						}}}, filled(&intentgatev1.Reply{}, round))
				}, func() ([]byte, error) {
					return nil, status.Error(codes.Unavailable, sung.text("the status"))
				})
			}
			answers = append(answers,
				func() ([]byte, error) { return []byte(sung.text("garbage")), nil },
				func() ([]byte, error) { return nil, status.Error(codes.Code(77), sung.text("an unknown status")) },
				func() ([]byte, error) {
					return nil, status.Error(codes.ResourceExhausted, "grpc: received message "+sung.text("a status as grpc's"))
				},
				func() ([]byte, error) { panic(sung.text("a panic")) },
				func() ([]byte, error) { panic(fmt.Errorf("%s", sung.text("a panic's error"))) },
			)
			for _, next := range answers {
				answer = next
				got := o.send(o.request(t.Context(), fresh(recorded(t, turn))))
				o.line()
				<-o.service.calls
				if places := sung.heard(got.body); got.status != http.StatusOK && len(places) > 0 {
					t.Errorf("HTTP %d tells %q", got.status, places)
				}
			}
			if places := sung.heard(o.last()); len(places) > 0 {
				t.Errorf("told: %q", places)
			}
			if len(sung) < 300 {
				t.Errorf("%d canaries", len(sung))
			}
		})
	}
}

// pinned is a service with a method whose request has two fields that are never told, one by our annotation, one by protobuf's, and one
// that is told where that is asked for.
func pinned(t *testing.T) *intents.Catalog {
	t.Helper()
	options := func(own *intentgatev1.ParameterOptions) *descriptorpb.FieldOptions {
		all := &descriptorpb.FieldOptions{}
		proto.SetExtension(all, intentgatev1.E_Field, own)
		return all
	}
	field := func(name string, number int32, o *descriptorpb.FieldOptions) *descriptorpb.FieldDescriptorProto {
		return &descriptorpb.FieldDescriptorProto{
			Name: &name, JsonName: &name, Number: &number, Options: o,
			Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(), Type: descriptorpb.FieldDescriptorProto_TYPE_INT32.Enum(),
		}
	}
	claim := &descriptorpb.MethodOptions{}
	proto.SetExtension(claim, intentgatev1.E_Intent, &intentgatev1.IntentOptions{DisplayName: []string{"pin"}})
	file := &descriptorpb.FileDescriptorProto{
		Name: proto.String("pin.proto"), Package: proto.String("pin.v1"), Syntax: proto.String("proto3"),
		Dependency: []string{"intentgate/v1/annotations.proto"},
		MessageType: []*descriptorpb.DescriptorProto{
			{Name: proto.String("PinRequest"), Field: []*descriptorpb.FieldDescriptorProto{
				field("pin", 1, options(&intentgatev1.ParameterOptions{Sensitive: true})),
				field("card", 2, &descriptorpb.FieldOptions{DebugRedact: proto.Bool(true)}),
				field("amount", 3, nil),
			}},
			{Name: proto.String("PinResponse"), Field: []*descriptorpb.FieldDescriptorProto{
				field("receipt", 1, options(&intentgatev1.ParameterOptions{Sensitive: true, Set: "receipt-number"})),
			}},
		},
		Service: []*descriptorpb.ServiceDescriptorProto{{Name: proto.String("PinService"), Method: []*descriptorpb.MethodDescriptorProto{{
			Name: proto.String("Pin"), Options: claim, InputType: proto.String(".pin.v1.PinRequest"), OutputType: proto.String(".pin.v1.PinResponse"),
		}}}},
	}
	set := &descriptorpb.FileDescriptorSet{File: []*descriptorpb.FileDescriptorProto{
		protodesc.ToFileDescriptorProto(descriptorpb.File_google_protobuf_descriptor_proto),
	}}
	own := intentgatev1.File_intentgate_v1_annotations_proto
	for i := range own.Imports().Len() {
		if imported := own.Imports().Get(i); imported.Path() != "google/protobuf/descriptor.proto" {
			set.File = append(set.File, protodesc.ToFileDescriptorProto(imported))
		}
	}
	set.File = append(set.File, protodesc.ToFileDescriptorProto(own), file)
	wire := must(proto.Marshal(set))(t)
	catalog := must(intents.New(intents.Config{
		Services: []intents.Service{{
			Name: "orders", Allow: intents.Allow{Intents: []string{"pin"}}, Source: "this test",
			Load: func(context.Context) ([]byte, error) { return wire, nil },
		}},
		Views: []intents.View{{Platform: dialogflow.ES}}, Logger: slog.New(slog.DiscardHandler), Now: time.Now,
	}))(t)
	if _, err := catalog.Load(t.Context(), "orders"); err != nil {
		t.Fatal(err)
	}
	return catalog
}

// TestCanariesThatAreAskedFor has each kind of users' data told that is asked for, and no other one; what is sensitive never.
func TestCanariesThatAreAskedFor(t *testing.T) {
	const turn = `{"responseId": "r", "session": "projects/shop/agent/sessions/s-%s", "queryResult": {"queryText": "%s", "languageCode": "en",
		"parameters": {"pin": %s, "Card": %s, "receipt_number": %s, "amount": %s}, "intent": {"displayName": %q}}}`
	kinds := []telemetry.UserData{telemetry.Utterances, telemetry.Parameters, telemetry.StatusTexts, telemetry.Violations}
	catalog := pinned(t)
	if len(catalog.Report()[0].Methods) != 1 {
		t.Fatalf("%+v", catalog.Report())
	}
	for name, asked := range map[string][]telemetry.UserData{
		"nothing": nil, "utterances": kinds[:1], "parameters": kinds[1:2], "status_texts": kinds[2:3], "violations": kinds[3:], "all": kinds,
	} {
		t.Run(name, func(t *testing.T) {
			sung := canaries{}
			o := listenIn(t, asked, func(s *setup) {
				s.intents = catalog
				s.answer = func(context.Context) ([]byte, error) {
					return nil, status.Error(codes.NotFound, sung.text("the status of "+name))
				}
			})
			play := func(name, intent string, amount any) {
				name = " of " + name
				body := fmt.Sprintf(turn, sung.text("the session"), sung.text("the utterance"+name), sung.number("pin"), sung.number("card"),
					sung.number("receipt"), fmt.Sprint(amount), intent)
				o.send(o.request(t.Context(), fresh(body)))
				o.line()
			}
			name = "a general method"
			play(name, "order.track", sung.number("the amount of a general method"))
			name = "a method with a pin"
			play(name, "pin", sung.number("the amount of a method with a pin"))
			play(name, "pin", `"`+sung.text("a violation beside a pin")+`"`)

			all := o.last()
			want := map[telemetry.UserData][]string{
				telemetry.Utterances:  {"the utterance of a general method"},
				telemetry.Parameters:  {"the amount of a general method", "the amount of a method with a pin", "a violation beside a pin"},
				telemetry.StatusTexts: {"the status of a general method"},
			}
			var wanted []string
			for _, kind := range asked {
				wanted = append(wanted, want[kind]...)
			}
			slices.Sort(wanted)
			if heard := sung.heard(all); !slices.Equal(heard, wanted) {
				t.Errorf("told %q, want %q", heard, wanted)
			}
			if !strings.Contains(all, `"session":"`) {
				t.Error("no hash of the session")
			}
		})
	}
}

// TestViolationsAreAskedFor has the log tell what does not fit of a method that takes nothing sensitive.
func TestViolationsAreAskedFor(t *testing.T) {
	for _, asked := range [][]telemetry.UserData{nil, {telemetry.Violations}} {
		catalog := must(intents.New(intents.Config{
			Services: []intents.Service{{
				Name: "orders", Allow: intents.Allow{Intents: []string{"order.*"}}, Source: "a file",
				Load: func(context.Context) ([]byte, error) { return os.ReadFile("binding/testdata/descriptors.binpb") },
			}},
			Views: []intents.View{{Platform: dialogflow.ES}}, Logger: slog.New(slog.DiscardHandler), Now: time.Now,
		}))(t)
		if _, err := catalog.Load(t.Context(), "orders"); err != nil {
			t.Fatal(err)
		}
		o, sung := listenIn(t, asked, func(s *setup) { s.intents = catalog }), canaries{}
		o.send(o.request(t.Context(), recorded(t, "es-order-track", `"number": 7.0`, `"number": "`+sung.text("a violation")+`"`)))
		o.line()
		all := o.last()
		if heard := sung.heard(all); len(heard) != len(asked) {
			t.Errorf("asked for %q: told %q", asked, heard)
		}
		if !strings.Contains(all, "the turn does not fit the fields ") {
			t.Errorf("the log does not say which field: %s", all)
		}
	}
}

// TestSeriesStayBounded has strangers choose all that they can, ten thousand times.
func TestSeriesStayBounded(t *testing.T) {
	var n int
	f := start(t, func(s *setup) {
		s.Platform, s.Projects = dialogflow.CX, nil
		s.answer = func(context.Context) ([]byte, error) {
			return nil, status.Error(codes.Code(n%1000), fmt.Sprint("text", n)) //nolint:gosec // small
		}
	})
	for n = range 10_000 {
		body := fmt.Sprintf(`{"detectIntentResponseId": "r%[1]d", "languageCode": "l%[1]d", "new%[1]d": 1, "fulfillmentInfo": {"tag": "t%[1]d", "Tag%[1]d": 1},
			"intentInfo": {"displayName": "i%[1]d"}, "sessionInfo": {"session": "projects/p%[1]d/locations/l%[1]d/agents/a%[1]d/environments/e%[1]d/sessions/s%[1]d"}}`, n)
		request := f.request(t.Context(), body)
		switch n % 10 {
		case 8:
			request.URL.Path = fmt.Sprint("/path", n)
		case 9:
			request.Body = http.NoBody
		}
		request.Header.Set("Authorization", fmt.Sprint("Bearer ", n))
		f.send(request)
		f.line()
		for len(f.service.calls) > 0 {
			<-f.service.calls
		}
	}
	series, scraped := 0, httptest.NewRecorder()
	f.meters.Metrics().ServeHTTP(scraped, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	for line := range strings.Lines(scraped.Body.String()) {
		if strings.HasPrefix(line, "intentgate_") {
			series++
			if len(line) > 300 {
				t.Errorf("long: %s", line)
			}
		}
	}
	if series < 120 || series > 500 {
		t.Errorf("%d series", series)
	}
}
