// Package admin is what operators and their machines see of a running gateway, on two listeners beside the edge:
//
//   - the admin listener serves AdminService as JSON and by gRPC, gRPC's own channelz, health and reflection, and profiles, on a
//     loopback address only and in plaintext therefore; reloading the configuration is all that it changes;
//   - the status listener serves /livez, /readyz and /metrics for kubelet and Prometheus, in plaintext unless it is given a
//     certificate: it tells nothing that is secret and changes nothing.
package admin
