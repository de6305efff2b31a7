//go:build race

package main

// What TestSieges asks for. The race detector makes every connection dear, and here attackers and callers share the
// processors: a good caller's handshake, which must hurry in a siege, may not be done in time at first.
const (
	crowd            = 1000
	tries            = 2
	patientHandshake = "10s"
)
