-- common: character encodings.
module(..., package.seeall)

local function convert(to, from)
  return function(s) return iconv.open(to, from):iconv(s) end
end

ucs2beToUtf8 = convert("utf8", "ucs2be")
utf8ToUcs2be = convert("ucs2be", "utf8")
ucs2ToUtf8 = convert("utf8", "ucs2")
utf8ToUcs2 = convert("ucs2", "utf8")
gb2312ToUtf8 = convert("utf8", "gb2312")
utf8ToGb2312 = convert("gb2312", "utf8")
