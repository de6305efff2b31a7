// Package spiffe makes identities of the hop out of X.509-SVIDs and trust bundles, which the SPIFFE Workload API issues and
// renews: no files, and nobody who puts them there.
//
// A [Source] asks one Workload API as long as it is open. Where that is away, what it has issued stays in force, and the
// source asks again: nothing waits for it, neither a start nor a handshake.
package spiffe
