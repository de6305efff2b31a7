package telemetry_test

import (
	"errors"
	"io"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/intentgate/intentgate/gateway/authn/idtoken"
	"github.com/intentgate/intentgate/gateway/telemetry"
)

func TestFilesRead(t *testing.T) {
	meters := newTelemetry(t, io.Discard)
	files := map[string]bool{"edge.certificate": true, "edge.clients": false}
	meters.Observe(telemetry.Sources{Files: maps.All(files)})
	const name = `{name="edge.certificate"`
	meters.FilesRead("edge.certificate", false, nil)
	meters.FilesRead("edge.certificate", false, errors.New("no PEM block"))
	meters.FilesRead("edge.certificate", true, errors.New("the other one is good")) // both
	has(t, scrape(t, meters),
		`intentgate_files_good`+name+`} 1`,
		`intentgate_files_good{name="edge.clients"} 0`,
		`intentgate_file_reloads_total`+name+`,result="failed"} 2`,
		`intentgate_file_reloads_total`+name+`,result="reloaded"} 1`,
	)
	files["edge.certificate"] = false
	delete(files, "edge.clients")
	meters.FilesRead("edge.certificate", true, nil)
	lines := scrape(t, meters)
	has(t, lines,
		`intentgate_files_good`+name+`} 0`,
		`intentgate_file_reloads_total`+name+`,result="reloaded"} 2`,
	)
	for _, line := range lines {
		if strings.Contains(line, "edge.clients") {
			t.Errorf("nobody watches them any more: %s", line)
		}
	}
}

func TestObserveKeys(t *testing.T) {
	meters := newTelemetry(t, io.Discard)
	status := idtoken.Status{Source: "a file", Failures: 3}
	meters.Observe(telemetry.Sources{Keys: func() idtoken.Status { return status }})
	lines := scrape(t, meters)
	has(t, lines, `intentgate_id_token_keys 0`, `intentgate_id_token_keys_failures_total 3`)
	for _, line := range lines {
		if strings.Contains(line, "keys_fetched") || strings.Contains(line, "keys_expiry") {
			t.Errorf("never fetched, but %s", line)
		}
	}
	status = idtoken.Status{Source: "a file", Keys: 2, Fetched: time.Unix(1_796_083_200, 0), Expires: time.Unix(1_796_086_800, 5e8), Failures: 4}
	has(t, scrape(t, meters),
		`intentgate_id_token_keys 2`,
		`intentgate_id_token_keys_fetched_timestamp_seconds 1.7960832e+09`,
		`intentgate_id_token_keys_expiry_timestamp_seconds 1.7960868005e+09`,
		`intentgate_id_token_keys_failures_total 4`,
	)
	status = idtoken.Status{}
	for _, line := range scrape(t, meters) {
		if strings.HasPrefix(line, "intentgate_id_token_keys") {
			t.Errorf("there are no keys any more: %s", line)
		}
	}
}
