package web

import (
	"strings"

	"airlift/emu/iot"
)

// problems are what may be wrong with what a person entered, as the platform and
// the bench say it.
var problems = []phrase{
	say("a password has at least {} characters and at most {} bytes", "密码至少 $1 个字符，最多 $2 字节"),
	say("{} is empty", "$1不能为空"),
	say("{} is no line of at most {} bytes", "$1必须是单行文本，最多 $2 字节"),
	say(`{} "{}" is no text of 1 to {} bytes`, "$1必须是 1 到 $3 字节的文本"),
	say("a description has at most {} bytes", "描述最多 $1 字节"),
	say("remark is no text of at most {} bytes", "备注最多 $1 字节"),
	say("1 to {} identities are taken at a time, not {}", "一次可提交 1 到 $1 台设备，现有 $2 台"),
	say("the file is empty; a device takes that for an error", "文件为空，设备会当作出错"),
	say("file name {} has a folder or a quotation mark", "文件名 $1 含有目录或引号"),
	say("to build from a core its file is needed", "要生成差分包，必须上传该 CORE 的文件"),
	say("core version {} is neither a number nor three", "CORE 版本号 $1 既不是一个数字，也不是用点分隔的三个数字"),
	say("there are no difference packages for model {}", "型号 $1 没有差分包"),
	say("the package is {}", "差分包的状态为 $1"),
	say("a webhook has a http or https URL without a password", "Webhook 的 URL 必须是不带密码的 http 或 https 地址"),
	say("a roll-out has 1 to {} groups, not {}", "分批发布有 1 到 $1 个阶段，现有 $2 个"),
	say("percentages are 0 to 100, min_outcomes at least 1, silent_after_s 1 to {}", "百分比为 0 到 100，结果数至少 1，未上线时间至少 1 分钟"),
	say("groups[{}]: percent is 0 to 100", "百分比为 0 到 100"),
	say("groups[{}]: percentages are cumulative, {} is below the {} before", "百分比是累计的：$2 小于前一阶段的 $3"),
	say("groups[{}]: at most {} devices are listed", "一个阶段最多指定 $2 台设备"),
	say("groups[{}]: {} is no identity", "$2 不是有效的设备标识"),
	say("{} is no identity", "$1 不是有效的设备标识"),
	say("a firmware cannot be rolled back to itself", "不能回退到固件自身"),
	say("{} cannot be rolled back to {}, which has another name", "$1 不能回退到固件名不同的 $2"),
	say("version {} is not three numbers with dots between them", "版本号 $1 不是用点分隔的三个数字"),
	say("version {} has a part above 999 after the core number", "版本号 $1 中，CORE 之后的部分超过 999"),
	say("no model is called {}: see airlift chips", "没有型号 $1"),
	say("PROJECT {} is not 1 to 64 letters, digits, _ and -", "PROJECT $1 必须是 1 到 64 个字母、数字、_ 或 -"),
	say("VERSION {} is not three numbers of up to three digits with dots between them", "VERSION $1 必须是用点分隔的三个数字，每个最多三位"),
	say("a module cannot ask every {} s: expected 1 to 86400", "请求间隔 $1 秒不在 1 到 86400 之间"),
	say("core version {} is not V and up to five digits", "CORE 版本号 $1 必须是 V 加最多五位数字"),
	say("IMEI {} is not 15 digits", "IMEI $1 不是 15 位数字"),
	say("main.lua is larger than {} bytes", "main.lua 超过 $1 字节"),
	say(`main.lua has no lines PROJECT = "name" and VERSION = "1.0.0" that a package could be made from`, `main.lua 里没有 PROJECT = "名称" 和 VERSION = "1.0.0" 这样的行，无法制作升级包`),
	say("{} is no number", "$1 不是数字"),
	say("an account has at most {} tokens", "一个账号最多 $1 个 API 令牌"),
	say("an account has at most {} projects", "一个账号最多 $1 个项目"),
	say("an account has at most {} webhooks", "一个账号最多 $1 个 Webhook"),
	say("a project has at most {} firmware", "一个项目最多 $1 个固件"),
	say("a project has at most {} roll-outs", "一个项目最多 $1 个分批发布"),
	say("a project has at most {} base cores", "一个项目最多 $1 个基础 CORE"),
	say("a firmware lists at most {} devices", "一个固件最多指定 $1 台设备"),
	say("the platform holds {} devices", "平台已有 $1 台设备"),
	say("the platform holds {} accounts", "平台已有 $1 个账号"),
	say("switched off: nobody watched for {}", "无人观看已达 $1，自动关机"),
	say("switched off: it ran for {}", "运行已达 $1，自动关机"),
	say("switched off after {} boots", "启动 $1 次后自动关机"),
}

// entries are what problems call the things that people enter.
var entries = strings.NewReplacer(
	"account name", "账号", "project name", "项目名称", "token name", "程序名称", "device name", "设备名",
	"roll-out name", "分批发布的名称", "group name", "阶段名称", "firmware name", "固件名", "core name", "固件名", "core version", "CORE 版本号",
)

// problemIn says what is wrong in a language. The kind of error before it is said
// by the page.
func problemIn(lang, text string) string {
	for _, kind := range []error{iot.ErrInvalid, iot.ErrConflict, iot.ErrExists, iot.ErrLimit} {
		text = strings.Replace(text, kind.Error()+": ", "", 1)
	}
	if lang != "zh" {
		return text
	}
	said := func(v string) string { return problemIn(lang, v) }
	for _, p := range problems {
		if out, ok := p.fill(text, said); ok {
			return entries.Replace(out)
		}
	}
	if head, tail, ok := strings.Cut(text, ": "); ok {
		if v := said(tail); v != tail {
			return entries.Replace(head) + "：" + v
		}
	}
	return text
}
