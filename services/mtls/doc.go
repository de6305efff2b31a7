// Package mtls makes every TLS configuration of the hop between the gateway and its services, and of services among
// themselves: TLS 1.3, a certificate on both sides, from files that are read again when they change.
//
// An [Identity] is one end of that hop: its own [KeyPair] and the authorities that it accepts from peers. Opening one fails
// where a file is missing or wrong, and says which and why; once open it always has something valid to work with, since
// a bad new file is logged and changes nothing. Whether a verified peer may call is not decided here but by [SAN].
package mtls
