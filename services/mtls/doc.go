// Package mtls makes every TLS configuration of the hop between the gateway and its services, and of services among
// themselves: TLS 1.3, both sides with a certificate, from files that are read again when they change.
package mtls
