package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/intentgate/intentgate/services/orders"
)

// TestEntity writes values as the platforms do.
func TestEntity(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ kind, text, es, cx string }{
		{"string", "A-1042", `"A-1042"`, `"A-1042"`},
		{"string", "1042", `"1042"`, `"1042"`},
		{"string", `"1042"`, `"1042"`, `"1042"`},
		{"string", `["a"]`, `["a"]`, `["a"]`},
		{"int64", "9007199254740993", `9007199254740993`, `9007199254740993`},
		{"int32", "many", `"many"`, `"many"`},
		{"bool", "true", `true`, `true`},
		{"shop.v1.Status", "packing", `"packing"`, `"packing"`},
		{"google.type.Date", "2026-12-01", `"2026-12-01T12:00:00+01:00"`, `{"day":1,"month":12,"year":2026}`},
		{"google.type.Date", "2026-12-01T09:00:00-05:00", `"2026-12-01T09:00:00-05:00"`, `{"day":1,"hours":9,"minutes":0,"month":12,"nanos":0,"seconds":0,"year":2026}`},
		{"google.type.Date", "tomorrow", `"tomorrow"`, `"tomorrow"`},
		{"google.type.TimeOfDay", "18:30", `"` + time.Now().In(berlin).Format(time.DateOnly) + `T18:30:00` + time.Now().In(berlin).Format("Z07:00") + `"`, `{"hours":18,"minutes":30,"nanos":0,"seconds":0}`},
		{"google.protobuf.Timestamp", "2026-07-01T18:30", `"2026-07-01T18:30:00+02:00"`, `{"day":1,"hours":18,"minutes":30,"month":7,"nanos":0,"seconds":0,"year":2026}`},
		{"google.type.Interval", "2026-12-01/2026-12-24", `{"endDate":"2026-12-24T12:00:00+01:00","startDate":"2026-12-01T12:00:00+01:00"}`, `{"endDate":{"day":24,"month":12,"year":2026},"startDate":{"day":1,"month":12,"year":2026}}`},
		{"shop.v1.Period", "18:00/19:00:30", "", `{"endTime":{"hours":19,"minutes":0,"nanos":0,"seconds":30},"startTime":{"hours":18,"minutes":0,"nanos":0,"seconds":0}}`},
		{"shop.v1.Period", "18:00/2026-12-24", `"18:00/2026-12-24"`, `"18:00/2026-12-24"`},
		{"google.type.Money", "12.50 EUR", `{"amount":12.50,"currency":"EUR"}`, `{"amount":12.50,"currency":"EUR"}`},
		{"intentgate.v1.Quantity", "-2kg", `{"amount":-2,"unit":"kg"}`, `{"amount":-2,"unit":"kg"}`},
		{"google.protobuf.Duration", `{"amount": 2, "unit": "h"}`, `{"amount": 2, "unit": "h"}`, `{"amount": 2, "unit": "h"}`},
		{"google.protobuf.Duration", "long", `"long"`, `"long"`},
	} {
		for platform, want := range map[bool]string{false: test.es, true: test.cx} {
			value := entity{cx: platform, zone: berlin}.of(test.kind, test.text)
			got, ok := value.(json.RawMessage)
			if !ok {
				if got, err = json.Marshal(value); err != nil {
					t.Fatal(err)
				}
			}
			if want != "" && string(got) != want {
				t.Errorf("%s %q, CX %t: got %s, want %s", test.kind, test.text, platform, got, want)
			}
		}
	}
}

// TestSimulateTyped has parameters known by descriptors, and the gateway take them.
func TestSimulateTyped(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	shop := startShop(t, dir, "127.0.0.1:0", orders.New(time.Now()))
	set := filepath.Join(dir, "orders.binpb")
	if err := os.WriteFile(set, describe(t, dir), 0o600); err != nil {
		t.Fatal(err)
	}
	configure(t, dir, typed(shop.addr, "descriptor_set: orders.binpb"), edit{"tags: [track-order]", "tags: [track-order, list-orders]"})
	g := serveFolder(t, dir)
	g.log.await(t, 1, entry{"msg": "Service reachable", "service": "orders"})
	for _, args := range [][]string{
		{esPath, "--intent", "order.track", "--param", "order_id=A-1042"},
		{esPath, "--intent", "order.track", "--param", "orderId=A-1042"},
		{esPath, "--intent", "order.list", "--param", "date-period=2000-01-01/2999-12-31", "--param", "status=SHIPPED"},
		{cxPath, "--tag", "list-orders", "--param", "period=2000-01-01/2999-12-31"},
	} {
		stdout, err := g.simulate(t, args[0], args[1:]...)
		if err != nil || !strings.Contains(stdout, "say: Order ") {
			t.Errorf("%q: %v\n%s", args, err, stdout)
		}
	}
	if got := g.log.now(entry{"msg": "Turn", "http_status": float64(http.StatusBadRequest)}); len(got) > 0 {
		t.Errorf("values did not fit: %v", got)
	}
	for _, test := range []struct {
		want string
		args []string
	}{
		{"takes no such parameter; did you mean order_id?", []string{esPath, "--intent", "order.track", "--param", "order_idd=A-1042"}},
		{"takes no such parameter; there are: date-period, period, status", []string{cxPath, "--tag", "list-orders", "--param", "x=1"}},
		{"no method of " + set + " answers it; did you mean order.track?", []string{esPath, "--descriptors", set, "--intent", "order.trakc"}},
		{"no descriptor set", []string{esPath, "--descriptors", filepath.Join(dir, configFile), "--intent", "order.track"}},
	} {
		_, err := g.simulate(t, test.args[0], test.args[1:]...)
		wantFailed(t, err, test.want)
	}
	config := filepath.Join(dir, configFile)
	for _, test := range []struct {
		want string
		args []string
	}{
		{"order.track\norder.cancel", []string{"--descriptors", set, "--intent", ""}},
		{"list-orders\ntrack-order\n:4", []string{"--config", config, "--tag", ""}},
		{"order_id=\n:6", []string{"--config", config, "--intent", "order.track", "--param", ""}},
		{"date-period=\nperiod=\nstatus=\n:6", []string{"--descriptors", set, "--tag", "list-orders", "--param", ""}},
	} {
		stdout, _, err := execute(t, append([]string{"__complete", "simulate"}, test.args...)...)
		lines := strings.Split(test.want, "\n")
		for _, line := range lines {
			if err != nil || !strings.Contains(stdout, line+"\n") {
				t.Errorf("%q: %v, no %q in %q", test.args, err, line, stdout)
			}
		}
	}
}
