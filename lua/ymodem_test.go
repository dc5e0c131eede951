package lua_test

import (
	"strings"
	"testing"

	"airlift/lua/luatest"
)

// TestYmodem sends two files, with a mistake in between, and looks at every
// answer.
func TestYmodem(t *testing.T) {
	b := luatest.New(ymodemScript)
	run(t, b)
	if text := b.Text(); !strings.Contains(text, "all done") || strings.Contains(text, "check failed") {
		t.Error(text)
	}
}

const ymodemScript = `
local function check(what, ok) if not ok then print("check failed", what) end end
local function crc(s) return crypto.crc16("XMODEM", s) end
local function block(number, s, size)
  size = size or 128
  s = s .. string.char(0):rep(size - #s)
  return string.char(size == 128 and 1 or 2, number, 255 - number) .. s .. string.pack(">I2", crc(s))
end
local h = ymodem.create("/ram")
local buff = zbuff.create(4096)
local function send(s)
  buff:del()
  buff:copy(0, s)
  return ymodem.receive(h, buff)
end
local function answer(what, want, ...)
  local t = {...}
  for i = 1, 5 do t[i] = tostring(t[i]) end
  check(what .. ": " .. table.concat(t, " "), table.concat(t, " ") == want)
end
answer("start", "true 67 nil false false", ymodem.receive(h))
answer("header", "true 6 67 false false", send(block(0, "a.txt\0" .. "200 13663\0")))
answer("half", "true 0 nil false false", send(block(1, ("x"):rep(128)):sub(1, 50)))
answer("other half", "true 6 nil false false", send(block(1, ("x"):rep(128)):sub(51)))
answer("wrong number", "false 21 nil false false", send(block(3, ("y"):rep(72))))
answer("wrong sum", "false 21 nil false false", send(block(2, ("y"):rep(72)):sub(1, -2) .. "?"))
answer("last", "true 6 nil true false", send(block(2, ("y"):rep(72))))
answer("junk", "false 21 nil false false", send("?"))
answer("end", "true 21 nil false false", send(string.char(4)))
answer("end again", "true 6 67 false false", send(string.char(4)))
check("file", io.readFile("/ram/a.txt") == ("x"):rep(128) .. ("y"):rep(72))
answer("second file", "true 6 67 false false", send(block(0, "b.txt\0" .. "1000\0")))
answer("long block", "true 6 nil true false", send(block(1, ("z"):rep(1000), 1024)))
send(string.char(4)) send(string.char(4))
check("second file", io.readFile("/ram/b.txt") == ("z"):rep(1000))
answer("no more", "true 6 nil false true", send(block(0, "")))
answer("cancelled", "true 6 nil false true", send(string.char(0x18)))
answer("a string is no data", "true 67 nil false false", ymodem.receive(h, block(0, "c.txt\0" .. "1\0")))
ymodem.release(h)
answer("released", "false nil nil false false", ymodem.receive(h, buff))
local forced = ymodem.create("/", "/ram/forced.bin")
buff:del() buff:copy(0, block(0, "any\0" .. "3\0")) ymodem.receive(forced, buff)
buff:del() buff:copy(0, block(1, "abc")) ymodem.receive(forced, buff)
check("forced", io.readFile("/ram/forced.bin") == "abc")
print("all done")
`
