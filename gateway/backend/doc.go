// Package backend calls intent services: one [Client] for each, over gRPC and mutual TLS, with messages as bytes.
//
// A Client connects in the background and keeps trying, so that a service that is away holds up nothing but its own
// turns, and those fail at once instead of waiting. What is behind one name is balanced round robin over the addresses
// that say they are healthy, and do not fail more often than the others.
//
// Nothing that a service does costs more than the turns that need it: a [Client] bounds the calls that it has in work, calls
// again only what may be called again, and stops calling what keeps failing for a while.
package backend
