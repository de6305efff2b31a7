package process

import (
	"testing"
	"time"

	"google.golang.org/grpc/connectivity"

	"github.com/intentgate/intentgate/gateway/admin"
	"github.com/intentgate/intentgate/gateway/intents"
)

// TestCallable says which services a new configuration waits for.
func TestCallable(t *testing.T) {
	t.Parallel()
	told := func(loaded time.Time) func() intents.Report {
		return func() intents.Report { return intents.Report{Loaded: loaded} }
	}
	for name, row := range map[string]struct {
		state   connectivity.State
		intents func() intents.Report
		want    bool
	}{
		"that is there, and has none of its own": {connectivity.Ready, nil, true},
		"that has told its intents":              {connectivity.Ready, told(time.Unix(1, 0)), true},
		"that has not told them yet":             {connectivity.Ready, told(time.Time{}), false},
		"whose intents are known from a file":    {connectivity.Connecting, told(time.Unix(1, 0)), false},
		"that is not there":                      {connectivity.TransientFailure, nil, false},
	} {
		t.Run("one "+name, func(t *testing.T) {
			t.Parallel()
			service := admin.Service{State: func() (connectivity.State, string) { return row.state, "" }, Intents: row.intents}
			if got := callable(service); got != row.want {
				t.Errorf("callable: %t, want %t", got, row.want)
			}
		})
	}
}
