package process

import (
	"context"

	"github.com/intentgate/intentgate/gateway/config"
	"github.com/intentgate/intentgate/gateway/secretref"
)

// privacy reads the key that sessions are hashed with, and again when its file changes.
func (g *generation) privacy(context.Context) error {
	from := g.settings.GetTelemetry().GetLog().GetSessionKey()
	if from == nil {
		return nil
	}
	reload := func() (changed bool, err error) {
		key, err := secretref.Read(from, config.MinSessionKey)
		if err != nil {
			return false, err
		}
		before := g.sessionKey.Swap(&key)
		if g.current.Load() == g {
			g.tell()
		}
		return before == nil || *before != key, nil
	}
	if _, err := reload(); err != nil {
		return err
	}
	if from.GetFile() != "" {
		g.watch("telemetry.log.session_key", []string{from.GetFile()}, reload)
	}
	return nil
}

// tell has telemetry tell of users what the settings say, now that they are in force.
func (g *generation) tell() {
	var key []byte
	if set := g.sessionKey.Load(); set != nil {
		key = []byte(*set)
	}
	g.telemetry.SetPrivacy(g.settings.GetTelemetry().GetLog().GetUserData(), key)
}
