package xt804

import (
	"airlift/chips"
)

// bootCheck is luat_fota_boot_check: what firmware with FOTA does with the
// FOTA area before anything else (xt804.md 4.5).
type bootCheck struct {
	env    *chips.Env
	area   fotaArea
	script uint32 // bus address of the script partition
	bsp    string
	memo   *Memo // what boot code unpacked, or nil
}

func (c *bootCheck) log(level, format string, args ...any) {
	c.env.Log(level, "fota", format, args...)
}

// cleanArea erases the first sector of the area.
func (c *bootCheck) cleanArea() error {
	_, err := c.area.fls.erase(c.area.addr)
	return err
}

// runG2 is the check of V1023..V1027. A script-only package is applied on the
// same path as a full one.
func (c *bootCheck) runG2() error {
	first, err := c.area.fls.word(c.area.addr)
	if err != nil || first == 0xFFFFFFFF {
		return err
	}
	h, err := c.area.header()
	if err != nil {
		return err
	}
	if h.MagicNo != Magic {
		c.log("D", "OTA区域没有数据, 因为magic no不对 %08X", h.MagicNo)
		return c.cleanArea()
	}
	if h.HdChecksum != h.ComputedChecksum() {
		logChecksumG2(c.env, h.HdChecksum, h.ComputedChecksum())
		return c.cleanArea()
	}
	sum, ok, err := c.area.bodyCRC(&h)
	if err != nil {
		return err
	}
	if !ok || sum != h.OrgChecksum {
		logChecksumG2(c.env, h.OrgChecksum, sum)
		return c.cleanArea()
	}
	if h.Type() == TypeApp || h.Type() == TypeScript {
		c.log("D", "发现OTA数据, 继续进行脚本区更新")
		ret, err := c.applyScripts(&h, &scriptStream{env: c.env, text: streamTextG2})
		if err != nil {
			return err
		}
		c.log("D", "OTA解压函数的返回值 %d", ret)
	}
	return c.cleanArea()
}

// runG3 is the check of V2001. It does not look at the body's CRC, and it
// drops a script-only package.
func (c *bootCheck) runG3() error {
	run, err := c.runHeader()
	if err != nil {
		return err
	}
	if c.bsp == "AIR6208" {
		if err := c.logFlag(); err != nil {
			return err
		}
	}
	first, err := c.area.fls.word(c.area.addr)
	if err != nil {
		return err
	}
	if first == 0xFFFFFFFF {
		c.log("W", "OTA区域为空 (全0xFF)")
		return nil
	}
	h, err := c.area.header()
	if err != nil {
		return err
	}
	if h.MagicNo != Magic {
		c.log("E", "OTA区域magic_no错误: %08X (期望: %08X)", h.MagicNo, uint32(Magic))
		if err := c.cleanArea(); err != nil {
			return err
		}
		c.log("I", "OTA区域清理完成")
		return nil
	}
	if h.HdChecksum != h.ComputedChecksum() {
		c.log("E", "OTA头部CRC校验失败! 期望: %08X, 计算: %08X", h.HdChecksum, h.ComputedChecksum())
		return c.cleanArea()
	}
	c.compare(&h, &run)
	if err := c.applyG3(&h); err != nil {
		return err
	}
	c.log("I", "清理OTA区域...")
	if err := c.cleanArea(); err != nil {
		return err
	}
	c.log("I", "OTA区域清理完成")
	return nil
}

// runHeader reads the header of the app that secboot's header names, and says
// what V2001 says of it at every boot.
func (c *bootCheck) runHeader() (Header, error) {
	var p [HeaderSize]byte
	if err := c.area.fls.read(p[:], SecbootHeaderAddr); err != nil {
		return Header{}, err
	}
	secboot := DecodeHeader(p[:])
	if err := c.area.fls.read(p[:], secboot.Next); err != nil {
		return Header{}, err
	}
	h := DecodeHeader(p[:])
	switch {
	case h.MagicNo != Magic:
		c.log("E", "RUN image magic: %08x", h.MagicNo)
	case h.HeaderOK():
		c.log("I", "  头部CRC校验通过")
	}
	return h, nil
}

func (c *bootCheck) logFlag() error {
	v, err := c.area.fls.word(c.area.flag)
	if err != nil {
		return err
	}
	text := "<- 有OTA标志!"
	if v == 0xFFFFFFFF {
		text = "(空)"
	}
	c.log("I", "OTA标志状态检查:")
	c.log("I", " %08X: %08X %s", c.area.flag, v, text)
	return nil
}

// compare warns of a package for other addresses. The text of the second good
// line is taken from the first.
func (c *bootCheck) compare(h, run *Header) {
	const low = 0xFFFFFF
	if h.ImgAddr&low != run.ImgAddr&low {
		c.log("W", "警告: OTA包的img_addr(0x%08X) 与当前运行镜像的img_addr(0x%08X)不匹配!", h.ImgAddr, run.ImgAddr)
	} else {
		c.log("W", "  ✓ img_addr 匹配 (代码运行地址)")
	}
	if h.UpgradeImgAddr&low != run.UpgradeImgAddr&low {
		c.log("W", "警告: OTA包的upgrade_img_addr(0x%08X) 与当前运行镜像的upgrade_img_addr(0x%08X)不匹配!", h.UpgradeImgAddr, run.UpgradeImgAddr)
	} else {
		c.log("W", "  ✓ upgrade_img_addr 匹配")
	}
}

func (c *bootCheck) applyG3(h *Header) error {
	switch h.Type() {
	case TypeApp:
		c.log("I", "检测到全量升级包，开始解压并升级脚本区...")
		ret, err := c.applyScripts(h, &scriptStream{env: c.env, text: streamTextG3})
		if err != nil {
			return err
		}
		c.log("D", "OTA解压函数返回值: %d", ret)
		if ret != 0 {
			c.log("I", "脚本区升级完成")
		} else {
			c.log("E", "脚本区升级失败")
		}
	case TypeScript:
		c.log("I", "检测到仅脚本升级包，将在重启后处理")
	}
	return nil
}
