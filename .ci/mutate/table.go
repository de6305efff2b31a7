package main

import "slices"

// mutations is every check that stands between a stranger and a service, room by room as a turn passes them.
var mutations = slices.Concat(certificates, connections, tokens, secrets, requests, validation, statuses, fallbacks, hop, reloads, places, protection, soaks, calls, tracing, operators, privacy, observed, scale, signed, svids, front, judging, balanced, costs)
