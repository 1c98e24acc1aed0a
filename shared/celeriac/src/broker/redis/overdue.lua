-- The tags that nobody has renewed within the visibility timeout, newest first, if nobody else is sweeping
-- (celery-wire.md 3.3). The mutex stays taken only when there is something to do.
--
-- KEYS: unacked_mutex, unacked_index
-- ARGV: token, visibility timeout in seconds, milliseconds until the mutex opens by itself
if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[3]) then return {} end
local clock = redis.call('TIME')
local before = clock[1] + clock[2] / 1000000 - tonumber(ARGV[2])
local overdue = redis.call('ZRANGE', KEYS[2], before, 0, 'BYSCORE', 'REV')
if #overdue == 0 then redis.call('DEL', KEYS[1]) end
return overdue
