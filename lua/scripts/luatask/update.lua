-- update: asks the platform for a newer version, feeds it to the core, and
-- restarts. It asks, waits, goes on after an interruption and gives up as the
-- library of the Luat core does.
require "misc"
require "http"
require "common"
module(..., package.seeall)

local PLATFORM = "iot.openluat.com/api/site/firmware_upgrade"
local TRIES = 30         -- requests that may fail, then it is over
local TIMEOUT = 60000    -- ms
local WAIT = 30000       -- ms, while the platform makes the package
local REDIRECTED = 2000  -- ms, before the address that it names is asked

local options = {}       -- callback, url, period, redirect, imei
local running, started
local location           -- where a redirect led; it is kept
local processed          -- bytes that the core has taken
local begun              -- the first of them came
local code               -- of the platform's last error

function setGetImeiCbFnc(fn) options.imei = fn end

local function address()
  if location then return location end
  local version = rtos.get_version()
  local before, behind = version:match("(.-)_V%d+(_.+)")
  return (options.url or PLATFORM) .. "?project_key=" .. _G.PRODUCT_KEY
    .. "&imei=" .. (options.imei and options.imei() or misc.getImei())
    .. "&firmware_name=" .. _G.PROJECT .. "_" .. before .. behind
    .. "&core_version=" .. tonumber(version:match(".-_V(%d+)"))
    .. "&dfota=1&version=" .. _G.VERSION
    .. (options.redirect and "&need_oss_url=1" or "")
end

local function isPackage(status) return status == "200" or status == "206" end
local function isRedirect(status) return status:sub(1, 1) == "3" end

-- complaint reads an error of the platform, which must come in one piece.
local function complaint(text, total)
  if #text ~= total or total == 0 then return end
  local message = text:match('"msg":%s*"(.-)"')
  if message and total <= 200 then
    log.warn("update.error", common.ucs2beToUtf8((message:gsub("\\u", "")):fromHex()))
  end
  code = text:match('"code":%s*(%d+)')
end

-- body takes the pieces of an answer; true or false end the request.
local function body(data, total, status)
  if not isPackage(status) then
    if not isRedirect(status) then complaint(data, total) end
    return nil
  end
  if not begun then
    begun = true
    sys.publish("LIB_UPDATE_OTA_DOWNLOAD_BEGIN")
  end
  local result = rtos.fota_process(data:sub(1, total - processed), total)
  if result ~= 0 then
    log.error("update", "the core refuses the package", result)
    sys.publish("LIB_UPDATE_OTA_DOWNLOAD_END", false)
    return false
  end
  processed = processed + #data
  log.info("update", processed .. " of " .. total .. " bytes")
  if processed >= total then
    sys.publish("LIB_UPDATE_OTA_DOWNLOAD_END", true)
    return true
  end
end

local function finish(ok)
  log.info("update", "rtos.fota_end", rtos.fota_end())
  if options.callback then
    options.callback(ok)
  elseif ok then
    sys.restart("UPDATE_DOWNLOAD_SUCCESS")
  end
end

-- ask sends one request and returns how it went.
local function ask()
  code = nil
  http.request("GET", address(), nil, { Range = "bytes=" .. processed .. "-" }, nil, TIMEOUT,
    function(...) sys.publish("UPDATE_DOWNLOAD", ...) end, body)
  local _, ok, status, head = sys.waitUntil("UPDATE_DOWNLOAD")
  log.info("update", "answer", ok, status, code)
  return ok, status, head
end

-- attempt asks until there is a result.
local function attempt()
  local failures = 0
  processed, begun = 0, false
  while started do
    local ok, status, head = ask()
    if not ok then
      failures = failures + 1
      if failures == TRIES then return finish(false) end
    elseif isPackage(status) then
      return finish(true)
    elseif isRedirect(status) and head and head.Location then
      location = head.Location
      sys.wait(REDIRECTED)
    elseif code == "43" then
      log.info("update", "the platform makes the package, waiting")
      sys.wait(WAIT)
    else
      return finish(false)
    end
  end
end

local function start()
  local result = rtos.fota_start()
  started = result == 0
  if not started then log.error("update", "rtos.fota_start", result) end
  return started
end

local function task()
  running = true
  while not socket.isReady() do sys.waitUntil("IP_READY_IND") end
  while true do
    attempt()
    if not options.period then break end
    sys.wait(options.period)
    start()
  end
  running = false
end

-- request(callback, url, period in ms, redirect): callback(true) when a package
-- has come, callback(false) when none will; without one the module restarts.
-- The url is the part before the question mark. With redirect the platform may
-- send to another server.
function request(callback, url, period, redirect)
  if not start() then return end
  options.callback = callback or options.callback
  options.url = url or options.url
  options.period = period or options.period
  options.redirect = redirect or options.redirect
  if not running then sys.taskInit(task) end
end
