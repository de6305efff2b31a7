//go:build !race

package main

// What TestSieges asks for: the good caller gets in at the first try, with the gateway's default time for a handshake.
const (
	crowd            = 5000
	tries            = 1
	patientHandshake = "5s"
)
