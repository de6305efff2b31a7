package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/intentgate/intentgate/gateway/binding"
	"github.com/intentgate/intentgate/gateway/config"
	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/doctor"
	"github.com/intentgate/intentgate/gateway/fallback"
	"github.com/intentgate/intentgate/gateway/intents/contract"
	"github.com/intentgate/intentgate/gateway/router"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
)

// hearing is what a user hears, through one webhook, where turns of a route or of a claimed name have no answer of the service's.
type hearing struct {
	Webhook   string   `json:"webhook"`
	Platform  string   `json:"platform"`
	Turns     string   `json:"turns"`
	Route     string   `json:"route,omitempty"` // that is declared
	Service   string   `json:"service"`
	Answers   []heard  `json:"answers"`
	Sometimes []string `json:"sometimes,omitempty"` // fallbacks that only some of the turns have
}

// heard is what is heard for one cause in one language.
type heard struct {
	Cause    string          `json:"cause"`
	Language string          `json:"language"`        // empty: any that the configuration does not name
	From     string          `json:"from,omitempty"`  // where that is configured; empty: nowhere
	Hears    string          `json:"hears"`           // for people
	Reply    json.RawMessage `json:"reply,omitempty"` // intentgate.v1.Reply; absent: a status
}

// hearings returns what is heard through all webhooks: of the routes, and of the names that services claim.
func hearings(settings *gatewayv1.Config, claimed []contract.Service) ([]hearing, error) {
	set, err := config.Fallbacks(settings)
	if err != nil {
		return nil, err // the loader would have told
	}
	var all []hearing
	for _, webhook := range settings.GetWebhooks() {
		platform := config.Platform(webhook.GetPlatform())
		add := func(match router.Match, route int, service string) {
			if !match.Takes(platform) {
				return
			}
			h := hearing{Webhook: webhook.GetPath(), Platform: platform.String(), Turns: match.String(), Service: service}
			if h.Turns == (router.Match{Platform: platform}).String() || h.Turns == (router.Match{}).String() {
				h.Turns = "any turn"
			}
			if route != fallback.NoRoute {
				h.Route = fmt.Sprintf("routes[%d]", route)
			}
			var outlooks []fallback.Outlook
			outlooks, h.Sometimes = set.Look(platform, match, fallback.Place{Webhook: webhook.GetPath(), Route: route, Service: service})
			for _, o := range outlooks {
				h.Answers = append(h.Answers, hear(platform, &o))
			}
			all = append(all, h)
		}
		for i, route := range config.Routes(settings) {
			add(route.Match, i, route.Service)
		}
		for _, service := range claimed {
			for _, m := range service.Methods {
				for key, names := range [...][]string{router.Intent: m.Intents, router.Action: m.Actions, router.Tag: m.Tags} {
					for _, name := range names {
						match := router.Match{Platform: router.Key(key).Platform()}
						*[...]*string{router.Intent: &match.Intent, router.Action: &match.Action, router.Tag: &match.Tag}[key] = name
						add(match, fallback.NoRoute, service.Service)
					}
				}
			}
		}
	}
	return all, nil
}

// hear says what is heard.
func hear(platform dialogflow.Platform, o *fallback.Outlook) heard {
	h := heard{Cause: o.Cause.String(), Language: o.Language, From: o.Answer.At}
	reply := o.Answer.Reply
	if reply == nil {
		h.Hears = statusHeard(platform, o.Answer.Status, o.Cause)
		return h
	}
	h.Reply, _ = protojson.Marshal(reply) // it came out of the configuration
	var parts []string
	for _, text := range reply.GetTexts() {
		parts = append(parts, strconv.Quote(text))
	}
	for _, to := range [][2]string{{"the event ", reply.GetFollowupEvent().GetName()}, {"", reply.GetTargetPage()}, {"", reply.GetTargetFlow()}} {
		if to[1] != "" {
			parts = append(parts, to[0]+to[1])
		}
	}
	if len(parts) == 0 {
		parts = []string{"what the agent says by itself"}
	}
	if fields := reply.GetSessionParameters().GetFields(); len(fields) > 0 {
		parts = append(parts, fmt.Sprintf("and %d to remember", len(fields)))
	}
	h.Hears = strings.Join(parts, " ")
	return h
}

// ownResponse is what is heard on ES where nothing else is said.
const ownResponse = "the intent's own response"

// statusHeard says what an HTTP status brings about: one on purpose or, of OK, those of the failures behind a cause.
func statusHeard(platform dialogflow.Platform, code codes.Code, cause fallback.Cause) string {
	if platform == dialogflow.ES {
		return ownResponse
	}
	if code != codes.OK {
		return fmt.Sprintf("the status %d: CX raises %s", binding.HTTPStatus(code), binding.CXEvent(binding.HTTPStatus(code)))
	}
	var events []string
	for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
		if fallback.CauseOf(code) == cause {
			events = append(events, binding.CXEvent(binding.HTTPStatus(code)))
		}
	}
	slices.Sort(events)
	return "the failure's status: CX raises " + strings.Join(slices.Compact(events), ", ")
}

// told is words, and for what they are heard.
type told struct {
	of   []string
	says string
}

// together has what says the same stand together, in the order in which it comes first.
func together(all []told) (groups []told) {
	for _, one := range all {
		i := slices.IndexFunc(groups, func(g told) bool { return g.says == one.says })
		if i < 0 {
			i, groups = len(groups), append(groups, told{says: one.says})
		}
		groups[i].of = append(groups[i].of, one.of...)
	}
	return groups
}

// tellHearings tells what users hear through a webhook, what is the same for several turns, causes or languages once.
func tellHearings(all []hearing) (report doctor.Report) {
	var turns []told
	for _, h := range all {
		turns = append(turns, told{[]string{strings.TrimPrefix(h.Turns, "platform="+h.Platform+" ")}, strings.Join(h.lines(), "\n")})
	}
	const most = 3
	for _, same := range together(turns) {
		if len(same.of) > most {
			same.of = append(same.of[:most:most], fmt.Sprintf("%d more", len(same.of)-most))
		}
		for line := range strings.SplitSeq(same.says, "\n") {
			finding := doctor.Pass("fallback", "%s: %s", strings.Join(same.of, ", "), line)
			if strings.HasSuffix(line, ": "+ownResponse) { // of nothing that is configured
				finding.Remedy = "for words of your own: fallback: {text: {en: \"Please try again later.\"}}"
			}
			report = append(report, finding)
		}
	}
	return report
}

// lines tell what is heard, a line for each set of causes.
func (h *hearing) lines() (lines []string) {
	var causes []told
	for _, cause := range fallback.Causes() {
		var languages []told
		for _, a := range h.Answers {
			if a.Cause == cause.String() {
				languages = append(languages, told{[]string{a.Language}, a.String()})
			}
		}
		causes = append(causes, told{[]string{cause.String()}, inLanguages(together(languages))})
	}
	for _, same := range together(causes) {
		of := strings.Join(same.of, ", ")
		if len(same.of) == len(fallback.Causes()) {
			of = "any failure"
		}
		lines = append(lines, of+": "+same.says)
	}
	if len(h.Sometimes) > 0 {
		lines = append(lines, "some of them also have "+strings.Join(h.Sometimes, ", "))
	}
	return lines
}

func (h *heard) String() string {
	if h.From == "" {
		return h.Hears
	}
	return h.Hears + " (" + h.From + ")"
}

// inLanguages tells the words of each language, those of all that are not named last.
func inLanguages(words []told) string {
	if len(words) == 1 {
		return words[0].says
	}
	var parts []string
	rest := ""
	for _, same := range words {
		if slices.Contains(same.of, "") {
			rest = "otherwise " + same.says
		} else {
			parts = append(parts, strings.Join(same.of, ", ")+" "+same.says)
		}
	}
	if rest != "" {
		parts = append(parts, rest)
	}
	return strings.Join(parts, "; ")
}
