-- utils: functions for strings and files.
module(..., package.seeall)

function string.toHex(s, separator)
  return (s:gsub(".", function(c) return ("%02X"):format(c:byte()) .. (separator or "") end)), #s
end

function string.fromHex(hex)
  return hex:gsub("[%s%p]", ""):gsub("%x%x", function(two) return string.char(tonumber(two, 16)) end)
end

function string.split(s, separator)
  local parts = {}
  if separator == "" then
    for c in s:gmatch(".") do parts[#parts + 1] = c end
    return parts
  end
  local from = 1
  while true do
    local at, stop = s:find(separator, from, true)
    parts[#parts + 1] = s:sub(from, (at or #s + 1) - 1)
    if not at then return parts end
    from = stop + 1
  end
end

function string.urlEncode(s)
  return (s:gsub("[^%w_%*%.%- ]", function(c) return ("%%%02X"):format(c:byte()) end):gsub(" ", "+"))
end

function string.rawurlEncode(s)
  return (s:gsub("[^%w_~%.%-]", function(c) return ("%%%02X"):format(c:byte()) end))
end

function string.checkSum(s, bytes)
  local sum = 0
  for i = 1, #s do sum = sum + s:byte(i) end
  return sum % (bytes == 2 and 0x10000 or 0x100)
end

function io.exists(path)
  local f = io.open(path, "r")
  if f then f:close() end
  return f ~= nil
end

function io.readFile(path)
  local f = io.open(path, "rb")
  if not f then return nil end
  local text = f:read("*a")
  f:close()
  return text
end

function io.writeFile(path, text, mode)
  local f = io.open(path, mode or "w+b")
  if not f then return false end
  local written = f:write(text)
  f:close()
  return written ~= nil
end

function io.fileSize(path)
  local f = io.open(path, "r")
  if not f then return 0 end
  local size = f:seek("end")
  f:close()
  return size
end
