package host_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"airlift/emu/iot"
)

// TestClients lets our own libraries meet everything that a platform and other
// servers answer, over real sockets.
func TestClients(t *testing.T) { runMatrix(t, ownE1Clients, slices.Concat(e1Cases, faultCases)) }

// TestUpstreamClients is the same with upstream's libraries: those of the
// checkouts in every case, and with AIRLIFT_SCALE=full so those of all times.
func TestUpstreamClients(t *testing.T) { runMatrix(t, e1Clients, slices.Concat(e1Cases, faultCases)) }

// TestUpstreamTurnkey lets libfota3 meet what the API made for it answers.
func TestUpstreamTurnkey(t *testing.T) { runMatrix(t, turnkeyClients, turnkeyCases) }

// sampled is of how many cases one is tried with a client of less importance.
const sampled = 8

// runMatrix lets clients meet cases: each client in each case, unless the case
// says why it cannot happen to it. Without AIRLIFT_SCALE=full it tries a sample
// of those that are not of a checkout.
func runMatrix(t *testing.T, clients []*client, cases []clientCase) {
	gs := grounds{}
	for _, cs := range cases {
		gs.get(t, cs.platform())
	}
	every := sampled
	if testing.Short() {
		every *= 4
	}
	ran, explained := 0, 0
	for i, c := range clients {
		t.Run(c.name, func(t *testing.T) {
			for k, cs := range cases {
				if why := cs.impossible(c); why != "" {
					explained++
					t.Logf("not %s/%s: %s", cs.platform(), cs.name, why)
					continue
				}
				if c.source == "" && os.Getenv("AIRLIFT_SCALE") != "full" && k%every != i%every {
					continue
				}
				ran++
				t.Run(cs.platform()+"/"+cs.name, func(t *testing.T) { cs.run(newTrial(t, gs[cs.platform()], c)) })
			}
		})
	}
	t.Logf("%d clients and %d cases: %d pairs were tried, %d cannot happen", len(clients), len(cases), ran, explained)
}

// TestMatrix checks the tables: names that occur once, and reasons that fit.
func TestMatrix(t *testing.T) {
	for _, m := range []struct {
		clients []*client
		cases   []clientCase
	}{{e1Clients, slices.Concat(e1Cases, faultCases)}, {ownE1Clients, slices.Concat(e1Cases, faultCases)}, {turnkeyClients, turnkeyCases}, {wifiClients, wifiCases}} {
		names := map[string]bool{}
		for _, c := range m.clients {
			if names[c.name] {
				t.Errorf("two clients are called %s", c.name)
			}
			names[c.name] = true
		}
		for _, cs := range m.cases {
			key := cs.platform() + "/" + cs.name
			if names[key] {
				t.Errorf("two cases are called %s", key)
			}
			names[key] = true
			if cs.run != nil && !slices.ContainsFunc(m.clients, func(c *client) bool { return cs.impossible(c) == "" }) {
				t.Errorf("%s happens to nobody", key)
			}
		}
	}
}

// TestClientsDoc checks the words that docs/PLATFORM.md tells people to look
// for.
func TestClientsDoc(t *testing.T) {
	doc := string(must[[]byte](t)(os.ReadFile("../../../docs/PLATFORM.md")))
	for code, b := range bodies {
		if row := fmt.Sprintf("| %d | %s |", code, b.word); !strings.Contains(doc, row) {
			t.Errorf("docs/PLATFORM.md has no row %s", row)
		}
	}
}

func (cs *clientCase) platform() string { return orElse(cs.answers, "cloud") }

// impossible says why a case cannot happen to a client.
func (cs *clientCase) impossible(c *client) string {
	if cs.not == nil {
		return ""
	}
	return cs.not(c)
}

// grounds are one platform for each answer set, made when they are needed.
type grounds map[string]*ground

func (gs grounds) get(t testing.TB, answers string) *ground {
	t.Helper()
	if gs[answers] == nil {
		s := iot.DefaultSettings()
		s.Baselines = []iot.Baseline{
			{Name: "1.3", From: iot.Version{2: 3100}, To: iot.Version{2: 3199}},
			{Name: "1.4", From: iot.Version{2: 3200}, To: iot.Version{2: 3299}},
		}
		gs[answers] = newGround(t, answers, s)
	}
	return gs[answers]
}
