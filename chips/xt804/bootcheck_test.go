package xt804

import (
	"bytes"
	"fmt"
	"reflect"
	"testing"

	"airlift/chips"
)

// checkLogs compares the lines of one tag.
func (m *module) checkLogs(t *testing.T, tag string, want []string) {
	t.Helper()
	var got []string
	for _, s := range m.steps {
		if s.Kind == chips.KindLog && s.Tag == tag {
			got = append(got, s.Level+"/"+s.Tag+" "+s.Text)
		}
	}
	if !reflect.DeepEqual(got, want) && len(got)+len(want) > 0 {
		t.Errorf("log of %s\n%q, want\n%q", tag, got, want)
	}
}

var newScript = bytes.Repeat([]byte("new script. "), 300) // 3600 bytes

// fullPayload is app and script as in a .fota.
func (m *module) fullPayload() []byte {
	return append(m.app(newCode()), m.script(TypeScript, newScript)...)
}

func (m *module) hasNewScript() bool {
	return bytes.Equal(m.get(m.l.ScriptAddr(), len(newScript)), newScript)
}

// areaState says what is left of the area's first sector.
func (m *module) areaErased() bool {
	return bytes.Equal(m.get(m.l.FotaAddr(), 4096), bytes.Repeat([]byte{0xFF}, 4096))
}

type checkCase struct {
	name   string
	setup  func(m *module)
	logs   func(m *module) []string // of tag fota, after G3's usual first lines
	script bool                     // the new script is applied
	erased bool                     // the area is erased afterwards
}

func runCheckCases(t *testing.T, model, profile string, prefix []string, cases []checkCase) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m := newModule(t, model, profile)
			m.t = t
			c.setup(m)
			m.start()
			want := prefix
			if c.logs != nil {
				want = append(append([]string(nil), prefix...), c.logs(m)...)
			}
			m.checkLogs(t, "fota", want)
			if m.hasNewScript() != c.script {
				t.Errorf("script applied: %v", m.hasNewScript())
			}
			if m.areaErased() != c.erased {
				t.Errorf("area erased: %v", m.areaErased())
			}
		})
	}
}

func (m *module) putPackage(o packOptions, payload []byte) []byte {
	p := m.pack(payload, o)
	m.put(m.l.FotaAddr(), p)
	return p
}

func TestBootCheckG2(t *testing.T) {
	found := "D/fota 发现OTA数据, 继续进行脚本区更新"
	n := len(newScript)
	padded := (n + 1023) &^ 1023
	applied := func(m *module) []string {
		return []string{found,
			"D/fota 当前状态: 0 0 0 0",
			fmt.Sprintf("D/fota 找到一个IMG数据段 长度 %d 类型 1", len(m.app(newCode()))-64),
			fmt.Sprintf("D/fota 找到一个IMG数据段 长度 %d 类型 2", padded),
			"D/fota 是脚本区数据, 开始写入脚本区",
			"D/fota OTA解压函数的返回值 1",
		}
	}
	runCheckCases(t, "Air101", "g2-fota", nil, []checkCase{
		{"empty", func(m *module) {}, nil, false, true},
		{"wrong magic", func(m *module) { m.put(m.l.FotaAddr(), []byte{1, 2, 3, 4}) },
			func(*module) []string { return []string{"D/fota OTA区域没有数据, 因为magic no不对 04030201"} }, false, true},
		{"header CRC", func(m *module) { m.putPackage(packOptions{}, m.fullPayload()); m.flip(m.l.FotaAddr() + 0x20) },
			func(m *module) []string {
				p := m.pack(m.fullPayload(), packOptions{})
				p[0x20] ^= 0x10
				h := DecodeHeader(p)
				return []string{fmt.Sprintf("D/fota foto包的头部校验和不正确 expect %08X but %08X", h.HdChecksum, h.ComputedChecksum())}
			}, false, true},
		{"body CRC", func(m *module) { m.putPackage(packOptions{}, m.fullPayload()); m.flip(m.l.FotaAddr() + 0x80) },
			func(m *module) []string {
				p := m.pack(m.fullPayload(), packOptions{})
				p[0x80] ^= 0x10
				return []string{fmt.Sprintf("D/fota foto包的头部校验和不正确 expect %08X but %08X", DecodeHeader(p).OrgChecksum, JAMCRC(p[64:]))}
			}, false, true},
		{"P8 full package without flag", func(m *module) { m.putPackage(packOptions{}, m.fullPayload()) }, applied, true, true},
		{"script package", func(m *module) {
			m.putPackage(packOptions{typ: TypeScript}, m.script(TypeScript, newScript))
		}, func(m *module) []string {
			return []string{found, "D/fota 当前状态: 0 0 0 0",
				fmt.Sprintf("D/fota 找到一个IMG数据段 长度 %d 类型 2", padded),
				"D/fota 是脚本区数据, 开始写入脚本区", "D/fota OTA解压函数的返回值 1"}
		}, true, true},
		{"other type", func(m *module) { m.putPackage(packOptions{typ: TypeCPFT}, m.fullPayload()) }, nil, false, true},
		{"P18 inner script image of type 1", func(m *module) {
			m.putPackage(packOptions{}, append(m.app(newCode()), m.script(TypeApp, newScript)...))
		}, func(m *module) []string {
			l := applied(m)
			l[3] = fmt.Sprintf("D/fota 找到一个IMG数据段 长度 %d 类型 1", padded)
			return append(l[:4], l[5])
		}, false, true},
		{"P19 gzip with a name", func(m *module) { m.putPackage(packOptions{name: "app_and_script.bin"}, m.fullPayload()) },
			func(*module) []string { return []string{found, "D/fota OTA解压函数的返回值 0"} }, false, true},
	})
}

func TestBootCheckG3(t *testing.T) {
	prefix := []string{"I/fota   头部CRC校验通过", "I/fota OTA标志状态检查:", "I/fota  087FF000: FFFFFFFF (空)"}
	clean := []string{"I/fota 清理OTA区域...", "I/fota OTA区域清理完成"}
	match := []string{"W/fota   ✓ img_addr 匹配 (代码运行地址)", "W/fota   ✓ upgrade_img_addr 匹配"}
	padded := (len(newScript) + 1023) &^ 1023
	join := func(parts ...[]string) []string {
		var all []string
		for _, p := range parts {
			all = append(all, p...)
		}
		return all
	}
	runCheckCases(t, "Air6208", "g3", prefix, []checkCase{
		{"empty", func(m *module) {}, func(*module) []string { return []string{"W/fota OTA区域为空 (全0xFF)"} }, false, true},
		{"wrong magic", func(m *module) { m.put(m.l.FotaAddr(), []byte{1, 2, 3, 4}) },
			func(*module) []string {
				return []string{"E/fota OTA区域magic_no错误: 04030201 (期望: A0FFFF9F)", "I/fota OTA区域清理完成"}
			}, false, true},
		{"header CRC", func(m *module) { m.putPackage(packOptions{}, m.fullPayload()); m.flip(m.l.FotaAddr() + 0x20) },
			func(m *module) []string {
				p := m.pack(m.fullPayload(), packOptions{})
				p[0x20] ^= 0x10
				h := DecodeHeader(p)
				return []string{fmt.Sprintf("E/fota OTA头部CRC校验失败! 期望: %08X, 计算: %08X", h.HdChecksum, h.ComputedChecksum())}
			}, false, true},
		{"P8 full package without flag", func(m *module) { m.putPackage(packOptions{}, m.fullPayload()) },
			func(m *module) []string {
				return join(match, []string{
					"I/fota 检测到全量升级包，开始解压并升级脚本区...",
					"D/fota ota_gzcb状态: head_fill=0 skip_remain=0 img_len=0 type=0",
					fmt.Sprintf("D/fota 发现IMG段: 长度=%d 类型=1", len(m.app(newCode()))-64),
					fmt.Sprintf("D/fota 发现IMG段: 长度=%d 类型=2", padded),
					fmt.Sprintf("D/fota 写入脚本区: 地址=0x08430000, 长度=%d", padded),
					"D/fota OTA解压函数返回值: 1", "I/fota 脚本区升级完成"}, clean)
			}, true, true},
		{"body CRC is not looked at", func(m *module) {
			p := m.putPackage(packOptions{}, m.fullPayload())
			m.flip(m.l.FotaAddr() + uint32(len(p)) - 1) // padding
		}, func(m *module) []string {
			return join(match, []string{
				"I/fota 检测到全量升级包，开始解压并升级脚本区...",
				"D/fota ota_gzcb状态: head_fill=0 skip_remain=0 img_len=0 type=0",
				fmt.Sprintf("D/fota 发现IMG段: 长度=%d 类型=1", len(m.app(newCode()))-64),
				fmt.Sprintf("D/fota 发现IMG段: 长度=%d 类型=2", padded),
				fmt.Sprintf("D/fota 写入脚本区: 地址=0x08430000, 长度=%d", padded),
				"D/fota OTA解压函数返回值: 1", "I/fota 脚本区升级完成"}, clean)
		}, true, true},
		{"P7 script package is thrown away", func(m *module) {
			o := packOptions{typ: TypeScript, edit: func(h *Header) { h.ImgAddr, h.ImgHeaderAddr = m.l.ScriptAddr(), m.l.ScriptAddr() }}
			m.putPackage(o, m.script(TypeScript, newScript))
		}, func(m *module) []string {
			return join([]string{fmt.Sprintf("W/fota 警告: OTA包的img_addr(0x%08X) 与当前运行镜像的img_addr(0x%08X)不匹配!", 0x08430000, m.l.CodeAddr()), match[1]},
				[]string{"I/fota 检测到仅脚本升级包，将在重启后处理"}, clean)
		}, false, true},
		{"P4 other layout: warning only", func(m *module) {
			m.putPackage(packOptions{edit: func(h *Header) { h.ImgAddr, h.UpgradeImgAddr = 0x08310400, 0x08011000 }}, m.fullPayload())
		}, func(m *module) []string {
			return join([]string{
				"W/fota 警告: OTA包的img_addr(0x08310400) 与当前运行镜像的img_addr(0x08210400)不匹配!",
				"W/fota 警告: OTA包的upgrade_img_addr(0x08011000) 与当前运行镜像的upgrade_img_addr(0x08010000)不匹配!",
				"I/fota 检测到全量升级包，开始解压并升级脚本区...",
				"D/fota ota_gzcb状态: head_fill=0 skip_remain=0 img_len=0 type=0",
				fmt.Sprintf("D/fota 发现IMG段: 长度=%d 类型=1", len(m.app(newCode()))-64),
				fmt.Sprintf("D/fota 发现IMG段: 长度=%d 类型=2", padded),
				fmt.Sprintf("D/fota 写入脚本区: 地址=0x08430000, 长度=%d", padded),
				"D/fota OTA解压函数返回值: 1", "I/fota 脚本区升级完成"}, clean)
		}, true, true},
		{"P19 gzip with a name", func(m *module) { m.putPackage(packOptions{name: "app_and_script.bin"}, m.fullPayload()) },
			func(*module) []string {
				return join(match, []string{"I/fota 检测到全量升级包，开始解压并升级脚本区...",
					"D/fota OTA解压函数返回值: 0", "E/fota 脚本区升级失败"}, clean)
			}, false, true},
		{"P18 no header before the luadb", func(m *module) {
			m.putPackage(packOptions{}, append(m.app(newCode()), newScript...))
		}, func(m *module) []string {
			h := DecodeHeader(newScript)
			return join(match, []string{
				"I/fota 检测到全量升级包，开始解压并升级脚本区...",
				"D/fota ota_gzcb状态: head_fill=0 skip_remain=0 img_len=0 type=0",
				fmt.Sprintf("D/fota 发现IMG段: 长度=%d 类型=1", len(m.app(newCode()))-64),
				fmt.Sprintf("D/fota 发现IMG段: 长度=%d 类型=%d", h.ImgLen, h.Type()),
				"D/fota OTA解压函数返回值: 1", "I/fota 脚本区升级完成"}, clean)
		}, false, true},
	})
}

// The other two lines that V2001 logs at every boot.
func TestBootCheckG3RunHeader(t *testing.T) {
	m := newModule(t, "Air6208", "g3")
	m.setFlag(0x1234ABCD)
	m.start()
	m.checkLogs(t, "fota", []string{"I/fota   头部CRC校验通过", "I/fota OTA标志状态检查:", "I/fota  087FF000: 1234ABCD <- 有OTA标志!", "W/fota OTA区域为空 (全0xFF)"})
	// A core that was started from elsewhere finds the chain's image broken.
	c := &bootCheck{env: m.env(), bsp: "AIR101"}
	c.area, _ = newFotaArea(fls{m.dev}, G3, "AIR101")
	m.flip(m.l.Header)
	m.steps = nil
	if err := c.runG3(); err != nil {
		t.Fatal(err)
	}
	m.checkLogs(t, "fota", []string{"E/fota RUN image magic: a0ffff8f", "W/fota OTA区域为空 (全0xFF)"})
}

// A script of several windows arrives in pieces at window boundaries, each
// written by itself.
func TestScriptStreamPieces(t *testing.T) {
	m := newModule(t, "Air6208", "g3")
	script := sample(5, 100_000, 0.5)
	m.putPackage(packOptions{}, append(m.app(newCode()), m.script(TypeScript, script)...))
	log := new(opLog)
	m.dev.Power().SetTap(log)
	m.start()
	if got := m.get(m.l.ScriptAddr(), len(script)); !bytes.Equal(got, script) {
		t.Fatal("script not applied")
	}
	erases := 0
	for _, op := range log.ops {
		var at int64
		if n, _ := fmt.Sscanf(op, "erase 0x%X", &at); n == 1 && at >= m.l.Part(PartScript).Off && at < m.l.Part(PartScript).End() {
			erases++
		}
	}
	// The body starts off the 32 KiB grid of the output: three of its sectors
	// are written twice.
	if want := 25 + 3; erases != want {
		t.Errorf("%d sector erases in the script partition, want %d", erases, want)
	}
}
