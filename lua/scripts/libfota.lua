-- libfota: one call that asks the IoT platform (or any URL) for an upgrade
-- and stores what it answers.
--
-- The third argument of the chunk says which generation of the library this
-- firmware carries; they differ in the URL.

local _, _, host = ...
local since = host.libs

local libfota = { version = "202607021200" }

if since("2026-07-02") then
  log.debug("libfota", "version -> " .. libfota.version)
end

-- What the callback is told.
local OK, NO_CONNECTION, CLOSED, BAD_ANSWER, BAD_PARAMETER = 0, 1, 3, 4, 5

-- bspName is rtos.bsp(), without a hardware suffix in newer libraries.
local function bspName()
  local bsp = rtos.bsp()
  if since("2026-04-18") then bsp = bsp:match("^([^-]*)") end
  return bsp
end

local function mcuId() return (mcu.unique_id():toHex()) end

-- oldQuery is the order up to the end of 2024, with the empty device_key.
local function oldQuery(x, y, z)
  local core = rtos.version():sub(2)
  local version = core .. "." .. x .. "." .. z
  if not since("2023-02-06") then version = core .. "." .. VERSION end
  local id
  if mobile or not since("2024-03-20") then
    id = mobile.imei()
  elseif wlan and wlan.getMac then
    id = wlan.getMac()
  else
    id = mcuId()
  end
  local query = string.format("project_key=%s&imei=%s&device_key=&firmware_name=%s&version=%s",
    PRODUCT_KEY, id, PROJECT .. "_LuatOS-SoC_" .. bspName(), version)
  if since("2024-09-09") then
    local hardware = hmeta and hmeta.hwver and hmeta.hwver()
    query = query .. "&model=" .. tostring(hmeta and hmeta.model()) .. "_" .. (hardware or "A00")
  end
  return query
end

local function newQuery(x, y, z)
  local name = PROJECT .. "_LuatOS-SoC_" .. bspName()
  local version = rtos.version():sub(2) .. "." .. x .. "." .. z
  local byMcu = since("2026-05-07") and (bspName() == "Air1601" or bspName() == "Air1602")
  local id
  if mobile then
    id = "imei=" .. mobile.imei()
  elseif byMcu then
    id = "mac=" .. mcuId()
  else
    local hasMac = wlan and wlan.getMac
    if hasMac then id = "mac=" .. wlan.getMac() else id = "uid=" .. mcuId() end
    if not hasMac or not since("2025-03-06") then
      name, version = PROJECT .. "_" .. rtos.firmware(), VERSION
    end
  end
  return string.format("project_key=%s&firmware_name=%s&version=%s&%s", PRODUCT_KEY, name, version, id)
end

local function platformUrl(cb)
  if PRODUCT_KEY == nil then
    log.error("fota", "iot.openluat.com need PRODUCT_KEY!!!")
    cb(BAD_PARAMETER)
    return
  end
  local x, y, z = string.match(VERSION, "(%d+).(%d+).(%d+)")
  if not (x and y and z) then
    log.error("fota", "_G.VERSION must be xxx.yyy.zzz!!!")
    cb(BAD_PARAMETER)
    return
  end
  local query = since("2024-12-27") and newQuery(x, y, z) or oldQuery(x, y, z)
  return "http://iot.openluat.com/api/site/firmware_upgrade?" .. query
end

local function task(cb, url, storage, length, param1, timeout, certs, show)
  url = url or platformUrl(cb)
  if not url then return end
  local opts = { timeout = timeout }
  if fota then
    opts.fota = true
    if storage or length or param1 then
      opts.fota = { address = storage, length = length, param1 = param1 }
    end
  elseif since("2024-04-09") then -- before, it went nowhere
    os.remove("/update.bin")
    opts.dst = "/update.bin"
  end
  if show ~= false and since("2024-04-09") then log.info("fota.url", url) end
  local code, headers, body = http.request("GET", url, nil, nil, opts,
    certs[1], certs[2], certs[3], certs[4]).wait()
  log.info("http fota", code, headers, body)
  if code == 200 or code == 206 then
    cb(body == 0 and BAD_ANSWER or OK)
  elseif code == -4 then
    cb(NO_CONNECTION)
  elseif code == -5 then
    cb(CLOSED)
  else
    cb(BAD_ANSWER)
  end
end

function libfota.request(cb, url, storage, length, param1, port, timeout,
                         serverCert, clientCert, clientKey, clientPassword, show)
  local default = since("2025-12-15") and 180000 or 30000
  sys.taskInit(task, cb, url, storage, length, param1, timeout or default,
    { serverCert, clientCert, clientKey, clientPassword }, show)
end

return libfota
