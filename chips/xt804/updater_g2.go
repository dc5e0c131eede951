package xt804

import "airlift/chips"

// fotaG2 is the updater of V1023..V1027 (xt804.md 4.4): everything goes to
// flash at once, into cells that init has erased, and no state is checked.
//
// Assumed: once 64 bytes are there every call looks at the header again.
type fotaG2 struct{ fotaArea }

// Init starts a download.
func (u *fotaG2) Init(env *chips.Env, _, _ int64) (int, error) { return 0, u.init(env) }

// Write stores a piece. The check of the size is right, but nobody checks that
// init was called: then cells keep the AND of old and new.
func (u *fotaG2) Write(env *chips.Env, p []byte) (int, error) {
	if u.offset+int64(len(p)) > u.size {
		env.Log("E", "fota", "OTA区域写满, 无法继续写入")
		return fotaFailed, nil
	}
	ret, err := u.fls.writeNoErase(u.addr+uint32(u.offset), p)
	if err != nil {
		return 0, err
	}
	u.offset += int64(len(p))
	if ret != 0 {
		env.Log("D", "fota", "tls_fls_write_without_erase ret %d", ret)
		return ret, nil
	}
	if u.offset < HeaderSize {
		return 0, nil
	}
	return u.checkHead(
		func(h *Header) { env.Log("D", "fota", "fota包的magic_no错误, 0x%08X", h.MagicNo) },
		func(h *Header) { logChecksumG2(env, h.HdChecksum, h.ComputedChecksum()) })
}

func logChecksumG2(env *chips.Env, want, got uint32) {
	env.Log("D", "fota", "foto包的头部校验和不正确 expect %08X but %08X", want, got)
}

// Done checks the download. The test for its length has the sign slip of the
// original: up to 128 bytes may be missing.
func (u *fotaG2) Done(env *chips.Env) (int, error) {
	switch {
	case u.offset == 0:
		env.Log("E", "fota", "未写入任何数据, 无法完成OTA")
		return fotaFailed, nil
	case u.offset < HeaderSize:
		env.Log("I", "fota", "写入数据小于最小长度, 还不能判断")
		return fotaMagic, nil
	}
	h, err := u.header()
	if err != nil {
		return 0, err
	}
	if int64(h.ImgLen) > u.offset+HeaderSize {
		env.Log("I", "fota", "fota数据还不够, 继续等数据")
		return fotaShort, nil
	}
	return u.finish(&h,
		func() { env.Log("D", "fota", "FOTA数据校验通过, ") },
		func(sum uint32) { logChecksumG2(env, h.OrgChecksum, sum) })
}

// End sets the flag for a full package. Whether that worked is not returned:
// the original shadows the variable.
func (u *fotaG2) End(env *chips.Env, ok bool) (int, error) {
	h, full, code, err := u.ending(env, ok)
	if !full {
		return code, err
	}
	_, err = u.writeFlag(env, &h)
	return 0, err
}
