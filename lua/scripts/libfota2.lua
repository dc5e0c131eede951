-- libfota2: as libfota, with everything in one table of options.
--
-- The third argument of the chunk says which generation of the library this
-- firmware carries; they differ in the URL, the log tags and some faults that
-- scripts in the field meet.

local _, _, host = ...
local since = host.libs

local libfota2 = { version = "202607021200" }

if since("2026-07-02") then
  log.debug("libfota2", "version -> " .. libfota2.version)
end

local OK, NO_CONNECTION, CLOSED, BAD_ANSWER, BAD_PARAMETER = 0, 1, 3, 4, 5

local PLATFORM = "http://iot.openluat.com/api/site/firmware_upgrade"

-- Answers of the platform: the word that stands in front of the line, and
-- what to look at.
local meaning = {
  [3] = { "无效的设备", "请求里没有设备标识, 检查 imei 参数的写法" },
  [17] = { "无权限", "设备属于别的账号" },
  [21] = { "不允许升级", "平台禁止了这台设备升级" },
  [25] = { "无效的项目", "核对 PRODUCT_KEY, 设备也可能在别的项目里" },
  [26] = { "无效的固件", "项目里没有这个固件名, 与平台上的固件名核对" },
  [27] = { "已是最新版本", "平台上没有更高的版本, 或设备不在升级名单里" },
  [40] = { "循环升级", "一天内升级请求太多, 到平台上解除禁止" },
  [43] = { "请等待", "平台正在生成差分包, 过几分钟再试" },
}

local function tag(name)
  if since("2025-11-27") then return "libfota2" .. name end
  return "fota" .. name
end

-- identityTag is the tag of the line about who asks.
local function identityTag()
  if since("2026-06-29") then return tag(".imei/mac") end
  if since("2025-11-06") then return tag(".imei/mac/uid") end
  return tag(".imei")
end

local function bspName()
  local bsp = rtos.bsp()
  if since("2026-04-18") then bsp = bsp:match("^([^-]*)") end
  return bsp
end

local function mcuId() return (mcu.unique_id():toHex()) end

-- deviceId is what the module calls itself, without a parameter name.
local function deviceId()
  if mobile then return mobile.imei() end
  if wlan and wlan.getMac then return wlan.getMac() end
  return mcuId()
end

-- identityByModel is the choice of the newest libraries: models that it does
-- not know have no identity at all.
local function identityByModel()
  local model = hmeta.model()
  local function is(prefix) return model:sub(1, #prefix) == prefix end
  if is("Air780E") or is("Air8000") or is("Air700") then return "imei=" .. mobile.imei() end
  if is("Air8101") then return "mac=" .. wlan.getMac() end
  if is("Air1601") or is("Air1602") or is("Air1780") then return "mac=" .. mcuId() end
end

local function identity()
  if since("2026-06-29") then return identityByModel() end
  if mobile then return "imei=" .. mobile.imei() end
  if bspName() == "Air1601" then
    if since("2026-05-12") then return "mac=" .. mcuId() end
    return "mac=" .. wlan.getMac()
  end
  if wlan and wlan.getMac then return "mac=" .. wlan.getMac() end
  return "uid=" .. mcuId()
end

-- fillIn sets the defaults of name and version.
local function fillIn(opts)
  local rawName = since("2025-01-10") and not since("2025-03-06") and wlan and not mobile
  if not opts.version then
    if rawName then
      opts.version = VERSION
    else
      local x, y, z = string.match(VERSION, "(%d+).(%d+).(%d+)")
      opts.version = rtos.version():sub(2) .. "." .. x .. "." .. z
    end
  end
  if not opts.firmware_name then
    if rawName then
      opts.firmware_name = PROJECT .. "_" .. rtos.firmware()
    else
      opts.firmware_name = PROJECT .. "_LuatOS-SoC_" .. bspName()
    end
  end
end

local function model()
  local hardware = hmeta and hmeta.hwver and hmeta.hwver()
  local fallback = since("2024-11-25") and "_A10" or "A00" -- with one more "_" than meant
  return "&model=" .. tostring(hmeta and hmeta.model()) .. "_" .. (hardware or fallback)
end

-- firstUrl is version 1.0 of the library: it appends to any URL, also to one
-- behind "###".
local function firstUrl(opts)
  fillIn(opts)
  if not opts.imei then opts.imei = deviceId() end
  local url = string.format("%s?imei=%s&project_key=%s&firmware_name=%s&version=%s",
    opts.url, opts.imei, opts.project_key, opts.firmware_name, opts.version)
  if since("2024-09-09") then url = url .. model() end
  return url, opts.imei
end

-- secondUrl expects a base that ends in "?" or "&".
local function secondUrl(opts)
  fillIn(opts)
  local id, shown
  if not since("2025-01-10") then
    if not opts.imei then opts.imei = deviceId() end
    id, shown = "imei=" .. opts.imei, opts.imei
  elseif opts.imei then
    id, shown = "imei=" .. opts.imei, ""
    if not since("2025-11-06") then shown = opts.imei end
  else
    id = identity()
    if since("2025-11-06") then shown = id end -- earlier ones log nil
  end
  local url = string.format("%s%s&project_key=%s&firmware_name=%s&version=%s",
    opts.url, id, opts.project_key, opts.firmware_name, opts.version)
  if not since("2025-01-10") then url = url .. model() end
  return url, shown
end

-- prepare makes the URL and returns it with the identity that the log shows.
local function prepare(opts)
  local oldest = not since("2024-11-22")
  opts.url = opts.url or (oldest and PLATFORM or PLATFORM .. "?")
  local raw = not oldest and opts.url:sub(1, 3) == "###"
  if raw or opts.url_done then
    -- For a while three characters went at every call, not only "###".
    if raw or not since("2025-02-11") then opts.url = opts.url:sub(4) end
    opts.url_done = true
    if since("2025-11-06") then return opts.url, "" end
    return opts.url, opts.imei
  end
  opts.project_key = opts.project_key or PRODUCT_KEY
  if not opts.project_key then
    log.error(tag(""), "iot.openluat.com need PRODUCT_KEY!!!")
    return
  end
  local url, shown = (oldest and firstUrl or secondUrl)(opts)
  -- Until it was noted that this is done, the next call appended once more.
  opts.url, opts.url_done = url, since("2024-11-28")
  return url, shown
end

-- explain logs what the platform's JSON answer says.
local function explain(body)
  log.info("使用合宙服务器,接下来解析body里的code")
  local answer, ok
  if type(body) == "string" and body:sub(1, 1) == "{" and body:sub(-1) == "}" then
    answer, ok = json.decode(body)
  end
  if ok ~= 1 or type(answer) ~= "table" then
    log.info("云平台下发的不是json", "我看看body是个什么东西", type(body), body)
    return
  end
  local known = meaning[answer.code]
  if known then log.info(known[1], known[2]) else log.info("不是上面的那些错误code") end
end

local function result(cb, url, code, headers, body)
  local first = not since("2024-04-12")
  if first then log.info("http fota", code, headers, body) end
  if code == 200 or code == 206 then
    return cb(body == 0 and BAD_ANSWER or OK)
  elseif code == -4 then
    return cb(NO_CONNECTION)
  elseif code == -5 then
    return cb(CLOSED)
  end
  if not first then log.info(tag(""), code, body) end
  if since("2024-11-22") and url:find("iot.openluat.com") then explain(body) end
  cb(BAD_ANSWER)
end

local function task(cb, opts)
  local code, headers, body = http.request(opts.method, opts.url_now, opts.headers, opts.body, opts,
    opts.server_cert, opts.client_cert, opts.client_key, opts.client_password).wait()
  result(cb, opts.url_now, code, headers, body)
end

function libfota2.request(cb, opts)
  opts = opts or {}
  local url, shown = prepare(opts)
  if not url then
    cb(BAD_PARAMETER)
    return
  end
  if fota then
    opts.fota = true
  else
    os.remove("/update.bin")
    opts.dst = "/update.bin"
  end
  opts.method = opts.method or "GET"
  opts.url_now = url
  log.info(tag(".url"), opts.method, url)
  log.info(identityTag(), shown)
  log.info(tag(".project_key"), opts.project_key)
  log.info(tag(".firmware_name"), opts.firmware_name)
  log.info(tag(".version"), opts.version)
  sys.taskInit(task, cb, opts)
end

return libfota2
