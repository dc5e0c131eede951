package main

import (
	"strings"

	"airlift/chips/guest/guests"
)

// A docSession says how to follow a document: what its reader has before the
// first command, what ends otherwise than with exit code 0, what the text
// around a command says of its output, and what is not typed, with the reason.
type docSession struct {
	before func(r *reader)
	ends   map[string]int
	says   map[string][]string // these, in this order
	not    map[string]string
	whole  string // why nothing of the document is typed here
}

const (
	longRun   = "takes longer: typed with AIRLIFT_SCALE=full"
	slowRun   = "takes seconds: not typed with -short"
	checkout  = "needs a checkout of openLuat's scripts: tests with LUATOS_SRC and LUAT_8910_SRC have it"
	listening = "listens on a port that may be taken, until it is stopped: TestScripts does so on a free one"
)

// idleProject does nothing; it is longer than the 512 bytes that a package must
// have.
var idleProject = "PROJECT = \"fotademo\"\nVERSION = \"1.0.0\"\nsys = require(\"sys\")\nlog.info(\"main\", VERSION)\nsys.run()\n--" + strings.Repeat(" idle", 100) + "\n"

func (r *reader) project(names ...string) {
	for _, name := range names {
		r.write(name+"/main.lua", idleProject)
	}
}

// versions writes the project of a document as v1, and as v2 with the next
// version.
func (r *reader) versions(text string) {
	r.write("v1/main.lua", text)
	r.write("v2/main.lua", strings.Replace(text, `VERSION = "1.0.0"`, `VERSION = "1.0.1"`, 1))
}

// shipped writes a guest of ours under another name.
func (r *reader) shipped(file, guest string) {
	r.t.Helper()
	module, err := guests.Wasm(guest)
	if err != nil {
		r.t.Fatal(err)
	}
	r.write(file, string(module))
}

// partitionFile writes the partition file of docs/XT804.md.
func (r *reader) partitionFile(doc string) {
	_, rest, ok := strings.Cut(doc, "```csv\n")
	if !ok {
		r.t.Fatal("docs/XT804.md has no partition file")
	}
	text, _, _ := strings.Cut(rest, "```")
	r.write("partitions.csv", text)
}

// helpSession is for the examples of --help, in the order of the verbs.
var helpSession = docSession{
	before: func(r *reader) {
		r.project("myproject", "v1", "mydemos/hello")
		r.write("hello.lua", idleProject)
		r.write("mytests/json_basic/main.lua", `log.info("json", "### OVERALL_PASS ###")`)
		r.write("platform.json", "{}")
		r.shipped("my.wasm", "ab")
		r.airlift("pack", "myproject", "--chip", "air601", "--kind", "flash", "-o", "module.img")
		r.airlift("pack", "myproject", "--chip", "air601", "--kind", "bin", "-o", "update.bin")
		r.airlift("pack", "myproject", "--chip", "air601", "--kind", "bin", "-o", "v2.bin")
		r.airlift("flash", "put", "module.img", "/a.txt", "hello.lua", "--chip", "air601", "--mkfs", "-o", "updated.img")
		r.airlift("serve", "--data", "platform", "--listen", "127.0.0.1:0", "--for", "1ms")
		for _, v := range []string{"V1112", "V1113"} {
			r.airlift("pack", "v1", "--chip", "air780e", "--kind", "soc", "--core-version", v, "--core-size", "60000", "-o", v+".soc")
		}
		for _, shard := range []string{"0", "1"} {
			r.airlift("sweep", "xt804-file", "--shard", shard+"/2", "-o", "part"+shard+".jsonl")
		}
	},
	ends: map[string]int{
		"airlift doctor myproject":                                                                         exitFindings,
		"airlift doctor myproject --chip air6208 --format json":                                            exitFindings,
		"airlift doctor myproject --ignore poll-once --ignore library-copy":                                exitFindings,
		"airlift explain --data platform \"/api/site/firmware_upgrade?imei=C81234567830&project_key=123\"": exitFindings,
		"airlift explain --platform platform.json --answers wiki2024 \"imei=1&project_key=123\"":           exitFindings,
		"airlift flash diff module.img updated.img --chip air601":                                          exitFindings,
	},
	not: map[string]string{
		"airlift explain --server http://127.0.0.1:8000 \"imei=C81234567830&project_key=123\"": "asks the server that serve would be",
		"airlift delta --chip air780e --from V1112 --to V1113 --kind par -o core.par":          longRun,
		"airlift fuzz xt804-file --runs 64":                                                    longRun,
		"airlift fuzz --boot my.wasm --time 5m --out mine.jsonl":                               "takes minutes: fuzz.txtar has a shorter one",
		"airlift replay xt804-download/5182 --shrink":                                          longRun,
		"airlift run myproject --net real --redirect iot.openluat.com:80=127.0.0.1:8080":       "asks the server that serve would be",
		"airlift serve --demo --firmware fotademo_1025.1.1_LuatOS-SoC_AIR601.bin":              listening,
		"airlift serve --data platform --listen :8000 --admin 127.0.0.1:8001":                  listening,
		"airlift serve --platform platform.json --answers wiki2024":                            listening,
		"airlift serve --route /fota/v2.bin=v2.bin --site /files/=packages":                    listening,
		"airlift survey LuatOS --within demo --libs LuatOS/script":                             checkout,
		"airlift test LuatOS/testcase/unit --libs LuatOS/script":                               checkout,
	},
}

var docSessions = map[string]docSession{
	"README.md":       {says: map[string][]string{"airlift demo": {"outcome new"}}},
	"README.zh-CN.md": {whole: "TestReadmesAgree: the same as in README.md"},
	"CLI.md": {
		before: func(r *reader) {
			r.project("myproject", "v1", "v2", "mydemos/hello")
			r.partitionFile(r.all["XT804.md"])
			r.write("mytests/json_basic/main.lua", `log.info("json", json.encode({1}) == "[1]" and "### OVERALL_PASS ###")`)
			r.shipped("my.wasm", "ab")
		},
		says: map[string][]string{
			"airlift demo --format json": {`"outcome": "new"`},
			"airlift boot module.img --chip air6208 --cut 1 --tear 0.1 --out torn.img": {"power lost"},
			"airlift boot torn.img --chip air6208":                                     {"scripts would start now"},
			"airlift chips show air101 --profile g3 --layout partitions.csv":           {"fota", "512 KiB"},
			"airlift delta V1112.soc V1113.soc --check":                                {"core identical? no"},
			"airlift boot updated.img --chip air601":                                   {"update.bin ok, updating"},
			"airlift test mytests --format junit --out report.xml":                     {"json_basic", "pass"},
			"airlift survey mydemos --chip air780epm --format jsonl":                   {`"class":"finished"`},
		},
		not: map[string]string{
			"airlift test LuatOS/testcase/unit --libs LuatOS/script":                   checkout,
			"airlift survey LuatOS --within demo --libs LuatOS/script":                 checkout,
			"airlift delta V1112.soc V1113.soc --project v2":                           slowRun,
			"airlift serve --firmware fotademo_1025.1.1_LuatOS-SoC_AIR601.bin":         listening,
			"airlift serve --platform platform.json --answers wiki2024 --listen :8080": listening,
			"airlift serve --route /fota/v2.bin=v2.bin --site /files/=packages":        listening,
		},
	},
	"DEMOS.md": {whole: checkout},
	"DOCTOR.md": {
		before: func(r *reader) { r.project("myproject") },
		ends: map[string]int{
			"airlift doctor myproject":                                  exitFindings,
			"airlift doctor myproject --format json --ignore poll-once": exitFindings,
		},
		says: map[string][]string{"airlift doctor myproject": {"warning no-update"}},
		not:  map[string]string{"airlift doctor myproject --chip air780epm --libs LuatOS/script": checkout},
	},
	"EC.md": {
		before: func(r *reader) { r.versions(r.text("lua", 1)) },
		says: map[string][]string{
			"airlift run v1 --chip air780ep --spi-flash 8M --route http://ota.example.com/full.bin=full.bin": {"fetched\t200", "boot 1", "V2006"},
		},
		not: map[string]string{
			"airlift pack v2 --chip air780ep --spi-flash 8M --core-version V2006 --kind full -o full.bin":    slowRun,
			"airlift run v1 --chip air780ep --spi-flash 8M --route http://ota.example.com/full.bin=full.bin": slowRun,
			"airlift sweep --chip air780ep --spi-flash 8M --package full --mode update --sample 1000":        longRun,
		},
	},
	"FUZZ.md":           {whole: "takes minutes: fuzz.txtar has shorter ones"},
	"GUEST-TUTORIAL.md": {whole: "TestGuestTutorial types it"},
	"GUESTS.md": {
		before: func(r *reader) {
			r.project("myproject")
			r.shipped("my.wasm", "ab")
			r.write("board.yaml", r.text("yaml", 1))
		},
		says: map[string][]string{
			"airlift boot module.img --chip genab --boot my.wasm": {"scripts would start now"},
			"airlift demo --chip-file board.yaml":                 {"MyBoard upgraded", "outcome new"},
		},
		not: map[string]string{"airlift sweep --boot my.wasm": longRun},
	},
	"LITTLEFS.md": {
		before: func(r *reader) {
			r.project("myproject")
			r.write("config.json", "{}")
		},
		says: map[string][]string{
			"airlift flash ls module.img --chip air601": {"/config.json", "/luadb/main.lua"},
			"airlift inspect fs.bin":                    {"/config.json", "verdict: ok"},
		},
	},
	"LUA.md": {
		before: func(r *reader) { r.write("globals.lua", r.text("lua", 0)) },
		says: map[string][]string{
			"airlift run globals.lua --chip air6208 --for 1s --quiet": {"string", "wlan", "sys"},
		},
		not: map[string]string{
			"airlift run myproject --libs LuatOS/script":          checkout,
			"airlift demo --libs LuatOS/script --library libfota": checkout,
		},
	},
	"LUATASK.md": {not: map[string]string{
		"airlift demo --chip air724ug":                                           longRun,
		"airlift run myproject --chip air724ug --libs Luat_4G_RDA_8910 --for 2m": checkout,
	}},
	"PAGES.md": {whole: listening},
	"PLATFORM.md": {
		before: func(r *reader) {
			r.versions(r.text("lua", 0))
			r.write("platform.json", r.text("json", 0))
			r.write("packages/v2.bin", "served as it is")
			r.airlift("serve", "--data", "platform", "--listen", "127.0.0.1:0", "--for", "1ms")
		},
		not: map[string]string{
			"airlift serve --platform platform.json --listen 127.0.0.1:8000": listening,
			"airlift run v1 --net real":                                      "asks the server that serve would be",
		},
		ends: map[string]int{
			`airlift explain --data platform "imei=C81234567830&project_key=123"`: exitFindings,
		},
		says: map[string][]string{
			"airlift run v1 --platform platform.json --mac C81234567830":                    {"boot 2", "I/user.main\tfotademo\t1.0.1"},
			"airlift run v1 --platform platform.json --mac C81234567831":                    {`foreign_account, status 400, body {"code": 17, `},
			"airlift run v1 --platform platform.json --mac C81234567832 --answers wiki2024": {`body {"code": 26, `},
		},
	},
	"RDA8910.md": {
		before: func(r *reader) { r.versions(r.text("lua", 0)) },
		says: map[string][]string{
			"airlift flash ls module.img --chip air724ug": {"/modem/", "/lua/main.lua", "/factory/"},
			"airlift run v1 --chip air724ug --core-version V3103 --for 5m --boots 1 --route http://ota.example.com/update=all.bin --out waiting.img": {"stopped after 1 boot"},
			"airlift boot waiting.img --chip air724ug --cut 700 --out cut.img":                                                                       {"stage READY", "power lost"},
			"airlift boot cut.img --chip air724ug":                                                                                                   {"Luat_V3104_RDA8910 is up"},
		},
		not: map[string]string{
			"airlift delta --chip air724ug --from V3103 --to V3104 --project v2 -o all.bin":                                                          slowRun,
			"airlift run v1 --chip air724ug --core-version V3103 --for 5m --boots 1 --route http://ota.example.com/update=all.bin --out waiting.img": slowRun,
			"airlift boot waiting.img --chip air724ug --cut 700 --out cut.img":                                                                       slowRun,
			"airlift boot cut.img --chip air724ug":                                                                                                   slowRun,
			"airlift delta OLD.pac NEW.pac --chip air724ug --profile b-v302043":                                                                      "needs firmware of the vendor's: TestRealPacs has it",
		},
	},
	"SCALE.md":     {whole: "for a batch system: TestShardsMerge does the same on one machine"},
	"SWEEP.md":     {whole: "sweeps of all there is: TestSweep and sweep.txtar have shorter ones"},
	"TESTCASES.md": {whole: checkout},
	"TRACE.md":     {},
	"XT804.md": {
		before: func(r *reader) {
			r.write("v1/main.lua", r.text("lua", 0))
			r.write("v2/main.lua", r.text("lua", 1))
			r.write("partitions.csv", r.text("csv", 0))
		},
		ends: map[string]int{
			"airlift pack v2 --chip air6208 --kind fota --core-version V2002 --core-size 49500":                               exitBadInput,
			"airlift run v1 --chip air6208 --core-size 60000 --for 2m --route http://ota.example.com/update=p1.fota":          exitFindings,
			"airlift run v1 --chip air601 --profile g2-fota --core-size 100000 --route http://ota.example.com/update=p4.fota": exitFindings,
		},
		says: map[string][]string{
			"airlift boot module.img --chip air6208 --cut 1 --tear 0.5 --out torn.img --ops":    {"power lost"},
			"airlift pack v2 --chip air6208 --kind fota --core-version V2002 --core-size 49500": {"pitfall P1"},
			"airlift inspect p1.fota": {"verdict: readable, with warnings"},
			"airlift run v1 --chip air601 --profile g2-fota --core-size 100000 --route http://ota.example.com/update=p4.fota": {"cannot run: it was built for a flash of 2048 KiB"},
			"airlift boot p14.img --chip air601":                                                                        {"scripts would start now"},
			"airlift boot waiting.img --chip air6208 --console \"\\x1b\\x1b\\x1b\" --out escaped.img":                   {"three ESC bytes", "outcome download"},
			"airlift run mixed.img --chip air6208 --for 2s":                                                             {"1.0.1 V2001"},
			"airlift run v1 --chip air6208 --core-size 60000 --for 2m --route http://ota.example.com/update=older.fota": {"1.0.1 V2000"},
		},
	},
}
