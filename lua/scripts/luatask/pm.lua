-- pm: the module may sleep when nobody wants it to be awake.
module(..., package.seeall)

local awake, sleeping = {}, true

function wake(tag)
  assert(tag, "pm.wake needs a tag")
  awake[tag] = true
  if sleeping then
    sleeping = false
    pmd.sleep(0)
  end
end

function sleep(tag)
  assert(tag, "pm.sleep needs a tag")
  awake[tag] = nil
  if next(awake) == nil and not sleeping then
    sleeping = true
    pmd.sleep(1)
  end
end

function isSleep(tag)
  if tag then return not awake[tag] end
  return sleeping
end
