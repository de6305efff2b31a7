// Package intents knows which methods of which services answer Dialogflow's intents: what services claim by the annotations
// in their descriptors, within what the configuration allows them.
//
// Descriptors come from files and from running services, and change while the gateway runs. What is learnt anew replaces
// what was known of that service as a whole, or not at all. A service can take from others nothing by what it claims: the
// configuration bounds the names, and of two claims on one name the earlier service in the file keeps it.
package intents
