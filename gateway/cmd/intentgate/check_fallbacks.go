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

	code  codes.Code // of a status on purpose
	cause fallback.Cause
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
	h := heard{Cause: o.Cause.String(), Language: o.Language, From: o.Answer.At, code: o.Answer.Status, cause: o.Cause}
	reply := o.Answer.Reply
	if reply == nil {
		h.Hears = statusHeard(platform, h.code, o.Cause)
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

// statusHeard says what an HTTP status brings about: on purpose, or that of the failures behind the causes.
func statusHeard(platform dialogflow.Platform, code codes.Code, causes ...fallback.Cause) string {
	if platform == dialogflow.ES {
		return "the intent's own response"
	}
	if code != codes.OK {
		return fmt.Sprintf("the status %d: CX raises %s", binding.HTTPStatus(code), binding.CXEvent(binding.HTTPStatus(code)))
	}
	var events []string
	for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
		if event := binding.CXEvent(binding.HTTPStatus(code)); slices.Contains(causes, fallback.CauseOf(code)) && !slices.Contains(events, event) {
			events = append(events, event)
		}
	}
	slices.Sort(events)
	return "the failure's status: CX raises " + strings.Join(events, ", ")
}

// tellHearings tells what users hear through a webhook, what is the same for several turns or causes once.
func tellHearings(all []hearing) (report doctor.Report) {
	for len(all) > 0 {
		first, same, rest := all[0], []string{}, []hearing(nil)
		for _, h := range all {
			if slices.EqualFunc(h.Answers, first.Answers, sameWords) && slices.Equal(h.Sometimes, first.Sometimes) {
				same = append(same, strings.TrimPrefix(h.Turns, "platform="+h.Platform+" "))
			} else {
				rest = append(rest, h)
			}
		}
		const most = 3
		if all = rest; len(same) > most {
			same = append(same[:most:most], fmt.Sprintf("%d more", len(same)-most))
		}
		report = append(report, first.tell(strings.Join(same, ", "))...)
	}
	return report
}

func sameWords(a, b heard) bool {
	return a.Cause == b.Cause && a.Language == b.Language && a.From == b.From && a.Hears == b.Hears
}

// tell tells what is heard, causes with the same words together.
func (h *hearing) tell(turns string) (report doctor.Report) {
	platform := config.Platform(h.Platform)
	type group struct {
		causes []fallback.Cause
		words  []heard // by language
	}
	var groups []group
	for _, cause := range fallback.Causes() {
		words := slices.DeleteFunc(slices.Clone(h.Answers), func(w heard) bool { return w.cause != cause })
		i := slices.IndexFunc(groups, func(g group) bool { return slices.EqualFunc(g.words, words, alike) })
		if i < 0 {
			i, groups = len(groups), append(groups, group{words: words})
		}
		groups[i].causes = append(groups[i].causes, cause)
	}
	for _, g := range groups {
		names := make([]string, len(g.causes))
		for i, cause := range g.causes {
			names[i] = cause.String()
		}
		causes := strings.Join(names, ", ")
		if len(names) == len(fallback.Causes()) {
			causes = "any failure"
		}
		finding := doctor.Pass("fallback", "%s: %s: %s", turns, causes, inLanguages(platform, g.causes, g.words))
		if platform == dialogflow.ES && g.causes[0] == fallback.Timeout && !slices.ContainsFunc(g.words, func(w heard) bool { return w.From != "" }) {
			finding.Remedy = "for words of your own: fallback: {text: {en: \"Please try again later.\"}}"
		}
		report = append(report, finding)
	}
	if len(h.Sometimes) > 0 {
		report = append(report, doctor.Pass("fallback", "%s: some of them also have %s", turns, strings.Join(h.Sometimes, ", ")))
	}
	return report.About("webhook " + h.Webhook)
}

// alike says that two causes have the same words in a language, or none.
func alike(a, b heard) bool {
	if a.Reply == nil && b.Reply == nil {
		return a.code == b.code && a.Language == b.Language && strings.TrimSuffix(a.From, ".causes."+a.Cause) == strings.TrimSuffix(b.From, ".causes."+b.Cause)
	}
	return a.Reply != nil && b.Reply != nil && a.Language == b.Language && a.From == b.From && a.Hears == b.Hears
}

// inLanguages tells the words of each language, and languages that have the same together.
func inLanguages(platform dialogflow.Platform, causes []fallback.Cause, words []heard) string {
	type group struct {
		languages []string
		says      string
	}
	var groups []group
	for _, w := range words {
		says := w.Hears
		if w.Reply == nil {
			says = statusHeard(platform, w.code, causes...)
		}
		if w.From != "" {
			says += " (" + w.From + ")"
		}
		i := slices.IndexFunc(groups, func(g group) bool { return g.says == says })
		if i < 0 {
			i, groups = len(groups), append(groups, group{says: says})
		}
		groups[i].languages = append(groups[i].languages, w.Language)
	}
	if len(groups) == 1 {
		return groups[0].says
	}
	parts := make([]string, 0, len(groups))
	rest := ""
	for _, g := range groups {
		if slices.Contains(g.languages, "") {
			rest = "otherwise " + g.says
		} else {
			parts = append(parts, strings.Join(g.languages, ", ")+" "+g.says)
		}
	}
	if rest != "" {
		parts = append(parts, rest)
	}
	return strings.Join(parts, "; ")
}
