package emu_test

import (
	"os"
	"testing"

	"airlift/emu/iot/api"
	"airlift/emu/iot/api/apitest"
	"airlift/emu/sweep"
)

// TestMain also checks what the platform answers.
func TestMain(m *testing.M) {
	sweep.CollectSeldom()
	os.Exit(apitest.Run(m, api.Description))
}
