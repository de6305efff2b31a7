// Package dialogflow translates between Dialogflow's webhook JSON and what the gateway works with: a request body
// becomes a Turn, a Reply becomes an answer. It is pure: bytes in, bytes out, no network and no clock.
package dialogflow
