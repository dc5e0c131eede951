package xt804

import (
	"bytes"
	"fmt"
	"reflect"
	"testing"

	"airlift/chips"
	"airlift/chips/chipstest"
)

// module is a world with a model and a profile, so that the core can run.
type module struct {
	*world
	core *CoreStage
}

func newModule(t testing.TB, model, profile string) *module {
	t.Helper()
	c := chipstest.Chip(t, New(), model, profile, nil)
	l, err := LayoutOf(c)
	if err != nil {
		t.Fatal(err)
	}
	return &module{newWorld(t, l), &CoreStage{Model: c.Model, Profile: c.Profile, Layout: l}}
}

func (m *module) fork() *module { return &module{m.world.fork(), m.core} }

// start boots and runs the core; secboot's steps are dropped.
func (m *module) start() *chips.Running {
	m.t.Helper()
	boot := m.boot()
	if boot.Outcome != chips.BootCore {
		m.t.Fatalf("boot: %+v\n%s", boot, m.story())
	}
	m.steps = nil
	run, err := m.core.Start(m.env(), boot)
	if err != nil {
		m.t.Fatal(err)
	}
	return run
}

// updater returns the updater of a started module.
func (m *module) updater() chips.Updater {
	m.t.Helper()
	u := m.start().Updater
	if u == nil {
		m.t.Fatal("no updater")
	}
	m.steps = nil
	return u
}

// call is one call of an updater: its arguments, result and log.
type call struct {
	do   string // "init", "write", "done", "end", "end false", "wait"
	data []byte
	want int
	logs []string
}

func (m *module) calls(t *testing.T, u chips.Updater, calls []call) {
	t.Helper()
	for i, c := range calls {
		m.steps = nil
		got, err := 0, error(nil)
		switch c.do {
		case "init":
			got, err = u.Init(m.env(), 0, 0)
		case "write":
			got, err = u.Write(m.env(), c.data)
		case "done":
			got, err = u.Done(m.env())
		case "end", "end false":
			got, err = u.End(m.env(), c.do == "end")
		case "wait":
			var ready bool
			if ready, err = u.WaitReady(m.env()); ready {
				got = 1
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		if got != c.want {
			t.Errorf("call %d (%s): %d, want %d", i, c.do, got, c.want)
		}
		if logs := m.logs(); !reflect.DeepEqual(logs, c.logs) && len(logs)+len(c.logs) > 0 {
			t.Errorf("call %d (%s) logs\n%q, want\n%q", i, c.do, logs, c.logs)
		}
	}
}

// updaterCase is one conversation with the updater.
type updaterCase struct {
	name  string
	calls func(m *module) []call
	after func(t *testing.T, m *module)
}

func runUpdaterCases(t *testing.T, model, profile string, cases []updaterCase) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m := newModule(t, model, profile)
			m.t = t
			u := m.updater()
			m.calls(t, u, c.calls(m))
			if c.after != nil {
				c.after(t, m)
			}
		})
	}
}

func plainPackage(m *module, edit func(h *Header)) []byte {
	return m.pack(m.app(newCode()), packOptions{edit: edit})
}

func TestUpdaterG2(t *testing.T) {
	const initLog = "I/fota OTA区域初始化完成, 大小 736 kbyte"
	bad := func(edit func(p []byte)) func(m *module) []byte {
		return func(m *module) []byte {
			p := plainPackage(m, nil)
			edit(p)
			return p
		}
	}
	runUpdaterCases(t, "Air101", "g2-fota", []updaterCase{
		{"full package", func(m *module) []call {
			p := plainPackage(m, nil)
			org := DecodeHeader(p).OrgChecksum
			return []call{
				{"init", nil, 0, []string{initLog}},
				{"write", p[:10], 0, nil},
				{"write", p[10:1000], 0, nil},
				{"write", p[1000:], 0, nil},
				{"wait", nil, 0, nil},
				{"done", nil, 0, []string{"D/fota FOTA数据校验通过, "}},
				{"end", nil, 0, []string{fmt.Sprintf("I/fota 整包升级,写入升级标志 addr 081FF000 checksum %08X", org)}},
			}
		}, func(t *testing.T, m *module) {
			if want := DecodeHeader(plainPackage(m, nil)).OrgChecksum; m.flag() != want {
				t.Errorf("flag 0x%08X", m.flag())
			}
		}},
		{"script package", func(m *module) []call {
			p := m.pack(m.script(TypeScript, []byte("s")), packOptions{typ: TypeScript})
			return []call{
				{"init", nil, 0, []string{initLog}},
				{"write", p, 0, nil},
				{"done", nil, 0, []string{"D/fota FOTA数据校验通过, "}},
				{"end", nil, 0, []string{"I/fota 仅脚本升级, 重启后自动更新"}},
			}
		}, func(t *testing.T, m *module) {
			if m.flag() != erasedFlag {
				t.Error("flag set")
			}
		}},
		{"P11 luadb .bin", func(m *module) []call {
			return []call{
				{"init", nil, 0, []string{initLog}},
				{"write", bytes.Repeat([]byte{1, 4, 0x5A, 0xA5}, 100), -2, []string{"D/fota fota包的magic_no错误, 0xA55A0401"}},
			}
		}, nil},
		{"header CRC", func(m *module) []call {
			p := bad(func(p []byte) { p[0x20] ^= 1 })(m)
			h := DecodeHeader(p)
			return []call{
				{"init", nil, 0, []string{initLog}},
				{"write", p, -3, []string{fmt.Sprintf("D/fota foto包的头部校验和不正确 expect %08X but %08X", h.HdChecksum, h.ComputedChecksum())}},
			}
		}, nil},
		{"body CRC", func(m *module) []call {
			p := bad(func(p []byte) { p[500] ^= 1 })(m)
			h := DecodeHeader(p)
			return []call{
				{"init", nil, 0, []string{initLog}},
				{"write", p, 0, nil},
				{"done", nil, -3, []string{fmt.Sprintf("D/fota foto包的头部校验和不正确 expect %08X but %08X", h.OrgChecksum, JAMCRC(p[HeaderSize:]))}},
				{"end", nil, -1, []string{"D/fota 状态不正确, 要么数据没写完,要么校验没通过"}},
			}
		}, nil},
		{"nothing written", func(m *module) []call {
			return []call{
				{"done", nil, -1, []string{"E/fota 未写入任何数据, 无法完成OTA"}},
				{"init", nil, 0, []string{initLog}},
				{"done", nil, -1, []string{"E/fota 未写入任何数据, 无法完成OTA"}},
				{"write", make([]byte, 63), 0, nil},
				{"done", nil, -2, []string{"I/fota 写入数据小于最小长度, 还不能判断"}},
				{"write", nil, 1, []string{"D/fota tls_fls_write_without_erase ret 1"}},
			}
		}, nil},
		{"sign slip: up to 128 bytes short", func(m *module) []call {
			p := m.pack(m.app(newCode()), packOptions{body: append(gz(m.t, m.app(newCode()), packOptions{}), bytes.Repeat([]byte{0xFF}, 2000)...), edit: nil})
			p = p[:HeaderSize+int(DecodeHeader(p).ImgLen)]
			// The end of this body is what the erased area holds anyway.
			body := append([]byte(nil), p[HeaderSize:]...)
			for i := len(body) - 200; i < len(body); i++ {
				body[i] = 0xFF
			}
			h := DecodeHeader(p)
			h.OrgChecksum = JAMCRC(body)
			p = append(h.Encode(), body...)
			return []call{
				{"init", nil, 0, []string{initLog}},
				{"write", p[:len(p)-129], 0, nil},
				{"done", nil, -4, []string{"I/fota fota数据还不够, 继续等数据"}},
				{"write", p[len(p)-129 : len(p)-128], 0, nil},
				{"done", nil, 0, []string{"D/fota FOTA数据校验通过, "}},
			}
		}, nil},
		{"P9 area full", func(m *module) []call {
			big := make([]byte, 736*kib-10)
			copy(big, plainPackage(m, nil))
			return []call{
				{"init", nil, 0, []string{initLog}},
				{"write", big, 0, nil},
				{"write", make([]byte, 11), -1, []string{"E/fota OTA区域写满, 无法继续写入"}},
				{"write", make([]byte, 10), 0, nil},
			}
		}, nil},
		{"P20 whole words only", func(m *module) []call {
			body := gz(m.t, m.app(newCode()), packOptions{})
			for len(body)%4 != 3 {
				body = append(body, 0)
			}
			p := m.pack(nil, packOptions{body: body, exact: true})
			h := DecodeHeader(p)
			return []call{
				{"init", nil, 0, []string{initLog}},
				{"write", p, 0, nil},
				{"done", nil, -3, []string{fmt.Sprintf("D/fota foto包的头部校验和不正确 expect %08X but %08X", h.OrgChecksum, JAMCRCWords(body))}},
			}
		}, nil},
		{"write without init keeps the AND", func(m *module) []call {
			m.put(m.l.FotaAddr(), bytes.Repeat([]byte{0}, 300))
			return []call{{"write", plainPackage(m, nil)[:100], -2, []string{"D/fota fota包的magic_no错误, 0x00000000"}}}
		}, nil},
		{"end not ok", func(m *module) []call {
			p := plainPackage(m, nil)
			return []call{
				{"init", nil, 0, []string{initLog}},
				{"write", p, 0, nil},
				{"done", nil, 0, []string{"D/fota FOTA数据校验通过, "}},
				{"end false", nil, -1, []string{"D/fota 状态不正确, 要么数据没写完,要么校验没通过"}},
				{"init", nil, 0, []string{initLog}},
				{"end", nil, -1, []string{"D/fota 状态不正确, 要么数据没写完,要么校验没通过"}},
			}
		}, nil},
	})
}

func TestUpdaterG3(t *testing.T) {
	const initLog = "I/fota OTA区域初始化完成, 大小 2048 kbyte"
	const headOK = "I/fota 固件头部校验通过"
	runUpdaterCases(t, "Air6208", "g3", []updaterCase{
		{"full package", func(m *module) []call {
			p := plainPackage(m, nil)
			org := DecodeHeader(p).OrgChecksum
			return []call{
				{"write", p, -1, nil},
				{"init", nil, 0, []string{initLog}},
				{"write", p[:10], 0, nil},
				{"write", p[10:1000], 0, []string{headOK}},
				{"write", p[1000:], 0, nil},
				{"wait", nil, 0, nil},
				{"done", nil, 0, []string{
					fmt.Sprintf("I/fota 写入数据: 080103E8, 大小: %d", len(p)-1000),
					fmt.Sprintf("I/fota FOTA数据校验通过, 写入长度 %d", len(p)),
				}},
				{"write", p, -1, nil},
				{"end", nil, 0, []string{
					fmt.Sprintf("I/fota 整包升级,写入升级标志 addr 087FF000 checksum %08X", org),
					fmt.Sprintf("I/fota 验证写入: 期望 %08X, 实际读取 %08X", org, org),
				}},
			}
		}, nil},
		{"P7 script package is taken", func(m *module) []call {
			p := m.pack(m.script(TypeScript, []byte("s")), packOptions{typ: TypeScript})
			return []call{
				{"init", nil, 0, []string{initLog}},
				{"write", p, 0, []string{headOK}},
				{"done", nil, 0, []string{fmt.Sprintf("I/fota FOTA数据校验通过, 写入长度 %d", len(p))}},
				{"end", nil, 0, []string{"I/fota 仅脚本升级, 重启后自动更新"}},
			}
		}, nil},
		{"P11 luadb .bin", func(m *module) []call {
			return []call{
				{"init", nil, 0, []string{initLog}},
				{"write", bytes.Repeat([]byte{1, 4, 0x5A, 0xA5}, 100), -2, []string{"E/fota magic_no错误: A55A0401"}},
			}
		}, nil},
		{"header CRC", func(m *module) []call {
			p := plainPackage(m, nil)
			p[0x20] ^= 1
			return []call{
				{"init", nil, 0, []string{initLog}},
				{"write", p, -3, []string{"E/fota 头部CRC错误"}},
			}
		}, nil},
		{"body CRC", func(m *module) []call {
			p := plainPackage(m, nil)
			p[500] ^= 1
			return []call{
				{"init", nil, 0, []string{initLog}},
				{"write", p, 0, []string{headOK}},
				{"done", nil, -3, []string{"E/fota CRC校验失败"}},
				{"end", nil, -1, []string{"D/fota 状态不正确, 要么数据没写完,要么校验没通过"}},
			}
		}, nil},
		{"too little", func(m *module) []call {
			p := plainPackage(m, nil)
			return []call{
				{"init", nil, 0, []string{initLog}},
				{"done", nil, -1, []string{"E/fota 未写入数据"}},
				{"write", p[:63], 0, nil},
				{"done", nil, -2, []string{"I/fota 写入数据: 08010000, 大小: 63"}},
				{"write", p[63:1000], 0, []string{headOK}},
				{"done", nil, -4, nil},
			}
		}, nil},
		{"one byte short", func(m *module) []call {
			p := plainPackage(m, nil)
			return []call{
				{"init", nil, 0, []string{initLog}},
				{"write", p[:len(p)-1], 0, []string{headOK}},
				{"done", nil, -4, nil},
			}
		}, nil},
		{"P20 whole words only", func(m *module) []call {
			body := gz(m.t, m.app(newCode()), packOptions{})
			for len(body)%4 != 3 {
				body = append(body, 0)
			}
			p := m.pack(nil, packOptions{body: body, exact: true})
			return []call{
				{"init", nil, 0, []string{initLog}},
				{"write", p, 0, []string{headOK}},
				{"done", nil, -3, []string{"E/fota CRC校验失败"}},
			}
		}, nil},
		{"area full", func(m *module) []call {
			big := make([]byte, 2048*kib)
			copy(big, plainPackage(m, nil))
			return []call{
				{"init", nil, 0, []string{initLog}},
				{"write", big[:1000], 0, []string{headOK}},
				{"write", big[1000:], 0, nil},
				{"write", make([]byte, 2000), -1, []string{"E/fota OTA区域写满"}},
				{"write", make([]byte, 1), -1, []string{"E/fota OTA区域写满"}},
				{"done", nil, -1, []string{"E/fota OTA区域写满"}},
			}
		}, nil},
		{"second download", func(m *module) []call {
			p := plainPackage(m, nil)
			return []call{
				{"init", nil, 0, []string{initLog}},
				{"write", p[:2000], 0, []string{headOK}},
				{"init", nil, 0, []string{initLog}},
				{"write", p, 0, []string{headOK}},
				{"done", nil, 0, []string{fmt.Sprintf("I/fota FOTA数据校验通过, 写入长度 %d", len(p))}},
			}
		}, nil},
	})
}

// P9 on the default map of a 1 MiB module with V2001: the area is 4 KiB.
func TestP9SmallArea(t *testing.T) {
	const initLog = "I/fota OTA区域初始化完成, 大小 4 kbyte"
	big := func(m *module) []byte { return m.pack(m.app(sample(1, 60_000, 0.4)), packOptions{}) }
	overrun := func(m *module) bool { return !m.runs(oldCode()) }
	for _, first := range []int{1000, 4096, 4097, 20_000, 32_767, 32_768} {
		m := newModule(t, "Air601", "g3")
		u := m.updater()
		p := big(m)
		m.calls(t, u, []call{{"init", nil, 0, []string{initLog}}})
		want := 0
		logs := []string{"I/fota 固件头部校验通过"}
		if first >= fotaBuffer {
			want, logs = -1, []string{"E/fota OTA区域写满"}
		}
		m.calls(t, u, []call{{"write", p[:first], want, logs}})
		if got, want := overrun(m), first > 4096+CodeGap && first < fotaBuffer; got != want {
			t.Errorf("first piece of %d bytes: app overrun %v, want %v", first, got, want)
		}
		headerGone := !bytes.Equal(m.get(m.l.Header, 4), []byte{0x9F, 0xFF, 0xFF, 0xA0})
		if want := first > 4096 && first < fotaBuffer; headerGone != want {
			t.Errorf("first piece of %d bytes: header overrun %v, want %v", first, headerGone, want)
		}
	}
	// Ordinary pieces fail, but late.
	m := newModule(t, "Air601", "g3")
	u := m.updater()
	p := big(m)
	m.calls(t, u, []call{{"init", nil, 0, []string{initLog}}})
	for at := 0; at < 32000; at += 1000 {
		logs := []string(nil)
		if at == 0 {
			logs = []string{"I/fota 固件头部校验通过"}
		}
		m.calls(t, u, []call{{"write", p[at : at+1000], 0, logs}})
	}
	m.calls(t, u, []call{
		{"write", p[32000:34000], -1, []string{"E/fota OTA区域写满"}},
		{"done", nil, -1, []string{"E/fota OTA区域写满"}},
	})
	if overrun(m) {
		t.Error("the app was overrun")
	}
}

// A first piece of more than the buffer goes out in whole buffers, the rest
// with the early flush; then everything lies off the sector grid.
func TestUpdaterG3Operations(t *testing.T) {
	m := newModule(t, "Air6208", "g3")
	u := m.updater()
	log := new(opLog)
	m.dev.Power().SetTap(log)
	big := make([]byte, 100_000)
	copy(big, plainPackage(m, nil))
	erases := func(do func()) int {
		log.ops = nil
		do()
		n := 0
		for _, op := range log.ops {
			if op[0] == 'e' {
				n++
			}
		}
		return n
	}
	env := m.env()
	if got := erases(func() { u.Init(env, 0, 0) }); got != 512 {
		t.Errorf("init erases %d sectors", got)
	}
	if got := erases(func() { u.Write(env, big[:100]) }); got != 1 {
		t.Errorf("the early flush erases %d sectors", got)
	}
	if got := erases(func() { u.Write(env, big[:32768]) }); got != 9 {
		t.Errorf("a buffer off the grid erases %d sectors", got)
	}
}

func TestFotaAreaFromSecboot(t *testing.T) {
	for _, c := range []struct {
		model, profile string
		addr           uint32
		kib            int64
	}{
		{"Air101", "g2-fota", 0x08010000, 736},
		{"Air601", "g2-fota", 0x08010000, 324},
		{"Air601", "g3", 0x08010000, 4},
		{"Air6208", "g3", 0x08010000, 2048},
	} {
		m := newModule(t, c.model, c.profile)
		a, err := newFotaArea(fls{m.dev}, m.l.Generation, m.core.Model.BSP)
		if err != nil || a.addr != c.addr || a.size != c.kib*kib {
			t.Errorf("%s %s: 0x%08X, %d bytes, %v", c.model, c.profile, a.addr, a.size, err)
		}
	}
	// Not the layout counts but secboot's header, rounded up to 1 KiB.
	m := newModule(t, "Air601", "g3")
	h := DecodeHeader(m.get(SecbootHeaderAddr, HeaderSize))
	h.UpgradeImgAddr, h.Next = 0x08020000, 0x08030001
	m.put(SecbootHeaderAddr, h.Encode())
	a, err := newFotaArea(fls{m.dev}, m.l.Generation, m.core.Model.BSP)
	if err != nil || a.addr != 0x08020000 || a.size != 65*kib {
		t.Errorf("0x%08X, %d bytes, %v", a.addr, a.size, err)
	}
}
