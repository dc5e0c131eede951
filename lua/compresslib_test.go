package lua_test

import "testing"

func TestMiniz(t *testing.T) {
	lines(t,
		[2]string{`(miniz.compress(""):toHex())`, "7801030000000001"},
		[2]string{`(miniz.compress("a", miniz.FORCE_ALL_RAW_BLOCKS):toHex())`, "010100FEFF61"},
		[2]string{`miniz.uncompress(miniz.compress("hello hello hello"))`, "hello hello hello"},
		[2]string{`miniz.uncompress(miniz.compress("hello", 0), 0), miniz.uncompress(miniz.compress("x", miniz.COMPUTE_ADLER32), miniz.COMPUTE_ADLER32)`, "hello|x"},
		[2]string{`miniz.uncompress(miniz.compress("hello", 0))`, ""},
		[2]string{`#miniz.uncompress(miniz.compress(("x"):rep(32768))), miniz.compress(("x"):rep(32769))`, "32768"},
		[2]string{`miniz.uncompress(("x"):rep(32769)), miniz.uncompress("nonsense"), miniz.uncompress("")`, "nil|nil"},
		[2]string{`(function() local c = miniz.compress("hello") return miniz.uncompress(c:sub(1, -2) .. "!") == nil, miniz.uncompress(c .. "tail"), miniz.uncompress(c:sub(1, -3)) == nil end)()`, "true|hello|true"},
		[2]string{`miniz.WRITE_ZLIB_HEADER, miniz.PARSE_ZLIB_HEADER, (pcall(miniz.unzip, "/a"))`, "4096|1|false"},
	)
}

func TestFastlz(t *testing.T) {
	lines(t,
		[2]string{`fastlz.uncompress(fastlz.compress("hello hello hello hello hello")), #fastlz.compress(("x"):rep(1000), 2)`, "hello hello hello hello hello|15"},
		[2]string{`fastlz.uncompress(fastlz.compress(("x"):rep(4097))) == nil, #fastlz.uncompress(fastlz.compress(("x"):rep(4097)), 4097)`, "true|4097"},
		[2]string{`fastlz.compress(""), fastlz.compress("abc", 0), fastlz.compress("abc", 3)`, "nil|nil"},
		[2]string{`fastlz.uncompress("This is no packed text", 99), fastlz.uncompress("\1\2\3\4\5", 1024), fastlz.uncompress("")`, "nil|nil"},
		[2]string{`fastlz.uncompress("\0a", -1) == nil, fastlz.uncompress("\0a", 1e15) == nil, fastlz.uncompress("\0a", 1)`, "true|true|a"},
	)
	expect(t, `local s = {} for i = 1, 60000 do s[i] = string.char(crypto.trng(1):byte()) end print(fastlz.compress(table.concat(s)))`, "")
}
