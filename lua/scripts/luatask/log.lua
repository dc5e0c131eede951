-- log: lines with a level and a tag.
module(..., package.seeall)

LOG_SILENT = 0
LOGLEVEL_TRACE, LOGLEVEL_DEBUG, LOGLEVEL_INFO, LOGLEVEL_WARN, LOGLEVEL_ERROR, LOGLEVEL_FATAL = 1, 2, 3, 4, 5, 6

local function logger(level, letter)
  return function(tag, ...)
    local wanted = _G.LOG_LEVEL or LOGLEVEL_INFO
    if wanted == LOG_SILENT or level < wanted then return end
    print("[" .. letter .. "]-[" .. (type(tag) == "string" and tag or "") .. "]", ...)
  end
end

trace = logger(LOGLEVEL_TRACE, "T")
debug = logger(LOGLEVEL_DEBUG, "D")
info = logger(LOGLEVEL_INFO, "I")
warn = logger(LOGLEVEL_WARN, "W")
error = logger(LOGLEVEL_ERROR, "E")
fatal = logger(LOGLEVEL_FATAL, "F")

-- openTrace switches what is printed on or off; to a serial port it cannot be
-- sent here.
function openTrace(on, port)
  rtos.set_trace(on and 1 or 0, port)
end
