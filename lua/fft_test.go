package lua_test

import (
	"strings"
	"testing"

	"airlift/lua/luatest"
)

// TestFft looks for the lines of known signals, and that the inverse brings
// them back.
func TestFft(t *testing.T) {
	for _, bits := range []int{32, 64} {
		b := luatest.New(fftScript)
		b.FW.Bits = bits
		run(t, b)
		if text := b.Text(); !strings.Contains(text, "all done") || strings.Contains(text, "check failed") {
			t.Errorf("%d bits:\n%s", bits, text)
		}
	}
}

const fftScript = `
local function check(what, ok) if not ok then print("check failed", what) end end
local N = 64
local Wc, Ws = fft.generate_twiddles(N)
check("twiddles", #Wc == 32 and Wc[1] == 1 and math.abs(Ws[17] + 1) < 1e-6 and math.abs(Wc[9] - 0.70710678) < 1e-6)
local re, im, keep = {}, {}, {}
for i = 1, N do re[i] = 3 * math.cos(2 * math.pi * 5 * (i - 1) / N) + 0.5 im[i] = 0 keep[i] = re[i] end
fft.run(re, im, N, Wc, Ws)
check("lines", math.abs(re[6] - 96) < 1e-2 and math.abs(re[60] - 96) < 1e-2 and math.abs(re[1] - 32) < 1e-2 and math.abs(re[10]) < 1e-2 and math.abs(im[6]) < 1e-2)
fft.ifft(re, im, N, Wc, Ws)
local worst = 0
for i = 1, N do worst = math.max(worst, math.abs(re[i] - keep[i])) end
check("back", worst < 1e-4)
-- The same in a buffer.
local b, z = zbuff.create(N * 4), zbuff.create(N * 4)
for i = 1, N do b:writeF32(keep[i]) z:writeF32(0) end
fft.run(b, z, N, Wc, Ws)
b:seek(20)
check("buffer", math.abs(b:readF32() - 96) < 1e-2)
fft.fft_integral(b, z, N, 1)
b:seek(0) z:seek(20)
check("integral", b:readF32() == 0 and math.abs(z:readF32() + 96 / (2 * math.pi * 5)) < 1e-2)
-- Fixed point: the transform by N, of readings of 12 bits.
local r, i, c, s = zbuff.create(N * 2), zbuff.create(N * 2), zbuff.create(N), zbuff.create(N)
fft.generate_twiddles_q15_to_zbuff(N, c, s)
check("q15 twiddles", c:readI16() == 32767 and s[0] + s[1] * 256 == 0)
c:seek(16)
check("q15 cos 45", math.abs(c:readI16() - 23170) <= 1)
for k = 0, N - 1 do r:writeU16(2048 + math.floor(1000 * math.cos(2 * math.pi * 5 * k / N) + 0.5)) i:writeU16(2048) end
fft.run(r, i, N, c, s, {core = "q15", input_format = "u12"})
r:seek(10)
check("q15 line", math.abs(r:readI16() - 8000) < 60)
local function fails(what, text, ...)
  local ok, e = pcall(...)
  check(what .. ": " .. tostring(e), not ok and e:find(text, 1, true))
end
fails("points", "N must be power of 2", fft.run, re, im, 63, Wc, Ws)
fails("no points", "N must be greater than 1", fft.run, re, im, 0, Wc, Ws)
fails("too many", "N must not exceed 65536", fft.run, re, im, 131072, Wc, Ws)
fails("few arguments", "at least 5 arguments", fft.run, re, im)
fails("short table", "real table must contain 64 numbers", fft.run, {1, 2}, im, N, Wc, Ws)
fails("short buffer", "zbuff too small", fft.run, zbuff.create(10), im, N, Wc, Ws)
fails("core", "opts.core must be 'f32' or 'q15'", fft.run, re, im, N, Wc, Ws, {core = "f64"})
fails("q15 tables", "q15 mode requires real to be zbuff", fft.run, re, im, N, Wc, Ws, {core = "q15", input_format = "u12"})
fails("integral", "n must be power of 2", fft.fft_integral, re, im, 12, 1.0)
fails("huge twiddles", "no memory", fft.generate_twiddles, 1 << 30)
print("all done")
`
