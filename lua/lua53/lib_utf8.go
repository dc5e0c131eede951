package lua53

// OpenUTF8 installs utf8.
func (vm *VM) OpenUTF8() {
	t := vm.Register("utf8", []NativeEntry{
		{"char", utf8Char}, {"codepoint", utf8Codepoint}, {"codes", utf8Codes}, {"len", utf8Len}, {"offset", utf8Offset},
	})
	vm.setField(t, "charpattern", mkString("[\x00-\x7F\xC2-\xF4][\x80-\xBF]*"))
}

const maxUnicode = 0x10FFFF

func isCont(s string, i int64) bool { return i < int64(len(s)) && s[i]&0xC0 == 0x80 }

// decodeUTF8 decodes one character as Lua does: surrogates are accepted,
// overlong forms are not.
func decodeUTF8(s string) (r uint32, n int, ok bool) {
	if s == "" {
		return 0, 1, true // C sees the zero at the end
	}
	c := uint32(s[0])
	if c < 0x80 {
		return c, 1, true
	}
	count := 0
	for ; c&0x40 != 0; count++ {
		if count+1 >= len(s) || s[count+1]&0xC0 != 0x80 {
			return 0, 0, false
		}
		r = r<<6 | uint32(s[count+1]&0x3F)
		c <<= 1
	}
	r |= (c & 0x7F) << uint(count*5)
	limits := [...]uint32{^uint32(0), 0x80, 0x800, 0x10000}
	if count == 0 || count > 3 || r > maxUnicode || r < limits[count] {
		return 0, 0, false
	}
	return r, count + 1, true
}

func utf8Pos(pos int64, n int) int64 {
	if pos >= 0 {
		return pos
	}
	if -pos > int64(n) {
		return 0
	}
	return int64(n) + pos + 1
}

func utf8Len(a Args) int {
	s := a.Str(0)
	i := utf8Pos(a.OptInt(1, 1), len(s))
	j := utf8Pos(a.OptInt(2, -1), len(s))
	i--
	if !(0 <= i && i <= int64(len(s))) {
		a.ArgError(1, "initial position out of string")
	}
	j--
	if j >= int64(len(s)) {
		a.ArgError(2, "final position out of string")
	}
	n := int64(0)
	for i <= j {
		_, l, ok := decodeUTF8(s[i:])
		if !ok {
			a.push(Nil)
			a.PushInt(i + 1)
			return 2
		}
		i += int64(l)
		n++
	}
	return a.ret(mkInt(n))
}

func utf8Codepoint(a Args) int {
	s := a.Str(0)
	i := utf8Pos(a.OptInt(1, 1), len(s))
	j := utf8Pos(a.OptInt(2, i), len(s))
	if i < 1 {
		a.ArgError(1, "out of range")
	}
	if j > int64(len(s)) {
		a.ArgError(2, "out of range")
	}
	n := 0
	for i--; i < j; {
		r, l, ok := decodeUTF8(s[i:])
		if !ok {
			a.Error("invalid UTF-8 code")
		}
		a.PushInt(int64(r))
		i += int64(l)
		n++
	}
	return n
}

func utf8Char(a Args) int {
	var b []byte
	for i := 0; i < a.n; i++ {
		c := a.Int(i)
		if uint64(c) > maxUnicode {
			a.ArgError(i, "value out of range")
		}
		b = appendUTF8(b, uint32(c))
	}
	a.PushString(string(b))
	return 1
}

func utf8Offset(a Args) int {
	s := a.Str(0)
	n := a.Int(1)
	def := int64(1)
	if n < 0 {
		def = int64(len(s)) + 1
	}
	i := utf8Pos(a.OptInt(2, def), len(s)) - 1
	if !(0 <= i && i <= int64(len(s))) {
		a.ArgError(2, "position out of range")
	}
	if n == 0 {
		for i > 0 && isCont(s, i) {
			i--
		}
		return a.ret(mkInt(i + 1))
	}
	if isCont(s, i) {
		a.Error("initial position is a continuation byte")
	}
	if n < 0 {
		for n < 0 && i > 0 {
			i--
			for i > 0 && isCont(s, i) {
				i--
			}
			n++
		}
	} else {
		n--
		for n > 0 && i < int64(len(s)) {
			i++
			for isCont(s, i) {
				i++
			}
			n--
		}
	}
	if n == 0 {
		return a.ret(mkInt(i + 1))
	}
	return a.ret(Nil)
}

func utf8Codes(a Args) int {
	s := a.Str(0)
	a.push(mkClosure(a.t.vm.native("codes_aux", utf8Next, spNone)))
	a.push(mkStringOf(a, 0, s))
	a.push(mkInt(0))
	return 3
}

func utf8Next(a Args) int {
	s := a.Str(0)
	i := a.Int(1) - 1
	if i < 0 {
		i = 0
	} else if i < int64(len(s)) {
		i++
		for isCont(s, i) {
			i++
		}
	}
	if i >= int64(len(s)) {
		return 0
	}
	r, l, ok := decodeUTF8(s[i:])
	if !ok || isCont(s, i+int64(l)) {
		a.Error("invalid UTF-8 code")
	}
	a.PushInt(i + 1)
	a.PushInt(int64(r))
	return 2
}
