package main

import (
	"encoding/json"

	"github.com/go-jose/go-jose/v4"

	"github.com/intentgate/intentgate/gateway/doctor"
	"github.com/intentgate/intentgate/gateway/process"
	"github.com/intentgate/intentgate/services/mtls"
)

// callerTokens judges whether the gateway can sign for whom it calls, and services can verify it.
func (e *checkup) callerTokens() doctor.Report {
	if e.settings.GetCallerTokens() == nil {
		return nil
	}
	var report doctor.Report
	for _, service := range e.settings.GetServices() {
		if own, err := mtls.ReadCertificates(service.GetTls().GetCert()); err == nil { // else the hop tells
			if _, err := process.Workload(own[0]); err != nil {
				report = append(report, doctor.Fail("workload", service.GetName()+": "+err.Error(), "a name in the gateway's certificate for the service",
					"issue it with a DNS name or a URI"))
			}
		}
	}
	signer, err := process.CallerTokens(e.settings, nil, e.now)
	var set jose.JSONWebKeySet
	if err == nil {
		err = json.Unmarshal(signer.JWKS(), &set)
	}
	switch {
	case err != nil:
		return append(report, doctor.Fail("keys", err.Error(), "keys that sign", "correct caller_tokens.keys"))
	case len(e.settings.GetCallerTokens().GetKeys()) > 0:
		return append(report, doctor.Pass("keys", "%s signs, of %d that are published", set.Keys[0].KeyID, len(set.Keys)))
	}
	saw := "none: the gateway makes one at each start, so that each replica has its own"
	if e.settings.GetStatus().GetCertificate() == nil {
		saw += "; and no service gets it, since the status listener publishes keys over TLS alone"
	}
	return append(report, doctor.Warn("keys", saw, "the same keys for all replicas",
		"give caller_tokens.keys; else run one replica, with status.certificate, and have services fetch the keys from it"))
}
