package demo_test

import (
	"os"
	"testing"

	"airlift/emu/iot/api"
	"airlift/emu/iot/api/apitest"
)

// TestMain also checks what the platform answers.
func TestMain(m *testing.M) { os.Exit(apitest.Run(m, api.Description)) }
