// Package edge is the public HTTPS listener: it bounds what strangers can cost, judges who they are in the handshake, and
// hands requests on. No handler runs for a connection whose certificate was not accepted.
//
// A handler finds the connection's identity with PeerFromContext, asks whether it still holds, and only then looks at
// the request with Admit and reads its body with ReadBody.
package edge
