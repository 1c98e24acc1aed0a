-- Reserves a task's next start: now, or an interval after the last one that was reserved, by the server's clock. The key
-- lives as long as it keeps anybody waiting.
--
-- KEYS: the last start that was reserved, in microseconds since 1970
-- ARGV: microseconds between two starts
-- Answers: microseconds until the start
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local interval = tonumber(ARGV[1])
local last = tonumber(redis.call('GET', KEYS[1]))
local start = now
if last and last + interval > now then start = last + interval end
local rest = math.ceil((start + interval - now) / 1000)
-- Whole digits: Lua writes such numbers with an exponent.
redis.call('SET', KEYS[1], string.format('%.0f', start), 'PX', string.format('%.0f', math.max(rest, 1)))
return start - now
