package iot

import (
	"encoding/json"

	"airlift/emu/link"
)

// Wifi is the firmware of the Wi-Fi co-processor of the Air8000, which asks for
// a small JSON file and compares by itself (iot-platform.md 1.6).
type Wifi struct {
	Version string // a number, as the device converts it
	Content []byte
}

// Paths of the JSON file: the second one is asked for by cores from V2020 on.
var wifiPaths = []string{"/air8000/update.json", "/air8000/update2.json"}

const wifiFile = "/air8000/fotawifi.bin"

// WifiHost is the server that the library asks; it listens on WifiPort.
const (
	WifiHost = "wififota.openluat.com"
	WifiPort = 8300
)

// serve answers requests for the JSON file and the firmware, or returns nil.
func (w *Wifi) serve(s *Server, req *link.Request) *link.Response {
	path := req.Path()
	if path == wifiFile {
		return bareFile(req, w.Content, false)
	}
	for _, p := range wifiPaths {
		if path != p {
			continue
		}
		body, err := json.Marshal(map[string]string{"version": w.Version, "url": s.address(req) + wifiFile})
		if err != nil {
			return s.failure(req, ServerError)
		}
		return jsonBody(req, 200, body)
	}
	return nil
}
