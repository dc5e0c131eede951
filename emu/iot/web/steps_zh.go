package web

import (
	"regexp"
	"strings"

	"airlift/emu/iot"
)

// phrase is one thing that decisions say, with the values in it as $1, $2.
type phrase struct {
	english *regexp.Regexp
	chinese string
}

// say makes a phrase; "{}" stands for a value.
func say(english, chinese string) phrase {
	return phrase{regexp.MustCompile(`(?s)^` + strings.ReplaceAll(regexp.QuoteMeta(english), `\{\}`, `(.*?)`) + `$`), chinese}
}

var hole = regexp.MustCompile(`\$[1-9]`)

// fill says a text with this phrase, if it is one. Values that are phrases of
// their own, behind a colon or a semicolon at the end, are said by said.
func (p phrase) fill(text string, said func(value string) string) (string, bool) {
	m := p.english.FindStringSubmatch(text)
	if m == nil {
		return "", false
	}
	return hole.ReplaceAllStringFunc(p.chinese, func(h string) string {
		v := m[h[1]-'0']
		if strings.HasSuffix(p.chinese, "："+h) || strings.HasSuffix(p.chinese, "；"+h) || strings.HasPrefix(p.chinese, "设备的 ") || strings.HasPrefix(p.chinese, "服务器的 ") {
			v = said(v)
		}
		return v
	}), true
}

// phrases are what [iot.Decide] says besides bare values. The first that fits
// is taken.
var phrases = []phrase{
	say("none of them is there", "都没有"),
	say("nobody says who asks; the platform itself logs nothing then", "无效的设备；云平台自身不记录日志"),
	say("send imei= (lower case) with something unique; {}", "请用小写的 imei= 传一个唯一值；$1"),
	say("send imei= (lower case) with something unique", "请用小写的 imei= 传一个唯一值"),
	say(`the device is "{}"`, `设备为 "$1"`),
	say("no project has this key", "没有项目使用这个 Key"),
	say("copy PRODUCT_KEY from the project list (项目Key); 123 is the placeholder of the demos", "请从项目列表复制项目Key；123 是 demo 的占位符"),
	say("project {}", "项目 $1"),
	say("key of project {} of account {}", "Key 属于账号 $2 的项目 $1"),
	say("the device belongs to another account", "设备属于其他账号"),
	say("let its owner transfer or reset the device; new modules sit in their buyer's default project", "请原账号转移或重置该设备；新模块在购买者的默认项目里"),
	say("device in project {}, key of project {}", "设备在项目 $1，Key 属于项目 $2"),
	say("the device belongs to another project of the account", "设备属于本账号的其他项目"),
	say("transfer the device to this project, or use the key of its project", "请把设备转移到这个项目，或使用它所在项目的 Key"),
	say("the device is in this project", "设备在这个项目里"),
	say("{} is in no project; registration is {}", "$1 不在任何项目里；登记方式为 $2"),
	say("nobody registered the device", "没有人登记该设备"),
	say("add the device to the project by hand", "请手动把设备添加到项目"),
	say("the device joins the project when it has downloaded a file", "下载成功后设备加入项目"),
	say("the device joins the project now", "设备现在加入项目"),
	say("noted as reported", "按上报内容更新"),
	say("new device", "新设备"),
	say("allowed", "允许"),
	say("forbidden by hand", "手动设为禁止"),
	say("the device may not be upgraded", "该设备不允许升级"),
	say("set 升级状态 to 允许 in the device list", "请在设备列表把升级状态改为允许"),
	say("banned by the loop guard", "已被循环升级保护禁止"),
	say("poll less often; {}", "请降低请求频率；$1"),
	say("find out why the package does not take on the device, then set 升级状态 to 允许 in the device list", "先查明升级包为何无法生效，再到设备列表把升级状态改为允许"),
	say("the device is banned", "该设备被禁止升级"),
	say("not forbidden, not banned", "未禁止"),
	say("the project has no firmware with this name", "项目里没有这个固件名"),
	say("make 固件名 and what the device sends equal, often PROJECT was renamed; the project has {}", "请让固件名与设备上报的一致，常见原因是改了 PROJECT；项目里有：$1"),
	say("{} firmware with this name", "有 $1 个同名固件"),
	say("no firmware at all", "没有任何固件"),
	say("device {}", "设备 $1"),
	say("it is sent back to {}", "退回到 $1"),
	say("listed in {}", "在 $1 的指定设备中"),
	say("only these count, even if they are older", "只考虑这些固件，即使版本较旧"),
	say("{}: no list has the device, none is for all devices", "$1：指定设备中没有它，也没有打开升级全部设备"),
	say("for all devices: {}", "升级全部设备：$1"),
	say("these count", "考虑这些固件"),
	say("{}: off", "$1：否"),
	say("{}: on", "$1：是"),
	say("no firmware is switched on", "没有允许升级的固件"),
	say("switch 允许升级 on", "请打开允许升级"),
	say("{} candidates", "$1 个候选固件"),
	say("no firmware has been rolled out to this device yet", "还没有轮到这台设备"),
	say("wait, release the next group, or delete the roll-out", "请等待、放开下一阶段，或删除分批发布"),
	say("roll-out {} is {}: {}", "分批发布 $1 的状态为 $2：$3"),
	say("the device is in no group of roll-out {}", "设备不在分批发布 $1 的任何阶段"),
	say("the device is in group {} of roll-out {}, which is not released", "设备在分批发布 $2 的阶段 $1，尚未放开"),
	say("group {} of roll-out {} is released", "分批发布 $2 的阶段 $1 已放开"),
	say("the roll-out is finished: everybody may have it", "分批发布已完成：全部设备都可升级"),
	say("device {}, server {}", "设备 $1，服务器 $2"),
	say("sent although it is not newer", "虽然不更新，仍然下发"),
	say("newer: {}", "更新：$1"),
	say("not newer: {}", "不更新：$1"),
	say("the device has it already: {}", "设备已是该版本：$1"),
	say("raise the first or the last part of VERSION; the middle one is never sent by LuatOS", "请提高 VERSION 的第一段或最后一段；中间一段 LuatOS 不会上报"),
	say("there is no downgrade: publish the old content with a higher version", "不支持降级：请用更高的版本号发布旧内容"),
	say("versions are three numbers, such as 1025.1.0", "版本号是三个数字，如 1025.1.0"),
	say("everything is sent", "一律下发"),
	say("the strings differ", "字符串不同"),
	say("the strings are equal", "字符串相同"),
	say("numbers compared from left to right", "从左到右逐段比较数字"),
	say("the core may not go back", "CORE 不能降级"),
	say("the script may not go back", "脚本不能降级"),
	say("the version may not go back", "版本不能降级"),
	say("the version is greater", "版本更高"),
	say("equal script, cores compared", "脚本相同，比较 CORE"),
	say("equal version, cores compared", "版本相同，比较 CORE"),
	say("A is equal and C greater", "A 相同且 C 更高"),
	say("A is greater and C not less", "A 更高且 C 不低"),
	say("A is greater but C is less", "A 更高但 C 更低"),
	say("the device's {}", "设备的 $1"),
	say("the server's {}", "服务器的 $1"),
	say("version {} is not three numbers with dots between them", "版本 $1 不是用点分隔的三个数字"),
	say("baseline of device or firmware not known", "不知道设备或固件的基线"),
	say("does not apply", "不适用"),
	say("device {}, firmware {}", "设备 $1，固件 $2"),
	say("crossing the baseline is not allowed", "不允许跨基线"),
	say("stay on the baseline, or flash by cable", "请留在原基线，或用数据线刷机"),
	say("same baseline", "基线相同"),
	say("the turnkey API has none", "turnkey 接口没有差分包"),
	say("the uploaded file is sent", "下发上传的文件"),
	say("dfota is not 1, {} is neither RDA8910 nor AT", "dfota 不是 1，$1 既不是 RDA8910 也不是 AT"),
	say("the platform does not know this core", "平台没有这个 CORE"),
	say("register the core; custom cores have to be sent to support", "请登记该 CORE；定制 CORE 需联系技术支持"),
	say("the package could not be built: {}", "差分包生成失败：$1"),
	say("upload what fits to each other as base and as firmware", "请上传互相匹配的基础版本和固件"),
	say("being built, ready in {}", "正在生成，还需 $1"),
	say("still being built", "仍在生成"),
	say("ask again after one to three minutes", "请一到三分钟后再次请求"),
	say("built", "已生成"),
	say("deliveries are not counted", "不计下发次数"),
	say("{} same target deliveries in {}, {} are allowed", "$2 内下发同一固件 $1 次，允许 $3 次"),
	say("{} deliveries in {}, {} are allowed", "$2 内下发 $1 次，允许 $3 次"),
	say("{} requests in {}, {} are allowed", "$2 内请求 $1 次，允许 $3 次"),
	say("within the limit", "未超过限制"),
	say("firmware {}", "固件 $1"),
	say("the file is sent, {} bytes", "下发文件，$1 字节"),
	say("the file's address is sent (302), because need_oss_url=1", "因为 need_oss_url=1，下发文件地址（302）"),
	// Why a roll-out is as it is.
	say("not started", "未开始"),
	say("started by hand", "手动开始"),
	say("paused by hand", "手动暂停"),
	say("resumed by hand", "手动继续"),
	say("advanced by hand", "手动放开"),
	say("cancelled by hand", "手动取消"),
	say("rolled back by hand", "手动回退"),
	say("{} of {} deliveries failed, the limit is {} %", "$2 次下发中失败 $1 次，上限为 $3 %"),
	say("{} of {} deliveries of the group before succeeded", "上一阶段 $2 次下发中成功 $1 次"),
	say("group {} released: {}", "已放开阶段 $1：$2"),
}

// sayIn says what a decision says in a language. Parts behind a colon or a
// semicolon are phrases of their own.
func sayIn(lang, text string) string {
	if lang != "zh" {
		return text
	}
	said := func(v string) string { return sayIn(lang, v) }
	for _, p := range phrases {
		if out, ok := p.fill(text, said); ok {
			return out
		}
	}
	if head, tail, ok := strings.Cut(text, ": "); ok {
		if v := said(tail); v != tail {
			return head + "：" + v
		}
	}
	return text
}

// stepsIn says a decision's path in a language.
func stepsIn(lang string, steps []iot.Step) []iot.Step {
	if lang != "zh" {
		return steps
	}
	out := make([]iot.Step, len(steps))
	for i, s := range steps {
		s.Rule, s.Compared, s.Conclusion, s.Fix = ruleIn(lang, s), sayIn(lang, s.Compared), sayIn(lang, s.Conclusion), sayIn(lang, s.Fix)
		out[i] = s
	}
	return out
}
