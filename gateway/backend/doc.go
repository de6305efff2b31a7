// Package backend calls intent services: one [Client] for each, over gRPC and mutual TLS, with messages as bytes.
//
// A Client connects in the background and keeps trying, so that a service that is away holds up nothing but its own
// turns, and those fail at once instead of waiting. What is behind one name is balanced round robin over the addresses
// that say they are healthy.
package backend
