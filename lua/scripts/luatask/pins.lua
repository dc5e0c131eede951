-- pins: a function for each pin.
require "sys"
module(..., package.seeall)

local callbacks = {}

-- setup(pin, value, pull): with a number an output, with a function an input
-- that calls it at edges, else an input. The result sets or reads the pin.
function setup(pin, value, pull)
  pio.pin.close(pin)
  callbacks[pin] = nil
  if type(value) == "number" then
    pio.pin.setdir(value == 1 and pio.OUTPUT1 or pio.OUTPUT, pin)
    return function(v)
      v = tonumber(v)
      if v then pio.pin.setval(v, pin) end
      return v or pio.pin.getval(pin)
    end
  end
  if type(value) == "function" then
    callbacks[pin] = value
    pio.pin.setdir(pio.INT, pin)
  else
    pio.pin.setdir(pio.INPUT, pin)
  end
  if pull then pio.pin.setpull(pull, pin) end
  return function() return pio.pin.getval(pin) end
end

function close(pin)
  callbacks[pin] = nil
  pio.pin.close(pin)
end

rtos.on(rtos.MSG_INT, function(m)
  local fn = callbacks[m.int_resnum]
  if fn then fn(m.int_id) end
end)
