// Package conformance judges an intent service, in any language, by what the gateway relies on.
//
// Most of that is seen from outside: these checks are black box, and hold for every service. What a stranger cannot make a
// service do, such as to be slow or to refuse with details, is asked of intentgate.conformance.v1.ProbeService, which each
// library serves in test mode. What takes the service's own files or its process, such as the reload of a certificate, is judged
// of a service that the kit has started.
package conformance
