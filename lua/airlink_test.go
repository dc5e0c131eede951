package lua_test

import (
	"strings"
	"testing"

	"github.com/spf13/afero"

	"airlift/emu/scene"
	"airlift/lua/luatest"
)

// linked runs a script on a board with a network and a scene, and returns the
// lines of its log and what the scene recorded.
func linked(t *testing.T, yaml, script string, change ...func(*luatest.Board)) (lines, happened []string) {
	t.Helper()
	s, err := scene.Parse([]byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	b := luatest.New(script)
	b.Network = &luatest.Net{}
	b.FW.LuaMemory = 1 << 20
	for _, c := range change {
		c(b)
	}
	bench := scene.New(s, b)
	bench.Record = func(text string) { happened = append(happened, text) }
	b.Surroundings = bench
	bench.PowerOn()
	run(t, b)
	return printed(b), happened
}

func TestAirlink(t *testing.T) {
	lines, happened := linked(t, `
airlink: {version: 12, echo: true}
events:
  - {at: 2s, airlink: {text: from afar}}
`, `
sys.subscribe("AIRLINK_SDATA", function(d) print("sdata", d) end)
sys.subscribe("AIRLINK_PING_RESULT", function(...) print("ping", ...) end)
print(airlink.ready(), airlink.sver(), airlink.sdata("lost"))
airlink.init() airlink.start(airlink.MODE_SPI_MASTER)
print(airlink.ready(), airlink.sver(), airlink.config(airlink.CONF_SPI_CS, 8), airlink.config(1, 1), airlink.test(3))
local b = zbuff.create(10) b:write("buff")
print(airlink.sdata(b), airlink.sdata(1), airlink.sdata(("x"):rep(1501)), airlink.cmd(0x77, "?"))
print(airlink.ping("hello", 100), airlink.ping(("x"):rep(257)))
sys.timerStart(function() airlink.slave_reboot() print(airlink.ready(), airlink.sver(), airlink.ping("", 50)) end, 3000)
sys.timerStart(function() print(airlink.ready()) airlink.pause(1) print(airlink.ready()) airlink.statistics() rtos.reboot() end, 5000)
sys.run()`)
	same(t, lines, "false\t0\ttrue", "D/airlink 初始化AirLink", "D/airlink 启动AirLink主机模式", "D/airlink 测试AirLink发送3次", "true\t12\ttrue\tnil",
		"E/airlink 无效的参数,只能是字符串或者zbuff", "true\tnil\tfalse\ttrue", "E/airlink ping: payload too large 257 (max 256)", "1\tnil",
		"sdata\tbuff", "ping\t1\ttrue\t1\thello", "sdata\tfrom afar", "D/airlink 重启从机", "false\t0\t2", "ping\t2\tfalse\ttimeout", "true", "false",
		"D/airlink 统计信息 收发总包 9 7 2 0", "D/airlink 统计信息 发送IP包 0 0 0 0", "D/airlink 统计信息 发送IP字节 0 0 0 0",
		"D/airlink 统计信息 接收IP包 0 0 0 0", "D/airlink 统计信息 接收IP字节 0 0 0 0",
		"D/airlink 统计信息 等待从机 0", "D/airlink 统计信息 Task超时事件 0", "D/airlink 统计信息 Task新数据事件 0")
	same(t, happened, "the coprocessor gets 4 bytes: 62756666", "the coprocessor does not know command 0x77",
		"the other end of airlink sends 4 bytes", "the other end of airlink sends 9 bytes", "the coprocessor restarts")
}

// TestAirlinkUpgrade: the coprocessor gets the file byte for byte, nothing else
// gets through, and the scene says what it then runs.
func TestAirlinkUpgrade(t *testing.T) {
	for yaml, version := range map[string]string{"airlink: {version: 10, next: 15}": "15", "airlink: {version: 10}": "10", "airlink: {version: 0}": "0", "airlink: none": "0"} {
		lines, happened := linked(t, yaml, `
airlink.start(1)
sys.subscribe("AIRLINK_SFOTA_DONE", function(...) print("done", mcu.ticks(), ...) end)
sys.taskInit(function()
	print(airlink.sfota("/none"), airlink.sfota("/none")) sys.waitUntil("AIRLINK_SFOTA_DONE")
	print(airlink.sfota("/fw.bin"), airlink.ready(), airlink.sdata("lost")) sys.waitUntil("AIRLINK_SFOTA_DONE")
	sys.wait(1) print(airlink.sver()) rtos.reboot()
end)
sys.run()`, func(b *luatest.Board) {
			data := make([]byte, 10*1024+5)
			for i := range data {
				data[i] = byte(i * 7)
			}
			if err := afero.WriteFile(b.Tree, "/fw.bin", data, 0o666); err != nil {
				t.Fatal(err)
			}
		})
		done := "done\t42300\ttrue"
		if version == "0" { // old firmware erases elsewhere, and longer
			done = "done\t57290\ttrue"
		}
		if yaml == "airlink: {version: 0}" || yaml == "airlink: none" {
			done = ""
		}
		log := strings.Join(lines, "\n")
		for _, want := range []string{
			"E/airlink sfota 启动失败!!! /none -1\ntrue\tfalse\nI/airlink.fota 开始执行sFOTA file size 0\nE/airlink.fota 打开sFOTA文件失败 /none\ndone\t0\tfalse\tfile_error",
			"开始执行sFOTA file size 10245", "D/airlink.fota sfota sent 4096/10245 head 00", "使用命令复位", done, "\n" + version,
		} {
			if !strings.Contains(log, want) {
				t.Errorf("%s: no %q in\n%s", yaml, want, log)
			}
		}
		got := strings.Join(happened, "\n")
		if yaml != "airlink: none" && !strings.Contains(got, "has 10245 bytes of firmware, SHA-256 ") {
			t.Errorf("%s: %s", yaml, got)
		}
		if strings.Contains(got, "gets 4 bytes") {
			t.Errorf("%s: data got through: %s", yaml, got)
		}
	}
}
