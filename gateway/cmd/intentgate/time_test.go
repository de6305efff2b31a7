package main

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// TestNoAnswerInTime has a service never answer: Dialogflow still gets an answer inside its own limit, and the service
// learns that nobody waits any more.
func TestNoAnswerInTime(t *testing.T) {
	t.Parallel()
	const limit, reserve = 5 * time.Second, 4500 * time.Millisecond // all the test's time but half a second is for slow machines
	g := start(t, edit{"platform: ES\n", "platform: ES\n    timeout: 5s\n    reserve: 4500ms\n"})
	ended := make(chan error, 2)
	g.service.answers(func(ctx context.Context, _ *intentgatev1.FulfillRequest) (*intentgatev1.FulfillResponse, error) {
		<-ctx.Done()
		ended <- ctx.Err()
		return nil, errors.New("nobody listens")
	})
	client := g.dialogflow(t)
	// The second turn is a later one of the connection, whose clock starts anew.
	for _, id := range []string{"first", "second"} {
		clock, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		got := ask(t, client, g.request(clock, t, esPath, esTurn(id)))
		code, sentence := got.message(t)
		if got.StatusCode != http.StatusGatewayTimeout || code != codes.DeadlineExceeded || sentence != "the intent service did not answer in time" {
			t.Errorf("%s: status %d %s %q", id, got.StatusCode, code, sentence)
		}
		select {
		case <-ended:
		case <-time.After(patience):
			t.Fatal("the service was not told that its time is over")
		}
		if left := g.service.one(t, id).left; left <= 0 || left > limit-reserve {
			t.Errorf("%s: the service had %s left, want at most %s", id, left, limit-reserve)
		}
		g.log.await(t, 1, entry{"msg": "Turn", "turn_id": id, "reason": "deadline", "http_status": 504.0})
	}
}

// TestCallerLeaves has Dialogflow hang up: the service goes on, since the next try gets what it answers.
func TestCallerLeaves(t *testing.T) {
	t.Parallel()
	g := start(t)
	asked, goOn := make(chan struct{}, 2), make(chan struct{})
	g.service.answers(func(ctx context.Context, _ *intentgatev1.FulfillRequest) (*intentgatev1.FulfillResponse, error) {
		asked <- struct{}{}
		select {
		case <-goOn:
			return &intentgatev1.FulfillResponse{Reply: &intentgatev1.Reply{Texts: []string{"Here you are."}}}, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	})
	ctx, leave := context.WithCancel(t.Context())
	go func() {
		<-asked
		leave()
	}()
	response, err := g.dialogflow(t).Do(g.request(ctx, t, esPath, esTurn("left")))
	if err == nil {
		t.Errorf("status %d, want none", response.StatusCode)
		_ = response.Body.Close()
	}
	time.AfterFunc(50*time.Millisecond, func() { close(goOn) }) // by when the next try has mostly joined the first
	got := ask(t, g.dialogflow(t), g.request(t.Context(), t, esPath, esTurn("left")))
	if got.StatusCode != http.StatusOK || !strings.Contains(got.body, "Here you are.") {
		t.Errorf("the next try is answered %d: %s", got.StatusCode, got.body)
	}
	g.log.await(t, 1, entry{"msg": "Turn", "turn_id": "left", "outcome": "lost"})
	g.log.await(t, 1, entry{"msg": "Turn", "turn_id": "left", "outcome": "answered"})
	if n := len(asked); n != 0 {
		t.Errorf("the service was called %d times more", n)
	}
}

// readiness is what /readyz says.
type readiness struct {
	Ready, Listening, Draining bool
	Services                   []struct {
		Name, State, Detail string
		Required            bool
	}
	Waiting      string
	Certificates []struct{ Kind string }
	BadFiles     []struct{ Name, Error string } `json:"bad_files"`
}

func (g *gate) readiness(t *testing.T) (int, readiness) {
	t.Helper()
	got := get(t, g.Status+"/readyz")
	var r readiness
	if err := json.Unmarshal([]byte(got.body), &r); err != nil {
		t.Fatalf("%v: %s", err, got.body)
	}
	return got.StatusCode, r
}

// TestServiceComesLate starts without the service, which is found when it comes.
func TestServiceComesLate(t *testing.T) { // not parallel, so that no other test takes the address meanwhile
	for name, required := range map[string]bool{"required": true, "not required": false} {
		t.Run(name, func(t *testing.T) {
			free, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			addr := free.Addr().String()
			if err := free.Close(); err != nil {
				t.Fatal(err)
			}
			edits := []edit{{"127.0.0.1:1\n", addr + "\n"}}
			if !required {
				edits = append(edits, edit{"    required: true\n", ""})
			}
			dir := folder(t, edits...)
			g := serveFolder(t, dir)
			client := g.dialogflow(t)

			lines := g.log.await(t, 1, entry{"msg": "Service unreachable", "service": serviceName, "level": "WARN"})
			if lines[0].text("reason") == "" || lines[0]["target"] != addr {
				t.Errorf("the log does not say what is the matter: %v", lines[0])
			}
			status, ready := g.readiness(t)
			if want := map[bool]int{true: 503, false: 200}[required]; status != want || ready.Ready == required || !ready.Listening {
				t.Errorf("/readyz is %d %+v, want %d", status, ready, want)
			}
			if len(ready.Services) != 1 || ready.Services[0].State == "READY" || ready.Services[0].Required != required {
				t.Errorf("/readyz says of the service %+v", ready.Services)
			}
			got := g.post(t, client, esPath, esTurn("early"))
			if code, sentence := got.message(t); got.StatusCode != http.StatusServiceUnavailable || code != codes.Unavailable || sentence != "the intent service is not available" {
				t.Errorf("status %d %s %q", got.StatusCode, code, sentence)
			}
			g.log.await(t, 1, entry{"msg": "Turn", "turn_id": "early", "reason": "unavailable"})

			g.service = startService(t, dir, addr)
			g.log.await(t, 1, entry{"msg": "Service reachable"})
			wantES(t, g.post(t, client, esPath, esTurn("late")), "heard late")
			if status, ready := g.readiness(t); status != http.StatusOK || !ready.Ready || ready.Services[0].State != "READY" {
				t.Errorf("/readyz is %d %+v", status, ready)
			}
		})
	}
}
