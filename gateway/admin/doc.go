// Package admin is what operators and their machines see of a running gateway, on two listeners beside the edge:
//
//   - the admin listener serves AdminService as JSON, on a loopback address only;
//   - the status listener serves /livez, /readyz and /metrics for kubelet and Prometheus, in plaintext by design: it
//     tells nothing that is secret and changes nothing.
package admin
