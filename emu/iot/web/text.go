package web

import (
	"fmt"
	"strings"

	"airlift/emu/iot"
)

// translate says an English text in a language, with values put in.
func translate(lang, text string, args ...any) string {
	if lang == "zh" {
		if zh, ok := chinese[text]; ok {
			text = zh
		}
	}
	if len(args) == 0 {
		return text
	}
	return fmt.Sprintf(text, args...)
}

func (c *ctx) t(text string, args ...any) string { return translate(c.lang, text, args...) }

// reasonText is what a reason means to a person.
type reasonText struct {
	Title   string
	Meaning string
	Fix     string // empty: nothing to do
	Mood    string // good, bad, warn or ""
}

// reasonIn says a reason in a language.
func reasonIn(lang string, r iot.Reason) reasonText {
	texts, ok := reasons[r]
	if !ok {
		return reasonText{Title: string(r)}
	}
	t := texts[0]
	if lang == "zh" {
		mood := t.Mood
		t = texts[1]
		t.Mood = mood
	}
	return t
}

// ruleIn names the rule of a step.
func ruleIn(lang string, s iot.Step) string {
	if lang == "zh" {
		if zh, ok := rulesChinese[s.Rule]; ok {
			return zh
		}
		if strings.HasPrefix(s.Rule, "version: ") {
			return "版本：候选固件中的最高版本必须比设备上报的新"
		}
	}
	return s.Rule
}

// reasons are the texts of all reasons, English and Chinese
// (iot-platform.md 2.3, 6).
var reasons = map[iot.Reason][2]reasonText{
	iot.Deliver: {
		{"sent", "The server sent the file. Whether the module installs it shows at its next request.", "", "good"},
		{"已下发", "服务器已下发升级文件。是否升级成功，要看设备下一次请求上报的版本。", "", ""},
	},
	iot.NoIdentity: {
		{"no identity", "The request has no imei, mac or uid, so nobody knows who asks.", "Send imei= in lower case with something unique; with libfota2 on a model that it does not know, set opts.imei.", "bad"},
		{"无设备标识", "请求里没有 imei、mac 或 uid，不知道是谁在请求。", "请用小写的 imei= 传一个唯一值；libfota2 不认识的型号请设置 opts.imei。", ""},
	},
	iot.UnknownProject: {
		{"unknown project key", "No project has the key that the device sent.", "Copy PRODUCT_KEY from the list of projects; 123 is the placeholder of the demos.", "bad"},
		{"无效的项目", "没有任何项目使用设备上报的 PRODUCT_KEY。", "请从“我的项目”复制项目 Key；demo 里的 123 只是占位符。", ""},
	},
	iot.ForeignAccount: {
		{"belongs to another account", "The device is registered in a project of another account.", "Its owner has to transfer or reset it. New modules often sit in their buyer's default project.", "bad"},
		{"设备属于其他账号", "该设备已登记在其他账号的项目里。", "请原账号转移或重置该设备。新模块往往在购买者的默认项目里。", ""},
	},
	iot.ForeignProject: {
		{"belongs to another project", "The device is registered in another project of this account.", "Transfer the device to the project whose key it sends, or change the key in its script.", "bad"},
		{"设备属于其他项目", "该设备登记在本账号的另一个项目里。", "请把设备转移到它所用 Key 的项目，或修改脚本里的 Key。", ""},
	},
	iot.Unregistered: {
		{"not registered", "Nobody registered the device, and this server does not register devices by itself.", "Add the device to the project by hand.", "bad"},
		{"设备未登记", "没有人登记该设备，而本服务器不会自动登记。", "请手动把设备添加到项目。", ""},
	},
	iot.DeviceForbidden: {
		{"device is forbidden", "The device's upgrade state is set to forbidden.", "Set the upgrade state to allowed in the list of devices.", "bad"},
		{"设备已禁止升级", "该设备的升级状态被设为禁止。", "请在设备列表把升级状态改为允许。", ""},
	},
	iot.LoopBan: {
		{"banned: upgrade loop", "The device got the same firmware again and again and never came back with it.", "Find out why the package does not take on the device, then allow it again in the list of devices.", "bad"},
		{"循环升级，已禁止", "设备多次收到同一固件，却始终没有升级成功。", "先查明升级包为何无法生效，再到设备列表设为允许。", ""},
	},
	iot.UnknownFirmware: {
		{"unknown firmware name", "The project has no firmware with the name that the device sent.", "Make both names equal: often PROJECT was renamed between two versions.", "bad"},
		{"无效的固件", "项目里没有与设备上报的固件名相同的固件。", "请让两边名称一致：常见原因是新旧版本的 PROJECT 不同。", ""},
	},
	iot.FirmwareDisabled: {
		{"upgrade is switched off", "The firmware exists, but its switch “allow upgrade” is off.", "Switch it on in the list of firmware.", "warn"},
		{"未允许升级", "固件存在，但“允许升级”为否。", "请在固件列表打开“允许升级”。", ""},
	},
	iot.NotListed: {
		{"not among the chosen devices", "The firmware is only for chosen devices, and this one is not among them.", "Add its IMEI to the firmware's devices, or upgrade all devices.", "warn"},
		{"不在指定设备中", "该固件只升级指定设备，而此设备不在列表中。", "请把它的 IMEI 加入指定设备，或打开“升级全部设备”。", ""},
	},
	iot.NotRolledOut: {
		{"not rolled out to this device", "A roll-out hands the firmware out in stages, and this device's turn has not come, or the roll-out does not run.", "Look at the roll-out: start it, resume it, or release the next stage.", "warn"},
		{"分批发布尚未轮到", "该固件正在分批发布，还没有轮到这台设备，或者发布没有在进行。", "请查看分批发布：开始、继续，或放开下一阶段。", ""},
	},
	iot.UpToDate: {
		{"up to date", "Nothing is newer than what the device runs.", "", ""},
		{"已是最新版本", "没有比设备当前版本更新的固件。", "", ""},
	},
	iot.Downgrade: {
		{"would be a downgrade", "What there is, is older than what the device runs. The platform sends no older versions.", "Publish the old content under a higher version.", "warn"},
		{"不允许降级", "现有固件比设备版本旧，平台不会下发旧版本。", "请把旧内容用更高的版本号重新发布。", ""},
	},
	iot.BaselineForbidden: {
		{"baseline cannot be crossed", "A core of this baseline cannot become one of the other by an upgrade.", "Stay on the baseline, or flash the module by cable.", "bad"},
		{"不能跨基线升级", "这个基线的 CORE 不能通过远程升级换到另一个基线。", "请留在原基线，或用数据线刷机。", ""},
	},
	iot.BaseUnknown: {
		{"base core unknown", "A difference package was asked for, and the server does not have the core that the device runs.", "Give the server that core as a base.", "bad"},
		{"基础 CORE 缺失", "设备请求差分包，而服务器没有它正在运行的 CORE。", "请把该 CORE 作为基础版本提供给服务器。", ""},
	},
	iot.BuildingDiff: {
		{"difference package is being built", "The server is building the package from the device's core to the new one.", "Ask again in one to three minutes.", "warn"},
		{"正在生成差分包", "服务器正在生成从设备 CORE 到新 CORE 的差分包。", "请一到三分钟后再次请求。", ""},
	},
	iot.ServerError: {
		{"the server failed", "The server could not answer: the fault is on its side.", "Look at the server's own log.", "bad"},
		{"服务器出错", "服务器自身出现故障，无法应答。", "请查看服务器自己的日志。", ""},
	},
}

// rulesChinese are the rules of iot-platform.md 3.8, by what decisions call them.
var rulesChinese = map[string]string{
	"identity: first non-empty of imei, mac, uid":                                   "设备标识：imei、mac、uid 中第一个非空值",
	"project: project_key must be a project's key, exactly":                         "项目：project_key 必须与某个项目的 Key 完全相同",
	"ownership: a device belongs to one project of one account":                     "归属：一台设备只属于一个账号的一个项目",
	"device list: last online, version and firmware name":                           "设备列表：更新最近上线、版本、固件名",
	"device switch: upgrade state 允许 or 禁止":                                         "设备开关：升级状态 允许 / 禁止",
	"firmware name: firmware_name must be equal to a firmware of the project":       "固件名：firmware_name 必须与项目里的某个固件相同",
	"policy: firmware that lists the device, else firmware for all devices":         "升级策略：指定设备优先，其次是升级全部设备",
	"roll-back: what the device runs was withdrawn":                                 "回退：设备当前版本已被撤回",
	"upgrade switch: 允许升级":                                                          "固件开关：允许升级",
	"roll-out: a firmware that is rolled out goes to the released groups":           "分批发布：只下发给已放开的阶段",
	"version: a roll-back goes to an older one":                                     "版本：回退会下发旧版本",
	"baseline: RDA8910 cores of different baselines do not upgrade into each other": "基线：RDA8910 不同基线的 CORE 不能互相升级",
	"difference package: built by the platform for RDA8910, AT and dfota=1":         "差分包：RDA8910、AT 以及 dfota=1 的差分包由平台生成",
	"loop guard": "循环升级保护",
	"delivery":   "下发升级文件",
}
