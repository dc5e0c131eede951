package lua_test

import "testing"

func TestIconv(t *testing.T) {
	lines(t,
		[2]string{`iconv.open("utf8", "ucs2be"):iconv("\98\17")`, "我"},
		[2]string{`iconv.gb2utf8("\206\210"), iconv.utf82gb("我"):toHex()`, "我|CED2|4"},
		[2]string{`iconv.open("latin1", "utf8"), iconv.gb2utf8("\206") == nil`, "nil|true"},
		[2]string{`iconv.close(iconv.open("utf8", "gb2312")), (pcall(iconv.close, 1))`, "true|false"},
	)
}
