// Package authn decides who is calling: it judges a client certificate by the trust profiles of the edge, and makes the
// Caller that goes out with every call of a turn.
//
// A certificate alone proves what its profile says. That of Google proves "Google", never "your agent": Google presents
// the same one for every customer. What only the request's body says is marked as stated.
package authn
