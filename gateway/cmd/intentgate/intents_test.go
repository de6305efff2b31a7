package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/intentgate/intentgate/gateway/doctor"
	"github.com/intentgate/intentgate/gateway/intents/contract"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/orders"
)

// changed returns descriptors with another annotation of TrackOrder, or without its text.
func changed(t *testing.T, set []byte, change func(intent *intentgatev1.IntentOptions, response *descriptorpb.DescriptorProto)) []byte {
	t.Helper()
	files := &descriptorpb.FileDescriptorSet{}
	if err := proto.Unmarshal(set, files); err != nil {
		t.Fatal(err)
	}
	for _, file := range files.GetFile() {
		for _, service := range file.GetService() {
			for _, method := range service.GetMethod() {
				if method.GetName() != "TrackOrder" {
					continue
				}
				intent, _ := proto.GetExtension(method.GetOptions(), intentgatev1.E_Intent).(*intentgatev1.IntentOptions)
				i := slices.IndexFunc(file.GetMessageType(), func(m *descriptorpb.DescriptorProto) bool { return m.GetName() == "TrackOrderResponse" })
				change(intent, file.GetMessageType()[i])
			}
		}
	}
	set, err := proto.Marshal(files)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// TestIntents tells of a file of descriptors, and of the services of a configuration.
func TestIntents(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	shop := startShop(t, dir, "127.0.0.1:0", orders.New(time.Now()))
	file := func(name string, set []byte) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, set, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := describe(t, dir)
	now := file("orders.binpb", good)
	stdout, _, err := execute(t, "intents", now)
	if err != nil || !strings.Contains(stdout, "service orders.binpb, by "+now) || !strings.Contains(stdout, "\n  shop.orders.v1.OrderService/TrackOrder\n    answers  ES intent  order.track\n") {
		t.Errorf("%v\n%s", err, stdout)
	}
	if stdout, _, err := execute(t, "intents", now, "--markdown"); err != nil || !strings.Contains(stdout, "\n## shop.orders.v1.OrderService/TrackOrder\n\n- ES intent: order.track\n") {
		t.Errorf("%v\n%s", err, stdout)
	}
	for _, source := range []string{"descriptor_set: orders.binpb", "reflection: {}"} {
		configure(t, dir, typed(shop.addr, source), edit{"routes:\n", "routes:\n  - {match: {intent: order.track}, service: shop-orders}\n"})
		var told struct{ Services []contract.Service }
		stdout, _, err = execute(t, "intents", "--config", filepath.Join(dir, configFile), "--json")
		if err := json.Unmarshal([]byte(stdout), &told); err != nil {
			t.Fatalf("%v: %s", err, stdout)
		}
		if len(told.Services) != 1 || told.Services[0].Service != "orders" || err != nil {
			t.Fatalf("%v: %s", err, stdout)
		}
		i := slices.IndexFunc(told.Services[0].Methods, func(m contract.Method) bool { return strings.HasSuffix(m.Method, "/TrackOrder") })
		m := told.Services[0].Methods[i]
		if !slices.Equal(m.Tags, []string{"track-order"}) || m.Actions != nil || len(told.Services[0].Problems) != 11 || len(m.Warnings) != 1 ||
			!strings.HasPrefix(m.Warnings[0], "intent order.track goes to service shop-orders") {
			t.Errorf("by %s: %+v, %+v", source, m, told.Services[0].Problems)
		}
	}

	renamed := file("renamed.binpb", changed(t, good, func(intent *intentgatev1.IntentOptions, response *descriptorpb.DescriptorProto) {
		intent.Tag = []string{"where"}
		response.Field[0].Options = nil
	}))
	streams := file("streams.binpb", changed(t, good, func(_ *intentgatev1.IntentOptions, response *descriptorpb.DescriptorProto) {
		proto.SetExtension(response.GetField()[0].GetOptions(), intentgatev1.E_Field, &intentgatev1.ParameterOptions{ClearWhenUnset: true})
	}))
	bad := file("bad.binpb", []byte("bad"))
	config := filepath.Join(dir, configFile)
	for name, test := range map[string]struct {
		args        []string
		out, failed string
	}{
		"the same":            {[]string{now, "--against", now}, "No agent breaks.\n", ""},
		"new names":           {[]string{renamed, "--against", now}, "shop.orders.v1.OrderService/TrackOrder: tag track-order: nobody answers it any more\n", ": 2 of what they use"},
		"a text":              {[]string{renamed, "--against", now}, "TrackOrder: text: 1 of 1 fields are no longer said\n", "agents would break"},
		"for programs":        {[]string{renamed, "--against", now, "--json"}, `"element": "tag track-order"`, "agents would break"},
		"nothing, for them":   {[]string{now, "--against", now, "--json"}, `"breaks": []`, ""},
		"in Markdown":         {[]string{renamed, "--against", now, "--markdown"}, "- shop.orders.v1.OrderService/TrackOrder: tag", "agents would break"},
		"of a service":        {[]string{"--config", config, "--service", "orders", "--against", renamed}, "", ""},
		"what cannot be read": {[]string{bad}, "error: service bad.binpb", "buf build"},
		"against that":        {[]string{now, "--against", bad}, "", "bad.binpb"},
		"nothing":             {[]string{filepath.Join(dir, "none.binpb")}, "error: ", "no such file"},
		"cannot be bound":     {[]string{streams}, "broken: shop/orders/v1/order_service.proto: shop.orders.v1.TrackOrderResponse.", "clear_when_unset"},
		"both":                {[]string{now, "--service", "orders"}, "", "without --config and --service"},
		"no such service":     {[]string{"--config", config, "--service", "shop-orders"}, "", "of those there are: orders"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stdout, _, err := execute(t, append([]string{"intents"}, test.args...)...)
			if (err == nil) != (test.failed == "") || err != nil && !strings.Contains(err.Error(), test.failed) || !strings.Contains(stdout, test.out) {
				t.Errorf("got %v and\n%s\nwant %q and %q", err, stdout, test.failed, test.out)
			}
		})
	}
}

// TestCheckIntents has check judge what services claim.
func TestCheckIntents(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	shop := startShop(t, dir, "127.0.0.1:0", orders.New(time.Now()))
	s := startService(t, dir, "127.0.0.1:0")
	good := describe(t, dir)
	const of = "service orders: "
	for name, test := range map[string]struct {
		source string
		set    []byte
		edit   edit
		ok     []string
		warned []string
		failed []string
		args   []string
	}{
		"good":            {"descriptor_set: a.binpb", good, edit{}, []string{of + "descriptors", "webhook /dialogflow/cx: answered", "webhook /dialogflow/es: answered"}, []string{of + "claims"}, nil, nil},
		"reflection":      {"reflection: {}", nil, edit{}, []string{of + "descriptors"}, []string{of + "claims"}, nil, nil},
		"offline":         {"reflection: {}", nil, edit{}, []string{"webhook /dialogflow/cx: answered"}, nil, nil, []string{"--offline"}},
		"garbage":         {"descriptor_set: a.binpb", []byte("bad"), edit{}, nil, nil, []string{of + "descriptors"}, nil},
		"not there":       {"reflection: {}", nil, edit{"target: " + shop.addr, "target: 127.0.0.1:1"}, nil, nil, []string{of + "descriptors", of + "tcp"}, nil},
		"nothing claimed": {"descriptor_set: a.binpb", good, edit{"shop.orders.v1.OrderService]", "shop.*.v2.*]"}, nil, []string{of + "claims", of + "descriptors"}, []string{"webhook /dialogflow/cx: answered"}, nil},
		"no answer for CX": {
			"descriptor_set: a.binpb", good,
			edit{", tags: [track-order]", ""},
			[]string{"webhook /dialogflow/es: answered"},
			[]string{of + "claims"},
			[]string{"webhook /dialogflow/cx: answered"},
			nil,
		},
		"cannot be bound": {"descriptor_set: a.binpb", changed(t, good, func(_ *intentgatev1.IntentOptions, response *descriptorpb.DescriptorProto) {
			proto.SetExtension(response.GetField()[0].GetOptions(), intentgatev1.E_Field, &intentgatev1.ParameterOptions{ClearWhenUnset: true})
		}), edit{}, nil, []string{of + "claims"}, []string{of + "methods", "webhook /dialogflow/cx: answered"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := folder(t)
			if err := os.WriteFile(filepath.Join(dir, "a.binpb"), test.set, 0o600); err != nil {
				t.Fatal(err)
			}
			configure(t, dir, typed(shop.addr, test.source), edit{"  - service: shop-orders\nstatus", "  - {service: shop-orders, match: {platform: ES}}\nstatus"}, edit{"127.0.0.1:1\n", s.addr + "\n"}, test.edit)
			report := checked(t, dir, test.args...)
			for _, want := range test.ok {
				if !slices.Contains(about(report, doctor.OK), want) {
					t.Errorf("no %s among what is ok", want)
				}
			}
			warnings := slices.DeleteFunc(about(report, doctor.Warning), func(w string) bool {
				return slices.Contains(append(warned, "webhook /dialogflow/cx: project_proof"), w)
			})
			if !slices.Equal(warnings, test.warned) {
				t.Errorf("warned of %v, want %v", warnings, test.warned)
			}
			if failed := about(report, doctor.Failed); !slices.Equal(failed, test.failed) {
				t.Errorf("failed: %v, want %v", failed, test.failed)
			}
			if t.Failed() {
				t.Logf("%+v", report)
			}
		})
	}
}
