// Package forwarded reads the client certificates that load balancers hand on in header fields, where they have ended the client's
// TLS themselves, and has them judged by the same trust profiles as those that clients present.
//
// Whoever may fill in such a field may be anybody. So it is up to package edge to ask for a Verdict only where a proxy has proven
// itself, and to take the fields out of everybody else's requests.
package forwarded
