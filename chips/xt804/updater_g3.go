package xt804

import "airlift/chips"

// fotaBuffer is the size of V2001's write buffer in bytes (xt804.md 4.4).
const fotaBuffer = 32 << 10

// fotaG3 is the updater of V2001 (xt804.md 4.4): pieces are collected in 32 KiB
// and go to flash by sector rewrites. The buffer is flushed early, as soon as
// there is a header, and that flush is not checked against the area's size
// (pitfall P9), so that all later ones lie off the sector grid.
//
// Assumed: the header is looked at once, in the call that completes it, and
// the buffer can always be allocated.
type fotaG3 struct {
	fotaArea
	buf  []byte // nil until init
	fill int
}

// Init starts a download.
func (u *fotaG3) Init(env *chips.Env, _, _ int64) (int, error) {
	if u.buf == nil {
		u.buf = make([]byte, fotaBuffer)
	}
	u.fill = 0
	return 0, u.init(env)
}

// flush writes what the buffer holds and returns the driver's code.
func (u *fotaG3) flush() (int, error) {
	ret, err := u.fls.write(u.addr+uint32(u.offset), u.buf[:u.fill])
	u.offset += int64(u.fill)
	u.fill = 0
	return ret, err
}

// full logs that the area is full.
func (u *fotaG3) full(env *chips.Env) (int, error) {
	env.Log("E", "fota", "OTA区域写满")
	return fotaFailed, nil
}

// Write collects a piece.
func (u *fotaG3) Write(env *chips.Env, p []byte) (int, error) {
	if u.state != fotaOngoing || u.buf == nil {
		return fotaFailed, nil
	}
	before := u.offset + int64(u.fill)
	for len(p) > 0 {
		n := copy(u.buf[u.fill:], p)
		u.fill, p = u.fill+n, p[n:]
		if u.fill < fotaBuffer {
			break
		}
		if u.offset+fotaBuffer > u.size {
			return u.full(env)
		}
		if ret, err := u.flush(); err != nil || ret != 0 {
			return ret, err
		}
	}
	if before >= HeaderSize || u.offset+int64(u.fill) < HeaderSize {
		return 0, nil
	}
	return u.early(env)
}

// early is the flush and the check that the first 64 bytes trigger.
func (u *fotaG3) early(env *chips.Env) (int, error) {
	if u.fill > 0 {
		if ret, err := u.flush(); err != nil || ret != 0 {
			return ret, err
		}
	}
	code, err := u.checkHead(
		func(h *Header) { env.Log("E", "fota", "magic_no错误: %08X", h.MagicNo) },
		func(*Header) { env.Log("E", "fota", "头部CRC错误") })
	if err == nil && code == 0 {
		env.Log("I", "fota", "固件头部校验通过")
	}
	return code, err
}

// Done writes the rest and checks the download.
func (u *fotaG3) Done(env *chips.Env) (int, error) {
	if u.fill > 0 {
		if u.offset+int64(u.fill) > u.size {
			return u.full(env)
		}
		env.Log("I", "fota", "写入数据: %08X, 大小: %d", u.addr+uint32(u.offset), u.fill)
		if ret, err := u.flush(); err != nil || ret != 0 {
			return ret, err
		}
	}
	switch {
	case u.offset == 0:
		env.Log("E", "fota", "未写入数据")
		return fotaFailed, nil
	case u.offset < HeaderSize:
		return fotaMagic, nil
	}
	h, err := u.header()
	if err != nil {
		return 0, err
	}
	if int64(h.ImgLen)+HeaderSize > u.offset {
		return fotaShort, nil
	}
	return u.finish(&h,
		func() { env.Log("I", "fota", "FOTA数据校验通过, 写入长度 %d", u.offset) },
		func(uint32) { env.Log("E", "fota", "CRC校验失败") })
}

// End sets the flag for a full package and reads it back.
func (u *fotaG3) End(env *chips.Env, ok bool) (int, error) {
	h, full, code, err := u.ending(env, ok)
	if !full {
		return code, err
	}
	ret, err := u.writeFlag(env, &h)
	if err != nil || ret != 0 {
		return ret, err
	}
	v, err := u.fls.word(u.flag)
	if err != nil {
		return 0, err
	}
	env.Log("I", "fota", "验证写入: 期望 %08X, 实际读取 %08X", h.OrgChecksum, v)
	return ret, nil
}
